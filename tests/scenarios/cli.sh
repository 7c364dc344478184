#!/usr/bin/env bash
# cli.sh - every verb of `sluice`: what it says to people and to programs, its
# exit codes, what it says when something is wrong.
. "$(dirname "$0")/lib.sh"

# -- claims ----------------------------------------------------------------

# claim WHAT COMMAND...: it succeeds
claim() {
	local what=$1
	shift
	if "$@"; then
		check "$what" yes yes
	else
		check "$what" "$(tail -n 20 "$work/out" "$work/err")" yes
	fi
}

# run ARGS...: sluice; its output into $work/out and err, the exit code into
# $code
run() {
	code=0
	timeout "$deadline_secs" "$bin/sluice" "$@" >"$work/out" 2>"$work/err" \
		</dev/null || code=$?
}

exits() { # code ARGS...
	local want=$1
	shift
	run "$@"
	check "sluice $*: exit code" "$code" "$want"
}

says() { grep -qF -- "$1" "$work/out"; }
complains() { grep -qF -- "$1" "$work/err"; }

# json EXPRESSION: of the document d in $work/out, as Python shows it
json() {
	python3 -c 'import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    d = json.load(file)
print(eval(sys.argv[2]))' "$work/out" "$1" 2>&1
}

json_is() { # EXPRESSION VALUE
	check "$1" "$(json "$1")" "$2"
}

# -- words ----------------------------------------------------------------

verbs="status top receipt rejects drop console models pipeline config apply prove"

test_words() {
	local verb
	exits 64
	claim "no verb: help is named" complains "sluice help"
	exits 64 staus
	claim "a mistyped verb is guessed" complains "did you mean status?"
	exits 64 xyzzy
	claim "nonsense is not guessed" complains "no such verb: xyzzy"
	exits 64 --nosuch status
	exits 64 status --nosuch
	claim "usage is shown" complains "usage: sluice status"
	exits 64 status word
	exits 64 receipt
	exits 64 receipt a b
	exits 64 rejects show abc
	exits 64 rejects list --limit 0
	exits 64 models frobnicate
	exits 64 pipeline
	exits 64 config nonsense
	exits 64 drop --dataset nosuch
	exits 64 prove word
	exits 64 prove --minutes 0
	exits 64 prove --minutes soon
	exits 64 prove --seed -1
	exits 64 prove --records 0
	exits 64 prove --bin /nowhere
	exits 64 help nosuch
	exits 64 --set novalue status
	exits 0 --version
	claim "the version is said" says "sluice "
	exits 0 help
	for verb in $verbs; do
		claim "help lists $verb" says "  $verb "
	done
	for verb in $verbs; do
		exits 0 help "$verb"
		claim "help $verb has its usage" says "usage: sluice $verb"
		claim "help $verb has exit codes" grep -qi "exits" "$work/out"
		exits 0 "$verb" --help
	done
	run $'st\x1b[31matus'
	claim "hostile words are escaped" complains '\x1b[31m'
}

test_output() {
	code=0
	"$bin/sluice" help >/dev/full 2>"$work/err" || code=$?
	check "a full disk: exit code" "$code" 74
	claim "a full disk is told" complains "standard output"
	code=0
	"$bin/sluice" help >&- 2>"$work/err" || code=$?
	check "no standard output: exit code" "$code" 74
	# into a FIFO whose reader has gone before anything is written
	mkfifo "$work/gone"
	exec 8<>"$work/gone" 9>"$work/gone" 8<&-
	code=0
	"$bin/sluice" help >&9 2>"$work/err" || code=$?
	exec 9>&-
	check "the reader went away: exit code" "$code" 74
	check "and not a word" "$(cat "$work/err")" ""
}

# -- settings -----------------------------------------------------------------

test_settings() {
	exits 0 config show
	claim "a setting has its source" says environment
	check "no password is shown" \
		"$(grep -cF "$(cat -- "$(setting foreign_password_file)")" "$work/out")" 0
	exits 0 --json config show
	json_is 'd["settings"]["raw_dir"]' "$work/raw"
	json_is 'd["sources"]["raw_dir"].split()[0]' environment
	json_is '":" in d["amqp_url"].split("@")[0][7:]' False
	exits 0 --json config show --show-secrets
	json_is '":" in d["amqp_url"].split("@")[0][7:]' True
	check "database_url works" "$(psql_at "$reader_url" -c 'select 1')" 1
	exits 0 config check
	exits 64 --set nosuch=1 config check
	exits 78 --config "$work/nosuch.yaml" config check
	printf 'raw_dir: x\nrow_dir: y\n' >"$work/bad.yaml"
	exits 78 --config "$work/bad.yaml" config show
	claim "an unknown key has its place" complains "bad.yaml:2"
	exits 78 --set models_dir="$work/nosuch" config check
	claim "a missing folder is named" complains "$work/nosuch"
}

test_pipelines() {
	exits 0 pipeline check
	claim "each pipeline is fine" says "pipeline events"
	exits 0 pipeline list
	claim "datasets are listed" says "events.orgs"
	exits 0 --json pipeline list
	json_is '[x["table"] for p in d["pipelines"] for x in p["datasets"] if x["name"] == "events"]' "['events']"
	printf 'pipeline: mine\ndatasets:\n  a:\n    tabel: raw.a\n' >"$work/mine.yaml"
	exits 78 pipeline check "$work/mine.yaml"
	claim "a wrong key has line and column" complains "mine.yaml:4:5"
	exits 78 pipeline check "$top/pipelines/events.yaml" "$work/mine.yaml"
	claim "the good one is said all the same" says "pipeline events"
}

# -- servers ---------------------------------------------------------------

test_servers() {
	exits 0 status
	exits 78 --set database_name=postgres status
	claim "a database without the schema: the remedy" says "sluice apply"
	exits 78 --set broker_vhost=/ status
	exits 69 --set database_port=1 status
	claim "the other server is shown all the same" says "RabbitMQ    "
	exits 69 --set broker_port=1 status
	claim "rows are shown without a broker" says "last load"
	exits 69 --json --set broker_port=1 status
	json_is 'd["broker"]["reachable"]' False
	json_is 'd["queues"][0]["exists"]' None
	exits 69 --json --set database_port=1 status
	json_is '"records" in d' False
	exits 69 --set database_port=1 receipt x
	exits 69 --set database_port=1 rejects
	exits 69 --set database_port=1 models
	exits 78 --set reader_user=nobody status
	exits 78 --set tap_user=nobody status
}

# -- data ------------------------------------------------------------------------

holds() { # FILE
	run --json receipt "$1"
	[ "$code" = 0 ] && [ "$(json 'd["receipts"][0]["verdict"]')" = HOLDS ]
}

in_place() { # FILE PLACE
	run --json receipt "$1"
	[ "$(json 'd["receipts"][0]["place"]')" = "$2" ]
}

test_sample() {
	exits 74 drop
	claim "no folder: who makes it" complains "sluice-producer makes it"
	consumer_start
	producer_start
	claim "it does" until_true test -d "$work/raw/events"
	exits 0 --json drop
	json_is 'len(d["path"].split("events_sample_")[1])' 13
	sample=$(basename "$(json 'd["path"]')")
	claim "its receipt comes to hold" until_true holds "$sample"
	json_is 'd["receipts"][0]["manifest_records"]' 36
	json_is 'd["receipts"][0]["inserted"]' 35
	json_is 'd["receipts"][0]["unchanged"]' 1
	json_is 'd["receipts"][0]["delta_rows"]' 36
	json_is 'd["receipts"][0]["gaps"]' 0
	claim "the file is processed" until_true in_place "$sample" processed
	claim "and is where it says" test -f "$(json 'd["receipts"][0]["path"]')"
	exits 0 receipt "$sample"
	claim "in words" says HOLDS
	exits 0 receipt "events/$sample"
	exits 0 receipt "$work/raw/events/$sample"
	exits 0 --json receipt 1
	exits 0 receipt "$(json 'd["receipts"][0]["drop_id"]')"
	exits 1 receipt nosuch.json
	check "34 rows are modelled" \
		"$(psql_at "$reader_url" -c 'select count(*) from modelled.fact_events')" 34
}

same_name_again() {
	cp -- "$top/tests/data/orgs_sample.json" "$work/two.json"
	exits 0 drop "$work/two.json" --dataset orgs
	claim "first of a name" until_true holds two.json
	claim "is moved" until_true in_place two.json processed
	exits 0 drop "$work/two.json" --dataset events.orgs
	claim "second of a name" until_true two_receipts
	json_is 'd["receipts"][0]["unchanged"]' 20
}

two_receipts() {
	run --json receipt two.json --all
	[ "$code" = 0 ] && [ "$(json \
		'[r["verdict"] for r in d["receipts"]]')" = "['HOLDS', 'HOLDS']" ]
}

test_drop() {
	exits 74 drop "$work/nosuch.json"
	mkfifo "$work/fifo.json"
	exits 74 drop "$work/fifo.json"
	echo '{}' >"$work/x.txt"
	exits 1 drop "$work/x.txt"
	claim "the pattern is named" complains "pattern"
	same_name_again
}

test_rejects() {
	exits 0 rejects
	claim "no rejects yet" says "no rejects"
	exits 0 drop "$top/tests/data/bad/bad_date.json"
	claim "a bad record is accounted for" until_true holds bad_date.json
	json_is 'd["receipts"][0]["rejected"]' 1
	exits 0 drop "$top/tests/data/bad/truncated_array.json"
	claim "a cut file is accounted for" until_true holds truncated_array.json
	claim "and goes to failed" until_true in_place truncated_array.json failed
	exits 0 rejects list
	claim "grouped by code" says timestamp
	exits 0 --json rejects list
	json_is 'len(d["groups"])' 2
	exits 0 --json rejects list --code timestamp
	json_is 'd["rejects"][0]["field"]' received_at
	json_is 'd["rejects"][0]["line"]' 2
	id=$(json 'd["rejects"][0]["reject_id"]')
	exits 0 rejects show "$id"
	claim "the bytes are shown" says '"2020-13-45"'
	exits 0 rejects show "$id" --raw
	claim "and as they were" grep -qF '"2020-13-45"}' "$work/out"
	exits 0 --json rejects show "$id"
	json_is '"2020-13-45" in d["bytes_escaped"]' True
	exits 1 rejects show 999999
	exits 0 rejects list --source bad_date.json --limit 1
	claim "of one source" says bad_date.json
	exits 1 rejects list --source nosuch.json
	claim "readers do not see the bytes" denied
}

denied() {
	! psql_at "$reader_url" -c 'select bytes from meta.reject' >/dev/null 2>&1
}

test_status() {
	exits 0 status
	claim "the versions are shown" says "PostgreSQL  15."
	claim "the last load is shown" says " inserted, "
	exits 0 --json status
	json_is 'd["queues"][0]["consumers"] > 0' True
	json_is 'd["sources"]["waiting"]' 0
	json_is 'd["sources"]["complete"] > 4' True
	json_is 'd["sources"]["arriving"]' 0
	json_is 'd["records"]["last_10_minutes"] > 70' True
	json_is 'd["rejects"]["total"]' 2
	json_is '[x["master_rows"] for x in d["datasets"] if x["pipeline"] == "events"]' "[39, 20]"
	json_is '[x["delta_rows"] for x in d["datasets"] if x["pipeline"] == "events"]' "[40, 40]"
	json_is 'd["stale_models"]' '[]'
	json_is 'd["last_load"]["records"] > 0' True
	json_is 'd["loads"][0] == d["last_load"]' True
	json_is 'sum(c["count"] for c in d["rejects"]["causes"])' 2
	json_is 'sorted({m["state"] for m in d["models"]})' "['fresh']"
	json_is 'd["lag"]["oldest_seconds"], d["in_progress"]' "(None, [])"
	json_is '"|".join(str(d["counts"][k]) for k in
		("files", "published", "records", "loaded", "rejected"))' \
		"$(q "select count(*), sum(records), sum(records),
			sum(inserted + updated + unchanged), sum(rejected)
			from meta.source")"
	test_status_half_way
}

# Confirmed by the broker, the file moved, and no row of it in the database.
test_status_half_way() {
	local half
	consumer_stop
	exits 0 drop "$top/tests/data/events_sample.json"
	half=$(sed 's|.*/||' "$work/out")
	claim "a file is sent" until_true processed "$half"
	exits 0 --json status
	json_is 'd["lag"]["oldest_seconds"] >= 0' True
	json_is '[(s["name"], s["reading"], s["records"], s["records_committed"])
		for s in d["in_progress"]]' "[('events/$half', False, 36, 0)]"
	exits 69 --json --set database_port=1 status
	json_is 'd["unreachable"][0]["what"]' PostgreSQL
	consumer_start
	claim "and loaded" until_true holds "$half"
	exits 0 --json status
	json_is 'd["in_progress"]' '[]'
}

processed() { # FILE
	[ -n "$(find "$work/raw/processed" -name "$1" -print -quit)" ]
}

test_top() {
	exits 0 --json top --interval 1
	json_is 'd["seconds"] >= 1' True
	json_is 'd["under_way"], d["lag_seconds"], d["queued"]' "(0, None, 0)"
	json_is 'sum(x["loaded"] for x in d["datasets"])' \
		"$(q 'select sum(inserted + updated + unchanged) from meta.source')"
	exits 69 top --interval 1 --set broker_port=1
	claim "who is not there is told" says "RabbitMQ: "
	claim "the rest is shown" says "events.events "
	check "a table once, where there is no terminal" \
		"$(grep -c '^dataset ' "$work/out")" 1
	exits 64 top --interval 0
}

test_models() {
	exits 0 models
	claim "models are listed" says "events.fact_events"
	exits 0 --json models list
	json_is 'all(m["state"] == "fresh" for m in d["models"])' True
	exits 0 models verify
	claim "they agree" says agrees
	exits 0 --json models verify events_seen
	json_is 'd["models"][0]["rows"] > 30' True
	exits 0 models verify fact_events
	claim "a view has nothing to compare" says "nothing to compare"
	exits 64 models run nosuch
	q 'delete from modelled.events_seen'
	exits 1 models verify events_seen
	claim "a difference is told" says DIFFERS
	exits 0 models run events_seen
	exits 0 models verify
}

test_console() {
	cp -- "$top/tests/data/events_sample.json" "$work/custom_sample.json"
	code=0
	(
		cd "$work"
		printf '9\n1\nxyz\n2\n2\n4\n3\n1\n' | timeout "$deadline_secs" \
			"$bin/sluice" console >"$work/out" 2>"$work/err"
	) || code=$?
	check "the console ends well" "$code" 0
	claim "(1) is offered" says "(1) drop file in raw data dir"
	claim "(2) is offered" says "(2) drop custom file in raw data dir"
	claim "(3) is offered" says "(3) exit"
	check "wrong choices are told" \
		"$(grep -c "Invalid selection, please choose again" "$work/out")" 2
	check "the sample is dropped, once" \
		"$(grep -c "dropped .*/events_sample_[0-9a-f]*\.json" "$work/out")" 1
	check "the custom file is dropped, once" \
		"$(grep -c "dropped .*/custom_sample_[0-9a-f]*\.json" "$work/out")" 1
	claim "and moved" test ! -e "$work/custom_sample.json"
	claim "then its place is told" says "put yours at $work/custom_sample.json"
	claim "status is shown" says "last load"
	check "no colour into a file" "$(grep -c $'\x1b' "$work/out")" 0
	exits 0 console
}

# Last: it damages the ledger.
test_broken() {
	consumer_stop
	producer_stop
	q "delete from meta.chunk c using meta.source s
		where c.drop_id = s.drop_id and s.source_id = 1 and c.kind = 'c'"
	exits 1 receipt 1
	claim "it is called broken" says BROKEN
	claim "and the gap is listed" says "are not in the ledger"
	exits 1 --json receipt 1
	json_is 'd["receipts"][0]["verdict"]' BROKEN
}

scenario_begin cli
export NO_COLOR=1
reader_url=$(setting database_url)
test_words
test_output
test_settings
test_pipelines
test_servers
test_sample
test_drop
test_rejects
test_status
test_top
test_models
test_console
test_broken
scenario_end

#!/usr/bin/env bash
# test_cli.sh - every verb of `sluice`, on a database and a virtual host of
# its own within the servers of the fixture `services`.
#
#   test_cli.sh FOLDER-OF-PROGRAMS CONFIG
#
# Says each claim that failed; ends 0, 1, or 77 when there are no servers.
set -uo pipefail

BIN=$(realpath -- "$1")
CONFIG=$2
REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
DEADLINE=60 # seconds anything may take
FAILED=0 PASSED=0

if [ ! -r "$CONFIG" ]; then
	echo "no servers: $CONFIG is not there"
	[ "${SLUICE_TEST_REQUIRE:-}" != 1 ] || exit 1
	exit 77
fi

# -- claims ----------------------------------------------------------------

claim() { # WHAT TEST...
	local what=$1
	shift
	if "$@"; then
		PASSED=$((PASSED + 1))
	else
		FAILED=$((FAILED + 1))
		echo "FAILED: $what"
		sed 's/^/  out: /' "$WORK/out" | tail -n 20
		sed 's/^/  err: /' "$WORK/err" | tail -n 20
	fi
}

# Runs sluice; output into $WORK/out and err, the exit code into CODE.
run() {
	timeout "$DEADLINE" "$BIN/sluice" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
	CODE=$?
}

ends() { [ "$CODE" = "$1" ]; }
says() { grep -qF -- "$1" "$WORK/out"; }
complains() { grep -qF -- "$1" "$WORK/err"; }
quiet() { [ ! -s "$WORK/out" ]; }

exits() { # CODE ARGS...: runs, claims the code
	local want=$1
	shift
	run "$@"
	claim "sluice $* exits $want (it did $CODE)" ends "$want"
}

# A value of the JSON document in $WORK/out, as Python shows it.
json() { # EXPRESSION OF d
	python3 -c 'import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    d = json.load(file)
print(eval(sys.argv[2]))' "$WORK/out" "$1" 2>&1
}
json_is() { # EXPRESSION VALUE
	local got
	got=$(json "$1")
	[ "$got" = "$2" ] || {
		echo "  $1 is $got, not $2"
		return 1
	}
}

wait_until() { # TEST...
	local end=$((SECONDS + DEADLINE))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		read -r -t 0.1 <>"$WORK/never" || true
	done
}

# -- a system of its own -----------------------------------------------------

setting() { # NAME
	"$BIN/sluice" --json config show |
		python3 -c 'import json, sys
print(json.load(sys.stdin)["settings"][sys.argv[1]]["value"])' "$1"
}

address() { # KEY
	"$BIN/sluice" --json config show --show-secrets |
		python3 -c 'import json, sys
print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

sql() { # URL SQL
	psql -XqAt -v ON_ERROR_STOP=1 -d "$1" -c "$2"
}

vhost() { # METHOD
	curl -sS -f -o /dev/null -X "$1" -u "$(setting admin_user):$(cat -- \
		"$(setting admin_password_file)")" \
		"$(setting broker_api)/api/vhosts/$SLUICE_BROKER_VHOST"
}

set_up() {
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/sluice-cli-XXXXXX")
	mkfifo "$WORK/never"
	mkdir -p "$WORK/raw/events" "$WORK/raw/orgs" "$WORK/raw/gharchive"
	: >"$WORK/out"
	: >"$WORK/err"
	export SLUICE_CONFIG=$CONFIG NO_COLOR=1
	unset SLUICE_DATABASE_NAME SLUICE_BROKER_VHOST
	OWNER_URL=$(address database_owner_url) || exit 1
	export SLUICE_DATABASE_NAME=cli_$$ SLUICE_BROKER_VHOST=cli_$$
	sql "$OWNER_URL" "create database $SLUICE_DATABASE_NAME" || exit 1
	export SLUICE_RAW_DIR=$WORK/raw SLUICE_STATE_FILE=$WORK/producer.db
	export SLUICE_RESCAN_SECS=1
	DATABASE_URL=$(address database_url)
	DATABASE_OWNER_URL=$(address database_owner_url)
	cd "$WORK" || exit 1
}

start_daemon() { # NAME
	"$BIN/sluice-$1" >"$WORK/$1.log" 2>&1 &
	DAEMONS+=($!)
}

stop_daemons() {
	local pid
	for pid in "${DAEMONS[@]}"; do
		kill -TERM "$pid" 2>/dev/null
		wait "$pid"
	done
	DAEMONS=()
}

tear_down() {
	stop_daemons
	vhost DELETE 2>/dev/null
	sql "$OWNER_URL" "drop database if exists $SLUICE_DATABASE_NAME with (force)"
	cd / && rm -rf -- "$WORK"
}

DAEMONS=()
set_up
trap tear_down EXIT

# -- words ----------------------------------------------------------------

VERBS="status receipt rejects drop console models pipeline config apply"

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
	exits 64 help nosuch
	exits 64 --set novalue status
	exits 0 --version
	claim "the version is said" says "sluice "
	exits 0 help
	for verb in $VERBS; do
		claim "help lists $verb" says "  $verb "
	done
	for verb in $VERBS; do
		exits 0 help "$verb"
		claim "help $verb has its usage" says "usage: sluice $verb"
		claim "help $verb has exit codes" grep -qi "exits" "$WORK/out"
		exits 0 "$verb" --help
	done
	run $'st\x1b[31matus'
	claim "hostile words are escaped" complains '\x1b[31m'
}

test_output() {
	"$BIN/sluice" help >/dev/full 2>"$WORK/err"
	CODE=$?
	claim "a full disk exits 74 ($CODE)" ends 74
	claim "a full disk is told" complains "standard output"
	"$BIN/sluice" help >&- 2>"$WORK/err"
	CODE=$?
	claim "a closed stdout exits 74 ($CODE)" ends 74
	# a reader that goes away before anything is written
	: >"$WORK/err"
	(
		wait_until test -e "$WORK/gone"
		"$BIN/sluice" help 2>"$WORK/err"
		echo $? >"$WORK/code"
	) | true
	touch "$WORK/gone"
	wait_until test -s "$WORK/code"
	CODE=$(cat "$WORK/code")
	claim "a closed pipe exits 74 ($CODE)" ends 74
	claim "a closed pipe is quiet" test ! -s "$WORK/err"
}

# -- settings -----------------------------------------------------------------

test_settings() {
	exits 0 config show
	claim "a setting has its source" says environment
	claim "no password is shown" \
		test "$(grep -cF "$(cat -- "$(setting foreign_password_file)")" "$WORK/out")" = 0
	exits 0 --json config show
	claim "raw_dir" json_is 'd["settings"]["raw_dir"]["value"]' "$WORK/raw"
	claim "its source" json_is 'd["settings"]["raw_dir"]["source"]' environment
	claim "amqp_url has no password" json_is '":" in d["amqp_url"].split("@")[0][7:]' False
	exits 0 --json config show --show-secrets
	claim "amqp_url has one now" json_is '":" in d["amqp_url"].split("@")[0][7:]' True
	claim "database_url works" test "$(sql "$DATABASE_URL" 'select 1')" = 1
	exits 0 config check
	exits 78 --set nosuch=1 config check
	exits 78 --config "$WORK/nosuch.yaml" config check
	printf 'raw_dir: x\nrow_dir: y\n' >"$WORK/bad.yaml"
	exits 78 --config "$WORK/bad.yaml" config show
	claim "an unknown key has its place" complains "bad.yaml:2"
	exits 78 --set models_dir="$WORK/nosuch" config check
	claim "a missing folder is named" complains "$WORK/nosuch"
}

test_pipelines() {
	exits 0 pipeline check
	claim "each pipeline is fine" says "pipeline events"
	exits 0 pipeline list
	claim "datasets are listed" says "events.orgs"
	exits 0 --json pipeline list
	claim "as JSON too" json_is 'd["pipelines"][0]["datasets"][0]["table"]' events
	printf 'pipeline: mine\ndatasets:\n  a:\n    tabel: raw.a\n' >"$WORK/mine.yaml"
	exits 78 pipeline check "$WORK/mine.yaml"
	claim "a wrong key has line and column" complains "mine.yaml:4:5"
	exits 78 pipeline check "$REPO/pipelines/events.yaml" "$WORK/mine.yaml"
	claim "the good one is said all the same" says "pipeline events"
}

# -- before and after apply ---------------------------------------------------

test_servers() {
	run status
	claim "status without schema is not fine ($CODE)" test "$CODE" != 0
	claim "and names the remedy" says "sluice apply"
	exits 0 apply
	exits 69 --set database_port=1 status
	claim "the other server is shown all the same" says "RabbitMQ    "
	exits 69 --set broker_port=1 status
	claim "rows are shown without a broker" says "last load"
	exits 69 --json --set broker_port=1 status
	claim "JSON without a broker" json_is 'd["broker"]["reachable"]' False
	claim "queues are not known" json_is 'd["queues"][0]["exists"]' None
	exits 69 --json --set database_port=1 status
	claim "JSON without a database" json_is '"records" in d' False
	exits 69 --set database_port=1 receipt x
	exits 69 --set database_port=1 rejects
	exits 69 --set database_port=1 models
	exits 78 --set reader_user=nobody status
	exits 78 --set tap_user=nobody status
}

# -- data ------------------------------------------------------------------------

holds() { # FILE
	run --json receipt "$1"
	[ "$CODE" = 0 ] && [ "$(json 'd["receipts"][0]["verdict"]')" = HOLDS ]
}

in_place() { # FILE PLACE
	run --json receipt "$1"
	[ "$(json 'd["receipts"][0]["place"]')" = "$2" ]
}

test_sample() {
	start_daemon consumer
	start_daemon producer
	exits 0 --json drop
	claim "the sample has a random name" \
		json_is 'len(d["path"].split("events_sample_")[1])' 13
	SAMPLE=$(basename "$(json 'd["path"]')")
	claim "its receipt comes to hold" wait_until holds "$SAMPLE"
	claim "36 records" json_is 'd["receipts"][0]["manifest_records"]' 36
	claim "35 inserted" json_is 'd["receipts"][0]["inserted"]' 35
	claim "1 unchanged" json_is 'd["receipts"][0]["unchanged"]' 1
	claim "36 in the delta" json_is 'd["receipts"][0]["delta_rows"]' 36
	claim "no gap" json_is 'd["receipts"][0]["gaps"]' 0
	claim "the file is processed" wait_until in_place "$SAMPLE" processed
	claim "and is where it says" test -f "$(json 'd["receipts"][0]["path"]')"
	exits 0 receipt "$SAMPLE"
	claim "in words" says HOLDS
	exits 0 receipt "events/$SAMPLE"
	exits 0 receipt "$WORK/raw/events/$SAMPLE"
	exits 0 --json receipt 1
	exits 0 receipt "$(json 'd["receipts"][0]["drop_id"]')"
	exits 1 receipt nosuch.json
	claim "34 rows are modelled" \
		test "$(sql "$DATABASE_URL" 'select count(*) from modelled.fact_events')" = 34
}

same_name_again() {
	cp -- "$REPO/tests/data/orgs_sample.json" "$WORK/two.json"
	exits 0 drop "$WORK/two.json" --dataset orgs
	claim "first of a name" wait_until holds two.json
	claim "is moved" wait_until in_place two.json processed
	exits 0 drop "$WORK/two.json" --dataset events.orgs
	claim "second of a name" wait_until two_receipts
	claim "all unchanged" json_is 'd["receipts"][0]["unchanged"]' 20
}

two_receipts() {
	run --json receipt two.json --all
	[ "$CODE" = 0 ] && [ "$(json \
		'[r["verdict"] for r in d["receipts"]]')" = "['HOLDS', 'HOLDS']" ]
}

test_drop() {
	exits 74 drop "$WORK/nosuch.json"
	mkfifo "$WORK/fifo.json"
	exits 74 drop "$WORK/fifo.json"
	echo '{}' >"$WORK/x.txt"
	exits 1 drop "$WORK/x.txt"
	claim "the pattern is named" complains "pattern"
	same_name_again
}

test_rejects() {
	exits 0 rejects
	claim "no rejects yet" says "no rejects"
	exits 0 drop "$REPO/tests/data/bad/bad_date.json"
	claim "a bad record is accounted for" wait_until holds bad_date.json
	claim "as a reject" json_is 'd["receipts"][0]["rejected"]' 1
	exits 0 drop "$REPO/tests/data/bad/truncated_array.json"
	claim "a cut file is accounted for" wait_until holds truncated_array.json
	claim "and goes to failed" wait_until in_place truncated_array.json failed
	exits 0 rejects list
	claim "grouped by code" says timestamp
	exits 0 --json rejects list
	claim "two causes" json_is 'len(d["groups"])' 2
	exits 0 --json rejects list --code timestamp
	claim "the field is known" json_is 'd["rejects"][0]["field"]' received_at
	claim "and the line" json_is 'd["rejects"][0]["line"]' 2
	ID=$(json 'd["rejects"][0]["reject_id"]')
	exits 0 rejects show "$ID"
	claim "the bytes are shown" says '"2020-13-45"'
	exits 0 rejects show "$ID" --raw
	claim "and as they were" grep -qF '"2020-13-45"}' "$WORK/out"
	exits 0 --json rejects show "$ID"
	claim "and as JSON" json_is '"2020-13-45" in d["bytes_escaped"]' True
	exits 1 rejects show 999999
	exits 0 rejects list --source bad_date.json --limit 1
	claim "of one source" says bad_date.json
	exits 1 rejects list --source nosuch.json
	claim "readers do not see the bytes" denied
}

denied() {
	! sql "$DATABASE_URL" 'select bytes from meta.reject' >/dev/null 2>&1
}

test_status() {
	exits 0 status
	claim "the versions are shown" says "PostgreSQL  15."
	claim "the last load is shown" says "records in"
	exits 0 --json status
	claim "queues have a consumer" json_is 'd["queues"][0]["consumers"] > 0' True
	claim "nothing waits" json_is 'd["sources"]["waiting"]' 0
	claim "sources are complete" json_is 'd["sources"]["complete"] > 4' True
	claim "nothing arrives" json_is 'd["sources"]["arriving"]' 0
	claim "records are counted" json_is 'd["records"]["last_10_minutes"] > 70' True
	claim "rejects are counted" json_is 'd["rejects"]["total"]' 2
	claim "nothing is stale" json_is 'd["stale_models"]' '[]'
	claim "the last load is there" json_is 'd["last_load"]["records"] > 0' True
}

test_models() {
	exits 0 models
	claim "models are listed" says "events.fact_events"
	exits 0 --json models list
	claim "all are fresh" json_is 'all(m["state"] == "fresh" for m in d["models"])' True
	exits 0 models verify
	claim "they agree" says agrees
	exits 0 --json models verify fact_events
	claim "34 rows" json_is 'd["models"][0]["rows"]' 34
	exits 64 models run nosuch
	sql "$DATABASE_OWNER_URL" 'delete from modelled.fact_events' || FAILED=1
	exits 1 models verify fact_events
	claim "a difference is told" says DIFFERS
	exits 0 models run fact_events
	exits 0 models verify
}

test_console() {
	cp -- "$REPO/tests/data/events_sample.json" "$WORK/custom_sample.json"
	printf '9\n1\nxyz\n2\n2\n4\n3\n1\n' |
		timeout $DEADLINE "$BIN/sluice" console >"$WORK/out" 2>"$WORK/err"
	CODE=$?
	claim "the console ends well ($CODE)" ends 0
	claim "(1) is offered" says "(1) drop file in raw data dir"
	claim "(2) is offered" says "(2) drop custom file in raw data dir"
	claim "(3) is offered" says "(3) exit"
	claim "wrong choices are told" \
		test "$(grep -c "Invalid selection, please choose again" "$WORK/out")" = 2
	claim "the sample is dropped, once" \
		test "$(grep -c "dropped .*/events_sample_[0-9a-f]*\.json" "$WORK/out")" = 1
	claim "the custom file is dropped, once" \
		test "$(grep -c "dropped .*/custom_sample_[0-9a-f]*\.json" "$WORK/out")" = 1
	claim "and moved" test ! -e "$WORK/custom_sample.json"
	claim "then its place is told" says "put yours at $WORK/custom_sample.json"
	claim "status is shown" says "last load"
	claim "no colour into a file" test "$(grep -c $'\x1b' "$WORK/out")" = 0
	exits 0 console
}

# Last: it damages the ledger.
test_broken() {
	stop_daemons
	sql "$DATABASE_OWNER_URL" "delete from meta.chunk c using meta.source s
		where c.drop_id = s.drop_id and s.source_id = 1 and c.kind = 'c'" ||
		FAILED=1
	exits 1 receipt 1
	claim "it is called broken" says BROKEN
	claim "and the gap is listed" says "are not in the ledger"
	exits 1 --json receipt 1
	claim "as JSON" json_is 'd["receipts"][0]["verdict"]' BROKEN
}

test_words
test_output
test_settings
test_pipelines
test_servers
test_sample
test_drop
test_rejects
test_status
test_models
test_console
test_broken
echo "$PASSED claims hold, $FAILED failed"
[ "$FAILED" = 0 ]

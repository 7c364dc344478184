#!/usr/bin/env bash
# provenance.sh - a row leads back to its bytes, wherever those are kept, and
# what is not there any more is told; what flows by can be listened to, and
# nobody misses it.
. "$(dirname "$0")/lib.sh"

# why FILTER ARGS...: of the first row
why() {
	local filter=$1
	shift
	"$bin/sluice" --json why "$@" | jq -r ".rows[0] | $filter" || true
}

# record_of FILE KEY: as it stands in there
record_of() {
	grep -F "$2" "$1"
}

tap_queues() {
	printf 'user = "%s:%s"\n' "$(setting admin_user)" \
		"$(cat "$(setting admin_password_file)")" |
		curl -sS -K - "$(setting broker_api)/api/queues/s_provenance" |
		jq '[.[] | select(.name | startswith("sluice.tap."))] | length'
}

taps_are() { # NUMBER
	[ "$(tap_queues)" = "$1" ]
}

# tap ARGS...: in the background, until it listens
tap() {
	: >"$work/tap.err" # what the one before said is no answer
	"$bin/sluice" tap "$@" >"$work/tapped" 2>"$work/tap.err" &
	tap_pid=$!
	until_true grep -q 'from now on' "$work/tap.err"
}

ended() {
	! kill -0 "$1" 2>/dev/null
}

scenario_begin provenance
for i in 1 2 3 4; do
	printf '{"organization_key": "k%d", "organization_name": "N \\"%d\\" \\u00e9", "created_at": "2020-01-0%d 00:00:00"}\n' \
		"$i" "$i" "$i"
done >"$work/orgs.json"
sed 's/"k/"g/' "$work/orgs.json" | gzip >"$work/gz.json"
sed 's/"k/"z/' "$work/orgs.json" | zstd -q >"$work/zst.json"

# -- listening, before anything comes
tap --limit 3 orgs --where organization_key=k3
tap2=$tap_pid
producer_start
consumer_start
drop "$work/orgs.json" orgs plain.json
eventually "a file is loaded while somebody listens" "$complete_sources" 1
drop "$work/gz.json" orgs gz.json
eventually "and another" "$complete_sources" 2
until_true grep -q k3 "$work/tapped" || true
check "who listens sees what was sent, as it was" "$(cat "$work/tapped")" \
	"$(record_of "$work/orgs.json" k3)"
check "only as many as it listens for" "$(tap_queues)" 1
kill -INT "$tap2"
code=0; wait "$tap2" || code=$?
check "ctrl-c ends it well" "$code" 0
until_true taps_are 0 || true
check "and its queue" "$(tap_queues)" 0
tap --where /organization_key=z4
drop "$work/zst.json" orgs zst.json
eventually "a third is loaded" "$complete_sources" 3
until_true grep -q z4 "$work/tapped" || true
kill -KILL "$tap_pid"; wait "$tap_pid" 2>/dev/null || true
until_true taps_are 0 || true
check "a kill takes the queue along, too" "$(tap_queues)" 0
mkfifo "$work/pipe"
: >"$work/tap.err" # what the one before said is no answer
"$bin/sluice" tap >"$work/pipe" 2>"$work/tap.err" & tap_pid=$!
head -n 1 "$work/pipe" >"$work/first" & head_pid=$!
until_true grep -q 'from now on' "$work/tap.err" || true
drop "$top/tests/data/events_sample.json" events sample.json
eventually "events are loaded" "$complete_sources" 4
until_true ended "$head_pid" || kill "$head_pid"
until_true ended "$tap_pid" || kill -KILL "$tap_pid"
code=0; wait "$tap_pid" || code=$?
check "a closed pipe ends it quietly" "$code $(cat "$work/tap.err")" \
	"74 what is published from now on (ctrl-c ends it)"

# -- and back
for kind in k:plain g:gz z:zst; do
	key=${kind%:*}2
	check "$kind: the very bytes" "$(why .record orgs "$key")" \
		"$(record_of "$work/orgs.json" k2 | sed "s/k2/$key/")"
	check "$kind: their place" "$(why '[.name, .line, .offset] | join(" ")' raw.orgs "$key")" \
		"orgs/${kind#*:}.json 2 $(head -n 1 "$work/orgs.json" | wc -c)"
done
check "its load" "$(why .load_id orgs k2)" "$(q "select _load from raw.orgs where organization_key = 'k2'")"
check "a composite key, in order or by name" "$(why .offset events.events \
	"$(jq -r '.[5].id' "$top/tests/data/events_sample.json")" \
	"received_at=$(jq -r '.[5].received_at' "$top/tests/data/events_sample.json")" \
	"event_type=$(jq -r '.[5].event_type' "$top/tests/data/events_sample.json")")" \
	"$(q "select _offset from raw.events where id = '$(jq -r '.[5].id' "$top/tests/data/events_sample.json")'
		and event_type = '$(jq -r '.[5].event_type' "$top/tests/data/events_sample.json")'")"
check "a fact row leads to the rows behind it" "$("$bin/sluice" --json why fact_events \
	received_at=2024-03-01 'organization_name=Lantern Post' --limit 100 |
	jq -r '.rows | map(.record | fromjson | .id) | sort | join(" ")')" \
	"$(jq -r 'map(select(.organization_name == "Lantern Post" and
		(.received_at | startswith("2024-03-01"))) | .id) | unique | join(" ")' \
		"$top/tests/data/events_sample.json")"
check_has "people see the same" "$(exits 0 "$bin/sluice" why orgs g3)" \
	"$(record_of "$work/orgs.json" k3 | sed 's/k3/g3/')"
id=$(q "select source_id from meta.source where name = 'orgs/gz.json'")
at=$(q "select _offset from raw.orgs where organization_key = 'g4'")
check "show: a record" "$("$bin/sluice" show "$id@$at")" \
	"$(record_of "$work/orgs.json" k4 | sed 's/k4/g4/')"
check "show: all of it, unpacked" "$("$bin/sluice" show gz.json | md5sum)" \
	"$(sed 's/"k/"g/' "$work/orgs.json" | md5sum)"
check "show: the reader goes away" "$("$bin/sluice" show sample.json | head -c 1)" '['
"$bin/gen_events" 5000 1 >"$work/raw/large.json"
check "show: away in the middle, nothing is said" "$("$bin/sluice" load events --file \
	"$work/raw/large.json" --dataset events.events >"$work/load.log" 2>&1 &&
	{ "$bin/sluice" show large.json | head -c 1; } 2>&1)" '['
check_has "show: no record begins there" "$(exits 1 "$bin/sluice" show "$id@3")" 'no record begins'
check_has "show: behind the end" "$(exits 1 "$bin/sluice" show "$id@99999")" 'bytes only'

# -- what was made out of others, and what others sent
drop "$top/tests/data/github/commits.json" github/commits commits.json
eventually "commits are loaded" "$complete_sources" 6
check "a derived row shows the record it was found in" "$(why '.record | fromjson | .sha' users \
	"$(q 'select user_id from raw.users order by 1 limit 1')")" \
	"$(q "select commit_id from raw.commits where (_source, _offset) = (select _source, _offset
		from raw.users order by user_id limit 1)")"

# -- replayed, changed, removed, in the object store
files_put_away
file=$(find "$work/raw/processed" -name plain.json)
cp -p "$file" "$work/kept.json"
sed -i 's/N/M/' "$file"
check_has "a changed file is told" "$(exits 1 "$bin/sluice" why orgs k1)" 'was changed since'
rm "$file"
check_has "a removed one, too" "$(exits 1 "$bin/sluice" why orgs k1)" 'removed since'
check_has "show: as well" "$(exits 1 "$bin/sluice" show plain.json)" 'removed since'
(as_daemon cp "$work/kept.json" "$file")
check "back again it is found" "$(why .line orgs k1)" 1
export SLUICE_PROCESSED_TO=object_store SLUICE_OBJECT_STORE_DIR=$work/objects
producer_stop
consumer_stop
producer_start
consumer_start
sed 's/"k/"s/' "$work/orgs.json" >"$work/stored.json"
drop "$work/stored.json" orgs stored.json
eventually "a file goes into the object store" "$complete_sources" 7
gone() {
	[ -z "$(find "$work/raw" -name stored.json)" ]
}
until_true gone || true
check "from there it is shown" "$(why .record orgs s2)" "$(record_of "$work/stored.json" s2)"
check_has "and its place" "$(why .file orgs s2)" "$work/objects/"

# -- wrong words, and servers that are away
check_has "no such key" "$(exits 1 "$bin/sluice" why orgs nobody)" 'no row'
check_has "no such table: what there is" "$(exits 64 "$bin/sluice" why nonsense x=1)" 'modelled.fact_events'
check_has "too few values: the key is named" "$(exits 64 "$bin/sluice" why raw.events x)" 'event_type'
check_has "a value that is none" "$(exits 64 "$bin/sluice" why users tomorrow)" tomorrow
check_has "no such source" "$(exits 1 "$bin/sluice" show 4711)" 'no source is named'
check_has "a dead server" "$(exits 69 env SLUICE_DATABASE_PORT=1 "$bin/sluice" why orgs k1)" 'is not there'
check_has "a dead broker" "$(exits 69 env SLUICE_BROKER_PORT=1 "$bin/sluice" tap)" ':1'
check_has "no such dataset" "$(exits 64 "$bin/sluice" tap nonsense)" usage
check_has "no FIELD=VALUE" "$(exits 64 "$bin/sluice" tap --where x)" 'FIELD=VALUE'
producer_stop
consumer_stop
check_invariants
scenario_end

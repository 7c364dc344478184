#!/usr/bin/env bash
# reconcile_broker.sh - the broker loses its disk with messages that it had
# confirmed and nobody had read: reconcile sends them again from the kept
# files, and only what is missing.
. "$(dirname "$0")/lib.sh"

all_confirmed() {
	[ "$(find "$work/raw/processed" -type f 2>/dev/null | wc -l)" = "$1" ]
}

json_of() { # NAME KEY: of the dry run's source of that name
	jq -r --arg name "$1" ".sources[] | select(.name == \$name) | .$2" \
		<"$work/dry.json"
}

scenario_begin reconcile_broker
export SLUICE_CHUNK_RECORDS=5
"$bin/gen_events" 20000 7 3 >"$work/big.json"
producer_start
consumer_start
drop "$top/tests/data/events_sample.json" events one.json
eventually "a first file is loaded" "$complete_sources" 1
consumer_stop
drop "$work/big.json" events big.json
until_true all_confirmed 2 || true
drop "$top/tests/data/events_sample.json" events two.json
until_true all_confirmed 3 || true
# part of the big one is loaded before the disk is lost
loads_stop_after 3
SLUICE_BATCH_ROWS=100 consumer_start
until_true load_is_stopped || true
consumer_stop KILL
loads_go_on
producer_stop
loaded=$(q "select count(*) from meta.chunk join meta.source using (drop_id)
	where name like '%big.json'")
check "a part of the big file is loaded" "$([ "$loaded" -gt 0 ] &&
	[ "$loaded" -lt 4001 ] && echo yes || echo "$loaded of 4001")" yes
check "the producer believes all of it sent" \
	"$(find "$work/raw/processed" -type f | wc -l)" 3
drop_vhost # queues, messages, permissions
check_has "without its queues it says what to do" \
	"$(reconcile --dry-run || echo "exit $?")" 'exit 78'
"$bin/sluice" apply >>"$work/apply.log" 2>&1
producer_start
last_load=$(q 'select max(load_id) from meta.load')

reconcile_dry
check_has "the dry run names the lost file" "$dry" "events/two.json"
check_has "and where it is kept" "$dry" "$work/raw/processed/events/"
check_has "and what it would do" "$dry" "send missing"
reconcile --dry-run --json >"$work/dry.json"
check "of one file all messages are missing" \
	"$(json_of events/two.json found) $(json_of events/two.json messages_missing)" \
	"missing 9"
check "of the other just those that were not loaded" \
	"$(json_of events/big.json found) $(json_of events/big.json messages_missing)" \
	"incomplete $((4001 - loaded))"
# wrong words, servers and files
exit_of() {
	local got=0
	reconcile "$@" >"$work/said.log" || got=$?
	printf '%s\n' "$got"
}
check "an unknown flag is misuse" "$(exit_of --frobnicate)" 64
check "so is a wait of nothing" "$(exit_of --wait 0)" 64
check "without PostgreSQL: 69" "$(SLUICE_DATABASE_PORT=1 exit_of)" 69
check "without RabbitMQ: 69" "$(SLUICE_BROKER_PORT=1 exit_of --dry-run)" 69
if [ -n "$run_as" ]; then
	cp "$work/state/producer.db" "$work/foreign.db"
	chmod 0600 "$work/foreign.db"
	check "a state file of somebody else's: 74" \
		"$(SLUICE_STATE_FILE=$work/foreign.db exit_of)" 74
	check_has "and who may read it" "$(cat "$work/said.log")" \
		'run this as the user of the daemons'
fi
check "a name that is nobody's exits 1" \
	"$(reconcile nobody.json >"$work/nobody.log" 2>&1 || echo "exit $?")" 'exit 1'
check "a name that is well has nothing to reconcile" \
	"$(reconcile one.json)" 'nothing to reconcile'

# a file that is not what was claimed is left alone, the rest goes on
kept=$(find "$work/raw/processed" -name two.json)
cp -p "$kept" "$work/two.kept"
printf ' ' >>"$kept"
consumer_start
check_has "a changed file is named" "$(reconcile || echo "exit $?")" \
	'is not what was claimed'
check "the others were loaded all the same" "$(q "$complete_sources")" 2
cp -p "$work/two.kept" "$kept"
mv "$kept" "$kept.away"
check_has "a missing file is named" "$(reconcile two.json || echo "exit $?")" \
	'is not there'
mv "$kept.away" "$kept"
check_has "put back, it is loaded" "$(reconcile)" '1 loaded'
check "all three are complete" "$(q "$complete_sources")" 3
check "every record is in the delta once" \
	"$(q 'select count(*), count(distinct (_source, _offset)) from raw.events_delta')" \
	"20072|20072"
check "what was loaded was not sent again" "$(q "select sum(duplicates)
	from meta.load where load_id > $last_load")" 0
check "under the ids they had: nobody else's source" \
	"$(q 'select count(*) from meta.source')" 3
check_reconciled
scenario_end

#!/usr/bin/env bash
# reconcile_state.sh - the producer's state file is lost with files under way:
# one half sent, one not sent at all, one loaded but not moved away. The
# producer starts anew and takes none for another; reconcile finishes them.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/support/relays.sh
. "$top/tests/support/relays.sh"

scenario_undo() {
	relays_end
}

claimed() {
	find "$work/raw/events/.claimed" -type f | wc -l
}

two_are_claimed() {
	[ "$(claimed)" = 2 ]
}

some_are_loaded() {
	[ "$(q "select coalesce(sum(records), 0) from meta.source
		where name like '%big.json'")" -gt 0 ]
}

scenario_begin reconcile_state
export SLUICE_CHUNK_RECORDS=5
"$bin/gen_events" 20000 7 3 >"$work/big.json"
sed 's/"id": *"/&n/' "$top/tests/data/events_sample.json" >"$work/never.json"
consumer_start
producer_start
drop "$top/tests/data/events_sample.json" events moved.json
eventually "a file is loaded" "$complete_sources" 1
producer_stop
moved=$(q 'select drop_id from meta.source')
relay_start amqp "$(setting broker_port)"
relay amqp 'slow 20000' # it is met half-way
SLUICE_BROKER_PORT=$(cat "$work/amqp.port") producer_start
drop "$work/big.json"
until_true some_are_loaded || true
producer_stop KILL
SLUICE_BROKER_PORT=1 producer_start
drop "$work/never.json"
until_true two_are_claimed || true
producer_stop KILL
# as if the machine had stopped just before this one was moved
mv "$(find "$work/raw/processed" -name moved.json)" "$work/raw/events/.claimed/$moved"
check "three files are under way" "$(claimed)" 3
rm -f "$work"/state/*

check_has "without a state file it says so" "$(reconcile --dry-run)" \
	'there is no state file'
producer_start
drop "$top/tests/data/events_sample.json" events new.json
eventually "the producer starts anew" "$complete_sources" 2
three_are_claimed() {
	[ "$(claimed)" = 3 ]
}
until_true three_are_claimed || true # the new one was moved
check "it takes no claimed file for another" "$(claimed)" 3
check_has "it says what it found" "$(cat "$work/producer.log")" claimed_by_nobody
reconcile_dry
check_has "the half-sent one is found by its name" "$dry" "events/big.json"
check_has "what fits beside the ledger would be sent" "$dry" "action   send missing"
check_has "the one that was not sent has its id for a name" "$dry" \
	"found    missing"
check_has "the loaded one is only to be moved" "$dry" "action   put file away"
dry=$(SLUICE_CHUNK_RECORDS=7 reconcile big.json --dry-run)
check_has "with other settings its chunks would not fit: all anew" "$dry" \
	"action   load anew"
check_has "so be it" "$(SLUICE_CHUNK_RECORDS=7 reconcile)" '3 sources: 3 loaded'
check "all four are complete" "$(q "$complete_sources")" 4
check "every record is in the delta once" "$(q 'select count(*),
	count(distinct (_source, _offset)) from raw.events_delta')" "20108|20108"
check "the ids that were in no other file are in the master" \
	"$(q "select count(*) from raw.events where id like 'n%'")" 35
check "no file is left behind" "$(claimed)" 0
check "all are kept" "$(find "$work/raw/processed" -type f | wc -l)" 4
check_reconciled
scenario_end

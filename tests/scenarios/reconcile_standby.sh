#!/usr/bin/env bash
# reconcile_standby.sh - an older copy of the database takes its place, as when
# an asynchronous standby is promoted: what was acknowledged since is missing,
# although the producer and the broker are done with it.
. "$(dirname "$0")/lib.sh"

# As the superuser, who alone may throw everybody out.
admin_psql() {
	(as_daemon psql -qXAt -h "$(cat "$servers/run/sockets")" \
		-p "$(setting database_port)" -U postgres -d postgres "$@")
}

# keep_copy NAME: the database as it is now
keep_copy() {
	admin_psql -c "drop database if exists s_${name}_$1" \
		-c "create database s_${name}_$1 template s_$name owner $(setting owner_user)" >/dev/null
}

# promote NAME: the copy takes the place; whoever is connected is thrown out
promote() {
	admin_psql -c "drop database s_$name with (force)" \
		-c "alter database s_${name}_$1 rename to s_$name" >/dev/null
}

check_all_there() {
	check "all four sources are complete" "$(q "$complete_sources")" 4
	check "every record is in the delta once" "$(q 'select count(*),
		count(distinct (_source, _offset)) from raw.events_delta')" "$delta"
	check "the master is what it was" "$(master)" "$want"
	check "so are the rejects" "$(q "select string_agg(code || ' ' || lo, ' '
		order by code, lo) from meta.reject")" "$rejects"
	check_reconciled
}

master() {
	q "select count(*), md5(string_agg((id, event_type, username, received_at)::text,
		'|' order by id, event_type, received_at)) from raw.events"
}

scenario_begin reconcile_standby
export SLUICE_CHUNK_RECORDS=5
"$bin/gen_events" 20000 7 3 >"$work/big.json"
keep_copy empty # not even today's partition is in it
producer_start
SLUICE_BATCH_ROWS=100 consumer_start
drop "$top/tests/data/bad/bad_date.json"
eventually "a file with a bad record is loaded" "$complete_sources" 1
loads_stop_after 3
drop "$work/big.json"
until_true load_is_stopped || true
consumer_stop KILL
loads_go_on
until_true keep_copy partly || true
consumer_start
drop "$top/tests/data/events_sample.json" events sample.json
drop "$top/tests/data/bad/truncated_array.json"
eventually "all is loaded" "$complete_sources" 4
want=$(master)
delta=$(q 'select count(*), count(distinct (_source, _offset)) from raw.events_delta')
rejects=$(q "select string_agg(code || ' ' || lo, ' ' order by code, lo) from meta.reject")

promote partly
check "the database lost what came since" "$(q "$complete_sources")" 1
reconcile_dry
check_has "the half-loaded source is found" "$dry" "found    incomplete"
check_has "those it never heard of are found" "$dry" "found    missing"
check_has "reconcile loads them, while everything runs" "$(reconcile)" \
	'3 sources: 3 loaded'
check_all_there

promote empty
check "the database knows nothing at all" "$(q 'select count(*) from meta.source')" 0
check_has "reconcile loads all of it" "$(reconcile)" '4 sources: 4 loaded'
check_all_there
scenario_end

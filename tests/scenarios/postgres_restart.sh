#!/usr/bin/env bash
# postgres_restart.sh - PostgreSQL dies (SIGKILL of every process) and comes
# back in mid-load; then a single backend is terminated: nothing lost, nothing
# doubled.
. "$(dirname "$0")/lib.sh"

loading_has_begun() {
	[ "$(q 'select count(*) from meta.load')" -gt 0 ]
}

scenario_begin postgres_restart
"$bin/gen_events" 120000 11 10 >"$work/big.json"
producer_start
consumer_start
drop "$work/big.json"
until_true loading_has_begun
kill_server postgresql
"$top/deploy/native.sh" start "$servers" >"$work/restart.log" 2>&1
q "select pg_terminate_backend(pid) from pg_stat_activity
	where application_name like 'sluice-consumer%'" >/dev/null || true
eventually "the file is complete all the same" "$complete_sources" 1
check "every record is in the delta once" \
	"$(q "select count(*), count(distinct _offset) from raw.events_delta")" \
	"120000|120000"
check "distinct events are in the master" "$(q 'select count(*) from raw.events')" \
	"$(cut -d'"' -f4 "$work/big.json" | sort -u | wc -l)"
check_invariants
scenario_end

#!/usr/bin/env bash
# golden_shared.sh - the original sample and 1,000 real GitHub events, where
# the test data beside the project is there.
. "$(dirname "$0")/lib.sh"

if [ ! -d "$shared/events" ]; then
	note "skipped: no test data at $shared"
	exit 77
fi

rows() {
	tr -d '\r' | tail -n +2 | LC_ALL=C sort
}

scenario_begin golden_shared
producer_start
consumer_start
drop "$shared/events/events_sample.json"
drop "$shared/events/orgs_sample.json" orgs
drop "$shared/gharchive/2015-01-01-events.ndjson" gharchive
eventually "all three are complete" "$complete_sources" 3
check "the 34 golden rows" "$(q "copy (select received_at, organization_name,
	user_type, total_events_by_date, total_events_by_date_unique_users,
	total_events_by_date_by_org, total_events_by_date_by_usertype
	from modelled.fact_events) to stdout (format csv, header)" | rows)" \
	"$(rows <"$shared/events/expected_fact_events_full_load.csv")"
check "35 distinct events of 36" "$(q "select count(*),
	(select count(*) from raw.events_delta) from raw.events")" "35|36"
check "20 organisations" "$(q 'select count(*) from raw.orgs')" 20
check "1,000 GitHub events, none rejected" "$(q "select count(*),
	(select count(*) from meta.reject) from raw.gharchive")" "1000|0"
check "13 types of them" \
	"$(q 'select count(distinct type) from raw.gharchive')" 13
check "payloads are the originals'" "$(q "select count(*) from raw.gharchive
	where payload is null or created_at is null or id is null")" 0
check_invariants
scenario_end

#!/usr/bin/env bash
# golden.sh - the sample gives the 34 rows; dropped again and again it loads
# each time, and neither the master nor the models' distinct counts move.
. "$(dirname "$0")/lib.sh"

fact_events() {
	q "copy (select received_at, organization_name, user_type,
		total_events_by_date, total_events_by_date_unique_users,
		total_events_by_date_by_org, total_events_by_date_by_usertype
		from modelled.fact_events
		order by 1, 2 nulls last, 3 nulls last, 4, 5, 6, 7)
		to stdout (format csv, header)"
}

# sorted_csv: header first, then the rows as a multiset
sorted_csv() {
	tr -d '\r' | { IFS= read -r head; printf '%s\n' "$head"; LC_ALL=C sort; }
}

expect_counts() {
	eventually "$1 drops are complete" "$complete_sources" "$1"
	check "delta has every row as loaded" \
		"$(q 'select count(*) from raw.events_delta')" $((36 * $1))
	check "master has one row a key" "$(q 'select count(*) from raw.events')" 35
	check "fact_events is right after $1" "$(fact_events | sorted_csv)" \
		"$(sorted_csv <"$2")"
	check "events_by_date counts loads and distinct events" \
		"$(q 'select sum(total_events), sum(unique_events)
			from modelled.events_by_date')" "$((36 * $1))|35"
}

scenario_begin golden
producer_start
consumer_start
for n in 1 2 3; do
	drop "$top/tests/data/events_sample.json" events "sample_$n.json"
	expect_counts "$n" "$top/tests/data/expected_fact_events.csv"
done
files_put_away
check "every drop is in processed" \
	"$(find "$work/raw/processed" -name 'sample_*.json' | wc -l)" 3
check "a receipt holds" \
	"$("$bin/sluice" receipt sample_2.json | grep -c HOLDS)" 1
drop "$top/tests/data/orgs_sample.json" orgs
eventually "organisations load" "select count(*) from raw.orgs" 20
eventually "and complete" "$complete_sources" 4
check_invariants
check "what the pipeline files promise of their tables holds" \
	"$("$bin/sluice" --json test-data | jq -c '[.warn, .fail, .broken, .pass > 5]')" \
	"[0,0,0,true]"
scenario_end

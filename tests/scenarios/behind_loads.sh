#!/usr/bin/env bash
# behind_loads.sh - what the consumer does behind its loads: the pipelines' data
# tests, together for many loads, and never in the way of one.
. "$(dirname "$0")/lib.sh"

runs="select count(*) from meta.test_result where test = 'some_rows'"

write_pipeline() {
	cat >"$work/pipelines/shop.yaml" <<-'END'
	pipeline: shop
	datasets:
	  sales:
	    source: { directory: sales }
	    table: raw.sales
	    key: [id]
	    columns:
	      - { name: id, type: integer }
	      - { name: amount, type: numeric }
	tests:
	  - { table: raw.sales, test: row_count, min: 1, name: some_rows }
	  - { table: raw.sales, test: expression, expression: amount >= 0, name: not_negative }
	END
	rm "$work/pipelines/gharchive.yaml"
	mkdir -p "$work/models/shop/tests"
	cp -r "$top"/sql/models/* "$work/models/"
	export SLUICE_MODELS_DIR=$work/models
	"$bin/sluice" apply >"$work/apply2.log" 2>&1 || { cat "$work/apply2.log"; exit 1; }
}

# sale ID AMOUNT: a file with one record
sale() {
	printf '{"id": %s, "amount": %s}\n' "$1" "$2" >"$work/$1.json"
	drop "$work/$1.json" sales
}

scenario_begin behind_loads
write_pipeline
export SLUICE_DATA_TESTS_EVERY_SECS=1h
producer_start
consumer_start

sale 1 10
eventually "a load is followed by the pipeline's tests" "$runs" 1
eventually "and by no others" "select string_agg(test || ' ' || outcome, ', ' order by test)
	from meta.test_result" "not_negative pass, some_rows pass"

for id in 2 3 4 5; do
	sale "$id" 10
done
sale 6 -1
eventually "more loads" "select count(*) from raw.sales" 6
eventually "are waited for" "select changed > tested and not exists (select from meta.news)
	from meta.care where pipeline = 'shop'" t
check "together, for no more than is allowed" "$(q "$runs")" 1

consumer_stop
export SLUICE_DATA_TESTS_EVERY_SECS=1s
consumer_start
eventually "what was due when it stopped is done at the next start" "$runs" 2
eventually "and finds what is wrong" "select outcome || failing from meta.test_result
	where test = 'not_negative' order by result_id desc limit 1" fail1
check "a data test that fails is news, once" "$(q "select count(*) from (
	select lag(outcome) over (order by result_id) as before, outcome
	from meta.test_result where test = 'not_negative') r
	where before = 'pass' and outcome = 'fail'")" 1
check "and no row of meta.news is left lying" "$(q 'select count(*) from meta.news')" 0

# a test that does not come to an end
printf 'select 1 from raw.sales, pg_sleep(3600)\n' >"$work/models/shop/tests/slow.sql"
printf '  - { test: sql, file: slow }\n' >>"$work/pipelines/shop.yaml"
sale 7 10
eventually "while a test takes its time" "select count(*) from pg_locks
	join pg_stat_activity using (pid)
	where application_name = 'sluice-consumer-care'
	and relation = 'raw.sales'::regclass" 1
sale 8 10
eventually "loads go on" "select count(*) from raw.sales" 8
consumer_stop
check "and it does not keep the consumer from ending" \
	"$(grep -c 'event=stopped_hard' "$work/consumer.log" || true)" 0
check "nothing was thrown away with it" "$(q "select changed > tested
	from meta.care where pipeline = 'shop'")" t
sed -i '/file: slow/d' "$work/pipelines/shop.yaml"
check_invariants
scenario_end

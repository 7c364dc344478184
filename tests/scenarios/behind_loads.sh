#!/usr/bin/env bash
# behind_loads.sh - what the consumer does behind its loads: the pipelines'
# reports and data tests, together for many loads, and never in the way of one.
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
	      - { name: shop, type: text }
	reports:
	  - { file: sales.csv, table: raw.sales }
	  - { file: shops.json, query: shops }
	  - file: shops.html
	    name: page
	    title: "Sales & <shops>"
	    query: shops
	    order: ["-amount"]
	    chart: { x: shop, y: amount }
	tests:
	  - { table: raw.sales, test: row_count, min: 1, name: some_rows }
	  - { table: raw.sales, test: expression, expression: amount >= 0, name: not_negative }
	END
	rm "$work/pipelines/gharchive.yaml"
	mkdir -p "$work/models/shop/tests" "$work/models/shop/reports"
	printf '%s\n' '-- by shop' 'select shop, sum(amount) as amount,' \
		"case when shop <> '' then count(*) end as sales" \
		'from raw.sales group by shop order by shop;' \
		>"$work/models/shop/reports/shops.sql"
	cp -r "$top"/sql/models/* "$work/models/"
	export SLUICE_MODELS_DIR=$work/models
	"$bin/sluice" apply >"$work/apply2.log" 2>&1 || { cat "$work/apply2.log"; exit 1; }
}

# sale ID AMOUNT [SHOP]: a file with one record
sale() {
	printf '{"id": %s, "amount": %s, "shop": "%s"}\n' "$1" "$2" "${3:-}" \
		>"$work/$1.json"
	drop "$work/$1.json" sales
}

# until the file has the text, or the deadline
file_has() { # FILE TEXT
	until_true grep -qsF -- "$2" "$work/out/$1" && echo yes || echo no
}

check_reports() {
	eventually "reports are written" "select string_agg(report || ' ' ||
		coalesce(rows, -1) || ' ' || coalesce(error, ''), ', ' order by report)
		from meta.report" "page 5 , sales 6 , shops 5 "
	check "a report as CSV" "$(file_has sales.csv '6,-1')" yes
	check "as RFC 4180 has it" "$(cat "$work/out/sales.csv")" \
		"$(printf '%s\r\n' id,amount,shop 1,10.50,'""' '2,1000,"a, ""b"""' \
			'3,7,<script>alert(1)</script>' "4,10,o'clock" 5,10,=1+1 6,-1,'""')"
	check "a query as JSON, digit for digit, in its own order" \
		"$(python3 -c 'import json, sys
rows = json.load(open(sys.argv[1]), parse_float=str)
print([list(r.items()) for r in rows][0:2])' "$work/out/shops.json")" \
		"[[('shop', ''), ('amount', '9.50'), ('sales', None)], [('shop', '<script>alert(1)</script>'), ('amount', 7), ('sales', 1)]]"
	check "and as a page of rows in the order asked for, none of which is code" \
		"$(python3 "$top/tests/support/page.py" "$work/out/shops.html")" \
		"title: Sales & <shops>
head: shop amount sales
row: a, \"b\"|1000|1
row: =1+1|10|1
row: o'clock|10|1
row: |9.50|null
row: <script>alert(1)</script>|7|1
bars: 5"
	check "nothing half-written is left" \
		"$(find "$work/out" -name '.*' -type f | wc -l)" 0
	check "the operator sees them" "$("$bin/sluice" report list shops |
		awk '/shops.json/ { print $1, $2, $3, $4, $5, $7 }')" \
		"shop shops shops.json query shops 5"
}

scenario_begin behind_loads
write_pipeline
export SLUICE_DATA_TESTS_EVERY_SECS=1h SLUICE_REPORTS_EVERY_SECS=0
export SLUICE_OUTPUT_DIR=$work/out
producer_start
consumer_start

sale 1 10.50
eventually "a load is followed by the pipeline's tests" "$runs" 1
eventually "and by no others" "select string_agg(test || ' ' || outcome, ', ' order by test)
	from meta.test_result" "not_negative pass, some_rows pass"

sale 2 1e3 'a, \"b\"'
sale 3 7 '<script>alert(1)</script>'
sale 4 10 "o'clock"
sale 5 10 "=1+1"
sale 6 -1
eventually "more loads" "select count(*) from raw.sales" 6
eventually "are waited for" "select changed > tested and not exists (select from meta.news)
	from meta.care where pipeline = 'shop'" t
check "together, for no more than is allowed" "$(q "$runs")" 1

check_reports

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
printf '{"id": 9, "amount": 9, "shop": "late"}\n' >"$work/late.json"
"$bin/sluice" load --file "$work/late.json" --dataset sales >"$work/load.log" 2>&1
check "a load without daemons writes the reports as well" \
	"$(grep -c '^9,9,late' "$work/out/sales.csv")" 1
cp "$work/out/sales.csv" "$work/postgres.csv"
for id in 1 2 3 4 5 6 7 8; do
	"$bin/sluice" load --file "$work/$id.json" --dataset sales \
		--to "sqlite:$work/main.db" >>"$work/load.log" 2>&1
done
"$bin/sluice" load --file "$work/late.json" --dataset sales \
	--to "sqlite:$work/main.db" >>"$work/load.log" 2>&1
rm -rf "$work/out"
check "reports come out of an SQLite file as well" \
	"$("$bin/sluice" --json report run --to "sqlite:$work/main.db" |
		jq -c '[.reports[] | [.report, .rows, .error]]')" \
	'[["sales",9,null],["shops",6,null],["page",6,null]]'
check "with the same rows" "$(cat "$work/out/sales.csv")" "$(cat "$work/postgres.csv")"
check "JSON has objects" "$(jq -c '.[0] | keys_unsorted' "$work/out/shops.json")" \
	'["shop","amount","sales"]'
rm -rf "$work/out"
printf x >"$work/out"
check "a report that cannot be written is told" \
	"$("$bin/sluice" report run sales.csv >"$work/run.log" 2>&1; echo $?)" 1
check_has "with the reason" "$(cat "$work/run.log")" "$work/out"
mv "$work/models/shop/reports/shops.sql" "$work/shops.sql"
check_has "a query that is not there is found by the check" \
	"$("$bin/sluice" pipeline check 2>&1 || true)" "reports/shops.sql: No such file"
mv "$work/shops.sql" "$work/models/shop/reports/shops.sql"
check "no such report: usage" \
	"$("$bin/sluice" report run nothing >/dev/null 2>&1; echo $?)" 64
check_invariants
scenario_end

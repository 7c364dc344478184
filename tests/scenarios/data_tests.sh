#!/usr/bin/env bash
# data_tests.sh - data tests of every kind, kept and broken, against real rows;
# what is written down of them, and what the exit code says.
. "$(dirname "$0")/lib.sh"

write_pipeline() {
	cat >"$work/pipelines/shop.yaml" <<'END'
pipeline: shop
datasets:
  sales:
    source: { directory: sales }
    table: raw.sales
    key: [id]
    columns:
      - { name: id, type: integer }
      - { name: shop, type: text }
      - { name: kind, type: text }
      - { name: amount, type: numeric }
      - { name: sold_at, type: timestamp }
  shops:
    source: { directory: shops }
    table: raw.shops
    key: [name]
    columns:
      - { name: name, type: text, max_length: 50 }
tests:
END
	cat >>"$work/pipelines/shop.yaml"
	mkdir -p "$work/models/shop/tests"
	cp -r "$top"/sql/models/* "$work/models/"
	printf '%s\n' '-- sales before the shop opened' 'select id, sold_at' \
		'from raw.sales' "where sold_at < '1990-01-01';" \
		>"$work/models/shop/tests/too_early.sql"
	export SLUICE_MODELS_DIR=$work/models
}

# tests ARGS...: output and exit code of one run
tests() {
	local code=0
	"$bin/sluice" test-data shop "$@" >"$work/out" 2>&1 || code=$?
	printf '%s\n' "$code"
}

# outcome NAME: of its last run, with the number of failing rows
outcome() {
	q "select outcome || ' ' || coalesce(failing::text, '-')
		from meta.test_result where test = '$1'
		order by result_id desc limit 1"
}

all_kinds() {
	cat <<'END'
  - { table: raw.sales, column: amount, test: not_null }
  - { table: raw.sales, column: shop, test: unique, severity: warn }
  - { table: raw.sales, columns: [shop, kind], test: unique_combination }
  - { table: raw.sales, column: kind, test: accepted_values, values: [cash, "card's"] }
  - { table: raw.sales, column: shop, test: relationships, to: { table: raw.shops, column: name } }
  - { table: raw.sales, test: row_count, min: 1, max: 4, name: few }
  - { table: raw.sales, test: row_count, equals: raw.shops, name: as_many }
  - { table: raw.sales, test: row_count, where: "shop = 'a'", max: 2, name: few_of_a }
  - { table: raw.sales, column: sold_at, test: freshness, warn: 1 h, error: 1 d, name: recent }
  - { table: raw.sales, column: sold_at, test: freshness, warn: 1 h, where: "shop = 'b'", name: recent_b }
  - { table: raw.sales, test: expression, expression: "amount >= 0 -- a comment", name: not_negative }
  - { test: compare, left: "select sum(amount) from raw.sales", is: greater, right: "select 1", name: enough }
  - { test: compare, left: "select 1", is: equals, right: "select null::int", name: null_is_not_one }
  - { test: sql, file: too_early }
END
}

scenario_begin data_tests
write_pipeline < <(all_kinds)
"$bin/sluice" apply >"$work/apply2.log" 2>&1 || { cat "$work/apply2.log"; exit 1; }

check "empty tables: only what asks for rows fails" "$(tests)" 1
check "a table without rows is not fresh" "$(outcome recent)" "fail 1"
check "it has too few rows" "$(outcome few)" "fail 1"
check "as many as another empty one" "$(outcome as_many)" "pass 0"
check "a sum of nothing is not more than 1" "$(outcome enough)" "fail 1"

# good rows: two shops, today
now=$(date -u '+%Y-%m-%d %H:%M:%S')
q "insert into raw.shops (name, _source, _offset, _load)
	values ('a', 0, 0, 0), ('b', 0, 0, 0)" >/dev/null
q "insert into raw.sales values
	(1, 'a', 'cash', 2, '$now', 0, 0, 0), (2, 'b', 'card''s', 0, '$now', 0, 0, 0)" >/dev/null
sed -i '/null_is_not_one/d' "$work/pipelines/shop.yaml"
check "good rows: all pass" "$(tests)" 0
check_has "and it says so" "$(cat "$work/out")" "13 pass, 0 warn, 0 fail, 0 broken"

# one thing wrong for each
q "insert into raw.sales values
	(3, 'a', 'cash', null, '1980-02-03', 0, 0, 0),
	(4, null, null, -1, null, 0, 0, 0),
	(5, 'c', 'barter', 7, '$now', 0, 0, 0)" >/dev/null
check "bad rows: exit 1" "$(tests)" 1
check "a null" "$(outcome 'not_null raw.sales.amount')" "fail 1"
check "a value twice, of which one only wants to hear" \
	"$(outcome 'unique raw.sales.shop')" "warn 1"
check "a pair twice" \
	"$(outcome 'unique_combination raw.sales.shop+kind')" "fail 1"
check "a value that is none of the list, null passes" \
	"$(outcome 'accepted_values raw.sales.kind')" "fail 1"
check "a reference to nothing, null passes" \
	"$(outcome 'relationships raw.sales.shop')" "fail 1"
check "too many rows" "$(outcome few)" "fail 1"
check "not as many" "$(outcome as_many)" "fail 1"
check "as many as allowed where it is asked" "$(outcome few_of_a)" "pass 0"
check "the newest counts" "$(outcome recent)" "pass 0"
check "false for one row; null is not false" "$(outcome not_negative)" "fail 1"
check "a query of one's own" "$(outcome 'sql too_early')" "fail 1"
check "the failing row is kept" \
	"$(q "select row->>'id' from meta.test_failure f
		join meta.test_result r using (result_id)
		where r.test = 'sql too_early'")" 3
check "and shown" "$(grep -c '"kind": "barter"' "$work/out")" 1
check "runs are kept" \
	"$(q "select string_agg(outcome, ' ' order by result_id)
		from meta.test_result where test = 'sql too_early'")" "pass pass fail"

q "update raw.sales set sold_at = timestamp '$now' - interval '3 hours'
	where sold_at > '2000-01-01'" >/dev/null
check "three hours old is a warning" "$(tests --select recent)$(outcome recent)" \
	"0warn 1"
q "update raw.sales set sold_at = timestamp '$now' - interval '3 days'
	where sold_at > '2000-01-01'" >/dev/null
check "three days old is a failure" "$(tests --select recent)$(outcome recent)" \
	"1fail 1"
check "where it was to warn only, it warns" \
	"$(tests --select recent_b)$(outcome recent_b)" "0warn 1"
check "rows of one test are kept for its last run alone" \
	"$(q "select count(*) from meta.test_failure f
		join meta.test_result r using (result_id)
		where r.test = 'recent'")" 1

q "insert into raw.sales (id, amount, _source, _offset, _load)
	select n, null, 0, 0, 0 from generate_series(100, 349) n" >/dev/null
check "all are counted" "$(tests --select not_null)$(outcome 'not_null raw.sales.amount')" \
	"1fail 251"
check "a hundred are kept" \
	"$(q "select count(*) from meta.test_failure f
		join meta.test_result r using (result_id)
		where r.kind = 'not_null'")" 100

check "JSON has the same" \
	"$("$bin/sluice" --json test-data shop --select 'not_null,few*' |
		jq -c '[.fail, [.tests[] | [.test, .outcome, .failing]]]')" \
	'[2,[["not_null raw.sales.amount","fail",251],["few","fail",1],["few_of_a","pass",0]]]'

# what cannot be asked
printf '%s\n' '  - { table: raw.sales, column: nowhere, test: not_null }' \
	'  - { test: compare, left: "delete from raw.sales returning 1", is: equals, right: "select 1", name: sly }' \
	'  - { table: raw.sales, test: expression, expression: "pg_sleep(0) is null); delete from raw.sales; select (true", name: slyer }' \
	'  - { table: raw.sales, test: expression, expression: "nextval('"'meta.load_load_id_seq'"') < 0", name: slyest }' \
	'  - { test: sql, file: missing }' >>"$work/pipelines/shop.yaml"
check "a broken test is a failure" "$(tests --select '*nowhere,sly*,missing')" 1
check "that names the column" "$(outcome 'not_null raw.sales.nowhere')" "broken -"
check_has "and its place in the file" \
	"$(q "select error from meta.test_result where outcome = 'broken' limit 1")" \
	"shop.yaml:"
check "SQL that would write is broken, too" \
	"$(outcome sly) $(outcome slyer) $(outcome slyest)" \
	"broken - broken - broken -"
check "and wrote nothing" "$(q 'select count(*) from raw.sales')" 255
check "a missing file is named" \
	"$(q "select error like '%tests/missing.sql%' from meta.test_result
		where test = 'sql missing'")" t

check "no such pipeline: usage" \
	"$("$bin/sluice" test-data nowhere >/dev/null 2>&1; echo $?)" 64
check "nothing selected: usage" "$(tests --select nothing)" 64
scenario_end

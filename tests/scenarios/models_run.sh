#!/usr/bin/env bash
# models_run.sh - models are built by name, by need and in order; one that
# fails says where, those that read it are left out, the rest goes on.
. "$(dirname "$0")/lib.sh"

model() { # NAME KIND DEPENDS SELECT...
	local name=$1 kind=$2 depends=$3
	shift 3
	{
		printf -- '-- materialized: %s\n' "$kind"
		[ "$kind" != incremental ] || printf -- '-- grain: shop\n-- rows: sales\n'
		printf -- '-- depends: %s\n-- description: %s\n\n' "$depends" "$name"
		printf '%s\n' "$@"
	} >"$work/models/shop/$name.sql"
}

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
      - { name: amount, type: integer }
models: [by_shop, big, ratios, summary, lonely]
END
	mkdir -p "$work/models/shop"
	cp -r "$top"/sql/models/* "$work/models/"
	model by_shop incremental raw.sales \
		'select shop, count(*) as sales from raw.sales group by 1'
	model big view by_shop 'select * from modelled.by_shop where sales > 1'
	model ratios table raw.sales 'select' '	shop,' '	100 / amount as ratio' \
		'from raw.sales'
	model summary table 'ratios, big' 'select count(*) as n' \
		'from modelled.ratios, modelled.big'
	model lonely table raw.sales 'select max(amount) as most from raw.sales'
	export SLUICE_MODELS_DIR=$work/models
}

models() { # ARGS...: exit code; the output is in $work/out
	local code=0
	"$bin/sluice" models "$@" >"$work/out" 2>&1 || code=$?
	printf '%s\n' "$code"
}

outcomes() { # ARGS...: "exit name=outcome ..."
	local code=0
	"$bin/sluice" --json models run "$@" >"$work/json" 2>"$work/err" || code=$?
	printf '%s %s\n' "$code" "$(jq -r '[.models[] | .name + "=" + .outcome] | join(" ")' "$work/json")"
}

apply() {
	local code=0
	"$bin/sluice" apply >"$work/out" 2>&1 || code=$?
	printf '%s\n' "$code"
}

scenario_begin models_run
write_pipeline
check "all is made" "$(apply)" 0

check "the graph is a tree from the tables on" \
	"$("$bin/sluice" models graph | sed -n '/^raw.sales$/,/^[^ ]*gh/p' | head -6)" \
	'raw.sales
    modelled.by_shop  (incremental)
        modelled.big  (view)
            modelled.summary  (table)
    modelled.ratios  (table)
        modelled.summary  (table)'
"$bin/sluice" models graph --dot >"$work/models.dot"
check "and as DOT has every edge once" \
	"$(grep -c -- '"modelled.ratios" -> "modelled.summary"' "$work/models.dot")" 1

check "nothing is stale, nothing is built" "$(outcomes)" "0 "
check "full builds all, sources first" "$(outcomes --full | tr ' ' '\n' |
	grep -nE '^(by_shop|big|ratios|summary)=' | cut -d: -f2 | tr '\n' ' ')" \
	"by_shop=built big=built ratios=built summary=built "
check "by name: with what reads it" "$(outcomes ratios)" \
	"0 ratios=built summary=built"
check "with all it reads" "$(outcomes +summary)" \
	"0 by_shop=built big=built ratios=built summary=built"
check "several, one with a plus behind" "$(outcomes shop.lonely ratios+)" \
	"0 ratios=built summary=built lonely=built"

q "insert into raw.sales values (1, 'a', 4, 0, 0, 0), (2, 'a', 0, 0, 0, 0)" >/dev/null
check "what was changed by hand is built; one fails, its reader is left out" \
	"$(outcomes)" \
	"1 by_shop=built big=built ratios=failed summary=skipped lonely=built"
why=$(jq -r '.models[] | select(.name == "ratios") | .why' "$work/json")
check_has "the failure names the file" "$why" "models/shop/ratios.sql:5: "
check_has "and the cause with its SQLSTATE" "$why" "division by zero (SQLSTATE 22012)"
check "the skipped one says for which" \
	"$(jq -r '.models[] | select(.name == "summary") | .why' "$work/json")" shop.ratios
check "a run is kept of each" \
	"$(q "select what, ok, detail like '%ratios.sql:5:%22012%' from meta.model_run
		where model = 'shop.ratios' order by run_id desc limit 1")" "failed|f|t"
check "for people, too" "$(models run) $(grep -c FAILED "$work/out")" "1 1"
check "it stays stale" "$(q "select state from meta.model where model = 'shop.ratios'")" stale

q "delete from raw.sales where id = 2" >/dev/null
check "mended, and what waited for it" "$(outcomes)" \
	"0 by_shop=built big=built ratios=built summary=built lonely=built"
check "right now" "$(models verify)" 0

q 'alter table raw.sales rename column amount to total' >/dev/null
check "a column that vanished" "$(outcomes lonely)" "1 lonely=failed"
check_has "is named with file and line" \
	"$(jq -r '.models[0].why' "$work/json")" \
	'models/shop/lonely.sql:5: column "amount" does not exist'
check "a table's fourth line is its fourth line" "$(outcomes ratios)" \
	"1 ratios=failed summary=skipped"
check_has "wherever the column stands" \
	"$(jq -r '.models[0].why' "$work/json")" 'models/shop/ratios.sql:7: '
q 'alter table raw.sales rename column total to amount' >/dev/null

model lonely table raw.sales 'select max(amount) as most,' '	from raw.sales'
check "a syntax error is refused when applied" "$(apply)" 78
check_has "with file and line" "$(cat "$work/out")" \
	'models/shop/lonely.sql:6: syntax error at or near "from" (SQLSTATE 42601)'
model lonely table raw.sales "select 'ä' as a," '	max(nowhere) as most from raw.sales'
check "so is a column that is not there" "$(apply)" 78
check_has "whatever stands before it" "$(cat "$work/out")" \
	'models/shop/lonely.sql:6: column "nowhere" does not exist'

model by_shop view big 'select shop, sales from modelled.big'
check "a circle is refused" "$(models graph)" 78
check_has "with its path" "$(cat "$work/out")" "shop.by_shop -> shop.big -> shop.by_shop"
check "unknown words: usage" "$(models run --dot) $(models list x) $(models dance)" \
	"64 64 64"
scenario_end

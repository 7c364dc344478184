#!/usr/bin/env bash
# sqlite_equal.sh - the same files into PostgreSQL and into an SQLite file: the
# same masters, deltas, rejects, counters, models and data tests.
. "$(dirname "$0")/lib.sh"

lite() { # SQL: lines, from the SQLite file
	python3 "$top/tests/support/lite.py" "$work/main.db" "$1"
}

pg() { # SQL: the same from PostgreSQL
	psql_at "$owner_url" -F '|' -P null=NULL -c "$1"
}

# same CLAIM SQL_OF_POSTGRES SQL_OF_SQLITE: and that there is something
same() {
	pg "$2" >"$work/pg.txt"
	lite "$3" >"$work/lite.txt"
	check "$1: there are rows" "$([ -s "$work/pg.txt" ] && echo rows)" rows
	check "$1" "$(diff "$work/pg.txt" "$work/lite.txt" | head -20)" ''
}

counts() { # ARGS...: exit code and counts of a load
	local code=0
	"$bin/sluice" --json load "$@" >"$work/json" 2>>"$work/load.log" || code=$?
	printf '%s %s\n' "$code" "$(jq -r '[.files, .records, .inserted, .updated,
		.unchanged, .rejected, .filtered, .loaded_before] | join(" ")' \
		"$work/json" 2>/dev/null || true)"
}

# both CLAIM ARGS...: loads into both, the same counts
both() {
	local claim=$1 postgres
	shift
	postgres=$(counts "$@")
	check "$claim: $postgres" "$(counts "$@" --to "sqlite:$work/main.db")" "$postgres"
}

write_pipeline() {
	cat >"$work/pipelines/kinds.yaml" <<'END'
pipeline: kinds
datasets:
  kinds:
    source: { directory: kinds }
    table: raw.kinds
    key: [id, sub, part]
    newest: version
    date: day
    unknown: keep
    columns:
      - { name: id,      type: integer }
      - { name: sub,     type: text, max_length: 9 }
      - { name: part,    type: numeric }
      - { name: version, type: numeric }
      - { name: amount,  type: numeric }
      - { name: share,   type: double }
      - { name: ok,      type: boolean }
      - { name: seen,    type: timestamp }
      - { name: at,      type: timestamptz }
      - { name: day,     type: date }
      - { name: uid,     type: uuid }
      - { name: doc,     type: json }
      - { name: label,   type: text, empty_as_null: true }
  people:
    from: kinds
    each: [/people]
    table: raw.people
    key: [nr]
    columns:
      - { name: nr, type: integer }
      - { name: name, type: text }
  firsts:
    from: kinds
    each: [/people, /people/0]
    table: raw.firsts
    key: [nr]
    newest: name
    wins: first
    columns:
      - { name: nr, type: integer }
      - { name: name, type: text }
models: [by_label, labels, sums, names, totals]
tests:
  - { table: raw.kinds, column: label, test: not_null }
  - { table: raw.kinds, column: sub, test: unique, name: sub_unique }
  - { table: raw.people, column: nr, test: unique }
  - { table: raw.kinds, columns: [id, sub], test: unique_combination }
  - { table: raw.kinds, column: sub, test: accepted_values, values: [k0, "k'1"] }
  - { table: raw.people, column: nr, test: relationships, to: { table: raw.kinds, column: id }, severity: warn }
  - { table: raw.people, test: row_count, min: 1, max: 3 }
  - { table: modelled.sums, test: row_count, equals: modelled.sums }
  - { table: raw.kinds, column: at, test: freshness, warn: 1 h, error: 1 d }
  - { table: raw.kinds, test: expression, expression: id < 30, where: sub <> 'k2' }
  - { test: compare, left: select count(*) from raw.kinds, is: greater, right: select count(*) from raw.people }
  - { test: compare, name: same, left: select count(*) from raw.kinds, is: equals, right: select count(*) from raw.kinds }
  - { test: sql, file: odd }
  - { test: sql, file: broken }
END
	mkdir -p "$work/models/kinds/tests"
	cp -r "$top"/sql/models/* "$work/models/"
	export SLUICE_MODELS_DIR=$work/models
	model by_label 'incremental' 'grain: label, ok' raw.kinds \
		'select label, ok, count(*) as n, sum(id)::bigint as ids from raw.kinds group by 1, 2'
	model by_label.sqlite 'incremental' 'grain: label, ok' raw.kinds \
		'select label, ok, count(*) as n, sum(id) as ids from raw.kinds group by 1, 2'
	model labels 'incremental' 'grain: ok' by_label \
		'select ok, count(*) as n from modelled.by_label group by 1'
	model sums 'incremental' 'grain: sub' raw.kinds \
		'select sub, count(*) as n, coalesce(sum(amount), 0) as amount from raw.kinds group by 1'
	model sums.sqlite 'incremental' 'grain: sub' raw.kinds \
		"select sub, count(*) as n, coalesce(decimal_sum(amount), '0') as amount
		from raw.kinds group by 1"
	model names 'incremental' 'grain: name' raw.people_delta \
		'select name, count(*) as n from raw.people_delta d group by 1'
	model totals 'table' '' labels \
		'select max(n) as n from modelled.labels'
	printf 'select id from raw.kinds where id %% 2 = 1 and part > 2;\n' \
		>"$work/models/kinds/tests/odd.sql"
	printf "select id from raw.kinds where id %% 2 = 1 and decimal_cmp(part, '2') > 0;\n" \
		>"$work/models/kinds/tests/odd.sqlite.sql"
	printf 'select nothing from raw.kinds\n' >"$work/models/kinds/tests/broken.sql"
	"$bin/sluice" apply >"$work/apply2.log" 2>&1 || { cat "$work/apply2.log"; exit 1; }
}

model() { # NAME KIND GRAIN DEPENDS SELECT
	{
		printf -- '-- materialized: %s\n' "$2"
		[ -z "$3" ] || printf -- '-- %s\n-- rows: n\n' "$3"
		printf -- '-- depends: %s\n-- description: of the test\n%s\n' "$4" "$5"
	} >"$work/models/kinds/$1.sql"
}

scenario_begin sqlite_equal
write_pipeline
export SLUICE_CHUNK_RECORDS=7 SLUICE_BATCH_ROWS=50
events_sample=$top/tests/data/events_sample.json

both "the sample" --dataset events --file "$events_sample"
for bad in "$top"/tests/data/bad/*; do
	case $bad in *.tsv) continue ;; esac
	both "${bad##*/}" --dataset events --file "$bad"
done
both "days alone" --dataset events --date 2024-03-05 --file "$events_sample"
both "organisations" --dataset orgs --file "$top/tests/data/orgs_sample.json"
both "public events" --dataset gharchive --file "$top/tests/data/gharchive_sample.ndjson"
for seed in 1 2 3 4; do
	python3 "$top/tests/support/make_kinds.py" "$seed" 400 >"$work/kinds$seed.ndjson"
	both "all types, file $seed" --dataset kinds --file "$work/kinds$seed.ndjson"
done
gzip -c "$work/kinds2.ndjson" >"$work/again.gz"
both "the second again, under another name" --dataset kinds --file "$work/again.gz"
both "a day of it" --dataset kinds --date 2024-02-29 --file "$work/again.gz"
both "all of that was loaded before" --dataset kinds --file "$work/kinds1.ndjson"

for file in github/commits github/issues crm/customers crm/purchases; do
	both "$file, by its name" "${file%/*}" --file "$top/tests/data/$file.json"
done

events='id, event_type, username, user_email, user_type, organization_name, plan_name,
	received_at'
same "raw.events" \
	"select $events, _source, _offset, _load from raw.events order by 1, 2, 8" \
	"select $events, _source, _offset, _load from raw_events order by 1, 2, 8"
same "raw.issues" \
	"select issue_id, created_at at time zone 'UTC', is_pull_request::int from raw.issues
		order by 1" \
	'select issue_id, created_at, is_pull_request from raw_issues order by 1'
same "its delta" \
	"select $events, _source, _offset, _load from raw.events_delta order by _source, _offset" \
	"select $events, _source, _offset, _load from raw_events_delta order by _source, _offset"
same "raw.orgs" 'select * from raw.orgs order by 1' 'select * from raw_orgs order by 1'
gh='id, type, actor_id, actor_login, repo_id, repo_name, org_login'
same "raw.gharchive" \
	"select $gh, public::int, created_at at time zone 'UTC', payload from raw.gharchive order by 1" \
	"select $gh, public, created_at, payload from raw_gharchive order by 1"
start='id, sub, trim_scale(part), version, amount'
for table in kinds kinds_delta; do
	same "raw.$table, every type" \
		"select $start, share, ok::int, seen, at at time zone 'UTC', day, uid, doc, label,
			extra, _source, _offset, _load from raw.$table
		order by _source, _offset, _load" \
		"select ${start/trim_scale(part)/part}, share, ok, seen, at, day, uid, doc, label,
			extra, _source, _offset, _load from raw_$table order by _source, _offset, _load"
done
same "raw.users" 'select * from raw.users order by 1' 'select * from raw_users order by 1'
same "what was found in records" 'select * from raw.people order by 1' \
	'select * from raw_people order by 1'
same "of which the first ones win" 'select * from raw.firsts order by 1' \
	'select * from raw_firsts order by 1'
rejects='source_id, dataset, lo, hi, item, record_no, line, col, code, field, detail, stage'
same "rejects" \
	"select $rejects, encode(bytes, 'hex'), load_id from meta.reject
		order by 1, 2, 3, 4, 5" \
	"select $rejects, bytes, load_id from meta_reject order by 1, 2, 3, 4, 5"
sources='drop_id, pipeline, dataset, name, format, file_size, size, sha256, manifest_chunks,
	manifest_records, chunks, reader_rejects, records, inserted, updated, unchanged,
	rejected, filtered, completed_at is not null'
same "sources" "select ${sources%, completed*} from meta.source order by source_id" \
	"select ${sources%, completed*} from meta_source order by source_id"
same "the ledger" \
	'select drop_id, dataset, lo, hi, kind, records, load_id from meta.chunk
		order by 1, 2, 3, 4' \
	'select drop_id, dataset, lo, hi, kind, records, load_id from meta_chunk
		order by 1, 2, 3, 4'
same "counts of derived records" 'select * from meta.derived order by 1, 2' \
	'select * from meta_derived order by 1, 2'
same "loads" 'select load_id, messages, duplicates, bytes, records, inserted, updated,
		unchanged, rejected, filtered from meta.load order by 1' \
	'select load_id, messages, duplicates, bytes, records, inserted, updated,
		unchanged, rejected, filtered from meta_load order by 1'
for model in fact_events events_by_date events_by_date_org events_by_date_user_type \
	events_loaded events_seen repo_events_by_day events_by_hour_type \
	top_repositories_by_day sums names agg_commits_by_month agg_issues_by_month \
	agg_commits_issues_by_month agg_commits_issues_by_user outreach_by_customer \
	net_purchase_prices cost_revenue_ratio; do
	columns=$(q "select string_agg(attname, ', ' order by attnum) from pg_attribute
		where attrelid = 'modelled.$model'::regclass and attnum > 0")
	order=${columns%% from*}
	same "model $model" \
		"select $columns from modelled.$model order by ${order//, / nulls first, } nulls first" \
		"select $columns from modelled_$model order by ${order//, / nulls first, } nulls first"
done
same "model labels" 'select ok::int, n from modelled.labels order by 1 nulls first' \
	'select ok, n from modelled_labels order by 1 nulls first'
same "model by_label" \
	'select label, ok::int, n, ids from modelled.by_label order by 1 nulls first, 2 nulls first' \
	'select label, ok, n, ids from modelled_by_label order by 1 nulls first, 2 nulls first'

# models and tests
sqlite=(--to "sqlite:$work/main.db")
check "a table is stale" \
	"$(lite "select state from meta_model where model = 'kinds.totals'")" stale
"$bin/sluice" models run "${sqlite[@]}" >>"$work/load.log" 2>&1
"$bin/sluice" models run >>"$work/load.log" 2>&1
same "it was built" 'select * from modelled.totals' 'select * from modelled_totals'
check "a recomputation gives the same" "$("$bin/sluice" --json models verify "${sqlite[@]}" |
	jq -r '.different, (.models | length > 9)' | xargs)" '0 true'
check "all are fresh" \
	"$("$bin/sluice" --json models list "${sqlite[@]}" | jq -r '.models[] | select(.pipeline == "kinds").state' |
	sort -u)" fresh
python3 - "$work/main.db" <<'END'
import sqlite3, sys
base = sqlite3.connect(sys.argv[1])
base.execute("update modelled_names set n = n + 1")
base.commit()
END
code=0
"$bin/sluice" models verify "${sqlite[@]}" >"$work/verify.txt" 2>&1 || code=$?
check "what was changed by hand is found" "$code" 1
check_has "and named" "$(cat "$work/verify.txt")" DIFFERS
"$bin/sluice" models run names "${sqlite[@]}" >>"$work/load.log" 2>&1
check "built anew it is right" "$("$bin/sluice" --json models verify "${sqlite[@]}" |
	jq .different)" 0

outcomes() {
	local code=0
	"$bin/sluice" --json test-data kinds "$@" >"$work/tests.json" 2>>"$work/load.log" || code=$?
	jq -r --arg code "$code" '$code, (.tests[] | "\(.test) \(.outcome) \(.failing)")' \
		"$work/tests.json"
}
check "the same outcomes of data tests" "$(outcomes "${sqlite[@]}")" "$(outcomes)"
check "of every kind" "$(jq -r '[.tests[].kind] | unique | length' "$work/tests.json")" 10
check "and failing rows are kept" \
	"$(lite 'select count(*) > 20, count(distinct result_id) > 4 from meta_test_failure')" '1|1'
check "a test cannot write" "$("$bin/sluice" --json test-data events "${sqlite[@]}" |
	jq -r '.broken')" 0

# rejects, receipts
check "rejects are listed by reason" \
	"$("$bin/sluice" --json rejects list "${sqlite[@]}" | jq -c '[.groups[] |
		[.dataset, .code, .field, .rejects, .example_line]] | sort')" \
	"$("$bin/sluice" --json rejects list | jq -c '[.groups[] |
		[.dataset, .code, .field, .rejects, .example_line]] | sort')"
one=$("$bin/sluice" --json rejects list --code date --limit 1 | jq .rejects[0].reject_id)
check "and shown with their bytes" "$("$bin/sluice" rejects show "$one" --raw | sha256sum)" \
	"$(lite "select lower(hex(bytes)) from meta_reject r join meta_source s using (source_id)
		where code = 'date' order by reject_id desc limit 1" |
		python3 -c "import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))" |
		sha256sum)"
scenario_end

#!/usr/bin/env bash
# derived.sh - persons are made out of commits: counted, refused and kept in
# the ledger on their own, in the same transaction as the commits they are in.
. "$(dirname "$0")/lib.sh"

publish=$bin/publish

write_pipeline() {
	cat >"$work/pipelines/hub.yaml" <<'END'
pipeline: hub
datasets:
  commits:
    source: { directory: commits }
    table: raw.hub_commits
    key: [sha]
    columns:
      - { name: sha, type: text, max_length: 40 }
      - { name: message, type: text }
  a_persons:
    from: commits
    each: [/author, /committer, /others, /others/0]
    table: raw.persons
    key: [id]
    columns:
      - { name: id, type: integer }
      - { name: login, type: text }
models: [commits_loaded, persons_by_login, persons_loaded]
END
	mkdir -p "$work/models/hub"
	cp -r "$top"/sql/models/* "$work/models/"
	model persons_by_login login raw.persons
	model persons_loaded login raw.persons_delta
	model commits_loaded message raw.hub_commits_delta
	export SLUICE_MODELS_DIR=$work/models
	"$bin/sluice" apply >"$work/apply2.log" 2>&1 || { cat "$work/apply2.log"; exit 1; }
}

model() { # NAME COLUMN RELATION
	cat >"$work/models/hub/$1.sql" <<END
-- materialized: incremental
-- grain: $2
-- rows: n
-- depends: $3
-- description: rows of $3 by $2

select $2, count(*) as n from $3 group by $2
END
}

# derived WHAT: of the latest source
derived() {
	q "select $1 from meta.derived where dataset = 'a_persons'
		order by source_id desc limit 1"
}

counts='records, inserted, updated, unchanged, rejected'

# Its line break becomes a blank on the way: offsets stay.
cat_first() {
	cat <<'END'
[{"sha":"c1","message":"one","author":{"id":1,"login":"ann"},"committer":{"id":2,"login":"bob"}},
{"sha":"c2","message":"two","author":null,
  "committer":{"id":2,"login":"bobby"}},
{"sha":"c3","message":"three"},
{"sha":"c4","message":"same","author":{"id":3,"login":"first"},"committer":{"id":3,"login":"second"},"others":[{"id":3,"login":"third"},null]},
{"sha":"c5","message":"bad","author":"nobody","committer":{"login":"no id"},"others":[{"id":"x"},[{"id":9}],{"id":4,"login":"dan"}]},
{"message":"no sha","author":{"id":5,"login":"eve"}}]
END
}

scenario_begin derived
write_pipeline
producer_start
consumer_start
cat_first >"$work/first.json"
drop "$work/first.json" commits
eventually "the commits are complete" "$complete_sources" 1
check "of six commits five are loaded" \
	"$(q 'select records, inserted, rejected from meta.source')" "6|5|1"
check "the persons in them are counted on their own" \
	"$(derived "$counts")" "13|4|0|4|5"
check "of several in one record the first wins; later records win over it" \
	"$(q "select string_agg(id || login || _item, ' ' order by id) from raw.persons")" \
	"1ann1 2bobby1 3first1 4dan5"
check "a refused commit gives none" \
	"$(q 'select count(*) from raw.persons where id = 5')" 0
check "what is refused says where, also twice the same bytes" \
	"$(q "select string_agg(concat_ws(' ', dataset, code, item, record_no, field), ', '
		order by item) from meta.reject where item > 0")" \
	"a_persons not_object 1 5, a_persons missing 2 5 id, a_persons type 3 5 id, a_persons not_object 4 5, a_persons type 6 5 id"
check "the bytes of a reject are those of the file" "$(q "select bool_and(
	convert_from(bytes, 'UTF8') = substr('$(cat_first)', (lo + 1)::int, (hi - lo)::int))
	from meta.reject where item > 0")" t
check "a row leads to its commit" "$(q "select substr('$(cat_first)', (_offset + 1)::int, 11)
	from raw.persons where id = 2")" '{"sha":"c2"'
check "the delta has every person loaded" \
	"$(q 'select count(*), count(distinct _load) from raw.persons_delta')" "8|1"
check "both in one load" "$(q 'select count(distinct _load) from (
	select _load from raw.hub_commits_delta union all select _load from raw.persons_delta) l')" 1
receipt=$("$bin/sluice" receipt first.json || true)
check_has "the receipt holds" "$receipt" HOLDS
check_has "and shows the persons" "$receipt" "13 a_persons found in the records"

drop "$work/first.json" commits again.json
eventually "the same again is complete" "$complete_sources" 2
check "and changes nothing" "$(derived "$counts")" "13|0|0|8|5"

printf '{"sha":"c7","author":{"id":1,"login":"anna"}}' | "$publish" hub.commits m1 app
eventually "a message's persons load" "select login from raw.persons where id = 1" anna
printf '{"sha":"c7","author":{"id":1,"login":"anna"}}' | "$publish" hub.commits m1 app
printf '{"sha":"c8"}' | "$publish" hub.commits m2 app
eventually "the same message is absorbed, another one gives none" \
	"select string_agg(records || ' ' || updated, ', ' order by source_id desc)
	from (select * from meta.derived order by source_id desc limit 2) d" "0 0, 1 1"
printf '{"id":6,"login":"fay"}' | "$publish" hub.a_persons m3 app
eventually "persons themselves are refused" \
	"select count(*) from meta.reject where code = 'derived_dataset'" 1

q "alter table raw.persons add check (login <> 'banned')"
printf '%s\n' '{"sha":"d1","author":{"id":7,"login":"gil"},"committer":{"id":8,"login":"banned"},"others":[{"id":9,"login":"hal"}]}' \
	'{"sha":"d2","author":{"id":10,"login":"ida"}}' >"$work/second.json"
drop "$work/second.json" commits
eventually "what PostgreSQL refuses costs itself only" \
	"select s.records, s.inserted, d.records, d.inserted, d.unchanged, d.rejected,
		(select code || item from meta.reject r where r.source_id = s.source_id)
	from meta.source s join meta.derived d using (source_id)
	where name like '%second.json' and completed_at is not null" "2|2|5|3|1|1|database2"
check "its neighbours are there" \
	"$(q 'select string_agg(login, chr(32) order by id) from raw.persons where id > 6')" "gil hal ida"
q "alter table raw.hub_commits add check (sha <> 'e2')"
printf '%s\n' '{"sha":"e1","author":{"id":11,"login":"jo"}}' \
	'{"sha":"e2","author":{"id":12,"login":"kim"}}' >"$work/third.json"
drop "$work/third.json" commits
eventually "a commit that PostgreSQL refuses gives none" \
	"select d.records, d.inserted, s.rejected
	from meta.source s join meta.derived d using (source_id)
	where name like '%third.json' and completed_at is not null" "1|1|1"
check_has "and its receipt holds" "$("$bin/sluice" receipt third.json || true)" HOLDS
check "persons are kept in the ledger beside their commits" "$(q "select count(*) from (
	select drop_id, lo, hi from meta.chunk where dataset = 'commits' and kind = 'c'
	except select drop_id, lo, hi from meta.chunk where dataset = 'a_persons') c")" 0
check_invariants

consumer_stop
SLUICE_LEDGER_KEEP_SECS=0 consumer_start
eventually "an old ledger becomes one row a dataset" "select count(*), bool_and(lo = 0
	and hi = size and c.kind = 'w') from meta.chunk c join meta.source s using (drop_id)
	where s.kind = 'file'" "8|t"
drop "$work/second.json" commits last.json
eventually "loads go on" "select count(*) from meta.source where collapsed" 5
for file in first second third last; do
	check_has "the receipt of $file still holds" "$("$bin/sluice" receipt $file.json || true)" HOLDS
done
check_has "and counts the delta" "$("$bin/sluice" --json receipt first.json | tr -d ' \t')" '"delta_rows":5'
q "insert into meta.delta_dropped select 'hub.commits', current_date - 1, 5, min(_load), min(_load)
	from raw.hub_commits_delta"
check_has "unless a part was dropped" "$("$bin/sluice" --json receipt first.json | tr -d ' \t')" '"delta_rows":-1'
check_has "which breaks nothing" "$("$bin/sluice" receipt first.json || true)" HOLDS
check_invariants
scenario_end

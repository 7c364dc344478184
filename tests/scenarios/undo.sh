#!/usr/bin/env bash
# undo.sh - a source that is undone might never have come: tables and models are
# those of a database that never saw it, whoever wins a key, also while others
# load the same keys; what was replaced is back, and its file loads again.
. "$(dirname "$0")/lib.sh"

# make FILE TAG FROM TO: records whose keys and parts others have, too; every
# tenth is refused
make() {
	seq "$3" "$4" | awk -v tag="$2" '{
		printf "{\"a\": %d, \"b\": \"%s\", \"v\": \"%s\", \"n\": %s, \"parts\": " \
			"[{\"p\": %d, \"w\": \"%s\"}, {\"p\": %d, \"w\": \"%s!\"}]}\n",
			int($1 / 2), $1 % 2 ? "odd" : "even", tag,
			$1 % 10 == 7 ? "\"x\"" : ($1 * 7919) % 100, $1 % 25, tag,
			$1 % 40, tag
	}' >"$1"
}

dataset() { # NAME EXTRA
	cat <<-YAML
	  $1:
	    source: { directory: $1 }
	    table: raw.$1
	    key: [a, b]
	    $2
	    columns:
	      - { name: a, type: integer }
	      - { name: b, type: text, max_length: 9 }
	      - { name: v, type: text }
	      - { name: n, type: integer }
	YAML
}

write_pipeline() {
	mkdir -p "$work/models/keys"
	{
		printf 'pipeline: keys\ndatasets:\n'
		dataset lasts ''
		dataset firsts 'wins: first'
		dataset newest 'newest: n'
		cat <<-YAML
		  parts:
		    from: lasts
		    each: [/parts/0, /parts/1]
		    table: raw.parts
		    key: [p]
		    columns:
		      - { name: p, type: integer }
		      - { name: w, type: text }
		models: [counted, seen, ranked, shown]
		YAML
	} >"$work/pipelines/keys.yaml"
	cat >"$work/models/keys/counted.sql" <<-SQL
	-- materialized: incremental
	-- grain: v
	-- rows: times
	-- depends: raw.lasts_delta
	-- description: Rows as they came.
	select v, count(*) as times from raw.lasts_delta group by 1;
	SQL
	cat >"$work/models/keys/seen.sql" <<-SQL
	-- materialized: incremental
	-- grain: b, v
	-- rows: keys
	-- depends: raw.lasts
	-- description: Current rows.
	select b, v, count(*) as keys, sum(n) as n from raw.lasts group by 1, 2;
	SQL
	cat >"$work/models/keys/ranked.sql" <<-SQL
	-- materialized: table
	-- grain: w
	-- depends: raw.parts, seen
	-- description: What was made out of them.
	select w, count(*) as parts, (select sum(keys) from modelled.seen) as keys
	from raw.parts group by 1;
	SQL
	cat >"$work/models/keys/shown.sql" <<-SQL
	-- materialized: view
	-- grain: v
	-- depends: seen
	-- description: The same, shown.
	select v, sum(keys) as keys from modelled.seen group by 1;
	SQL
}

# Everything but where it came from, of the database at URL
tables_of() { # URL
	local table
	for table in raw.lasts raw.firsts raw.newest raw.parts raw.lasts_delta \
		raw.newest_delta raw.firsts_delta raw.parts_delta modelled.counted \
		modelled.seen modelled.ranked modelled.shown; do
		psql_at "$1" -c "select '$table', count(*), md5(string_agg(t, '|' order by t))
			from (select (to_jsonb(t) - '_source' - '_load' - '_offset' - '_day')::text
				from $table t) t (t)"
	done
}

loaded() { # NUMBER: so many sources are complete
	eventually "$1 sources are loaded" "$complete_sources" "$1"
}

drop_in() { # TAG: into all three folders
	local folder
	for folder in lasts firsts newest; do
		drop "$work/$1.json" "$folder" "$1.json"
	done
}

undo() { # SOURCE...: prints what it says
	exits 0 "$bin/sluice" undo "$@"
}

id_of() { # DATASET FILE
	q "select max(source_id) from meta.source where dataset = '$1'
		and name = '$1/$2.json'"
}

# A database that sees only these, in this order
other=s_undo_other
reference() { # TAG...
	local tag folder
	psql_at "$(setting database_owner_url)" -v ON_ERROR_STOP=1 \
		-c "drop database if exists $other with (force)" \
		-c "create database $other" >/dev/null
	(
		export SLUICE_DATABASE_NAME=$other SLUICE_BROKER=false
		"$bin/sluice" apply >"$work/other.log" 2>&1
		for tag; do
			for folder in lasts firsts newest; do
				"$bin/sluice" load keys --dataset "$folder" \
					--file "$work/$tag.json" >>"$work/other.log" 2>&1
			done
		done
		"$bin/sluice" models run >>"$work/other.log" 2>&1
		tables_of "$(setting database_owner_url)"
	)
}

scenario_undo() {
	unset SLUICE_DATABASE_NAME
	psql_at "$(setting database_owner_url)" \
		-c "drop database if exists $other with (force)" >/dev/null 2>&1
}

run_models() {
	"$bin/sluice" models run >"$work/models.log" 2>&1
}

export SLUICE_MODELS_DIR
scenario_begin undo
SLUICE_MODELS_DIR=$work/models
rm "$work"/pipelines/*.yaml
write_pipeline
[ -z "$run_as" ] || chown -R "$run_as:$run_group" "$work"
"$bin/sluice" apply >"$work/apply.log" 2>&1 || { cat "$work/apply.log"; exit 1; }
run_models
make "$work/a.json" a 1 60
make "$work/b.json" b 40 120
make "$work/c.json" c 100 160
producer_start
consumer_start
drop_in a; loaded 3
drop_in b; loaded 6
drop_in c; loaded 9
run_models
before=$(tables_of "$owner_url")

# -- counted first
ids=$(for d in lasts firsts newest; do id_of "$d" b; done)
said=$(undo "$(id_of lasts b)")
check_has "a dry run says that it is one" "$said" 'nothing is changed yet'
check_has "and names what is made out of it" "$said" parts
check "and changes nothing" "$(tables_of "$owner_url")" "$before"
planned=$(undo "$(id_of lasts b)" --json | jq -c .datasets)

# -- done
said=$(exits 0 "$bin/sluice" --json undo "$(id_of lasts b)" --yes --reason wrong)
check "it does what was counted" "$(jq -c .datasets <<<"$said")" "$planned"
check "something was deleted, and restored" "$(jq '.datasets[0] | .deleted > 0
	and .restored > 0 and .not_restorable == 0' <<<"$said")" true
for d in firsts newest; do
	undo "$(id_of "$d" b)" --yes >"$work/undo.log"
done
check "as if it had never come" "$(tables_of "$owner_url")" "$(reference a c)"
check "no model is stale that was not" "$(q "select count(*) from meta.model
	where state = 'stale'")" 0
check_has "the receipt shows it" "$("$bin/sluice" receipt "$(id_of lasts b)")" ': wrong'
check "and holds" "$("$bin/sluice" receipt "$(id_of lasts b)" | tail -n 1)" HOLDS
check "who, what and why is kept" "$(q "select count(*), count(distinct target),
	bool_and(detail is not null) from meta.operation where what = 'undo'")" "3|3|t"
check "its rejects are shown no more" "$("$bin/sluice" --json rejects list |
	jq '[.groups[].rejects] | add')" "$(q "select count(*) from meta.reject
	join meta.source using (source_id) where undone_at is null")"
check "status counts what is there" "$("$bin/sluice" --json status | jq -c '[.datasets[] |
	[.dataset, .master_rows, .delta_rows]]')" "$(q "select json_build_array(
	json_build_array('lasts', (select count(*) from raw.lasts), (select count(*) from raw.lasts_delta)),
	json_build_array('firsts', (select count(*) from raw.firsts), (select count(*) from raw.firsts_delta)),
	json_build_array('newest', (select count(*) from raw.newest), (select count(*) from raw.newest_delta)),
	json_build_array('parts', (select count(*) from raw.parts), (select count(*) from raw.parts_delta)))" |
	jq -c .)"
check_has "twice it cannot be undone" "$(exits 1 "$bin/sluice" undo \
	"$(id_of lasts b)" --yes)" 'was undone at'
check "reconcile finds nothing" "$(reconcile --dry-run)" 'nothing to reconcile'

# -- and again
for id in $ids; do
	exits 0 "$bin/sluice" replay "$id" >"$work/replay.log"
done
loaded 12
run_models
check "loaded again it is there, behind the others" "$(tables_of "$owner_url")" \
	"$(reference a c b)"

# -- while others load the same keys: whole, and disjoint among themselves
make "$work/z.json" z 1 400
drop_in z; loaded 15
for i in 1 2 3 4 5 6 7 8; do
	make "$work/d$i.json" "d$i" $((i * 50 - 49)) $((i * 50))
	drop_in "d$i"
	case $i in
	2) undo "$(id_of lasts z)" --yes >"$work/undo.log" & first=$! ;;
	4) undo "$(id_of firsts z)" --yes >"$work/undo2.log" & second=$! ;;
	6) undo "$(id_of newest z)" --yes >"$work/undo3.log" & third=$! ;;
	esac
done
wait "$first" "$second" "$third"
check_has "an undo passes while others load" "$(cat "$work"/undo*.log)" 'undone;'
loaded 39
run_models
check "the tables are right all the same" "$(tables_of "$owner_url")" \
	"$(reference a c b d1 d2 d3 d4 d5 d6 d7 d8)"
producer_stop
consumer_stop

# -- a file of `sluice load`, too
make "$work/e.json" e 900 940
load_e() {
	"$bin/sluice" --json load keys --dataset lasts --file "$work/e.json" \
		2>"$work/load.log" | jq -c '[.inserted, .loaded_before]' || true
}
check "a file is loaded directly" "$(load_e)" "[37,0]"
check "once" "$(load_e)" "[0,41]"
id=$(q 'select max(source_id) from meta.source')
undo "$id" --yes >"$work/undo.log"
check "undone, it can be loaded again so" "$(load_e)" "[37,0]"
run_models

# -- what cannot be
check_has "no such source" "$(exits 1 "$bin/sluice" undo 4711)" 'no source is named'
check_has "which one?" "$(exits 64 "$bin/sluice" undo)" usage
check_has "a dead server" "$(exits 69 env SLUICE_DATABASE_PORT=1 \
	"$bin/sluice" undo 1 --yes)" 'is not there'
q "update meta.source set completed_at = null where source_id = $id + 1" >/dev/null
check_has "one that still arrives" "$(exits 1 "$bin/sluice" undo $((id + 1)))" 'not complete'
q "update meta.source set completed_at = now() where source_id = $id + 1" >/dev/null
q "insert into meta.delta_dropped (dataset, day, rows) values ('keys.lasts', '2020-01-01', 1)" >/dev/null
check_has "what nobody knows any more is said" "$(undo $((id + 1)))" 'were dropped'
check_invariants
scenario_end

#!/usr/bin/env bash
# reconcile_restore.sh - a table is restored from yesterday's backup while the
# ledger, collapsed or not, says that more was loaded: the master, a delta, the
# ledger itself, a table made out of another dataset's records.
. "$(dirname "$0")/lib.sh"

# As restoring one table does: its rows, and nothing beside.
backup() { # TABLE
	q "create table kept.$1 as table raw.$1"
}

restore() { # TABLE
	q "truncate raw.$1" >/dev/null
	q "insert into raw.$1 select * from kept.$1" >/dev/null
}

# Everything a person could see of the data, whatever load brought it.
contents() {
	q "select md5(string_agg((id, event_type, username, received_at, organization_name)::text,
			'|' order by id, event_type, received_at)) from raw.events
		union all select md5(string_agg((s.name, d._offset, d.id)::text, '|'
			order by s.name, d._offset)) from raw.events_delta d
			join meta.source s on s.source_id = d._source
		union all select md5(string_agg((sha, message)::text, '|' order by sha))
			from raw.hub_commits
		union all select md5(string_agg((id, login)::text, '|' order by id))
			from raw.persons
		union all select string_agg((name, records, rejected)::text, '|'
			order by name) from meta.source
		union all select string_agg(code || lo, '|' order by code, lo)
			from meta.reject" | md5sum
}

mended() { # CLAIM SOURCES
	check_has "$1: reconcile mends it" "$(reconcile)" "$2 sources: $2 loaded"
	check "$1: all is as it was" "$(contents)" "$want"
	check "$1: no model is left stale" \
		"$(q "select count(*) from meta.model where state = 'stale'")" 0
}

scenario_begin reconcile_restore
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
  persons:
    from: commits
    each: [/author, /committer]
    table: raw.persons
    key: [id]
    columns:
      - { name: id, type: integer }
      - { name: login, type: text }
END
"$bin/sluice" apply >>"$work/apply.log" 2>&1
q "create schema kept"
export SLUICE_CHUNK_RECORDS=5 SLUICE_LEDGER_KEEP_SECS=0
"$bin/gen_events" 700 7 3 >"$work/more.json"
cat >"$work/commits.json" <<'END'
[{"sha":"c1","message":"one","author":{"id":1,"login":"ann"},"committer":{"id":2,"login":"bob"}},
{"sha":"c2","message":"two","author":"nobody","committer":{"id":2,"login":"bobby"}}]
END
producer_start
consumer_start
drop "$top/tests/data/events_sample.json" events one.json
drop "$work/commits.json" commits one.json
eventually "yesterday two files were loaded" "$complete_sources" 2
for table in events events_delta commits persons persons_delta; do
	backup "$table"
done
printf '{"id":"m1","event_type":"User Created","username":"f","user_email":null,"user_type":"","organization_name":null,"plan_name":null,"received_at":"2026-03-01T00:00:00Z"}' |
	"$bin/publish" events.events m1 app
drop "$work/more.json" events more.json
drop "$top/tests/data/bad/bad_date.json" events bad.json
sed 's/"c\([12]\)/"d\1/; s/"id":\([12]\)/"id":1\1/g' "$work/commits.json" >"$work/commits2.json"
drop "$work/commits2.json" commits two.json
eventually "today three more, and a message" "$complete_sources" 6
eventually "their ledger has collapsed" \
	"select count(*) from meta.source where collapsed" 5
want=$(contents)

restore events
reconcile_dry
check_has "a dry run says what lies" "$dry" "the master lacks 676 rows"
check_has "and what it would do" "$dry" "load anew"
mended "the master restored" 3
restore events_delta
mended "the delta restored" 3
q "delete from meta.chunk where drop_id in (
	select drop_id from meta.source where name like '%more.json')"
mended "the ledger restored" 1
restore persons
restore persons_delta
mended "a derived dataset restored" 1
# dying N: a reconcile that is killed at its Nth send (0: at none); leaks cannot
# be looked for in what is traced
dying() {
	(ASAN_OPTIONS=detect_leaks=0 as_daemon "$bin/killat" -t "$work/told" \
		sendto "$1" "$bin/sluice" reconcile) >"$work/killed.log" 2>&1
}

# killed wherever (SLUICE_RECONCILE_KILLS=all: at each call), and begun again
restore events
dying 0
calls=$(tr -cd '0-9' <"$work/told")
case ${SLUICE_RECONCILE_KILLS:-some} in
all) calls=$(seq 1 "$calls") ;;
some) calls="$((calls / 2)) $((calls * 2 / 3)) $((calls * 5 / 6))" ;;
*) calls=$SLUICE_RECONCILE_KILLS ;;
esac
for n in $calls; do
	restore events
	dying "$n" || true
	reconcile >"$work/again.log" || true
	check "killed at send $n and run again, all is as it was" \
		"$(cut -d' ' -f1 "$work/told") $(contents)" "killed $want"
	check "no model is left stale by send $n" \
		"$(q "select count(*) from meta.model where state = 'stale'")" 0
done


restore events
reconcile >"$work/first.log" 2>&1 &
reconcile >"$work/second.log" 2>&1 || true
wait %% 2>/dev/null || true
reconcile >"$work/third.log" 2>&1 || true
check "two at once do no harm" "$(contents)" "$want"

# what delta_keep dropped is not missing
q "insert into meta.delta_dropped (dataset, day, rows, first_load, last_load)
	select 'hub.commits', current_date - 1, count(*), min(_load), max(_load)
	from raw.hub_commits_delta d join meta.source s on s.source_id = d._source
	where name like '%one.json'"
q "delete from raw.hub_commits_delta where _source in (
	select source_id from meta.source where name = 'commits/one.json')"
check_reconciled

# a direct load of one day only cannot be told from its file
"$bin/sluice" load --dataset events.events --date 2024-03-01 \
	--file "$top/tests/data/events_sample.json" >"$work/load.log" 2>&1
check "a direct load is nothing to reconcile" "$(reconcile)" "nothing to reconcile"
q "delete from raw.events_delta where _source in (
	select source_id from meta.source where filtered > 0)"
check_has "one of some dates, gone, is named and left alone" \
	"$(reconcile || echo "exit $?")" 'for some dates only'
scenario_end

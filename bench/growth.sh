#!/usr/bin/env bash
# growth.sh - what an event costs to load, with models, when the master holds
# more and more of them already: `sluice load` beside the bare program
# (bench/bare_load.c: COPY, the same upsert, the same models) on the same table.
#
# usage: ./run.sh bench growth [--quick] [--steps "0 1 5 10 20"] [--records N]
#                              [--rounds N]
#   --quick    steps "0 1", 100,000 events, one round
#   --steps    millions of rows in the master at which to measure
#   --records  events in each measurement (default 200,000)
#   --rounds   measurements at each step (default 5)
# The master is filled by plain SQL, its index built anew at 70 %, which is what
# random keys leave of it; then come the models and VACUUM ANALYZE. In each round
# the two load new events into the full table and, for what the machine does
# besides must not look like growth, both into an empty database; each of the
# four begins behind a checkpoint, when a page costs most: its first change
# puts it into the log as a whole. Prints, for each step, medians in
# microseconds an event, by the clock of the loads and of processor in all of
# PostgreSQL, with their ratio to the empty database's; the log's bytes and
# whole pages an event, blocks read; and Sluice's slowdown over the bare
# program's. Takes about 0.4 KB of disk a row.
. "$(dirname "$0")/lib.sh"

steps="0 1 5 10 20" records=200000 rounds=5
while [ $# -gt 0 ]; do
	case $1 in
	--quick) steps="0 1" records=100000 rounds=1 ;;
	--steps) steps=$2; shift ;;
	--records) records=$2; shift ;;
	--rounds) rounds=$2; shift ;;
	*) bench_usage ;;
	esac
	shift
done
files=0 database=

# use DATABASE
use() {
	export SLUICE_DATABASE_NAME=$1
	owner_url=$(setting database_owner_url)
}

copy_of_nothing() { # NAME
	psql_at "$server_url" -c "create database $1 template nothing"
}

# -- filling ---------------------------------------------------------------

# Rows like gen_events makes them, straight into the master.
fill_sql() { # FROM TO
	cat <<-END
	alter table raw.events disable trigger user;
	alter table raw.events drop constraint events_pkey;
	insert into raw.events (id, event_type, username, user_email, user_type,
		organization_name, plan_name, received_at, _source, _offset, _load)
	select md5(n::text),
		(array['User Created', 'User Updated', 'User Deleted'])[1 + h / 7 % 3],
		'user_' || lpad((h % 2000)::text, 5, '0'),
		'user_' || lpad((h % 2000)::text, 5, '0') || '@organisation-'
			|| lpad((h % 50)::text, 2, '0') || '.example',
		(array['Admin', 'Creator', 'User'])[1 + h % 2000 % 3],
		'Organisation ' || lpad((h % 50)::text, 2, '0'),
		(array['Enterprise', 'Medium'])[1 + h % 2],
		timestamp '2026-09-01' + (h / 31 % 2592000) * interval '1 second',
		0, n, 0
	from generate_series($1::bigint, $2::bigint - 1) n,
		lateral (select abs(hashint8(n)::bigint) h offset 0) x;
	alter table raw.events add constraint events_pkey
		primary key (id, event_type, received_at) with (fillfactor = 70);
	alter index raw.events_pkey reset (fillfactor);
	alter table raw.events enable trigger user;
	END
}

fill_to() { # ROWS
	local rows
	rows=$(q 'select count(*) from raw.events')
	if [ "$rows" -lt "$1" ]; then
		psql_at "$owner_url" -v ON_ERROR_STOP=1 -1 <<<"$(fill_sql "$rows" "$1")"
		"$bin/sluice" models run events_seen events_loaded >/dev/null
	fi
	q 'vacuum analyze raw.events, modelled.events_seen, modelled.events_loaded'
}

# -- measuring ---------------------------------------------------------------

# Ticks of processor of PostgreSQL's processes, those that have ended as well.
postgres_ticks() {
	local pid
	pid=$(head -n 1 "$servers/run/postgresql.pid" | cut -d' ' -f1)
	{ cat /proc/[0-9]*/stat 2>/dev/null || true; } | awk -v main="$pid" '
		$1 == main { n += $16 + $17 }
		$4 == main { n += $14 + $15 }
		END { print n + 0 }'
}

# Bytes and whole pages in the log, blocks read: so far.
work_done() {
	q "select wal_bytes, wal_fpi, blks_read
		from pg_stat_wal, pg_stat_database where datname = current_database()"
}

load_sluice() {
	local last
	last=$(q 'select coalesce(max(load_id), 0) from meta.load')
	"$bin/sluice" load --dataset events.events --file "$work/events.json" \
		>/dev/null 2>&1
	q "select sum(extract(epoch from committed_at - started_at))
		from meta.load where load_id > $last"
}

load_bare() {
	"$bin/bare_load" events events "$work/events.json" | cut -d' ' -f2
}

models_us() {
	q 'select sum(refresh_us) from meta.model'
}

# Events that were never there: seeds far apart give nothing twice. Adds to the
# file: clock, processor, log's bytes and pages, blocks, models; an event each.
measure() { # sluice|bare FILE
	local ticks before models secs
	files=$((files + 1))
	"$bin/gen_events" "$records" $((files << 40)) 0 >"$work/events.json"
	copy_of_nothing behind && gone behind # forces a checkpoint
	use "$database"
	before=$(work_done)
	models=$(models_us)
	ticks=$(postgres_ticks)
	secs=$("load_$1")
	ticks=$(($(postgres_ticks) - ticks))
	printf '%s %s %s %s %s %s\n' "$secs" "$ticks" "$before" "$(work_done)" \
		"$models" "$(models_us)" |
		awk -v n="$records" -v hz="$(getconf CLK_TCK)" '{
			print $1 * 1e6 / n, $2 * 1e6 / hz / n, ($6 - $3) / n, ($7 - $4) / n,
				($8 - $5) / n, ($10 - $9) / n
		}' >>"$work/$2"
}

# One after the other into the database, the first of them in turns.
measure_both() { # ROUND NAME
	if [ $(($1 % 2)) = 1 ]; then
		measure sluice "sluice_$2"
		measure bare "bare_$2"
	else
		measure bare "bare_$2"
		measure sluice "sluice_$2"
	fi
}

# -- telling -----------------------------------------------------------------

# median FIELD FILE
median() {
	cut -d' ' -f"$1" "$work/$2" | sort -n | awk '{ v[NR] = $1 }
		END { print v[int((NR + 1) / 2)] }'
}

over() { # FIELD FILE FILE
	awk -v a="$(median "$1" "$2")" -v b="$(median "$1" "$3")" \
		'BEGIN { printf "%.2f", a / b }'
}

tell() { # WHO NAME
	printf '  %-24s %7.2f (%s) %7.2f (%s) %9.0f %9.3f %9.3f %9s\n' "$1" \
		"$(median 1 "$2_full")" "$(over 1 "$2_full" "$2_empty")" \
		"$(median 2 "$2_full")" "$(over 2 "$2_full" "$2_empty")" \
		"$(median 3 "$2_full")" "$(median 4 "$2_full")" \
		"$(median 5 "$2_full")" "$3"
}

tell_step() { # ROWS
	local field
	printf '%s rows\n' "$1"
	tell "sluice load" sluice "$(printf '%.2f' "$(median 6 sluice_full)")"
	tell "bare program" bare -
	printf '  %-24s' "slowdown over slowdown"
	for field in 1 2; do
		printf ' %14s' "$(awk -v a="$(over $field sluice_full sluice_empty)" \
			-v b="$(over $field bare_full bare_empty)" \
			'BEGIN { printf "%.2f", a / b }')"
	done
	printf '\n'
}

at_step() { # MILLIONS
	local round
	use growth
	progress "filling up to $1 million rows, $SECONDS s"
	fill_to $(($1 * 1000000))
	rm -f "$work"/{sluice,bare}_{full,empty}
	for ((round = 1; round <= rounds; round++)); do
		progress "$1 million rows, round $round of $rounds, $SECONDS s"
		copy_of_nothing "empty"
		database=empty measure_both "$round" empty
		gone empty
		if [ "$1" = 0 ]; then
			copy_of_nothing young
			database=young measure_both "$round" full
			gone young
		else
			database=growth measure_both "$round" full
		fi
	done
	step
	tell_step $(($1 * 1000000))
}

main() {
	local millions
	bench_begin --no-broker
	server_url=$(setting database_owner_url)
	fresh nothing
	# what it does falls on one of the two by chance
	q "select format('alter table %I.%I set (autovacuum_enabled = false);',
			schemaname, tablename) from pg_tables
		where schemaname in ('raw', 'modelled')
		and tablename not in (select relname from pg_class where relkind = 'p')" |
		psql_at "$owner_url"
	copy_of_nothing growth
	printf '%s events a measurement, %s rounds, %s processors, load %s\n' \
		"$records" "$rounds" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
	printf '  %-24s %14s %14s %9s %9s %9s %9s\n' 'an event' 'us, clock' \
		'us, processor' 'log, B' 'log, pages' 'blocks' 'models, us'
	for millions in $steps; do
		at_step "$millions"
	done
}

main

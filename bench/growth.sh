#!/usr/bin/env bash
# growth.sh - what an event costs to load, with models, when the master holds
# more and more of them already.
#
# usage: ./run.sh bench growth [--steps "0 1 5 10"] [--records N] [--rounds N]
#   --steps    millions of rows in the master at which to measure
#   --records  events in each measurement (default 200,000)
#   --rounds   measurements at each step (default 3)
# Each measurement is followed by one into an empty database, for what the
# machine does besides must not look like growth. Prints medians for each step:
# microseconds of processor an event in the database session, by the clock, and
# of that the models'; with each its ratio to the empty database's.
. "$(dirname "$0")/lib.sh"

steps="0 1 5 10" records=200000 rounds=3 files=0
while [ $# -gt 0 ]; do
	case $1 in
	--steps) steps=$2; shift ;;
	--records) records=$2; shift ;;
	--rounds) rounds=$2; shift ;;
	*) bench_usage ;;
	esac
	shift
done

# use DATABASE
use() {
	export SLUICE_DATABASE_NAME=$1
	owner_url=$(setting database_owner_url)
}

# Events that were never there: seeds far apart give nothing twice. Sets cpu_ms.
load() { # RECORDS
	local pid now
	files=$((files + 1))
	"$bin/gen_events" "$1" $((files << 40)) 0 >"$work/events.json"
	"$bin/sluice" load --dataset events.events --file "$work/events.json" \
		>/dev/null 2>&1 &
	pid=$!
	cpu_ms=0
	while kill -0 "$pid" 2>/dev/null; do
		now=$(session_cpu_ms "$SLUICE_DATABASE_NAME") && cpu_ms=${now:-$cpu_ms}
		sleep 0.1
	done
	wait "$pid"
}

fill_to() { # ROWS
	local rows missing
	while rows=$(q 'select coalesce(sum(inserted), 0) from meta.load') &&
		[ "$rows" -lt "$1" ]; do
		missing=$(($1 - rows))
		load $((missing < 1000000 ? missing : 1000000))
	done
}

models_us() {
	q 'select sum(refresh_us) from meta.model'
}

# Prints processor, clock, models: microseconds an event of one load.
measure() {
	local last before cpu_ms
	last=$(q 'select coalesce(max(load_id), 0) from meta.load')
	before=$(models_us)
	load "$records"
	q "select round($cpu_ms * 1000.0 / $records, 2),
			round(sum(extract(epoch from committed_at - started_at))
				* 1000000 / $records, 2),
			round(($(models_us) - $before)::numeric / $records, 2)
		from meta.load where load_id > $last"
}

# median FIELD FILE
median() {
	cut -d' ' -f"$1" "$2" | sort -n | awk '{ v[NR] = $1 }
		END { print v[int((NR + 1) / 2)] }'
}

# One of the large, one of a copy of the empty, and so on.
step() { # MILLIONS
	local n field empty
	use growth
	fill_to $(($1 * 1000000))
	: >"$work/large"
	: >"$work/empty"
	for ((n = 1; n <= rounds; n++)); do
		empty=empty_$1_$n
		use growth
		measure >>"$work/large"
		psql_at "$owner_url" -c "create database $empty template nothing" >/dev/null
		use "$empty"
		measure >>"$work/empty"
		gone "$empty"
	done
	printf '%12d' $(($1 * 1000000))
	for field in 1 2 3; do
		printf '%s %s\n' "$(median $field "$work/large")" \
			"$(median $field "$work/empty")" |
			awk '{ printf " %10.2f (%5.2f)", $1, $1 / $2 }'
	done
	printf '\n'
}

main() {
	local millions
	bench_begin --no-broker
	fresh nothing
	psql_at "$(setting database_owner_url)" \
		-c 'create database growth template nothing' >/dev/null
	mkdir -p "$SLUICE_RAW_DIR"
	printf '%12s %18s %18s %18s\n' 'master rows' 'us, processor' 'us, clock' \
		'us, models'
	for millions in $steps; do
		step "$millions"
	done
}

main

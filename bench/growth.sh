#!/usr/bin/env bash
# growth.sh - what an event costs to load, with models, when the master holds
# more and more of them already.
#
# usage: ./run.sh bench growth [--steps "0 1 5 10"] [--records N]
#   --steps    millions of rows in the master at which to measure
#   --records  events in each measurement (default 500,000)
# Prints for each step microseconds an event: of processor in the database, the
# median by the clock of the loads (50,000 events each), and the models' part of
# that; and each over the first step's.
. "$(dirname "$0")/lib.sh"

steps="0 1 5 10" records=500000 seed=1
while [ $# -gt 0 ]; do
	case $1 in
	--steps) steps=$2; shift ;;
	--records) records=$2; shift ;;
	*) bench_usage ;;
	esac
	shift
done

# Every file has events that were never there: a seed of its own. Sets cpu_ms.
load() { # RECORDS
	local pid now
	"$bin/gen_events" "$1" "$seed" 0 >"$work/events.json"
	seed=$((seed + 1))
	"$bin/sluice" load --dataset events.events --file "$work/events.json" \
		>/dev/null 2>&1 &
	pid=$!
	cpu_ms=0
	while kill -0 "$pid" 2>/dev/null; do
		now=$(session_cpu_ms growth) && cpu_ms=${now:-$cpu_ms}
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

# Sets numbers: processor, clock, models.
measure() {
	local last before
	last=$(q 'select coalesce(max(load_id), 0) from meta.load')
	before=$(models_us)
	load "$records"
	read -ra numbers < <(q "select round($cpu_ms * 1000.0 / $records, 2),
			round((percentile_cont(0.5) within group (
				order by extract(epoch from committed_at - started_at)
				* 1000000 / records))::numeric, 2),
			round(($(models_us) - $before)::numeric / $records, 2)
		from meta.load where load_id > $last and records > 0")
}

main() {
	local step cpu_ms numbers first=()
	bench_begin --no-broker
	fresh growth
	printf '%12s %26s %16s %16s\n' 'master rows' 'us an event: processor' \
		clock 'of it models'
	for step in $steps; do
		fill_to $((step * 1000000))
		measure
		[ ${#first[@]} -gt 0 ] || first=("${numbers[@]}")
		printf '%s\n' "$((step * 1000000)) ${numbers[*]} ${first[*]}" |
			awk '{ printf "%12d %18.2f (%5.2f) %8.2f (%5.2f) %8.2f (%5.2f)\n",
				$1, $2, $2 / $5, $3, $3 / $6, $4, $4 / $7 }'
	done
}

main

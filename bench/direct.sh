#!/usr/bin/env bash
# direct.sh - measures `sluice load` into PostgreSQL on this machine, beside the
# limit (bench/bare_load.c: COPY, upsert and the same models, nothing else, and
# everything parsed before its clock starts), in alternation.
#
# usage: ./run.sh bench direct [--quick] [--rounds N] [--records N]
#   --quick    100,000 records, one round
#   --rounds   how often the two alternate (default 3)
#   --records  records in the one file (default 1,000,000)
# Prints a table of medians with minimum and maximum, and the ratio of each
# round: load's time over the limit's.
. "$(dirname "$0")/lib.sh"

rounds=3 records=1000000
while [ $# -gt 0 ]; do
	case $1 in
	--quick) rounds=1 records=100000 ;;
	--rounds) rounds=$2; shift ;;
	--records) records=$2; shift ;;
	*) bench_usage ;;
	esac
	shift
done

# Sets secs and mib of a load of the file.
direct() { # FILE
	local started pid now
	started=$(date +%s.%N)
	"$bin/sluice" load --dataset events.events --file "$1" >"$work/said" &
	pid=$!
	mib=0
	while now=$(peak_mib "$pid" 2>/dev/null) && [ -n "$now" ]; do
		mib=$now
		sleep 0.1
	done
	wait "$pid"
	secs=$(awk -v a="$started" -v b="$(date +%s.%N)" 'BEGIN { printf "%.3f", b - a }')
	grep -q "^ *$records records" "$work/said" || { cat "$work/said"; exit 1; }
}

main() {
	local n limit secs mib limits=() directs=() ratios=() mibs=()
	bench_begin --no-broker
	"$bin/gen_events" "$records" 1 10 >"$work/events.json"
	for n in $(seq "$rounds"); do
		fresh "limit_$n"
		limit=$("$bin/bare_load" events events "$work/events.json" | cut -d' ' -f2)
		gone "limit_$n"
		fresh "direct_$n"
		direct "$work/events.json"
		gone "direct_$n"
		limits+=("$(rate "$records" "$limit")")
		directs+=("$(rate "$records" "$secs")")
		ratios+=("$(awk -v a="$secs" -v b="$limit" 'BEGIN { printf "%.3f", a / b }')")
		mibs+=("$mib")
	done
	printf '%s records, %s rounds, %s processors, load %s\n' "$records" "$rounds" \
		"$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
	row_head
	row "direct load, file to master and models, records/s" "${directs[@]}"
	row "limit: COPY + upsert + models, records/s" "${limits[@]}"
	row "direct load's time over the limit's" "${ratios[@]}"
	row "direct load's peak memory, MiB" "${mibs[@]}"
}

main

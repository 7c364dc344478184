#!/usr/bin/env bash
# run.sh - measures the whole path on this machine, on private servers below a
# temporary folder, beside the limit (bench/bare_load.c) in the same run.
#
# usage: ./run.sh bench [--quick] [--rounds N] [--records N] [--big]
#   --quick    100,000 records, one round
#   --rounds   how often path and limit alternate (default 3)
#   --records  records in the one file (default 1,000,000)
#   --big      also a file of 1 GiB, for the producer's memory
# Prints a table of medians with minimum and maximum.
. "$(dirname "$0")/lib.sh"

rounds=3 records=1000000 big=no
while [ $# -gt 0 ]; do
	case $1 in
	--quick) rounds=1 records=100000 ;;
	--rounds) rounds=$2; shift ;;
	--records) records=$2; shift ;;
	--big) big=yes ;;
	*) bench_usage ;;
	esac
	shift
done

daemons=()

stop_daemons() {
	local pid
	for pid in ${daemons[@]+"${daemons[@]}"}; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	daemons=()
}

start_daemons() {
	"$bin/sluice-producer" 2>>"$work/producer.log" &
	daemons=($!)
	"$bin/sluice-consumer" 2>>"$work/consumer.log" &
	daemons+=($!)
	q "select 1" >/dev/null
}

# whole_path FILE: seconds from the rename until the source is complete,
# by the database's clock
whole_path() {
	local target=$SLUICE_RAW_DIR/events/bench.json started
	cp "$1" "$SLUICE_RAW_DIR/events/.bench"
	sync
	started=$(date +%s.%N)
	mv "$SLUICE_RAW_DIR/events/.bench" "$target"
	until [ "$(q "select count(*) from meta.source where completed_at is not null")" = 1 ]; do
		sleep 1 # the time comes from the database: looking costs, too
	done
	q "select round((extract(epoch from max(committed_at)) - $started)::numeric, 3)
		from meta.load"
}

cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

main() {
	local paths=() limits=() bares=() producer_mib=() consumer_mib=() n secs
	bench_begin
	"$bin/gen_events" "$records" 1 10 >"$work/events.json"
	for n in $(seq "$rounds"); do
		stop_daemons
		step "round $n of $rounds: the limits"
		fresh "bare_$n"
		bares+=("$("$bin/bare_load" bare events "$work/events.json" | cut -d' ' -f3)")
		fresh "limit_$n"
		limits+=("$("$bin/bare_load" events events "$work/events.json" | cut -d' ' -f3)")
		step "round $n of $rounds: the whole path"
		fresh "path_$n"
		start_daemons
		secs=$(whole_path "$work/events.json")
		paths+=("$(rate "$records" "$secs")")
		producer_mib+=("$(peak_mib "${daemons[0]}")")
		consumer_mib+=("$(peak_mib "${daemons[1]}")")
	done
	step
	printf '%s records, %s rounds, %s processors\n' "$records" "$rounds" "$(nproc)"
	row_head
	row "whole path, file to master and models, records/s" "${paths[@]}"
	row "limit: COPY + upsert + models, records/s" "${limits[@]}"
	row "limit: COPY + upsert alone, records/s" "${bares[@]}"
	row "producer peak memory, MiB" "${producer_mib[@]}"
	row "consumer peak memory, MiB" "${consumer_mib[@]}"
	idle
	one_file
	[ "$big" = no ] || big_file
}

# one SQLite file: the load beside a program that does nothing but insert and
# upsert the same rows with the same pragmas, without models, in turns
one_file() {
	local n limits=() loads=() bares=() mib=() out
	stop_daemons
	for n in $(seq "$rounds"); do
		step "round $n of $rounds: into SQLite"
		rm -f "$work"/lite.db* "$work"/bare.db* "$work"/none.db*
		limits+=("$("$bin/bare_lite" "$work/events.json" "$work/bare.db" |
			cut -d' ' -f3)")
		out=$(into_sqlite events "$work/lite.db")
		loads+=("${out% *}")
		mib+=("${out#* }")
		out=$(into_sqlite bare "$work/none.db")
		bares+=("${out% *}")
	done
	step
	row "into SQLite, with models, records/s" "${loads[@]}"
	row "into SQLite, without models, records/s" "${bares[@]}"
	row "limit: insert + upsert alone, records/s" "${limits[@]}"
	row "peak memory of the load, MiB" "${mib[@]}"
	printf 'share of the limit: %s %% with models, %s %% without\n' \
		"$(share "${loads[*]}" "${limits[*]}")" "$(share "${bares[*]}" "${limits[*]}")"
}

# into_sqlite PIPELINE FILE: records/s, peak MiB
into_sqlite() {
	"$bin/sluice" --json load "$1" --dataset events --file "$work/events.json" \
		--to "sqlite:$2" >"$work/lite.json" 2>/dev/null &
	local pid=$! peak=0 now
	while kill -0 "$pid" 2>/dev/null; do
		now=$(peak_mib "$pid" 2>/dev/null) && [ -n "$now" ] && peak=$now
		sleep 0.2
	done
	wait "$pid"
	printf '%s %s\n' "$(jq -r '(.records * 1000 / .ms) | floor' "$work/lite.json")" "$peak"
}

# share RATES LIMITS: medians, in percent
share() {
	awk -v a="$1" -v b="$2" 'function median(text, v, n, i, j, t) {
			n = split(text, v, " ")
			for (i = 1; i < n; i++)
				for (j = i + 1; j <= n; j++)
					if (v[j] < v[i]) { t = v[i]; v[i] = v[j]; v[j] = t }
			return v[int((n + 1) / 2)]
		}
		BEGIN { printf "%.0f", 100 * median(a) / median(b) }'
}

# idle cost and the latency of one dropped file, on daemons with nothing to do
idle() {
	local before after pid
	printf 'one dropped file to modelled.events_by_date, ms: %s\n' \
		"$("$bin/latency" "$SLUICE_RAW_DIR/events" 100)"
	sleep 5
	for pid in "${daemons[@]}"; do
		before=$(cpu_ticks "$pid")
		sleep 20
		after=$(cpu_ticks "$pid")
		printf 'idle processor share of %s: %s %%\n' "$(cat "/proc/$pid/comm")" \
			"$(awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" \
				'BEGIN { printf "%.2f", 100 * t / hz / 20 }')"
	done
}

big_file() {
	stop_daemons
	fresh big
	start_daemons
	"$bin/gen_events" 3800000 2 10 >"$work/big.json"
	printf 'a file of %s MiB: %s s' "$(($(stat -c %s "$work/big.json") >> 20))" \
		"$(whole_path "$work/big.json")"
	printf ', producer peak %s MiB, consumer peak %s MiB\n' \
		"$(peak_mib "${daemons[0]}")" "$(peak_mib "${daemons[1]}")"
}

main

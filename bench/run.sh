#!/usr/bin/env bash
# run.sh - measures the whole path on this machine, on private servers below a
# temporary folder, beside the limit (bench/bare_load.c) in the same run.
#
# usage: bench/run.sh [--quick] [--rounds N] [--records N] [--big]
#   --quick    100,000 records, one round
#   --rounds   how often path and limit alternate (default 3)
#   --records  records in the one file (default 1,000,000)
#   --big      also a file of 1 GiB, for the producer's memory
# Prints a table of medians with minimum and maximum.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
bin=${SLUICE_BIN:-$top/build/release/bin}
# shellcheck source=tests/support/settings.sh
. "$top/tests/support/settings.sh"
rounds=3 records=1000000 big=no
while [ $# -gt 0 ]; do
	case $1 in
	--quick) rounds=1 records=100000 ;;
	--rounds) rounds=$2; shift ;;
	--records) records=$2; shift ;;
	--big) big=yes ;;
	*) sed -n 's/^# \{0,1\}//p' "$0" | sed -n '4,9p' >&2; exit 64 ;;
	esac
	shift
done

work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-bench.XXXXXX")
chmod 755 "$work"
daemons=()

clean() {
	stop_daemons
	"$top/deploy/native.sh" stop "$work/servers" >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap clean EXIT

stop_daemons() {
	local pid
	for pid in ${daemons[@]+"${daemons[@]}"}; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	daemons=()
}

# fresh NAME: an empty database and virtual host, daemons on it when asked
fresh() {
	stop_daemons
	unset SLUICE_DATABASE_NAME
	psql_at "$(setting database_owner_url)" -c "create database $1" >/dev/null
	export SLUICE_DATABASE_NAME=$1 SLUICE_BROKER_VHOST=$1
	export SLUICE_RAW_DIR=$work/$1/raw SLUICE_STATE_FILE=$work/$1/state/p.db
	export SLUICE_PROCESSED_DIR=$work/$1/raw/processed
	export SLUICE_FAILED_DIR=$work/$1/raw/failed
	mkdir -p "$SLUICE_RAW_DIR/events" "$work/$1/state"
	"$bin/sluice" apply >/dev/null
	owner_url=$(setting database_owner_url)
}

start_daemons() {
	"$bin/sluice-producer" 2>>"$work/producer.log" &
	daemons=($!)
	"$bin/sluice-consumer" 2>>"$work/consumer.log" &
	daemons+=($!)
	q "select 1" >/dev/null
}

q() {
	psql_at "$owner_url" -c "$1"
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

peak_mib() {
	awk '/^VmHWM/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"
}

cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

# row NAME VALUES...: median, minimum, maximum
row() {
	local name=$1
	shift
	printf '%s\n' "$@" | sort -n | awk -v name="$name" '
		{ v[NR] = $1 }
		END { printf "%-52s %12s %12s %12s\n", name, v[int((NR + 1) / 2)], v[1], v[NR] }'
}

main() {
	local paths=() limits=() bares=() producer_mib=() consumer_mib=() n secs
	"$top/deploy/native.sh" start "$work/servers" >/dev/null
	export SLUICE_CONFIG=$work/servers/sluice.yaml
	export SLUICE_PIPELINES_DIR=$work/pipelines
	export SLUICE_SCHEMA_DIR=$top/sql/schema SLUICE_MODELS_DIR=$top/sql/models
	mkdir "$work/pipelines"
	cp "$top"/pipelines/*.yaml "$work/pipelines/"
	# the same columns without models, for the limit without them
	sed -e 's/^pipeline: .*/pipeline: bare/' -e 's/raw\.events/raw.bare_events/' \
		-e 's/raw\.orgs/raw.bare_orgs/' -e 's/directory: \([a-z]*\)/directory: bare_\1/' \
		-e '/^models:/,/^[a-z]/{/^models:/d;/^ *-/d}' \
		-e '/^tests:/,$d' "$top/pipelines/events.yaml" >"$work/pipelines/bare.yaml"
	"$bin/gen_events" "$records" 1 10 >"$work/events.json"
	for n in $(seq "$rounds"); do
		fresh "bare_$n"
		bares+=("$("$bin/bare_load" bare events "$work/events.json" | cut -d' ' -f3)")
		fresh "limit_$n"
		limits+=("$("$bin/bare_load" events events "$work/events.json" | cut -d' ' -f3)")
		fresh "path_$n"
		start_daemons
		secs=$(whole_path "$work/events.json")
		paths+=("$(awk -v r="$records" -v s="$secs" 'BEGIN { printf "%.0f", r / s }')")
		producer_mib+=("$(peak_mib "${daemons[0]}")")
		consumer_mib+=("$(peak_mib "${daemons[1]}")")
	done
	printf '%s records, %s rounds, %s processors\n' "$records" "$rounds" "$(nproc)"
	printf '%-52s %12s %12s %12s\n' "" median min max
	row "whole path, file to master and models, records/s" "${paths[@]}"
	row "limit: COPY + upsert + models, records/s" "${limits[@]}"
	row "limit: COPY + upsert alone, records/s" "${bares[@]}"
	row "producer peak memory, MiB" "${producer_mib[@]}"
	row "consumer peak memory, MiB" "${consumer_mib[@]}"
	idle
	[ "$big" = no ] || big_file
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
	fresh big
	start_daemons
	"$bin/gen_events" 3800000 2 10 >"$work/big.json"
	printf 'a file of %s MiB: %s s' "$(($(stat -c %s "$work/big.json") >> 20))" \
		"$(whole_path "$work/big.json")"
	printf ', producer peak %s MiB, consumer peak %s MiB\n' \
		"$(peak_mib "${daemons[0]}")" "$(peak_mib "${daemons[1]}")"
}

main

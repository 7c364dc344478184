#!/usr/bin/env bash
# run.sh - fuzzes: each target so many executions, with a progress line, and
# a table at the end.
#
#   run.sh [--runs N] [TARGET...]
#
# TARGET: envelope pipeline rowmap reader copybin input jsonscan ... (the
# fuzz_<TARGET>.c beside this file; the default is all of them) or oracle, the
# reader against PostgreSQL (tests/fuzz/oracle.c; private servers are started
# for it below build/fuzz). --runs: executions of each, 10000000.
# SLUICE_FUZZ_JOBS: how many at a time, 1. What a target learns stays in
# build/fuzz/learned, what it finds in build/fuzz/findings. Needs clang.
# Exit 0: nothing found; 1: something was; 64: wrong usage; 69: no clang or no
# servers.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$top/build/fuzz
runs=10000000
jobs_max=${SLUICE_FUZZ_JOBS:-1}

usage() {
	printf 'usage: run.sh [--runs N] [TARGET...]\n' >&2
	exit 64
}

# The longest input: what still goes fast. Others need no more than this.
max_len() { # TARGET
	case $1 in
	reader) echo 48 ;;
	input) echo 96 ;;
	jsonscan | jsonmold) echo 128 ;;
	copybin | ident | inotify) echo 256 ;;
	rowmap) echo 512 ;;
	*) echo 1024 ;;
	esac
}

targets_here() {
	local file
	for file in "$top"/tests/fuzz/fuzz_*.c; do
		file=${file##*/fuzz_}
		printf '%s\n' "${file%.c}"
	done
	[ ! -f "$top/tests/fuzz/oracle.c" ] || echo oracle
}

compile() {
	command -v clang >/dev/null || {
		printf 'run.sh: no clang: apt-get install clang\n' >&2
		exit 69
	}
	local target names=()
	for target in "${targets[@]}"; do
		case $target in
		oracle) names+=(oracle sluice) ;;
		*) names+=("fuzz_$target") ;;
		esac
	done
	(cd "$top" && cmake --preset fuzz) >/dev/null
	ninja -C "$build" "${names[@]}" >"$build/run.log" 2>&1 ||
		{ tail -n 20 "$build/run.log" >&2; exit 69; }
}

start() { # TARGET: in the background
	local learned=$build/learned/$1
	mkdir -p "$learned" "$build/findings"
	if [ "$1" = oracle ]; then
		nice -n 19 "$top/tests/fuzz/oracle.sh" "$runs" >"$build/$1.log" 2>&1 &
	else
		# malloc's extras of the sanitizer cost more than the targets
		ASAN_OPTIONS=quarantine_size_mb=1:thread_local_quarantine_size_kb=64:malloc_context_size=2:allocator_release_to_os_interval_ms=-1 \
			nice -n 19 "$build/bin/fuzz_$1" -runs="$runs" -reload=0 -entropic=0 \
			-max_len="$(max_len "$1")" -print_final_stats=1 -timeout=25 \
			-rss_limit_mb=2000 -artifact_prefix="$build/findings/$1-" \
			"$learned" "$top/tests/fuzz/corpus/fuzz_$1" >"$build/$1.log" 2>&1 &
	fi
	pids[$1]=$!
}

# How many executions the log knows of.
done_so_far() { # TARGET
	sed -n 's/^#\([0-9]*\).*/\1/p; s/^stat::number_of_executed_units: *//p' \
		"$build/$1.log" | tail -n 1
}

progress() {
	local target line=''
	for target in "${!pids[@]}"; do
		line+="$target $(done_so_far "$target")/$runs  "
	done
	if [ -t 1 ]; then
		printf '\r%-79s' "$line"
	else
		printf '%s\n' "$line"
	fi
}

finish() { # TARGET: its line of the table
	local verdict=clean
	if ! wait "${pids[$1]}"; then
		verdict="FOUND SOMETHING, see $build/$1.log"
		failed=1
	fi
	unset "pids[$1]"
	table+=("$(printf '%-10s %12s  %s' "$1" "$(done_so_far "$1")" "$verdict")")
}

reap() {
	local target
	for target in "${!pids[@]}"; do
		kill -0 "${pids[$target]}" 2>/dev/null || finish "$target"
	done
}

stop_all() {
	local target
	for target in "${!pids[@]}"; do
		kill "${pids[$target]}" 2>/dev/null || true
	done
}

targets=()
while [ $# -gt 0 ]; do
	case $1 in
	--runs)
		[[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage
		runs=$2
		shift
		;;
	-*) usage ;;
	*)
		targets_here | grep -qx -- "$1" || usage
		targets+=("$1")
		;;
	esac
	shift
done
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(targets_here)

compile
declare -A pids=()
table=()
failed=0
trap stop_all EXIT
for target in "${targets[@]}"; do
	start "$target"
	while [ ${#pids[@]} -ge "$jobs_max" ]; do
		sleep 2
		progress
		reap
	done
done
while [ ${#pids[@]} -gt 0 ]; do
	sleep 2
	progress
	reap
done
[ ! -t 1 ] || printf '\r%-79s\r' ''
printf '%s, %s executions asked for\n' \
	"$(git -C "$top" rev-parse --short HEAD 2>/dev/null || echo 'no commit')" "$runs"
printf '%-10s %12s  %s\n' target executions verdict
printf '%s\n' "${table[@]}"
exit "$failed"

#!/usr/bin/env bash
# record_path.sh - counts the instructions a record costs from the file to the
# bytes of COPY, and fails where it has become more than record_path.budget
# allows. A count does not depend on the clock, nor on what else runs.
#
# Lines of the budget: FUNCTION INSTRUCTIONS, all that is called from it
# included. After a change that is meant: run this and write down what it says.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
records=4000
# the libraries' choice of code must not depend on this machine's processor
export GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX512VL,-AVX512BW,-ERMS,-BMI2

if ! command -v valgrind >/dev/null; then
	echo 'skipped: valgrind is not installed'
	[ "${SLUICE_TEST_REQUIRE:-0}" = 1 ] && exit 1
	exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$SLUICE_BIN/gen_events" $records 7 >"$work/events.json"
valgrind --tool=callgrind --callgrind-out-file="$work/counts" \
	"$SLUICE_BIN/bench_reader" -n 1 -p "$top/pipelines/events.yaml" \
	"$work/events.json" >"$work/said" 2>"$work/log" ||
	{ cat "$work/log"; exit 1; }
grep -q ": $records records, 0 rejects" "$work/said" ||
	{ cat "$work/said"; exit 1; }
callgrind_annotate --inclusive=yes --threshold=100 "$work/counts" \
	>"$work/table"

count() { # FUNCTION: instructions a record
	awk -v end=":$1" -v records=$records '
		{ name = $0; sub(/ \[[^]]*\]$/, "", name) }
		substr(name, length(name) - length(end) + 1) == end {
			gsub(/,/, "", $1); print int($1 / records); exit
		}' "$work/table"
}

failed=0 lines=0
while read -r function allowed; do
	case $function in '' | '#'*) continue ;; esac
	lines=$((lines + 1))
	used=$(count "$function")
	if [ -z "$used" ]; then
		printf 'NOT OK: %s was not called\n' "$function"
		failed=1
	elif [ "$used" -gt "$allowed" ]; then
		printf 'NOT OK: %s takes %d instructions a record, %d are allowed\n' \
			"$function" "$used" "$allowed"
		failed=1
	else
		printf '%s takes %d instructions a record of %d\n' \
			"$function" "$used" "$allowed"
	fi
done <"$here/record_path.budget"
[ "$lines" -gt 0 ] || { echo 'NOT OK: the budget is empty'; failed=1; }
exit $failed

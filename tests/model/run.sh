#!/usr/bin/env bash
# run.sh - explores delivery.pml with spin: the protocol must hold in every
# state, and each mutation must be found.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
mutations="ACK_BEFORE_COMMIT NO_LEDGER EARLY_CHECKPOINT LEDGER_APART DROP_BAD
	BLIND_DEAD CONFIRM_EARLY RETURNED_CONFIRMED MOVED_EARLY
	COMMIT_UNCHECKED"

if ! command -v spin >/dev/null; then
	echo "skipped: spin is not installed"
	[ "${SLUICE_TEST_REQUIRE:-0}" = 1 ] && exit 1
	exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# explore [MUTATION]: prints the number of states; true when nothing was found
explore() {
	local flags=(${1:+-D"$1"} -DDEATHS="${DEATHS:-3}") speed=-O2
	[ -z "${1:-}" ] || speed=-O0 # soon found: compiling is what takes time
	spin "${flags[@]}" -a "$here/delivery.pml" >spin.log 2>&1 ||
		{ cat spin.log; exit 1; }
	cc $speed -w -DSAFETY -DMEMLIM=4096 -DCOLLAPSE -o pan pan.c
	./pan -m1000000 >pan.log 2>&1
	grep -q 'max search depth too small\|out of memory' pan.log &&
		{ cat pan.log; exit 1; }
	sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log
	grep -q 'errors: 0' pan.log
}

failed=0
if states=$(explore); then
	echo "the protocol holds in $states states"
else
	echo "NOT OK: a trace breaks the protocol"
	cat pan.log
	failed=1
fi
for mutation in $mutations; do
	if states=$(explore "$mutation"); then
		echo "NOT OK: $mutation was not found in $states states"
		failed=1
	else
		echo "found: $mutation"
	fi
done
exit $failed

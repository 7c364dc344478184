#!/usr/bin/env bash
# many_files.sh - 20,000 files at once, with a progress line: what the scenario
# of this name does with fewer in every test run.
#
#   many_files.sh [COUNT]
#
# Servers: those of SLUICE_TEST_DIR, else ones of this run. Exit: 0, 1 not all
# were loaded once, 64 misuse, 69 no servers.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
count=${1:-20000}
[[ $# -le 1 && $count =~ ^[1-9][0-9]{0,6}$ ]] || {
	printf 'usage: many_files.sh [COUNT]\n' >&2
	exit 64
}
if [ ! -f "${SLUICE_TEST_DIR:-$top/build/dev/services}/sluice.yaml" ]; then
	export SLUICE_TEST_DIR=${SLUICE_TEST_DIR:-$top/build/dev/services}
	trap '"$top/tests/support/services.sh" stop "$SLUICE_TEST_DIR" >/dev/null' EXIT
	"$top/tests/support/services.sh" start "$SLUICE_TEST_DIR" >/dev/null || exit 69
fi
SLUICE_MANY_FILES=$count bash "$top/tests/scenarios/many_files.sh"

#!/usr/bin/env bash
# oracle.sh - the reader against PostgreSQL's json (oracle.c), on servers of
# the tests: those in SLUICE_TEST_DIR, else private ones for this run.
#
#   oracle.sh RUNS [SEED]
#
# Without a seed a new one is made; it is printed. Exit 77: no servers.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${SLUICE_BIN:-$top/build/fuzz/bin}
servers=${SLUICE_TEST_DIR:-}
runs=${1:?usage: oracle.sh RUNS [SEED]}
seed=${2:-$((SRANDOM + 1))}

stop_servers() {
	"$top/tests/support/services.sh" stop "$servers" >/dev/null || true
}

if [ -z "$servers" ]; then
	servers=$top/build/fuzz/services
	trap stop_servers EXIT
	"$top/tests/support/services.sh" start "$servers" >/dev/null
fi
if [ ! -f "$servers/sluice.yaml" ]; then
	printf 'skipped: no test servers at %s\n' "$servers"
	[ "${SLUICE_TEST_REQUIRE:-0}" = 1 ] && exit 1
	exit 77
fi
folders=("$top"/tests/fuzz/corpus/fuzz_{jsonscan,reader,rowmap} "$top/tests/data/bad")
for folder in "$top"/../shared/data/corpora/{JSONTestSuite,utf8tests,blns}; do
	[ ! -d "$folder" ] || folders+=("$folder")
done
export SLUICE_CONFIG=$servers/sluice.yaml
"$bin/oracle" "$runs" "$seed" "${folders[@]}"

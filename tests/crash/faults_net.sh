#!/usr/bin/env bash
# faults_net.sh - every fault of broker and network that is no death, each for
# a while, on servers of its own.
#
# usage: tests/crash/faults_net.sh [SECONDS [FAULT...]]
#
# SECONDS is how long each fault lasts (90). FAULTs are names of the list that
# `faults_net.sh list` prints; all of them unless named. Exit 0: every check
# passed; 1: not. The programs are those of build/dev, or of $SLUICE_BIN.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
all=(memory_alarm disk_alarm consumer_timeout queue_deleted exchange_deleted
	permission_revoked leaderless hanging_queue stopped_producer
	stopped_consumer stopped_broker stopped_backend stopped_postmaster
	resets slow hung half_open half_open_idle)

usage() {
	echo "usage: faults_net.sh [SECONDS [FAULT...]] | list" >&2
	exit 64
}

case ${1:-90} in
list)
	printf '%s\n' "${all[@]}"
	exit 0
	;;
*[!0-9]*) usage ;;
esac
SLUICE_FAULT_SECS=${1:-90}
SLUICE_FAULT_BEAT=${SLUICE_FAULT_BEAT:-10} # the default of heartbeat_secs
export SLUICE_FAULT_SECS SLUICE_FAULT_BEAT
[ $# = 0 ] || shift
chosen=("$@")
[ $# != 0 ] || chosen=("${all[@]}")
for fault_name in "${chosen[@]}"; do
	[[ " ${all[*]} " == *" $fault_name "* ]] || usage
done

SLUICE_TEST_DIR=$(mktemp -d /var/tmp/sluice-faults-XXXXXX)
export SLUICE_TEST_DIR SLUICE_TEST_DEADLINE=600
"$here/../support/services.sh" start "$SLUICE_TEST_DIR"

# shellcheck source=tests/scenarios/lib.sh
. "$here/../scenarios/lib.sh"
# shellcheck source=tests/support/faults.sh
. "$top/tests/support/faults.sh"

servers_stop() {
	local code=$?
	trap - EXIT
	(scenario_clean "$code") || code=1
	"$top/tests/support/services.sh" stop "$SLUICE_TEST_DIR"
	rm -rf -- "$SLUICE_TEST_DIR.log"
	exit "$code"
}

trap servers_stop EXIT
scenario_begin faults_net
trap servers_stop EXIT # scenario_begin has set its own
fault_count=${#chosen[@]}
if [[ " ${chosen[*]} " == *" half_open"* ]] && net_possible; then
	net_make
	net_listen
fi
for fault_name in "${chosen[@]}"; do
	case $fault_name,$ns in
	half_open*,) note "-- $fault_name is left out: no network namespace here" ;;
	*) "fault_$fault_name" ;;
	esac
done
check_receipts
check_invariants
note "$drops files, $records records of events"
scenario_end

#!/usr/bin/env bash
# faults_network.sh - the network in trouble, short: connections reset in
# bursts, a broker that is stopped, and packets that are dropped (as root, in a
# network namespace). All faults, for longer: tests/crash/faults_net.sh.
. "$(dirname "$0")/lib.sh"
. "$top/tests/support/faults.sh"

scenario_begin faults_network
fault_resets
fault_stopped_broker
if net_possible; then
	net_make
	net_listen
	fault_half_open
	net_listen_no_more
else
	note "without dropped packets: no network namespace can be made here"
fi
check_receipts
check_invariants
scenario_end

#!/usr/bin/env bash
# faults_broker.sh - the broker in trouble, short: a memory alarm, queues and
# exchange deleted while running, permissions revoked, a queue without a leader.
# All faults, for longer: tests/crash/faults_net.sh.
. "$(dirname "$0")/lib.sh"
. "$top/tests/support/faults.sh"

scenario_begin faults_broker
fault_memory_alarm
fault_queue_deleted
fault_exchange_deleted
fault_permission_revoked
fault_leaderless
check_receipts
check_invariants
scenario_end

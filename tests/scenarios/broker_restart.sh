#!/usr/bin/env bash
# broker_restart.sh - the broker is killed (SIGKILL) in mid-publish and comes
# back: the producer sends again what was not confirmed, the ledger absorbs it.
. "$(dirname "$0")/lib.sh"

loading_has_begun() {
	[ "$(q 'select count(*) from meta.chunk')" -gt 0 ]
}

scenario_begin broker_restart
sleep 5 # RabbitMQ 3.10: queues killed as they are born may stay leaderless
"$bin/gen_events" 150000 12 10 >"$work/big.json"
consumer_start
producer_start
drop "$work/big.json"
until_true loading_has_begun
kill_server rabbitmq
"$top/deploy/native.sh" start "$servers" >"$work/restart.log" 2>&1
eventually "the file is complete all the same" "$complete_sources" 1
check "every record is in the delta once" \
	"$(q "select count(*), count(distinct _offset) from raw.events_delta")" \
	"150000|150000"
check "the daemons lived through it" \
	"$(kill -0 "$producer_pid" && kill -0 "$consumer_pid" && echo yes)" yes
check_invariants
scenario_end

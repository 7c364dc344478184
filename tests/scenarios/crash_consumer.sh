#!/usr/bin/env bash
# crash_consumer.sh - the consumer is killed (SIGKILL) at its 1st, 2nd, 3rd ...
# send to the broker or the database, the one between commit and ack included,
# with a sample in flight each time: each loads once.
. "$(dirname "$0")/lib.sh"

if ! strace -o /dev/null true 2>/dev/null; then
	note "skipped: strace cannot trace here"
	exit 77
fi

# killed_at N: a consumer that dies at its Nth send; true when it did
killed_at() {
	local pid end=$((SECONDS + deadline_secs))
	strace -f -qq -o /dev/null -e trace=sendto,sendmsg,writev \
		-e inject=sendto,sendmsg,writev:signal=SIGKILL:when="$1" \
		"$bin/sluice-consumer" >>"$work/consumer.log" 2>&1 &
	pid=$!
	while kill -0 "$pid" 2>/dev/null && [ "$SECONDS" -lt "$end" ]; do
		[ "$(q "$complete_sources")" != "$drops" ] || break
		sleep 0.05
	done
	if kill -0 "$pid" 2>/dev/null; then
		pkill -TERM -P "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		return 1
	fi
	wait "$pid" 2>/dev/null || true
}

scenario_begin crash_consumer
producer_start
drops=0
deaths=0
for n in $(seq 1 "${SLUICE_CRASH_STEPS:-200}"); do
	if [ "$(q "$complete_sources")" = "$drops" ]; then
		drops=$((drops + 1))
		drop "$top/tests/data/events_sample.json" events "sample_$n.json"
	fi
	killed_at "$n" || break # it came through untouched
	deaths=$((deaths + 1))
done
note "$drops drops, $deaths deaths of the consumer"
check "the consumer was killed many times" "$([ "$deaths" -ge 10 ] && echo yes)" yes
consumer_start
eventually "every drop is complete" "$complete_sources" "$drops"
check "every record is in the delta once" \
	"$(q 'select count(*) from raw.events_delta')" $((36 * drops))
check "the master is the sample's" "$(q 'select count(*) from raw.events')" 35
check_invariants
scenario_end

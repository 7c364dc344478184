#!/usr/bin/env bash
# crash_producer.sh - the producer is killed (SIGKILL) at its 1st, 2nd, 3rd ...
# send, write, rename and sync, with a file under way each time; started again
# it goes on where it was: nothing lost, nothing doubled.
. "$(dirname "$0")/lib.sh"

if ! strace -o /dev/null true 2>/dev/null; then
	note "skipped: strace cannot trace here"
	exit 77
fi

# killed_at CALLS N: a producer that dies at its Nth such call
killed_at() {
	local pid end=$((SECONDS + deadline_secs))
	strace -f -qq -o /dev/null -e trace="$1" \
		-e inject="$1":signal=SIGKILL:when="$2" \
		"$bin/sluice-producer" >>"$work/producer.log" 2>&1 &
	pid=$!
	while kill -0 "$pid" 2>/dev/null && [ "$SECONDS" -lt "$end" ]; do
		[ "$(q "$complete_sources")" != "$drops" ] || break
		sleep 0.05
	done
	if kill -0 "$pid" 2>/dev/null; then
		pkill -TERM -P "$pid" 2>/dev/null || true
	fi
	wait "$pid" 2>/dev/null || true
}

scenario_begin crash_producer
export SLUICE_CHUNK_RECORDS=5
consumer_start
drops=0
for calls in sendto,sendmsg,writev pwrite64,fdatasync,fsync renameat2; do
	for n in $(seq 1 "${SLUICE_CRASH_STEPS:-12}"); do
		if [ "$(q "$complete_sources")" = "$drops" ]; then
			drops=$((drops + 1))
			drop "$top/tests/data/events_sample.json" events \
				"sample_$drops.json"
		fi
		killed_at "$calls" "$n"
	done
done
note "$drops drops, $(grep -c 'event=start' "$work/producer.log") starts of the producer"
check "the producer started more often than files were dropped" \
	"$([ "$(grep -c 'event=start' "$work/producer.log")" -gt "$drops" ] && echo yes)" yes
producer_start
eventually "every drop is complete" "$complete_sources" "$drops"
check "every record is in the delta once" \
	"$(q 'select count(*) from raw.events_delta')" $((36 * drops))
check "the master is the sample's" "$(q 'select count(*) from raw.events')" 35
check "every file is in processed, none is left" \
	"$(find "$work/raw/processed" -type f | wc -l)|$(find "$work/raw/events" -type f | wc -l)" \
	"$drops|0"
check_invariants
scenario_end

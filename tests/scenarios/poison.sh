#!/usr/bin/env bash
# poison.sh - records that kill the consumer (a test build aborts at a marker),
# and records it is stuck at (the same build hangs, the watchdog ends it): each
# is found among innocents and rejected, whoever stands beside it loads. To wait
# for PostgreSQL is not to be stuck.
. "$(dirname "$0")/lib.sh"

records() { # PREFIX POISON: 60 records, the 33rd holds the word
	local i
	for i in $(seq 60); do
		printf '{"id":"%s%d","event_type":"%s","username":"u",' "$1" "$i" \
			"$([ "$i" != 33 ] || printf '%s' "$2")"
		printf '"received_at":"2026-03-01T00:00:00Z"}\n'
	done
}

# Starts the consumer again whenever it ends, as supervision does.
supervise() {
	local pid=''
	trap 'kill "$pid" && wait "$pid"; exit 0' TERM
	while :; do
		(as_daemon setpriv --pdeathsig KILL "$bin/sluice-consumer-poison") &
		pid=$!
		wait "$pid" || true
		echo died
	done
}

supervised_start() {
	supervise >>"$work/consumer.log" 2>&1 &
	consumer_pid=$!
}

deaths() {
	grep -c '^died' "$work/consumer.log" || true
}

# poisoned FILE WORD CLAIM: dropped together with innocents before and behind
poisoned() {
	local file=$1
	records "$file" "$2" >"$work/$file.ndjson"
	records "before-$file" none >"$work/before-$file.ndjson"
	drop "$work/before-$file.ndjson"
	drop "$work/$file.ndjson"
	eventually "$3" "select count(*) from meta.reject r
		join meta.source s using (source_id) where r.code = 'poison'
		and s.name = 'events/$file.ndjson'" 1
	drop "$work/before-$file.ndjson" events "behind-$file.ndjson"
	eventually "$file: every file is complete" "select count(*) from meta.source
		where completed_at is not null and name like '%$file.ndjson'" 3
	check "$file: the reject is the poison, with its bytes" "$(q "select record_no,
		position('$2' in convert_from(bytes, 'UTF8')) > 0 from meta.reject
		join meta.source s using (source_id)
		where s.name = 'events/$file.ndjson'")" "33|t"
	check "$file: all innocents are loaded" "$(q "select count(*) from raw.events
		where id like '%$file%'")" 119
	for one in "$file" "before-$file" "behind-$file"; do
		check_has "$one: the receipt holds" \
			"$("$bin/sluice" receipt "$one.ndjson")" HOLDS
	done
}

scenario_begin poison
export SLUICE_STUCK_SECS=2 SLUICE_CHUNK_RECORDS=20
producer_start
supervised_start
poisoned aborts sluice-test-abort "a record that kills is rejected"
note "$(deaths) deaths"
poisoned hangs sluice-test-hang "a record that is never done is rejected"
check_has "the watchdog said why" "$(cat "$work/consumer.log")" event=stuck
note "$(deaths) deaths"
check "no attempt is left behind" "$(q 'select count(*) from meta.attempt')" 0

# who waits is not stuck
before=$(deaths)
q "begin; lock table raw.events in exclusive mode; select pg_sleep(600)" \
	>/dev/null 2>&1 &
eventually "somebody holds the table" "select count(*) from pg_locks where granted
	and mode = 'ExclusiveLock' and relation = 'raw.events'::regclass" 1
drop "$work/before-hangs.ndjson" events slow.ndjson
eventually "a load waits for longer than stuck_secs" "select count(*) from pg_locks
	where not granted and relation = 'raw.events'::regclass
	and clock_timestamp() - waitstart > '5 s'" 1
q "select pg_terminate_backend(pid) from pg_locks where granted
	and mode = 'ExclusiveLock' and relation = 'raw.events'::regclass" >/dev/null
eventually "then it goes on" "select count(*) from meta.source
	where completed_at is not null and name = 'events/slow.ndjson'" 1
check "it did not die of waiting" "$(deaths)" "$before"
consumer_stop
producer_stop
check_invariants
scenario_end

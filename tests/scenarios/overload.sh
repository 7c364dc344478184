#!/usr/bin/env bash
# overload.sh - far more is dropped than the queue takes: the queue stays within
# its bound, the rest waits on disk and in nobody's memory, and a small file of
# another dataset is loaded long before the large one is.
. "$(dirname "$0")/lib.sh"

rows=80000 # 23 MB

# Two datasets that share a queue, and one with a queue of its own.
make_pipelines() {
	cat >"$work/pipelines/flood.yaml" <<-'Y'
	pipeline: flood
	datasets:
	  large:
	    source: { directory: large }
	    table: raw.large
	    key: [id]
	    columns: [{ name: id, type: text, max_length: 40 }]
	  small:
	    source: { directory: small }
	    table: raw.small
	    key: [id]
	    columns: [{ name: id, type: text, max_length: 40 }]
	Y
	sed -e 's/flood/trickle/' -e '/^  large:/,/columns/d' -e 's/small/aside/g' \
		"$work/pipelines/flood.yaml" >"$work/pipelines/trickle.yaml"
}

# Messages that wait in the queue of the flood, as the broker says itself.
depth() {
	"$bin/sluice" --json status 2>/dev/null |
		jq '.queues[] | select(.queue == "sluice.flood") | .ready'
}

claimed() { # FOLDER
	[ -z "$(find "$work/raw/$1" -maxdepth 1 -name '*.json')" ]
}

is_full() {
	grep -q 'event=queue_full pipeline=flood' "$work/producer.log"
}

# Looks until all is loaded; sets deepest.
watch_depth() { # SOURCES
	local now=0 end=$((SECONDS + deadline_secs))
	deepest=0
	until [ "$(q "$complete_sources")" = "$1" ] || [ "$SECONDS" -ge "$end" ]; do
		now=$(depth)
		[ "${now:-0}" -le "$deepest" ] || deepest=$now
	done
}

peak_mib() { # PID
	awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$1/status"
}

# Records of the large dataset that were loaded before the small one's.
before() { # DATASET
	q "select coalesce(sum(l.records), 0) from meta.load l where l.load_id < (
		select min(c.load_id) from meta.chunk c
		join meta.source s using (drop_id) where s.dataset = '$1')"
}

# check_memory WHO MIB LIMIT: less than a part of what was dropped
check_memory() {
	note "$1: $2 MiB at most"
	[ "${SLUICE_TEST_PRESET:-dev}" = asan ] ||
		check "the $1's memory does not grow with what waits" \
			"$([ "$2" -le "$3" ] && echo yes || echo "$2 MiB")" yes
}

# so that 64 messages are a full queue, and 16 more may be on their way
export SLUICE_QUEUE_MAX_BYTES=1MiB SLUICE_CHUNK_BYTES=16KiB
export SLUICE_CONFIRM_WINDOW=16 SLUICE_BATCH_BYTES=512KiB
bound=$((64 + 16))
scenario_begin overload
make_pipelines
"$bin/sluice" apply >"$work/apply.log" 2>&1
"$bin/gen_events" "$rows" 31 0 >"$work/large.json"
printf '{"id":"a"}\n{"id":"b"}\n' >"$work/few.json"

producer_start
drop "$work/large.json" large
until_true is_full || true
drop "$work/few.json" small
drop "$work/few.json" aside
check "a full queue keeps nobody from being claimed" "$(until_true claimed small &&
	until_true claimed aside && echo yes)" yes
note "$(depth) messages wait, nobody consumes"
check "the queue is full, and within its bound" \
	"$([ "$(depth)" -ge 32 ] && [ "$(depth)" -le "$bound" ] && echo yes)" yes
consumer_start
watch_depth 3
eventually "everything is complete" "$complete_sources" 3
note "$deepest messages waited at most"
check "the queue stayed within its bound" \
	"$([ "$deepest" -le "$bound" ] && echo yes || echo "$deepest")" yes
for dataset in small aside; do
	note "$(before "$dataset") of $rows records were loaded before $dataset's"
	check "$dataset does not wait for all of the large file" \
		"$([ "$(before "$dataset")" -le $((rows / 2)) ] && echo yes)" yes
done
check_memory producer "$(peak_mib "$producer_pid")" 20
check_memory consumer "$(peak_mib "$consumer_pid")" 32
check "every record is there once" "$(q 'select
	(select count(*) from raw.large), (select count(*) from raw.large_delta),
	(select count(*) from raw.small), (select count(*) from raw.aside)')" \
	"$rows|$rows|2|2"
check_invariants
scenario_end

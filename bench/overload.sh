#!/usr/bin/env bash
# overload.sh - far more waits on disk than can be loaded soon: what the memory
# of both daemons, the broker's queue and its alarms do meanwhile, and how long
# a small file of another dataset waits.
#
# usage: ./run.sh bench overload [--quick] [--records N] [--files N]
#                                [--small N] [--every SECS]
#   --quick    300,000 records in 3 files, 500 small files
#   --records  records that wait on disk (default 10,000,000)
#   --files    large files they are in (default 20)
#   --small    files of one record among them (default 10,000)
#   --every    seconds between two files of a small dataset (default 0.25)
# All files wait before the daemons start. The small datasets are two: one
# shares its queue with the large one, one has a queue of its own; each gets a
# file in turn, until the large one is loaded. Their latency is from the rename
# to the clock of the transaction that completes them. Takes about 1.2 KB of
# disk a record. Ends with 1 unless every record is there once, queue and memory
# of both daemons stayed within their bounds and no alarm was raised.
. "$(dirname "$0")/lib.sh"

records=10000000 files=20 small=10000 every=0.25
while [ $# -gt 0 ]; do
	case $1 in
	--quick) records=300000 files=3 small=500 ;;
	--records) records=$2; shift ;;
	--files) files=$2; shift ;;
	--small) small=$2; shift ;;
	--every) every=$2; shift ;;
	*) bench_usage ;;
	esac
	shift
done

daemons=() dropper=''

stop_daemons() {
	local pid
	for pid in $dropper ${daemons[@]+"${daemons[@]}"}; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	daemons=() dropper=''
}

# A pipeline of its own, so a queue of its own, with the columns of the
# organisations.
make_pipeline() {
	cat >"$work/pipelines/trickle.yaml" <<-END
	pipeline: trickle
	datasets:
	  trickle:
	    source: { directory: trickle }
	    table: raw.trickle
	    key: [organization_key]
	    newest: created_at
	    columns:
	      - { name: organization_key,  type: text, max_length: 300 }
	      - { name: organization_name, type: text, max_length: 100 }
	      - { name: created_at,        type: timestamp }
	END
}

# Every file of its own seed: large ones, and many of one record among them.
make_backlog() {
	local n folder=$SLUICE_RAW_DIR/events each=$((records / files))
	for ((n = 1; n <= files; n++)); do
		progress "$n of $files large files written"
		"$bin/gen_events" "$each" $((n << 40)) 10 >"$folder/large_$n.json"
	done
	"$bin/gen_events" "$small" $((n << 40)) 0 |
		awk -v folder="$folder" '/[{]/ {
			gsub(/^[[]|,$|\]$/, "")
			name = folder "/small_" NR ".json"
			print >name
			close(name)
		}'
	records=$((each * files + small))
	sync
}

# A file whose name tells when it came.
drop_small() { # FOLDER NUMBER
	local folder=$SLUICE_RAW_DIR/$1
	printf '{"organization_key":"%s","organization_name":"n","created_at":"2026-01-01 00:00:00"}\n' \
		"$1_$2" >"$folder/.small"
	mv "$folder/.small" "$folder/${2}_${EPOCHREALTIME/[.,]/}.json"
}

drop_for_ever() {
	local n=0
	while :; do
		n=$((n + 1))
		drop_small orgs "$n"
		sleep "$every"
		drop_small trickle "$n"
		sleep "$every"
	done
}

api() { # PATH
	curl -sS -K "$work/curl" "$broker_api/api/$1"
}

rss_kib() { # PID
	awk '/^VmRSS/ { print $2 }' "/proc/$1/status"
}

loaded() {
	q "select coalesce(sum(inserted + updated + unchanged), 0)
		from meta.source where dataset = 'events'"
}

# One line: producer, consumer (KiB), messages and bytes that wait in the
# queue, bytes that are handed out, the broker's memory, its alarms.
sample() {
	printf '%s %s ' "$(rss_kib "${daemons[0]}")" "$(rss_kib "${daemons[1]}")"
	api "queues/$SLUICE_BROKER_VHOST/sluice.events" | jq -r \
		'"\(.messages_ready // 0) \(.message_bytes_ready // 0) " +
		"\(.message_bytes_unacknowledged // 0)"' | tr '\n' ' '
	api nodes | jq -r '.[0] | "\(.mem_used) \(if .mem_alarm or .disk_free_alarm
		then 1 else 0 end)"'
}

watch_overload() {
	local done_now=0 begun=$SECONDS
	while [ "$done_now" -lt "$records" ]; do
		sleep 1
		kill -0 "${daemons[0]}"
		kill -0 "${daemons[1]}"
		sample >>"$work/samples"
		done_now=$(loaded)
		progress "$done_now of $records records, $((SECONDS - begun)) s"
	done
	echo $((SECONDS - begun)) >"$work/secs"
}

# column NUMBER DIVISOR NAME: how a column of the samples went
column() {
	awk -v c="$1" -v d="$2" -v name="$3" '
		{ v[NR] = $c / d; if (v[NR] > max) max = v[NR] }
		function middle(from, to, i, j, t, n, s) {
			for (i = from; i <= to; i++) s[++n] = v[i]
			for (i = 1; i < n; i++)
				for (j = i + 1; j <= n; j++)
					if (s[j] < s[i]) { t = s[i]; s[i] = s[j]; s[j] = t }
			return s[int((n + 1) / 2)]
		}
		END {
			q = int(NR / 4); if (q < 1) q = 1
			printf "%-40s %9.1f %9.1f %9.1f %9.1f\n", name, v[1],
				middle(1, q), middle(NR - q + 1, NR), max
		}' "$work/samples"
}

# latency DATASET NAME: and what of the large dataset was loaded meanwhile, as
# that does not depend on how fast the machine is
latency() {
	q "with small as (
			select completed_at, to_timestamp(
				substring(name from '_([0-9]+)')::numeric / 1000000) dropped_at
			from meta.source where dataset = '$1'),
		waits as (
			select round(extract(epoch from completed_at - dropped_at) * 1000) ms,
				(select coalesce(sum(records), 0) from meta.load
				where committed_at between dropped_at and completed_at) ahead
			from small)
		select format('%-40s %9s %9s %9s %9s %6s', name, p[1], p[2], p[3], p[4], n)
		from (select '$2, ms' name, count(*) n,
				percentile_disc('{.5,.95,.99,1}'::float[])
					within group (order by ms) p from waits
			union all select '  records of others loaded meanwhile', count(*),
				percentile_disc('{.5,.95,.99,1}'::float[])
					within group (order by ahead) from waits) t"
}

# claim TEXT GOT WANT
claim() {
	if [ "$2" = "$3" ]; then
		printf 'holds      %s\n' "$1"
	else
		printf 'BROKEN     %s: %s instead of %s\n' "$1" "$2" "$3"
		failed=1
	fi
}

# worst COLUMN: the most of it in the samples
worst() {
	awk -v c="$1" '$c > most { most = $c } END { print most + 0 }' \
		"$work/samples"
}

# within TEXT WORST LIMIT
within() {
	claim "$1" "$([ "$2" -le "$3" ] && echo yes || echo "$2")" yes
}

claims() {
	local bound
	bound=$(api "queues/$SLUICE_BROKER_VHOST/sluice.events" |
		jq '.arguments["x-max-length-bytes"]')
	claim "every source is complete" \
		"$(q 'select count(*) from meta.source where completed_at is null')" 0
	claim "every record is counted once" "$(loaded)" "$records"
	claim "each is in the delta once" "$(q 'select count(*) from raw.events_delta')" \
		"$records"
	claim "the master has what was inserted" "$(q 'select count(*) from raw.events')" \
		"$(q "select sum(inserted) from meta.source where dataset = 'events'")"
	claim "nothing was rejected" "$(q 'select count(*) from meta.reject')" 0
	within "the queue stayed within $((bound >> 20)) MiB and a window of 6" \
		"$(worst 4)" $((bound + (6 << 20)))
	# two batches; where large messages stand behind many small ones, also
	# what the queue may hold
	within "no more is handed out than two batches and what the queue had" \
		"$(worst 5)" $((bound + (54 << 20)))
	within "the producer stayed below 16 MiB" "$(worst 1)" $((16 << 10))
	within "the consumer stayed below 96 MiB" "$(worst 2)" $((96 << 10))
	claim "the broker raised no alarm" "$(awk '{ n += $7 } END { print n }' \
		"$work/samples")" 0
	claim "no connection was lost" \
		"$(cat "$work"/*.log | grep -c 'event=broker_lost' || true)" 0
}

main() {
	failed=0
	bench_begin
	make_pipeline
	fresh overload
	mkdir -p "$SLUICE_RAW_DIR/orgs" "$SLUICE_RAW_DIR/trickle"
	broker_api=$(setting broker_api)
	printf 'user = "%s:%s"\n' "$(setting admin_user)" \
		"$(cat "$(setting admin_password_file)")" >"$work/curl"
	make_backlog
	"$bin/sluice-producer" 2>>"$work/producer.log" &
	daemons=($!)
	"$bin/sluice-consumer" 2>>"$work/consumer.log" &
	daemons+=($!)
	drop_for_ever &
	dropper=$!
	watch_overload
	kill "$dropper" && dropper=''
	until [ "$(q 'select count(*) from meta.source where completed_at is null')" = 0 ]; do
		sleep 0.2
	done
	step
	printf '%s records in %s large and %s small files, %s s, %s processors, load %s\n' \
		"$records" "$files" "$small" "$(cat "$work/secs")" "$(nproc)" \
		"$(cut -d' ' -f1 /proc/loadavg)"
	printf '%-40s %9s %9s %9s %9s\n' "each second" first 'quarter 1' 'quarter 4' max
	column 1 1024 "producer, resident MiB"
	column 2 1024 "consumer, resident MiB"
	column 6 1048576 "broker, MiB"
	column 3 1 "messages that wait in the queue"
	column 4 1048576 "MiB that wait in the queue"
	column 5 1048576 "MiB that are handed out"
	printf '%-40s %9s %9s %9s %9s %6s\n' "a small file" p50 p95 p99 max files
	latency orgs "queue shared with the large dataset"
	latency trickle "queue of its own"
	claims
	exit "$failed"
}

main

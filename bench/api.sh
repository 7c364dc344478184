#!/usr/bin/env bash
# api.sh - measures polling on this machine: one endpoint, one host, pages of
# 100 records from a server on loopback, until each answer is durable in the
# object store and its records are a source; beside it, in the same run, the
# same pages fetched over one connection and thrown away, and what the disk
# makes durable when it is asked to one after the other.
#
# usage: ./run.sh bench api [--quick] [--rounds N] [--pages N] [--idle SECS]
#   --quick    1,000 pages, one round, 20 seconds of rest
#   --rounds   how often they alternate (default 3)
#   --pages    pages of a round (default 5,000)
#   --idle     how long 20 endpoints with nothing to do are looked at (120)
# Prints a table of medians with minimum and maximum.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/support/api.sh
. "$top/tests/support/api.sh"

rounds=3 pages=5000 idle=120
while [ $# -gt 0 ]; do
	case $1 in
	--quick) rounds=1 pages=1000 idle=20 ;;
	--rounds) rounds=$2; shift ;;
	--pages) pages=$2; shift ;;
	--idle) idle=$2; shift ;;
	--help) bench_usage 0 ;;
	*) bench_usage ;;
	esac
	shift
done
producer=''

stop_daemons() {
	[ -z "$producer" ] || kill "$producer" 2>/dev/null || true
	[ -z "$producer" ] || wait "$producer" 2>/dev/null || true
	producer=''
	api_stop
}

endpoint() { # NAME EVERY RECORDS
	cat <<-END
	  $1:
	    source:
	      api:
	        url: $api_url
	        path: /gen/link
	        query: { per_page: 100, total: $3, who: $1 }
	        every: $2
	        pages: { by: link, max: 1000000 }
	    table: raw.polled_$1
	    key: [id]
	    columns:
	      - { name: id, type: integer }
	END
}

pipeline() {
	local n
	echo 'pipeline: polled'
	echo 'datasets:'
	for n in $(seq "$rounds"); do
		endpoint "round$n" never $((pages * 100))
	done
	for n in $(seq 20); do
		endpoint "idle$n" 12h 10
	done
}

seconds() { # COMMAND...
	local started
	started=$(date +%s.%N)
	"$@" >/dev/null
	awk -v a="$started" -v b="$(date +%s.%N)" 'BEGIN { printf "%.3f", b - a }'
}

fetch_bare() { # NAME
	curl -sS --noproxy '*' --fail -o "$work/page" \
		"$api_url/gen/link?per_page=100&total=$((pages * 100))&who=$1&page=[1-$pages]"
}

# Synchronous writes of a block, one after the other, a second.
sync_rate() {
	rate 300 "$(seconds dd if=/dev/zero "of=$work/synced" bs=4096 count=300 \
		oflag=dsync status=none)"
}

# Polls an endpoint; sets secs, cpu and mib (at its end, its peak).
poll() { # NAME
	local started pid now
	started=$(date +%s.%N)
	"$bin/sluice" api run "polled.$1" >"$work/said" 2>>"$work/poll.log" &
	pid=$!
	while now=$(peak_mib "$pid" 2>/dev/null) && [ -n "$now" ]; do
		mib=$now
		cpu=$(cpu_secs "$pid")
		sleep 0.2
	done
	wait "$pid"
	secs=$(awk -v a="$started" -v b="$(date +%s.%N)" 'BEGIN { printf "%.3f", b - a }')
	grep -q "^$pages requests, $pages pages (0 unchanged)" "$work/said" || {
		cat "$work/said"
		exit 1
	}
}

cpu_secs() { # PID
	awk -v hz="$(getconf CLK_TCK)" '{ printf "%.2f", ($14 + $15) / hz }' \
		"/proc/$1/stat" 2>/dev/null || true
}

polled_all() {
	[ "$("$bin/sluice" --json api list | jq '[.. | objects |
		select(.records? == 10)] | length')" -ge 20 ]
}

# What endpoints cost that have nothing to do.
rest() {
	local before after
	"$bin/sluice-producer" 2>>"$work/producer.log" &
	producer=$!
	until polled_all; do
		kill -0 "$producer"
		sleep 0.5
	done
	sleep 5
	before=$(cpu_secs "$producer")
	sleep "$idle"
	step
	after=$(cpu_secs "$producer")
	printf 'processor share of a producer with 20 idle endpoints, %s s: %s %%, %s MiB\n' \
		"$idle" "$(awk -v a="$before" -v b="$after" -v s="$idle" \
			'BEGIN { printf "%.2f", 100 * (b - a) / s }')" "$(peak_mib "$producer")"
}

main() {
	local n secs cpu=0 mib polls=() bares=() ratios=() syncs=() cpus=() mibs=() records=()
	api_start "$work/api"
	bench_begin
	rm "$work"/pipelines/*
	pipeline >"$work/pipelines/polled.yaml"
	fresh polled
	export SLUICE_OBJECT_STORE_DIR=$work/objects
	steps $((2 * rounds + 1))
	for n in $(seq "$rounds"); do
		next_step "round $n of $rounds: the limits"
		syncs+=("$(sync_rate)")
		bares+=("$(rate "$pages" "$(seconds fetch_bare "round$n")")")
		next_step "round $n of $rounds: polled"
		poll "round$n"
		polls+=("$(rate "$pages" "$secs")")
		records+=("$(rate $((pages * 100)) "$secs")")
		cpus+=("$(awk -v c="$cpu" -v n="$pages" 'BEGIN { printf "%.2f", 1000 * c / n }')")
		mibs+=("$mib")
		ratios+=("$(awk -v a="${polls[-1]}" -v b="${bares[-1]}" \
			'BEGIN { printf "%.2f", a / b }')")
	done
	step
	printf '%s pages of 100 records, %s rounds, %s processors, load %s\n' "$pages" \
		"$rounds" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
	row_head
	row "polled: kept, claimed and written, requests/s" "${polls[@]}"
	row "the same, records/s" "${records[@]}"
	row "limit: curl, one connection, thrown away, requests/s" "${bares[@]}"
	row "polled over the limit" "${ratios[@]}"
	row "what the disk syncs one after the other, a second" "${syncs[@]}"
	row "processor a request, ms" "${cpus[@]}"
	row "peak memory, MiB" "${mibs[@]}"
	next_step "$idle seconds of rest"
	rest
}

main

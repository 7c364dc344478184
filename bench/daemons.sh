# daemons.sh - producer and consumers under measurement: started, fed, waited
# for, and what they and the two servers take. Needs lib.sh.
# shellcheck shell=bash disable=SC2154,SC2120 # of lib.sh; flags of a caller

daemons=()    # the producer, then the consumers
background=() # what feeds them

stop_daemons() {
	local pid all
	all=(${background[@]+"${background[@]}"} ${daemons[@]+"${daemons[@]}"})
	for pid in ${all[@]+"${all[@]}"}; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in ${all[@]+"${all[@]}"}; do
		wait "$pid" 2>/dev/null || true
	done
	daemons=() background=()
}

producer_start() {
	"$bin/sluice-producer" "$@" 2>>"$work/producer.log" &
	daemons=($!)
}

# The second has no port of its own.
consumer_start() {
	"$bin/sluice-consumer" "$@" 2>>"$work/consumer.log" &
	daemons+=($!)
}

# A daemon that ended is the end of the bench.
daemons_live() {
	local pid
	for pid in "${daemons[@]}"; do
		kill -0 "$pid" 2>/dev/null || trouble "a daemon ended"
	done
}

trouble() { # TEXT
	step
	printf 'bench: %s; the last that was said:\n' "$1" >&2
	tail -n 5 "$work"/*.log >&2 || true
	exit 69
}

daemon_ready() { # PROGRAM
	local tries=0
	until "$bin/$1" --health >/dev/null 2>&1; do
		daemons_live
		[ $((tries += 1)) -lt 600 ] || trouble "$1 does not become ready"
		sleep 0.1
	done
}

daemons_start() { # [CONSUMERS]
	local n
	producer_start
	consumer_start
	for ((n = 1; n < ${1:-1}; n++)); do
		consumer_start --set consumer_http=127.0.0.1:0
	done
	daemon_ready sluice-producer
	daemon_ready sluice-consumer
}

# Renames a file into a folder of raw_data; sets dropped_at.
drop() { # FILE [FOLDER]
	local folder=$SLUICE_RAW_DIR/${2:-events}
	mkdir -p "$folder"
	cp "$1" "$folder/.bench"
	sync "$folder/.bench"
	dropped_at=$EPOCHREALTIME
	mv "$folder/.bench" "$folder/bench_$dropped_at.json"
}

# Waits, in one session, until so many sources are complete. It holds no snapshot
# while it sleeps: PostgreSQL would keep the rows that loads replace for it, and
# what is measured would be its fault.
await_sources() { # NUMBER
	local ended=(0 0 0) n
	for ((n = 0; n < 6000; n++)); do
		printf 'select count(*) >= %d from meta.source%s;\n' "$1" \
			' where completed_at is not null'
		sleep 0.1
	done 2>/dev/null | psql_at "$owner_url" 2>>"$work/psql.log" |
		grep -qm 1 '^t$' || ended=("${PIPESTATUS[@]}")
	[ "${ended[2]}" = 0 ] || trouble "the file is not loaded"
	daemons_live
	[ -z "$(q 'select 1 from meta.reject limit 1')" ] ||
		trouble "records were rejected"
}

# Seconds from a time of this machine's clock to the last commit.
until_committed() { # TIME
	q "select extract(epoch from max(committed_at)) - $1 from meta.load"
}

# -- what processes take ---------------------------------------------------

server_pid() { # postgresql | rabbitmq
	cut -d' ' -f1 "$servers/run/$1.pid" 2>/dev/null | grep . || echo none
}

# Ticks of a process, its children that have gone and those that live.
family_ticks() { # PID
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v top="$1" '
		{
			pid = $1
			sub(/.*\) /, "")
			if (pid == top) sum += $12 + $13 + $14 + $15
			else if ($2 == top) sum += $12 + $13
		}
		END { printf "%d\n", sum }'
}

# Seconds of processor: producer, broker, consumers, database.
cpu_now() {
	local pid consumers=0 hz
	hz=$(getconf CLK_TCK)
	for pid in "${daemons[@]:1}"; do
		consumers=$((consumers + $(family_ticks "$pid")))
	done
	printf '%s\n' "$(family_ticks "${daemons[0]:-0}")" \
		"$(family_ticks "$(server_pid rabbitmq)")" "$consumers" \
		"$(family_ticks "$(server_pid postgresql)")" |
		awk -v hz="$hz" '{ printf "%s%.2f", (NR > 1 ? " " : ""), $1 / hz }'
}

# Peaks count from here on, where the kernel lets us say so.
forget_peak() { # PID
	{ echo 5 >"/proc/$1/clear_refs"; } 2>/dev/null || true
}

# All processes of the database: their own memory, and once what they share.
database_mib() {
	local pid postmaster
	postmaster=$(server_pid postgresql)
	for pid in "$postmaster" $(pgrep -P "$postmaster"); do
		cat "/proc/$pid/status" 2>/dev/null || true
	done | awk '/^RssAnon/ { own += $2 }
		/^RssShmem/ && $2 > shared { shared = $2 }
		END { printf "%.1f", (own + shared) / 1024 }'
}

# Nanoseconds on a processor, and wake-ups, of all threads of a process.
rest_now() { # PID
	printf '%s %s\n' \
		"$(cat "/proc/$1"/task/*/schedstat | awk '{ s += $1 } END { printf "%d", s }')" \
		"$(cat "/proc/$1"/task/*/status |
			awk '/^voluntary_ctxt/ { s += $2 } END { printf "%d", s }')"
}

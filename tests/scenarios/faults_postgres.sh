#!/usr/bin/env bash
# faults_postgres.sh - PostgreSQL is there and does not serve: read-only, out of
# connections, out of disk, too slow, its sessions terminated. Each is one
# message with a remedy, files wait, the end of the fault is found by itself,
# and TERM is honoured in the midst of it.
. "$(dirname "$0")/lib.sh"

files=0
term_secs=30 # 5 are promised, to a machine that is not busy; none: for ever

# As the superuser, for what an owner may not do.
superuser() {
	(as_daemon psql -qXAt -h "$(cat "$servers/run/sockets")" \
		-p "$(setting database_port)" -U postgres -d "s_$name" -c "$1")
}

drop_events() { # RECORDS
	files=$((files + 1))
	"$bin/gen_events" "$1" $((100 + files)) >"$work/events.json"
	drop "$work/events.json" events "events$files.json"
}

throw_out() {
	superuser "select pg_terminate_backend(pid) from pg_stat_activity
		where application_name = 'sluice-consumer'
		and datname = 's_$name'" >/dev/null
}

said() { # TEXT: since the fault began
	tail -n "+$((seen + 1))" "$work/consumer.log" | grep -qF -- "$1"
}

# fault NAME MESSAGE BEGIN END: SQL of the superuser
fault() {
	local from
	seen=$(wc -l <"$work/consumer.log")
	superuser "$3"
	throw_out
	drop_events 300
	check "$1: one message says so" "$(until_true said "$2" && echo yes)" yes
	check "$1: nothing is loaded meanwhile" "$(q "$complete_sources")" \
		$((files - 1))
	check_term "$1"
	superuser "$4"
	from=$(date +%s%3N)
	eventually "$1: over, the file loads" "$complete_sources" "$files"
	note "   after $(($(date +%s%3N) - from)) ms"
}

# TERM in the midst of it, and a new start
check_term() {
	local from
	from=$(date +%s%3N)
	kill -TERM "$consumer_pid"
	check "$1: TERM ends it" "$(timeout "$term_secs" \
		tail --pid="$consumer_pid" -f /dev/null && echo yes)" yes
	check "$1: it ends well" "$(wait "$consumer_pid" && echo yes)" yes
	note "   after $(($(date +%s%3N) - from)) ms"
	consumer_start
}

scenario_begin faults_postgres
producer_start
consumer_start
drop_events 300
eventually "a first file loads" "$complete_sources" 1

fault 'read-only' 'session is read-only' \
	"alter database s_$name set default_transaction_read_only = on" \
	"set transaction_read_only = off;
		alter database s_$name reset default_transaction_read_only"
fault 'no connection left' 'too many connections for role' \
	"alter role sluice_loader connection limit 0" \
	"alter role sluice_loader connection limit -1"

# what a full disk says comes from a trigger here; tests/crash/faults_disk.sh
# fills one
raises="create function fail() returns trigger language plpgsql as
	\$\$begin raise exception 'could not extend file: No space left on device'
	using errcode = '53100'; end\$\$;
	create trigger fail before insert on raw.events execute function fail()"
fault 'disk full' 'No space left on device' "$raises" 'drop function fail cascade'
# 300 records take no second anywhere; what comes later may
consumer_stop
export SLUICE_STATEMENT_TIMEOUT_MS=3s
consumer_start
fault 'too slow' 'statement_timeout_ms' \
	"create function wait() returns trigger language plpgsql as
	\$\$begin perform pg_sleep(60); return null; end\$\$;
	create trigger wait before insert on raw.events execute function wait()" \
	'drop function wait cascade'
consumer_stop
unset SLUICE_STATEMENT_TIMEOUT_MS
consumer_start

# sessions terminated again and again in mid-load
drop_events 20000
for _ in 1 2 3 4 5 6; do
	sleep 0.3
	throw_out
done
eventually "terminated sessions lose nothing" "$complete_sources" "$files"
check "each record is in the delta once" "$(q 'select count(*),
	count(distinct (_source, _offset)) from raw.events_delta')" \
	"$((300 * (files - 1) + 20000))|$((300 * (files - 1) + 20000))"
check "nothing was rejected" "$(q 'select count(*) from meta.reject')" 0
check "receipts hold" "$("$bin/sluice" receipt events2.json | grep -c '^HOLDS')" 1
check_invariants
scenario_end

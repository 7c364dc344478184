# lib.sh - what the crash sweep and its mutations share: files whose every
# record is remembered, a daemon that dies at a chosen call, and the verdict.
# shellcheck shell=bash disable=SC2034,SC2154

# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scenarios/lib.sh"
# shellcheck source=tests/support/dying.sh
. "$top/tests/support/dying.sh"
crash=$top/tests/crash
issued=0  # files
answer='' # of PostgreSQL
bad=''    # what was found to be wrong

# Small chunks and small loads: several of each in every run.
crash_begin() { # NAME
	if ! "$bin/killat" openat 0 true 2>/dev/null; then
		note "skipped: nothing can be traced here"
		[ "${SLUICE_TEST_REQUIRE:-0}" = 1 ] && exit 1
		exit 77
	fi
	scenario_begin "$1"
	trap crash_clean EXIT
	export SLUICE_SETTLE_SECS=0 SLUICE_CHUNK_RECORDS=3 SLUICE_BATCH_ROWS=6
	coproc PSQL { psql_at "$owner_url" 2>&1; }
	ask 'create schema crash;
		create table crash.issued (name text, fate text, payload text);'
}

crash_clean() {
	local code=$?
	kill_daemon "$dying"
	scenario_clean "$code"
}

# ask TEXT: what psql says to it (errors too), as $answer. One psql serves all,
# as starting one takes longer than most of what is asked.
ask() {
	local line
	answer=''
	printf '%s\n\\echo <end>\n' "$1" >&"${PSQL[1]}"
	while IFS= read -r line <&"${PSQL[0]}" && [ "$line" != '<end>' ]; do
		answer=$answer${answer:+$'\n'}$line
	done
}

# -- what is dropped ---------------------------------------------------------

issue() {
	local file=$work/issue.json
	issued=$((issued + 1))
	awk -v n=$issued -v list="$work/issued.list" -f "$crash/issue.awk" >"$file"
	ask "\\copy crash.issued from '$work/issued.list' with (format csv,\
delimiter '|', quote e'\\x01')"
	drop "$file" events "$issued.json"
}

# -- conditions --------------------------------------------------------------

all_complete() {
	ask "$complete_sources;"
	[ "$answer" = "$issued" ]
}

all_moved() {
	compgen -G "$work/raw/processed/events/*/$issued.json" >/dev/null ||
		compgen -G "$work/raw/failed/events/*/$issued.json" >/dev/null
}

waiting() {
	"$bin/depth" sluice.events sluice.events.dead
}

queues_empty() {
	[ "$(waiting)" = 0 ]
}

all_done() {
	all_moved && all_complete && queues_empty
}

# -- the verdict ---------------------------------------------------------------

complain() {
	bad=$bad$'\n'"  $1"
}

# wait_for CLAIM COMMAND...: until it succeeds; else a complaint
wait_for() {
	local end=$((SECONDS + deadline_secs))
	until "${@:2}"; do
		if [ "$SECONDS" -ge "$end" ]; then
			complain "not within $deadline_secs s: $1"
			return 1
		fi
		sleep 0.02
	done
}

# 143: it was asked before it could have listened.
end_clean() { # PID
	local code=0
	kill -TERM "$1" 2>/dev/null || true
	wait "$1" || code=$?
	[ $code = 0 ] || [ $code = 143 ] ||
		complain "a daemon ended with $code when asked to"
}

# A clean consumer takes all there is, and ends. Asked to end before it has
# seen what comes twice, it may leave that to the next one.
drain() {
	local pause
	for pause in 0 0.1 0.5 2; do
		[ -n "$consumer_pid" ] || consumer_start
		wait_for "file $issued is loaded and moved" all_done || pause=''
		[ -z "$pause" ] || sleep "$pause"
		end_clean "$consumer_pid"
		consumer_pid=''
		[ -n "$pause" ] || return 0
		! queues_empty || return 0
	done
	complain "$(waiting) messages stay in the queues"
}

# Every file is in processed, or in failed if its rest could not be read.
check_places() {
	local left
	left=$(find "$work/raw/events" -type f)
	[ -z "$left" ] || complain "left in events/: $left"
	check_place processed $((issued - (issued + 1) / 3))
	check_place failed $(((issued + 1) / 3))
}

check_place() { # FOLDER WANTED
	local there=("$work/raw/$1/events"/*/*)
	[ -e "${there[0]}" ] || there=()
	[ ${#there[@]} = "$2" ] || complain "${#there[@]} files in $1/, not $2"
}

check_records() {
	ask "\\i $crash/verdict.sql"
	[ -z "$answer" ] || complain "$answer"
	"$bin/sluice" models verify >"$work/verify.log" 2>&1 ||
		complain "$(cat "$work/verify.log")"
}

# Nothing may be under way, and the queues were seen to be empty. True when nothing was ever complained about.
verdict() {
	check_places
	check_records
	[ -z "$bad" ]
}

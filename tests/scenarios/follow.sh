#!/usr/bin/env bash
# follow.sh - `sluice load --follow`: complete files only, each once, whatever
# ends it; a folder of one's own; a table that is locked; what is refused.
. "$(dirname "$0")/lib.sh"

follower=''

scenario_undo() {
	[ -z "$follower" ] || kill -KILL "$follower" 2>/dev/null || true
}

follow() { # ARGS...
	: >"$work/follow.err"
	"$bin/sluice" --json load --follow "$@" >"$work/follow.json" \
		2>"$work/follow.err" &
	follower=$!
	until_true grep -q '^following ' "$work/follow.err"
}

# As if the files had been there for long: they are taken at once.
restart() { # ARGS...
	find "$events" -type f -exec touch -d '2 hours ago' {} +
	follow "$@"
}

# Ends it by a signal: $ended is its exit code and counts.
end_follow() { # SIGNAL
	local code=0
	kill "-$1" "$follower"
	wait "$follower" || code=$?
	follower=''
	ended=$(printf '%s %s\n' "$code" "$(jq -r '[.files, .records, .inserted, .updated,
		.unchanged, .rejected, .filtered, .loaded_before] | join(" ")' \
		"$work/follow.json" 2>/dev/null || echo nothing)")
}

said() { # TEXT: on standard error
	until_true grep -qF -- "$1" "$work/follow.err"
}

delta="select count(*) from raw.events_delta"
event() { # ID
	printf '{"id": "%s", "event_type": "x", "received_at": "2025-01-01 00:00:00"}\n' "$1"
}

scenario_begin follow
# Only a file that is closed or renamed is complete.
export SLUICE_SETTLE_SECS=3600
events=$work/raw/events
mkdir -p "$events/sub"
sample=$top/tests/data/events_sample.json
cp "$sample" "$events/there.json"
touch -d '2 hours ago' "$events/there.json"

follow events
eventually "what was there before is loaded" "$delta" 36
drop "$sample"
eventually "and what is renamed into the folder" "$delta" 72
exec 7>"$events/slow.json"
event slow1 >&7
event part >"$events/half.json.part"
event quick >"$events/sub/quick.json"
eventually "a file that was closed, in a folder below" "$delta" 73
# A link makes no event of its own: who tells of it has scanned.
ln "$events/sub/quick.json" "$events/scanned.txt"
said scanned.txt
rm "$events/scanned.txt"
check "a scan takes no file that is open" "$(q "$delta")" 73
event slow2 >&7
exec 7>&-
eventually "one that is being written is not touched until it is closed" \
	"$delta" 75
said 'events/slow.json: 2 records, 2 inserted'
check "files stay where they are" "$(find "$events" -name '*.json' | wc -l)" 4
end_follow TERM
check "TERM ends it with the summary" "$ended" \
	"0 4 75 38 0 37 0 0 0" # of 36 the sample repeats one

restart events
event late >"$events/late.json"
eventually "started again it loads what is new" "$delta" 76
end_follow INT
check "and nothing twice" "$(cut -d' ' -f1-3,9 <<<"$ended")" "0 5 1 75"
check_invariants

# A table that somebody holds: tried again until it can be had.
q "begin; lock table raw.events; select pg_sleep(600)" >/dev/null 2>&1 &
holder=$!
locked() {
	[ "$(q "select count(*) from pg_locks where relation = 'raw.events'::regclass
		and mode = 'AccessExclusiveLock' and granted")" = 1 ]
}
until_true locked
SLUICE_LOCK_TIMEOUT_MS=100 follow events
event held >"$events/held.json"
said load_again
q "select pg_terminate_backend(pid) from pg_stat_activity
	where query like '%lock table raw.events%' and pid <> pg_backend_pid()" >/dev/null
wait "$holder" || true
eventually "what could not be loaded is loaded later" "$delta" 77
said loading_again

# Killed in the middle, and then stopped in the middle.
for ((i = 0; i < 40000; i++)); do
	event "m$i"
done >"$work/many.json"
end_follow TERM
some_loads() { # ROWS
	[ "$(q "$delta where id like 'm%'")" -gt "$1" ]
}
SLUICE_BATCH_ROWS=1000 follow events
drop "$work/many.json"
until_true some_loads 3000
kill -9 "$follower"
wait "$follower" 2>/dev/null || true
SLUICE_BATCH_ROWS=1000 restart events
until_true some_loads 8000
end_follow TERM
check "a signal in the middle of a file ends it as well" "${ended%% *}" 0
restart events
eventually "the rest is loaded, nothing twice" "$delta" 40077
check "all are there once" "$(q "select count(distinct id) from raw.events_delta
	where id like 'm%'")" 40000

# The same file anew is the same; another content under its name is not.
drop "$events/late.json"
event late2 >"$events/late.json"
eventually "a file that changes loads again" "$delta" 40078
end_follow TERM
check_invariants

# A folder of one's own, with rejects.
mkdir -p "$work/a b/in"
event own | tee "$work/a b/in/one.json" >"$work/a b/in/other.txt"
cp "$work/a b/in/one.json" "$work/a b/in/two.json"
check "--directory without --follow" "$("$bin/sluice" --json load \
	--dataset events --directory "$work/a b/in" |
	jq -r '[.files, .records, .inserted] | join(" ")')" "2 2 1"
follow --dataset events --directory "$work/a b/in"
drop "$top/tests/data/bad/bad_date.json"
cp "$top/tests/data/bad/bad_date.json" "$work/a b/in/"
said 'in/bad_date.json: 3 records, 2 inserted, 0 updated, 0 unchanged, 1 rejected'
end_follow TERM
check "rejects show in the exit code" "$(cut -d' ' -f1,3,7 <<<"$ended")" "1 3 1"

usage() { # ARGS...
	local code=0
	"$bin/sluice" load "$@" >/dev/null 2>"$work/err" || code=$?
	printf '%s %s\n' "$code" "$(wc -l <"$work/err")"
}
check "not with --file" "$(usage --follow events --file "$sample")" "64 1"
check "not dry" "$(usage --follow events --dry-run)" "64 1"
check "a folder needs a dataset" "$(usage --follow --directory "$work")" "64 1"
check "a folder that is not there" \
	"$(usage --follow --dataset events --directory "$work/none")" "74 1"
check_invariants
scenario_end

#!/usr/bin/env bash
# load_again.sh - `sluice replay`: kept files become new sources, whatever is
# killed on the way; all of an order, or nothing of it.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/support/dying.sh
. "$top/tests/support/dying.sh"

scenario_undo() {
	kill_daemon "$dying"
}

replayed="select count(*) from meta.source where replay_of is not null"

again() { # ARGS...
	(as_daemon timeout 60 "$bin/sluice" replay "$@") 2>&1
}

# What nobody is to find any more once all is loaded.
leftovers() {
	find "$work/raw" \( -path '*/.replay/*' -o -path '*/.claimed/*' \) |
		wc -l
}

files_kept() {
	find "$work/raw/processed" -type f | wc -l
}

# producer_dies "CALLS N": at the Nth of these calls, if there are as many
producer_dies() {
	start_dying sluice-producer "${1% *}" "${1##* }"
	until_gone_or settled || true
	if end_dying; then
		deaths=$((deaths + 1))
	else
		note "$1: never"
	fi
}

# Those that the producer may take.
orders() {
	find "$work/raw/.replay" -name '*.order' -path '*/.replay/[0-9]*' |
		wc -l
}

consumed() {
	[ "$(q 'select count(*) - count(completed_at) from meta.source')" = 0 ]
}

settled() {
	[ "$(leftovers)" = 0 ]
}

tables() {
	q "select count(*), md5(string_agg(
		(to_jsonb(e) - '_source' - '_offset' - '_load')::text, '|'
		order by id, event_type, received_at)) from raw.events e"
}

deaths=0
scenario_begin load_again
"$bin/gen_events" 40 7 >"$work/a.json"
"$bin/gen_events" 30 8 >"$work/b.json"
producer_start
consumer_start
drop "$work/a.json"
eventually "a file is loaded" "$complete_sources" 1
drop "$work/b.json" events/sub 'b %20.json'
eventually "another, in a folder of its own" "$complete_sources" 2
until_true settled
before=$(tables)

# -- one source ----------------------------------------------------------------

dry=$(again a.json --dry-run)
check_has "a dry run says where the bytes are" "$dry" "processed/events/"
check "a dry run orders nothing" "$(leftovers)$(q "$replayed")" 00
check_has "what is replayed is handed over" "$(again a.json)" \
	"1 handed to the producer"
eventually "it becomes a source of its own" "$complete_sources" 3
check "which says whose replay it is" "$(q "select r.name, o.source_id
	from meta.source r join meta.source o on o.drop_id = r.replay_of")" \
	"events/a.json|1"
check "nothing but versions of the same is in the master" "$(tables)" "$before"
check "the delta has its records twice" \
	"$(q 'select count(*) from raw.events_delta')" 110
check_has "the receipt says so" "$("$bin/sluice" receipt 3)" "replay of   source 1"
check_has "and the other's, too" "$("$bin/sluice" receipt 1)" "as source 3"
until_true settled
check "the file is kept once" "$(files_kept)" 2

# -- a range -------------------------------------------------------------------

day=$(date -u +%F)
first_day=$(q "select (min(claimed_at) at time zone 'UTC')::date from meta.source")
check_has "a range means no replays" \
	"$(again --from "$first_day" --to "$day" --pipeline events)" "2 handed"
eventually "all of it is loaded" "$complete_sources" 5
check "in the order in which it came first" "$(q "select string_agg(name, ' '
	order by claimed_at, drop_id) from meta.source where source_id > 3")" \
	'events/a.json events/sub/b %20.json'
check_has "a replay of a replay is one of the original" "$(again 3)" "1 handed"
eventually "and loaded" "$complete_sources" 6
check "of the original" "$(q "select distinct o.source_id from meta.source r
	join meta.source o on o.drop_id = r.replay_of where r.source_id in
	(3, (select max(source_id) from meta.source))")" 1
check "a day without sources gives none" \
	"$(again --from 2001-01-01 --to 2001-01-31)" \
	"0 handed to the producer, to be loaded again"
for words in "" "1 --from $day --to $day" "--from $day" "--from x --to $day" \
	"no_such_file"; do
	# shellcheck disable=SC2086 # words
	again $words >/dev/null && code=0 || code=$?
	check "refused: replay $words" "$((code == 64 || code == 1))" 1
done
until_true settled

# -- what is not there any more --------------------------------------------------

find "$work/raw/processed" -name 'b %20.json' -exec mv {} "$work/away" \;
gone=$(again 1 2) && code=0 || code=$?
check "what is gone is said so, the rest goes" "$code" 1
check_has "by its name" "$gone" "b %20.json: its bytes are neither in"
eventually "the rest is loaded" "$complete_sources" 7
until_true settled
find "$work/raw/processed" -name a.json -exec sh -c 'printf x >>"$1"' _ {} \;
again 1 >"$work/spoiled.log" && code=0 || code=$?
check "what was changed since is not found" "$code" 1
check "and nothing is left of the attempt" "$(leftovers)" 0
find "$work/raw/processed" -name a.json -exec cp "$work/a.json" {} \;
find "$work/raw/processed" -type d -path '*events/*/sub' \
	-exec cp -p "$work/away" '{}/b %20.json' \;

# -- killed --------------------------------------------------------------------

producer_stop
until_true consumed
want=$(q "$replayed")
if "$bin/killat" openat 0 true 2>/dev/null; then
	runs=0
	for call in mkdirat openat,openat2 write,copy_file_range fsync \
		rename,renameat,renameat2; do
		for n in 1 2 3 5 8 13 21 34; do
			runs=$((runs + 1))
			code=0
			(as_daemon "$bin/killat" $call $n "$bin/sluice" \
				replay 1 2) >/dev/null 2>&1 || code=$?
			[ "$code" = 137 ] || break
		done
	done
	whole=$(orders)
	note "$runs runs of replay, most of them killed; $whole orders are whole"
	check "an order is there as a whole or not at all" $((whole % 2)) 0
	again 1 2 >/dev/null
	check "what was left half is removed by the next" \
		"$(find "$work/raw/.replay" -maxdepth 1 -name '.[0-9]*' | wc -l)" 0
	want=$((want + $(orders)))

	for at in 'openat2 40' 'fsync,fdatasync 2' 'fsync,fdatasync 4' \
		'fsync,fdatasync 6' 'renameat2 1' 'renameat2 2' 'unlinkat 1' \
		'unlinkat 3'; do
		again 1 >/dev/null
		want=$((want + 1))
		producer_dies "$at"
	done
	check "the producer was killed" $((deaths > 0)) 1
fi
producer_start
until_true settled
eventually "whatever was killed, each order is loaded once" \
	"select count(*), count(distinct drop_id), count(completed_at)
	from meta.source where replay_of is not null" "$want|$want|$want"
check "the master is what it was" "$(tables)" "$before"
check "every receipt holds" "$(receipts_hold)" HOLDS
check_invariants
scenario_end

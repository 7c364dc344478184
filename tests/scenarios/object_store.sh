#!/usr/bin/env bash
# object_store.sh - loaded files that go into the object store: whole, whatever
# is killed, full or in the way; and back again.
. "$(dirname "$0")/lib.sh"
. "$top/tests/support/disk.sh"
# shellcheck source=tests/support/dying.sh
. "$top/tests/support/dying.sh"
own_mounts "$0" "$@"

objects() {
	find "$work/store" -type f -name "${1:-*.json}" 2>/dev/null
}

claimed() {
	find "$work/raw" -path '*/.claimed/*' | wc -l
}

scenario_undo() {
	kill_daemon "$dying"
	umount "$work/store"
}

# producer_dies "CALLS N": at the Nth of these calls, if there are as many
producer_dies() {
	start_dying sluice-producer "${1% *}" "${1##* }"
	until_gone_or nothing_left || true
	if end_dying; then
		deaths=$((deaths + 1))
	else
		note "$1: never"
	fi
}

nothing_left() {
	[ -z "$(find "$work/raw" -type f)" ]
}

settled_files() {
	[ "$(claimed)" = 0 ]
}

load() { # NAME SEED
	"$bin/gen_events" 20 "$2" >"$work/$1"
	drop "$work/$1"
	loads=$((loads + 1))
	eventually "$1 is loaded" "$complete_sources" "$loads"
}

deaths=0
scenario_begin object_store
loads=0
mkdir "$work/store"
small_disk "$work/store" 512k
export SLUICE_PROCESSED_TO=object_store SLUICE_OBJECT_STORE_DIR=$work/store/objects
producer_start
consumer_start

load a.json 1
until_true settled_files
check "a loaded file is one object" "$(objects | wc -l)" 1
check "byte for byte" "$(cmp "$(objects)" "$work/a.json" && echo same)" same
drop_id=$(q 'select drop_id from meta.source')
day=$(objects | sed -n 's|.*/store/objects/events/events/\([0-9-]*\)/.*|\1|p')
check "named for its source, and a day between its claim and now" \
	"$(q "select '$day' between (claimed_at at time zone 'UTC')::date::text
		and '$(date -u +%F)' from meta.source")" t
check_has "and its id" "$(objects)" "-$drop_id.json"
check_has "with a note of what it was" "$(cat "$(objects '*.file')")" \
	"name: events/a.json"
check "nobody else may read it" "$(stat -c %a "$(objects)")" 640
check "nothing is left where files were dropped" \
	"$(find "$work/raw" -type f | wc -l)" 0

# -- and back --------------------------------------------------------------------

(as_daemon "$bin/sluice" replay a.json) >"$work/replay.log" 2>&1 || true
loads=$((loads + 1))
eventually "an object is loaded again" "$complete_sources" "$loads"
check "as a replay" "$(q "select replay_of from meta.source
	where replay_of is not null")" "$drop_id"
until_true settled_files
check "and kept once" "$(objects | wc -l)" 1

(as_daemon env TMPDIR="$work/state" "$bin/sluice" reconcile --kept) \
	>"$work/kept.log" 2>&1 || true
check_has "it is read back, and is what was loaded" "$(cat "$work/kept.log")" \
	"1 objects and 0 files read back, $(stat -c %s "$work/a.json") bytes"
q "truncate raw.events_delta" >/dev/null
check_has "what is missing is fetched from the store" "$(reconcile)" \
	"2 sources: 2 loaded"

# -- full ------------------------------------------------------------------------

fill_disk "$work/store"
load full.json 2
until_true grep -q move_failed "$work/producer.log"
check "a full store keeps the file claimed" "$(claimed)" 1
check "and nothing half" "$(objects | wc -l)" 1
check_has "and says so" "$(grep move_failed "$work/producer.log")" "No space"
empty_disk "$work/store"
until_true settled_files
check "room makes it go on" "$(objects | wc -l)" 2

# -- in the way --------------------------------------------------------------------

mv "$work/store/objects/events" "$work/store/objects/kept"
mkdir "$work/outside"
chmod 777 "$work/outside"
ln -s "$work/outside" "$work/store/objects/events"
load link.json 3
until_true sh -c "[ \"\$(grep -c move_failed '$work/producer.log')\" -gt 1 ]"
check "no link leads out of the store" "$(find "$work/outside" -type f | wc -l)" 0
check "the file stays" "$(claimed)" 1
rm "$work/store/objects/events"
mv "$work/store/objects/kept" "$work/store/objects/events"
until_true settled_files
check "without the link it goes on" "$(objects | wc -l)" 3
check "where it belongs" "$(find "$work/outside" -type f | wc -l)" 0

# -- killed ------------------------------------------------------------------------

if "$bin/killat" openat 0 true 2>/dev/null; then
	producer_stop
	for at in 'fsync 1' 'fsync 2' 'fsync 3' 'fsync 4' 'fsync 5' 'fsync 6' \
		'rename,renameat,renameat2 1' 'rename,renameat,renameat2 2' \
		'rename,renameat,renameat2 3' 'unlinkat 1' 'unlinkat 2' \
		'unlinkat 3' 'write 8'; do
		loads=$((loads + 1))
		"$bin/gen_events" 20 $((100 + loads)) >"$work/k$loads.json"
		drop "$work/k$loads.json"
		producer_dies "$at"
	done
	producer_start
	eventually "all is loaded" "$complete_sources" "$loads"
	until_true settled_files
	check "the producer was killed" $((deaths > 0)) 1
fi
producer_stop
check "each loaded file is an object, once" \
	"$(objects | wc -l)" $((loads - 1))
bad=''
while read -r drop file; do
	cmp -s "$(objects "*-$drop.json")" "$work/${file##*/}" ||
		bad=$bad$'\n'"  $file"
done < <(q "select drop_id || ' ' || name from meta.source
	where replay_of is null")
check "byte for byte, each" "$bad" ''
check "and nothing half is left of any but names that come again" \
	"$(find "$work/store" -name '.*.part' | wc -l)" 0

# -- kept long enough --------------------------------------------------------------

first=$(objects | head -n 1)
other=${first%-????????-????-????-????-????????????.json}-$(cat \
	/proc/sys/kernel/random/uuid).json
(as_daemon cp "$first" "$other")
consumer_stop
SLUICE_OBJECT_STORE_KEEP_SECS=1 consumer_start
only_other() {
	[ "$(objects '*')" = "$other" ]
}
until_true only_other || true
check "what is complete is deleted, with its note; what is not known stays" \
	"$(objects '*')" "$other"
check_has "and said so" "$(cat "$work/consumer.log")" "event=objects_deleted"
check "every receipt holds" "$(receipts_hold)" HOLDS
check_invariants
scenario_end

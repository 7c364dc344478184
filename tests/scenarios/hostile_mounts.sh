#!/usr/bin/env bash
# hostile_mounts.sh - a file system mounted over a watched folder, of which
# inotify says nothing, and taken away again; an overlay whose upper layer is
# written to from outside; a mount of FUSE that is written behind: what is dropped
# there loads, and is moved away across file systems.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
	note "skipped: nothing can be mounted here"
	exit 77
fi
# mounts of our own, gone with this process
[ -n "${SLUICE_OWN_MOUNTS:-}" ] || SLUICE_OWN_MOUNTS=1 exec unshare -m bash "$0"

scenario_begin hostile_mounts
folder=$work/raw/events
sample=$top/tests/data/events_sample.json
mkdir -p "$folder"
[ -z "$run_as" ] || chown -R "$run_as:$run_group" "$work/raw"
producer_start
consumer_start
drop "$sample" events before.json
eventually "before: a file loads" "$complete_sources" 1
mount -t tmpfs -o mode=755 none "$folder"
drop "$sample" events over.json
eventually "mounted over: a file loads" "$complete_sources" 2
files_put_away
umount -l "$folder"
drop "$sample" events after.json
eventually "unmounted: a file loads" "$complete_sources" 3
files_put_away

# an overlay over it, and a file that is put into its upper layer from outside
files=3
mkdir "$work/lower" "$work/upper" "$work/worker"
[ -z "$run_as" ] || chown "$run_as:$run_group" "$work/lower" "$work/upper"
if mount -t overlay none "$folder" -o \
	"lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/worker" 2>/dev/null; then
	files=4
	cp "$sample" "$work/upper/.behind"
	[ -z "$run_as" ] || chown "$run_as:$run_group" "$work/upper/.behind"
	mv "$work/upper/.behind" "$work/upper/behind.json"
	eventually "written into an overlay's upper layer: a file loads" \
		"$complete_sources" 4
	files_put_away
	umount -l "$folder"
fi
# a mount whose files somebody else writes, as the host of a container may
if command -v bindfs >/dev/null && [ -w /dev/fuse ]; then
	mkdir "$work/elsewhere" "$work/mounted"
	[ -z "$run_as" ] || chown "$run_as:$run_group" "$work/elsewhere"
fi
if [ -d "$work/elsewhere" ] && bindfs "$work/elsewhere" "$work/mounted"; then
	mount --bind "$work/mounted" "$folder"
	files=$((files + 1))
	until_true grep -q 'event=inotify_short path=events on=fuse' "$work/producer.log"
	check_has "status says that inotify falls short" \
		"$("$bin/sluice" status)" \
		"inotify: events is on fuse: what is dropped from elsewhere is found by the rescan, every 1 s"
	check "which is no reason not to be ready" "$("$bin/sluice" --json status |
		jq -c '[.producer.ready, (.producer.notes | length), .producer.reasons]')" \
		'[true,1,[]]'
	cp "$sample" "$work/elsewhere/.far"
	[ -z "$run_as" ] || chown "$run_as:$run_group" "$work/elsewhere/.far"
	mv "$work/elsewhere/.far" "$work/elsewhere/far.json"
	eventually "dropped behind the mount: a file loads" "$complete_sources" "$files"
	files_put_away
	umount -l "$folder"
	umount -l "$work/mounted"
	until_true grep -q event=inotify_reaches "$work/producer.log"
	check "unmounted: status is silent of it" \
		"$("$bin/sluice" --json status | jq -c .producer.notes)" '[]'
fi
check "each file is in processed/, whole" "$(find "$work/raw/processed" -type f \
	-exec cmp -s {} "$sample" \; -print | wc -l)" "$files"
check "each was loaded once" "$(q 'select count(*) from raw.events_delta')" $((36 * files))
check_invariants
scenario_end

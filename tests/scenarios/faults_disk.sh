#!/usr/bin/env bash
# faults_disk.sh - the disk under the drop folder, the processed files or the
# state file is full, and some calls of the producer fail: one message, nothing
# lost, and it goes on by itself. Every call: tests/crash/faults_disk.sh.
. "$(dirname "$0")/lib.sh"
. "$top/tests/support/disk.sh"

said() {
	tail -n "+$((seen + 1))" "$work/producer.log" | grep -qE "$1"
}

# full NAME FOLDER EVENTS: the producer says one of EVENTS while FOLDER is full
full() {
	local from
	seen=$(wc -l <"$work/producer.log")
	fill_disk "$2"
	drop_some 500
	check "$1: one message tells of it" \
		"$(until_true said "event=($3) .*(No space left|full)" && echo yes)" yes
	check "$1: the producer lives" "$(kill -0 "$producer_pid" && echo yes)" yes
	from=$(date +%s%3N)
	kill -TERM "$producer_pid"
	check "$1: TERM ends it" "$(timeout "$term_secs" \
		tail --pid="$producer_pid" -f /dev/null && echo yes)" yes
	note "   after $(($(date +%s%3N) - from)) ms"
	producer_start
	until_true said 'event=start .*' || true
	empty_disk "$2"
	from=$(date +%s%3N)
	check "$1: with room again the file is loaded and moved" \
		"$(until_true all_moved && until_true all_complete && echo yes)" yes
	note "   after $(($(date +%s%3N) - from)) ms"
}

own_mounts "$0"
scenario_begin faults_disk
producer_start
consumer_start
drop_some 100
check "a first file goes through" "$(until_true all_moved &&
	until_true all_complete && echo yes)" yes
producer_stop

small_disk "$work/raw/processed" 1m
producer_start
full "processed files" "$work/raw/processed" move_failed
producer_stop
umount -l "$work/raw/processed"

small_disk "$work/small" 1m
export SLUICE_STATE_FILE=$work/small/producer.db
producer_start
drop_some 100
until_true all_moved || true
full "state file" "$work/small" 'claim_failed|keeper|failed|publisher'
producer_stop

if command -v strace >/dev/null; then
	for spec in 'pwrite64 ENOSPC 3' 'fsync EIO 1' 'fdatasync EIO 2' \
		'renameat2 ENOSPC 1' 'pwrite64 EIO 9+'; do
		# shellcheck disable=SC2086 # three words
		fail_call sluice-producer $spec 3 || bad=$bad$'\n'"  $spec: never"
	done
fi
check_disk
umount -l "$work/small"
scenario_end

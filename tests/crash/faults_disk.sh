#!/usr/bin/env bash
# faults_disk.sh - EIO and ENOSPC at every call of producer and consumer that
# reaches a disk or a socket: the Nth alone, N = 1, 2, 3 ... until none is left,
# and from the Nth on for some N; first, as root, a disk of PostgreSQL that is
# full in earnest. Takes many minutes.
#
# usage: faults_disk.sh [CALL...]   servers as for the scenarios
. "$(dirname "$0")/../scenarios/lib.sh"
. "$top/tests/support/disk.sh"

runs=0
most=${SLUICE_FAULTS_MOST:-400} # of each call

progress() {
	printf '\r%5d runs, %2d seconds: %-60s' "$runs" "$SECONDS" "$1" >&2
}

# sweep PROGRAM CALL ERROR
sweep() {
	local n
	for ((n = 1; n <= most; n++)); do
		runs=$((runs + 1))
		progress "$1 $2 $3 $n"
		fail_call "$1" "$2" "$3" "$n" || break
	done
	for n in 1+ 5+ 20+; do
		runs=$((runs + 1))
		progress "$1 $2 $3 $n"
		fail_call "$1" "$2" "$3" "$n" 3 || break
	done
}

superuser() {
	(as_daemon psql -qXAt -h "$(cat "$servers/run/sockets")" \
		-p "$(setting database_port)" -U postgres -d "s_$name" -c "$1")
}

table_waits() {
	grep 'event=dataset_waits' "$work/consumer.log" | grep -q 53100
}

# The master moves to a file system that fills up; the server has to see it,
# so it is mounted for all and taken away again.
full_tablespace() {
	local disk
	disk=$(realpath "$servers")/small
	trap 'umount -l "$servers/small" 2>/dev/null; scenario_clean' EXIT
	small_disk "$disk" 4m
	superuser "create tablespace s_small location '$disk'"
	superuser "alter table raw.events set tablespace s_small;
		alter index raw.events_pkey set tablespace s_small"
	producer_start
	drop_some 1000
	until_true all_complete || true
	fill_disk "$disk"
	drop_some 20000
	check "a full tablespace is told of" "$(until_true table_waits && echo yes)" yes
	empty_disk "$disk"
	grow_disk "$disk"
	check "with room again all is loaded" "$(until_true all_complete && echo yes)" yes
	producer_stop
	superuser "alter table raw.events set tablespace pg_default;
		alter index raw.events_pkey set tablespace pg_default"
	superuser "drop tablespace s_small"
	umount -l "$disk"
	rmdir "$disk"
}

grow_disk() { # FOLDER
	mount -o remount,size=200m "$1"
}

command -v strace >/dev/null || { note "skipped: no strace"; exit 77; }
scenario_begin faults_disk_all
consumer_start
[ "$(id -u)" != 0 ] || [ -z "$run_as" ] || full_tablespace
for call in "${@:-write pwrite64 fsync fdatasync ftruncate rename renameat renameat2}"; do
	for one in $call; do
		for error in EIO ENOSPC; do
			sweep sluice-producer "$one" "$error"
		done
	done
done
consumer_stop
producer_start
for call in write sendto writev; do
	for error in EIO ENOSPC; do
		sweep sluice-consumer "$call" "$error"
	done
done
producer_stop
printf '\n' >&2
note "$runs runs, $files files"
check_disk
scenario_end

# disk.sh - disks that are full or broken: small file systems of one's own, and
# calls that fail by order of strace. For scenarios that have sourced lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154

files=0 records=0 bad='' traced=''
term_secs=30 # 5 are promised, to a machine that is not busy; none: for ever

# own_mounts SCRIPT ARGS...: again, where mounts are nobody else's
own_mounts() {
	[ "${SLUICE_OWN_MOUNTS:-}" != yes ] || return 0
	if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
		note "skipped: only root can mount a small file system"
		exit 77
	fi
	exec env SLUICE_OWN_MOUNTS=yes unshare -m --propagation private bash "$@"
}

# small_disk FOLDER SIZE: until the script ends
small_disk() {
	mkdir -p "$1"
	mount -t tmpfs -o "size=$2,mode=0777" sluice "$1"
	[ -z "$run_as" ] || chown "$run_as:$run_group" "$1"
}

fill_disk() { # FOLDER
	dd if=/dev/zero of="$1/filler" bs=4096 2>/dev/null || true
}

empty_disk() { # FOLDER
	rm -f "$1/filler"
}

drop_some() { # RECORDS
	files=$((files + 1)) records=$((records + $1))
	"$bin/gen_events" "$1" $((3000 + files)) >"$work/some.json"
	drop "$work/some.json" events "some$files.json"
}

# -- calls that fail ---------------------------------------------------------

# start_failing PROGRAM CALL ERROR N: in the background, as $traced; N+ is N
# and all that follow
start_failing() {
	rm -f "$work/strace.out"
	(as_daemon strace -f -qq -o "$work/strace.out" -e "trace=$2" \
		-e "inject=$2:error=$3:when=$4" "$bin/$1") \
		>>"$work/${1#sluice-}.log" 2>&1 &
	traced=$!
}

injected() {
	grep -q INJECTED "$work/strace.out" 2>/dev/null
}

all_complete() {
	[ "$(q "$complete_sources")" = "$files" ]
}

all_moved() {
	compgen -G "$work/raw/processed/events/*/some$files.json" >/dev/null
}

# settled SECONDS: all is done, or the traced program has ended, or time is up
# since a call failed
settled() {
	local end=$((SECONDS + deadline_secs)) failed=no
	while [ "$SECONDS" -lt "$end" ] && kill -0 "$traced" 2>/dev/null; do
		all_moved && all_complete && return 0
		if [ $failed = no ] && injected; then
			failed=yes end=$((SECONDS + $1))
		fi
		sleep 0.05
	done
}

# TERM to the traced program itself: strace passes none on
end_traced() {
	local pid
	for pid in $(pgrep -P "$(pgrep -P "$traced" | head -n 1 || true)" 2>/dev/null) \
		$(pgrep -P "$traced"); do
		kill -TERM "$pid" 2>/dev/null || true
	done
	if ! timeout "$term_secs" tail --pid="$traced" -f /dev/null; then
		bad=$bad$'\n'"  $1: TERM does not end it"
		pkill -KILL -P "$traced" || true
	fi
	wait "$traced" 2>/dev/null || true
	traced=''
}

# fail_call PROGRAM CALL ERROR N [SECONDS]: a file goes through while a call
# fails; a clean start brings the rest. False when no call failed any more.
fail_call() {
	local what="$1 $2 $3 $4" hit=1
	start_failing "$1" "$2" "$3" "$4"
	drop_some 20
	settled "${5:-10}"
	injected && hit=0
	end_traced "$what"
	finish_file "$what"
	return "$hit"
}

# finish_file WHAT: with both daemons whole, whatever is left must load
finish_file() {
	if [ -z "$producer_pid" ] && ! { all_moved && all_complete; }; then
		producer_start
		until_true all_moved || bad=$bad$'\n'"  $1: the file is not moved"
		producer_stop
	elif [ -z "$consumer_pid" ] && ! all_complete; then
		consumer_start
		until_true all_complete || true
		consumer_stop
	fi
	until_true all_complete || bad=$bad$'\n'"  $1: the file is not loaded"
}

# What holds when all of it is over.
check_disk() {
	check "nothing went wrong in any run" "$bad" ''
	check "each record is in the delta once" "$(q 'select count(*),
		count(distinct (_source, _offset)) from raw.events_delta')" \
		"$records|$records"
	check "nothing was rejected" "$(q 'select count(*) from meta.reject')" 0
	check_invariants
}

#!/usr/bin/env bash
# run.sh - the crash sweep: producer and consumer are killed (SIGKILL) at their
# 1st, 2nd, 3rd ... call of every kind that matters, until a run completes
# untouched; after each death a clean start, and every record accounted for.
#
# usage: run.sh [--fast] [--call CALL[/half][/slow]]... [--from N] [--step N]
#               [--resume CALL:N] [producer|consumer]...
#
#   --fast    every Nth death of a few calls: what ctest runs
#   --call    only these; /half: half of the bytes of that call are written,
#             /slow: sends take a while, so that checkpoints fall between them
#   --from    the first call to die at; else the first behind the loader's own
#   --step    every Nth call only
#   --resume  goes on where a sweep was broken off (of one daemon)
#
# Servers: those of SLUICE_TEST_DIR, else build/dev/services, started and
# stopped when there are none. Exit: 0, 1 something was lost, doubled or
# unaccounted for, 64 misuse, 69 no programs or servers, 77 no tracing here.
. "$(dirname "$0")/lib.sh"

calls_of() { # DAEMON: opening, reading, writing, waiting
	case $fast,$1 in
	yes,producer) echo 'sendto@7 pwrite64@13 renameat2@1 fdatasync/slow@5' ;;
	yes,consumer) echo 'write@2 sendto@41 recvfrom@53' ;;
	*,producer) echo 'openat,openat2 mkdir,mkdirat connect renameat2' \
		'unlink,unlinkat fsync fdatasync ftruncate sendto,sendmsg,writev' \
		'sendto/half recvfrom,recvmsg read pread64 pwrite64' \
		'pwrite64/half write futex poll,ppoll' \
		'sendto/slow fdatasync/slow pwrite64/slow' ;;
	*,consumer) echo 'openat,openat2 connect sendto,sendmsg,writev' \
		'sendto/half read write futex recvfrom,recvmsg poll,ppoll' ;;
	esac
}

misuse() {
	[ $# = 0 ] || printf 'run.sh: %s\n' "$*" >&2
	sed -n 's/^# \{0,1\}//; 2,/^$/p' "$0" >&2
	exit 64
}

number() { # WORD
	case $1 in '' | *[!0-9]* | 0*) misuse "not a number: $1" ;; esac
	printf '%s\n' "$1"
}

# -- one death -----------------------------------------------------------------

# The producer dies, the consumer lives.
producer_dies() { # SPEC N
	local untouched=0
	issue
	start_dying sluice-producer "$1" "$2"
	until_gone_or all_moved || true
	end_dying || untouched=1
	producer_start
	wait_for "file $issued is loaded and moved" all_done || true
	end_clean "$producer_pid"
	producer_pid=''
	return $untouched
}

# The consumer dies over a file that waits in the queue, the producer lives.
consumer_dies() { # SPEC N
	local untouched=0
	issue
	wait_for "file $issued is published" all_moved || true
	start_dying sluice-consumer "$1" "$2"
	until_gone_or all_complete || true
	end_dying || untouched=1
	drain
	return $untouched
}

# -- a call --------------------------------------------------------------------

# The loader opens and reads our libraries before main: nothing to see there.
loader_calls() { # DAEMON CALLS
	"$bin/killat" -t "$work/told" "$2" 0 "$bin/sluice-$1" --version >/dev/null
	sed -n 's/^ended //p' "$work/told"
}

progress() { # TEXT: overwrites itself on a terminal
	if [ -t 1 ]; then
		printf '\r\033[K%s' "$1"
	elif [ $((SECONDS - said)) -ge 30 ]; then
		said=$SECONDS
		note "$1"
	fi
}

fail() { # DAEMON SPEC N
	[ ! -t 1 ] || echo
	check "$1, death at $2 number $3" "$bad" ""
	note "again: tests/crash/run.sh --call $2 --from $3 $1"
	exit 1
}

# Until two runs in a row reach the end: call numbers shift a little.
sweep_call() { # DAEMON SPEC FIRST STEP
	local n=$3 step=$4 whole=0 here=0
	while [ $whole -lt $enough ]; do
		if "$1_dies" "$2" "$n"; then
			whole=0 here=$((here + 1)) deaths=$((deaths + 1))
		else
			whole=$((whole + 1))
		fi
		verdict || fail "$1" "$2" "$n"
		progress "$1 $2:$n, $deaths deaths, $((issued * 12)) records"
		n=$((n + step))
	done
	[ ! -t 1 ] || printf '\r\033[K'
	note "ok: $1 $2: $here deaths, up to call $((n - enough * step - 1)), $SECONDS s"
}

sweep() { # DAEMON
	local spec first by
	[ $fast = yes ] && crash_begin "crash_$1" || crash_begin "${SLUICE_CRASH_NAME:-sweep}_$1"
	case $1 in
	producer) consumer_start ;;
	consumer) producer_start ;;
	esac
	for spec in ${only:-$(calls_of "$1")}; do
		by=${spec#"${spec%@*}"}
		by=${step:-${by:+${by#@}}}
		by=${by:-1}
		spec=${spec%@*}
		if [ -n "$resume" ] && [ "$spec" != "${resume%:*}" ]; then
			continue
		fi
		first=${from:-$(loader_calls "$1" "${spec%%/*}")}
		[ "$first" -ge 1 ] || first=1
		[ -z "$resume" ] || first=${resume##*:}
		resume=''
		sweep_call "$1" "$spec" "$first" "$by"
	done
	finish "$1"
}

finish() { # DAEMON
	[ -z "$resume" ] || misuse "$1 has no call $resume"
	case $1 in
	producer) drain ;;
	consumer) end_clean "$producer_pid"; producer_pid='' ;;
	esac
	verdict || fail "$1" "the end" 0
	ask 'select coalesce(sum(duplicates), 0) from meta.load;'
	check "$1: it died" "$([ $deaths -gt 0 ] && echo yes)" yes
	[ -n "$only$resume" ] || check "$1: messages came twice, and were absorbed" \
		"$([ "$answer" -gt 0 ] && echo yes)" yes
	note "$1: $deaths deaths, $((issued * 12)) records issued, lost 0," \
		"doubled 0, $answer messages came twice and were absorbed," \
		"$SECONDS s"
	scenario_end
}

# -- the command line ------------------------------------------------------------

own_servers() {
	[ ! -f "$servers/sluice.yaml" ] || return 0
	"$top/tests/support/services.sh" start "$servers" || exit 69
	trap '"$top/tests/support/services.sh" stop "$servers"' EXIT
}

fast=no only='' from='' step='' resume='' daemons='' deaths=0 said=0
while [ $# -gt 0 ]; do
	case $1 in
	--fast) fast=yes ;;
	--call | --from | --step | --resume)
		[ $# -gt 1 ] || misuse "$1 needs a word"
		case $1 in
		--call) only="$only $2" ;;
		--from) from=$(number "$2") ;;
		--step) step=$(number "$2") ;;
		--resume)
			resume=$2
			number "${2##*:}" >/dev/null
			;;
		esac
		shift
		;;
	producer | consumer) daemons="$daemons $1" ;;
	*) misuse "not understood: $1" ;;
	esac
	shift
done
enough=2
[ $fast = no ] || enough=1
for program in sluice sluice-producer sluice-consumer killat depth; do
	if [ ! -x "$bin/$program" ]; then
		note "not built: $bin/$program"
		exit 69
	fi
done
case $daemons in
'' | *' '*' '*)
	[ -z "$resume" ] || misuse "--resume is about one daemon"
	;;
esac
[ $fast = yes ] || own_servers
code=0
for daemon in ${daemons:-producer consumer}; do
	(sweep "$daemon") || code=$?
done
exit $code

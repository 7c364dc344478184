# dying.sh - a daemon that dies at a chosen call, for scenarios that have sourced
# lib.sh: under tests/crash/killat.c, until it is dead or there is nothing left
# for it to do; never by the clock.
# shellcheck shell=bash
# shellcheck disable=SC2154 # of lib.sh

dying=''   # the process of the daemon that is to die
slow_ms=30 # a slow send: checkpoints come in the middle of a file

# start_dying PROGRAM SPEC N: in the background, as $dying; SPEC is
# CALLS[/half][/slow]
start_dying() {
	local calls=${2%%/*} options=(-t "$work/told")
	case $2 in */half*) options+=(-h) ;; esac
	case $2 in */slow*) options+=(-s "sendto:$slow_ms") ;; esac
	rm -f "$work/told"
	(as_daemon "$bin/killat" "${options[@]}" "$calls" "$3" "$bin/$1") \
		>>"$work/${1#sluice-}.log" 2>&1 &
	dying=$!
}

# until_gone_or COMMAND...: true when the dying one lives and COMMAND succeeds
until_gone_or() {
	local end=$((SECONDS + deadline_secs))
	while kill -0 "$dying" 2>/dev/null; do
		! "$@" || return 0
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.02
	done
	return 1
}

# end_dying: asks it to end if it lives; true when it was killed by its call
end_dying() {
	kill -TERM "$dying" 2>/dev/null || true
	wait "$dying" || true
	dying=''
	case $(cat "$work/told" 2>/dev/null) in
	killed*) return 0 ;;
	esac
	return 1
}

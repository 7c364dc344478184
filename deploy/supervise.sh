#!/usr/bin/env bash
# supervise.sh - keeps one daemon running and its log bounded.
#
#   supervise.sh NAME DIR COMMAND...
#
# Starts the command again when it ends, after 1, 2, 4 ... 60 seconds; a minute
# of health begins again at 1. Exit codes 64 (usage) and 78 (configuration)
# need a human: tried again every 60 seconds, and at once on HUP. TERM stops
# the daemon and then this script; HUP is passed on. The daemon knows the
# variables of DIR/environment. Its output goes to DIR/log/NAME.log, 10 MiB of
# it, with four older ones beside it; its id to DIR/run/NAME.child.pid. Should
# this script be killed, the daemon gets TERM.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=deploy/lib.sh
. "$REPO/deploy/lib.sh"

CEILING_SECS=60 HEALTHY_SECS=60 STOP_SECS=8
LOG_BYTES=$((10 * 1024 * 1024)) LOG_FILES=4

# -- the log ---------------------------------------------------------------------

rotate() {
	local i
	for ((i = LOG_FILES - 1; i > 0; i--)); do
		[ ! -e "$LOG.$i" ] || mv -f -- "$LOG.$i" "$LOG.$((i + 1))"
	done
	mv -f -- "$LOG" "$LOG.1"
}

log_size() {
	stat -c %s -- "$LOG" 2>/dev/null || echo 0
}

# Copies a pipe into files of bounded size, every piece as it comes. With no
# room on the disk lines are lost, but the daemon is never held up by its log.
write_log() {
	local room
	trap '' TERM HUP INT
	while :; do
		room=$((LOG_BYTES - $(log_size)))
		if [ $room -le 0 ]; then
			rotate || true
			continue
		fi
		if ! stdbuf -o0 head -c $room 2>/dev/null >>"$LOG"; then
			timeout 1 cat >/dev/null || true
		elif [ "$(log_size)" -lt $LOG_BYTES ]; then
			return # the pipe has ended
		fi
	done
}

note() { # LEVEL TEXT
	printf 'ts=%s level=%s event=supervise daemon=%s msg="%s"\n' \
		"$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$1" "$NAME" "$2" >&3
}

# -- the daemon ------------------------------------------------------------------

CHILD='' KILLER='' PAUSE='' STOPPING=no AGAIN=no CODE=0

on_term() {
	STOPPING=yes
	[ -z "$CHILD" ] || kill -TERM "$CHILD" 2>/dev/null || true
	[ -z "$PAUSE" ] || kill "$PAUSE" 2>/dev/null || true
}

on_hup() {
	AGAIN=yes
	[ -z "$CHILD" ] || kill -HUP "$CHILD" 2>/dev/null || true
	[ -z "$PAUSE" ] || kill "$PAUSE" 2>/dev/null || true
}

# The daemon dies with us: whoever kills this script must not leave it alone.
start_child() {
	setpriv --pdeathsig TERM "$@" </dev/null >&3 2>&3 3>&- &
	CHILD=$!
	pid_write "$DIR/run/$NAME.child.pid" "$CHILD" || true
	[ $STOPPING = no ] || kill -TERM "$CHILD" 2>/dev/null || true
}

# Once the daemon has been told to stop, it has a few seconds.
arm_killer() {
	[ $STOPPING = yes ] && [ -z "$KILLER" ] || return 0
	sleep $STOP_SECS 3>&- &
	KILLER=$!
}

# A signal ends `wait` early: wait again until the daemon is really gone.
wait_child() {
	local who
	KILLER=''
	while arm_killer; do
		who=''
		wait -n -p who "$CHILD" ${KILLER:+"$KILLER"} && CODE=0 || CODE=$?
		[ "${who:-none}" != "$KILLER" ] || kill -KILL "$CHILD" || true
		kill -0 "$CHILD" 2>/dev/null || break
	done
	[ -z "$KILLER" ] || kill "$KILLER" 2>/dev/null || true
	CHILD=''
	rm -f -- "$DIR/run/$NAME.child.pid"
}

# Signals cut the pause short.
pause() { # SECONDS
	sleep "$1" 3>&- &
	PAUSE=$!
	[ $STOPPING$AGAIN = nono ] || kill "$PAUSE" 2>/dev/null || true
	wait "$PAUSE" || true
	PAUSE=''
}

supervise() {
	local delay=1 since
	while [ $STOPPING = no ]; do
		since=$SECONDS
		start_child "$@"
		wait_child
		[ $STOPPING = no ] || break
		AGAIN=no # what was passed on has had its say
		[ $((SECONDS - since)) -lt $HEALTHY_SECS ] || delay=1
		case $CODE in
		64 | 78)
			delay=$CEILING_SECS
			note error "ended with code $CODE: see the lines above; tried again every $delay s, at once on HUP"
			;;
		*) note warn "ended with code $CODE: again in $delay s" ;;
		esac
		pause $delay
		delay=$((delay * 2 < CEILING_SECS ? delay * 2 : CEILING_SECS))
		[ $AGAIN = no ] || delay=1
	done
	note info "stopped"
}

main() {
	[ $# -ge 3 ] || die $EX_USAGE "usage: supervise.sh NAME DIR COMMAND..."
	NAME=$1 DIR=$2 LOG=$2/log/$1.log
	shift 2
	choose_user "$DIR"
	AS_USER=() # this script already runs as that user
	load_environment "$DIR/environment"
	trap on_term TERM INT
	trap on_hup HUP
	exec 3> >(write_log)
	supervise "$@"
}

main "$@"

#!/usr/bin/env bash
# daemons.sh - the consumer and the producer of a native deployment, supervised.
#
#   daemons.sh start DIR BIN   start what does not run; BIN holds the programs
#   daemons.sh stop DIR        stop both: they finish or give back their work
#   daemons.sh reload DIR      both read settings and pipelines again (HUP)
#   daemons.sh status DIR      which run; 69 unless both
#   daemons.sh serve DIR BIN   start the page as well, and say where it is; it
#                              stops with the daemons, or without them by:
#   daemons.sh unserve DIR
#
# DIR is a folder of native.sh. A daemon that runs is left alone, unless its
# program, sluice.yaml or environment is another than when it was started: then
# it is started again, and this says so.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=deploy/lib.sh
. "$REPO/deploy/lib.sh"

DAEMONS=(consumer producer)

# What a daemon is: the page is a verb of the operator's program.
program() { # DAEMON
	if [ "$1" = serve ]; then
		PROGRAM=("$BIN/sluice" serve)
	else
		PROGRAM=("$BIN/sluice-$1")
	fi
}

# What it was started from.
fingerprint() {
	cat -- "${PROGRAM[0]}" "$DIR/sluice.yaml" \
		"$(readable "$DIR/environment")" | sha256sum
}

readable() { # FILE
	if [ -r "$1" ]; then
		printf '%s\n' "$1"
	else
		echo /dev/null
	fi
}

# Beside the programs when they were copied, else in the clone.
supervisor() {
	if [ -e "$BIN/../deploy/supervise.sh" ]; then
		realpath -- "$BIN/../deploy/supervise.sh"
	else
		printf '%s\n' "$REPO/deploy/supervise.sh"
	fi
}

start_one() { # DAEMON
	local now
	program "$1"
	now=$(fingerprint)
	if pid_alive "$DIR/run/$1.pid"; then
		[ "$now" != "$(cat -- "$DIR/run/$1.started" 2>/dev/null)" ] || return 0
		say "$1: its program, settings or environment changed: starting it again"
		stop_one "$1"
	fi
	end_orphan "$1"
	launch "$DIR/run/$1.pid" "$DIR/log/supervise.log" \
		env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 HOME="$DIR/state" \
		SLUICE_CONFIG="$DIR/sluice.yaml" \
		bash "$(supervisor)" "$1" "$DIR" "${PROGRAM[@]}" ||
		die $EX_SERVER "cannot start the $1: see $DIR/log/supervise.log"
	printf '%s\n' "$now" | write_file 0644 "$DIR/run/$1.started"
}

# A daemon whose supervisor was killed got TERM; make sure that it is gone.
end_orphan() { # DAEMON
	pid_stop "$DIR/run/$1.child.pid" TERM 8 KILL 5
}

stop_one() { # DAEMON
	pid_stop "$DIR/run/$1.pid" TERM 12 KILL 5
	end_orphan "$1"
}

running() { # DAEMON
	pid_alive "$DIR/run/$1.pid" && pid_alive "$DIR/run/$1.child.pid"
}

start() {
	local daemon
	for daemon in "${DAEMONS[@]}"; do
		start_one "$daemon"
	done
	for daemon in "${DAEMONS[@]}"; do
		wait_for 60 running "$daemon" || {
			tail -n 5 -- "$DIR/log/$daemon.log" >&2 || true
			die $EX_SERVER "the $daemon does not stay up: see $DIR/log/$daemon.log"
		}
	done
	! pid_alive "$DIR/run/serve.pid" || start_one serve
}

page_answers() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

serve() {
	local port
	start_one serve
	port=$(sed -n 's/^serve_http: *"\{0,1\}127\.0\.0\.1:\([0-9]*\).*/\1/p' \
		"$DIR/sluice.yaml" | tail -n 1)
	if [ -z "$port" ]; then
		say "the page runs where serve_http of $DIR/sluice.yaml says"
		return
	fi
	wait_for 60 page_answers "$port" ||
		die $EX_SERVER "the page does not answer: see $DIR/log/serve.log"
	say "http://127.0.0.1:$port/"
	say "actions and record contents need the token in $DIR/secrets/serve"
}

unserve() {
	stop_one serve
}

# Both at once: each may need its few seconds.
stop() {
	local daemon code=0 jobs=()
	for daemon in "${DAEMONS[@]}" serve; do
		stop_one "$daemon" &
		jobs+=($!)
	done
	for daemon in "${jobs[@]}"; do
		wait "$daemon" || code=$EX_SERVER
	done
	exit $code
}

# The supervisor passes it on; what does not check is refused in the log.
reload() {
	local daemon
	for daemon in "${DAEMONS[@]}"; do
		! pid_alive "$DIR/run/$daemon.pid" || kill -HUP "$PID"
	done
}

status() {
	local daemon code=0
	for daemon in "${DAEMONS[@]}"; do
		if running "$daemon"; then
			say "$daemon: runs, pid $PID"
		else
			say "$daemon: does not run"
			code=$EX_SERVER
		fi
	done
	exit $code
}

main() {
	local verb=${1:-}
	DIR=${2:-} BIN=${3:-}
	case $verb,$# in
	start,3 | serve,3 | stop,2 | unserve,2 | reload,2 | status,2) ;;
	*) die $EX_USAGE "usage: daemons.sh start|serve DIR BIN | stop|unserve|reload|status DIR" ;;
	esac
	check_path "$DIR$BIN"
	DIR=$(realpath -m -- "$DIR")
	cd /
	[ -d "$DIR/run" ] || die $EX_SERVER "$DIR holds no servers"
	choose_user "$DIR"
	"$verb"
}

main "$@"

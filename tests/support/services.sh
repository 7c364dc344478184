#!/usr/bin/env bash
# services.sh - throwaway PostgreSQL and RabbitMQ for the tests (ctest fixture
# `services`).
#
#   services.sh start [DIR]   anew; DIR defaults to $SLUICE_TEST_DIR, then
#   services.sh stop [DIR]    to build/dev/services; the logs stay in DIR.log
#   services.sh kill-broker [DIR]    SIGKILL, for tests of restarts;
#   services.sh kill-database [DIR]  deploy/native.sh start brings it back
#
# Where the unprivileged user of the servers cannot reach DIR (root's home),
# DIR becomes a link to a folder below /var/tmp.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=deploy/lib.sh
. "$REPO/deploy/lib.sh"

# True when the servers' user can look into the folder that will hold DIR.
reachable() {
	choose_user "$DIR"
	user_reaches "$(dirname "$DIR")"
}

start() {
	local real
	stop
	mkdir -p -- "$(dirname "$DIR")"
	if ! reachable; then
		real=$(mktemp -d /var/tmp/sluice-services-XXXXXX)
		ln -s -- "$real" "$DIR"
		chown -h -- "$RUN_USER:" "$DIR" # its owner is whom tests ask for
	fi
	"$REPO/deploy/native.sh" start "$DIR" --fast
}

stop() {
	local real
	[ -e "$DIR" ] || [ -L "$DIR" ] || return 0
	real=$(realpath -m -- "$DIR")
	[ ! -d "$real" ] || [ -z "$(ls -A -- "$real")" ] || stop_in "$real"
	rm -rf -- "$DIR" "$real"
}

stop_in() {
	[ -e "$1/run/native" ] || die $EX_CONFIG "$1 is not a folder of test servers"
	"$REPO/deploy/native.sh" stop "$1"
	rm -rf -- "$DIR.log"
	mv -- "$1/log" "$DIR.log"
}

kill_server() { # NAME
	pid_alive "$DIR/run/$1.pid" || die $EX_SERVER "$1 does not run"
	kill -KILL "$PID"
	wait_for 10 pid_gone "$DIR/run/$1.pid"
}

main() {
	DIR=${2:-${SLUICE_TEST_DIR:-$REPO/build/dev/services}}
	check_path "$DIR"
	DIR=$(realpath -ms -- "$DIR")
	case $# in 1 | 2) ;; *) set -- help ;; esac
	case $1 in
	start | stop) "$1" ;;
	kill-broker) kill_server rabbitmq ;;
	kill-database) kill_server postgresql ;;
	*) die $EX_USAGE "usage: services.sh start|stop|kill-broker|kill-database [DIR]" ;;
	esac
}

main "$@"

# relays.sh - relays of tests/support/relay.c between daemons and servers, for
# scenarios that have sourced lib.sh. A scenario ends them in scenario_undo.
# shellcheck shell=bash
# shellcheck disable=SC2154 # of lib.sh

relay_pids=()

# relay_start NAME PORT: prints nothing; $work/NAME.port has where it listens
relay_start() {
	mkfifo "$work/$1.fifo"
	"$bin/relay" 127.0.0.1 "$2" "$work/$1.fifo" >"$work/$1.port" &
	relay_pids+=($!)
	until_true test -s "$work/$1.port"
}

relay() { # NAME COMMAND
	printf '%s\n' "$2" >"$work/$1.fifo"
}

relays_end() {
	local pid
	for pid in "${relay_pids[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}

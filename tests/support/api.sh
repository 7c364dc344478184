# api.sh - the HTTP server of the tests, for scenarios: starting it, telling it
# how to behave, asking what it saw (tests/support/api_server/usage.txt).
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # shared with who sources this

api_pid='' api_url=''

# api_start DIR [ARGS...]: with its certificates in DIR; sets api_url
api_start() {
	local dir=$1 end=$((SECONDS + 60))
	shift
	mkdir -p -- "$dir"
	[ -e "$dir/ca.crt" ] || bash "$top/tests/support/api_certs.sh" "$dir"
	rm -f -- "$dir/ports"
	"$bin/api_server" --port-file "$dir/ports" --tls "$dir" "$@" \
		>>"$dir/api_server.log" 2>&1 &
	api_pid=$! api_dir=$dir
	until [ -e "$dir/ports" ]; do
		[ "$SECONDS" -lt "$end" ] && kill -0 "$api_pid" || {
			cat "$dir/api_server.log"
			return 1
		}
		sleep 0.05
	done
	api_url=http://127.0.0.1:$(api_port http)
}

# api_port NAME: http, good, expired, self-signed or wrong-host
api_port() {
	sed -n "s/^$1 //p" "$api_dir/ports"
}

api_stop() {
	[ -n "$api_pid" ] || return 0
	kill "$api_pid" 2>/dev/null || true
	wait "$api_pid" 2>/dev/null || true
	api_pid=''
}

# api_tell METHOD PATH [CURL ARGS...]: a control; says what it answers
api_tell() {
	curl -sS --noproxy '*' -X "$1" "$api_url/_control/$2" "${@:3}"
}

# api_rules LINE...: rules, added to those there are; a bad one fails
api_rules() {
	printf '%s\n' "$@" |
		api_tell POST rules --fail-with-body --data-binary @-
}

# api_count [TARGET [STATUS]]: requests whose path and query begin so
api_count() {
	api_tell GET count -G --data-urlencode "target=${1:-}" \
		-d "status=${2:-0}"
}

# api_seen [TARGET [STATUS]]: those requests, a JSON object a line
api_seen() {
	api_tell GET requests -G --data-urlencode "target=${1:-}" \
		-d "status=${2:-0}"
}

# api_reset: as at its start
api_reset() {
	api_tell POST reset
}

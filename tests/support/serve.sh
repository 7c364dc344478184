# serve.sh - `sluice serve` of a scenario: started, asked, stopped; PostgreSQL
# behind a relay that can take it away from the page alone.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the scenarios read what is set here

serve_pid='' serve_relay_pid='' serve_url='' serve_token=''

# serve_start ARGS...: sets serve_url (without a slash at its end), serve_token
serve_start() {
	local port
	export SLUICE_SERVE_TOKEN_FILE=$work/state/serve.token
	mkfifo "$work/serve.fifo"
	port=$(setting database_port)
	"$bin/relay" 127.0.0.1 "$port" "$work/serve.fifo" >"$work/serve.port" &
	serve_relay_pid=$!
	until_true test -s "$work/serve.port"
	serve_run "$@"
}

serve_run() {
	: >"$work/serve.out"
	(as_daemon "$bin/sluice" serve --listen 127.0.0.1:0 \
		--set "database_port=$(cat "$work/serve.port")" "$@") \
		>"$work/serve.out" 2>>"$work/serve.log" &
	serve_pid=$!
	until_true grep -q '^http' "$work/serve.out" ||
		{ cat "$work/serve.log"; exit 1; }
	serve_url=$(sed -n 's|^\(http://.*\)/$|\1|p' "$work/serve.out")
	serve_token=$(cat "$SLUICE_SERVE_TOKEN_FILE")
}

# serve_database away|back: for the page alone
serve_database() {
	if [ "$1" = away ]; then
		printf 'cut 1\nreset\n' >"$work/serve.fifo"
	else
		printf 'pass\n' >"$work/serve.fifo"
	fi
}

serve_end() {
	kill_daemon "$serve_pid"
	kill_daemon "$serve_relay_pid" KILL
	serve_pid='' serve_relay_pid=''
}

# ask PATH [CURL ARGS...]: the body
ask() {
	local path=$1
	shift
	curl -sS --noproxy '*' -m 120 --path-as-is "$@" "$serve_url$path"
}

# code PATH [CURL ARGS...]: the status
code() {
	ask "$@" -o /dev/null -w '%{http_code}'
}

bearer() {
	printf 'Authorization: Bearer %s' "$serve_token"
}

# act NAME JSON [CURL ARGS...]: an action with the token
act() {
	local path=/api/v1/actions/$1 body=$2
	shift 2
	ask "$path" -H "$(bearer)" -H 'Content-Type: application/json' \
		--data "$body" "$@"
}

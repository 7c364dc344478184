# shellcheck shell=bash
# docker_verbs.sh - the verbs of run.sh on containers that run: the operator's
# program, psql, drops, the page, logs, the terminal. What starts them and takes
# them away is docker.sh.

# -- verbs on what runs ----------------------------------------------------------

# Something in the container of the operator's program, as if it ran here.
in_cli() {
	local how=-i cli
	if [ -t 0 ] && [ -t 1 ]; then
		how=-it
	fi
	cli=$(service_ids cli)
	[ -n "$cli" ] || {
		warn "the container of the operator's program does not run: ./run.sh deploy-rabbitmq"
		return "$EX_SERVER"
	}
	docker exec $how ${TERM:+-e "TERM=$TERM"} "$cli" \
		/usr/lib/sluice/start.sh "$@"
}

docker_need() {
	if [ ! -e "$VAR/docker.env" ] || [ -e "$VAR/docker.down" ] ||
		[ -z "$(of_project ps -q)" ]; then
		die "$EX_SERVER" "$NOTHING_HERE"
	fi
	choose_user "$VAR"
}

docker_sluice() {
	local code=0
	docker_need
	[ "$*" != serve ] || docker_serve_here
	in_cli sluice "$@" </dev/stdin || code=$?
	[ "$code" != 0 ] || [ "${1:-}" != apply ] || docker_reload_changed
	exit $code
}

# -- the page --------------------------------------------------------------------

docker_serve() {
	docker_need
	if [ "$STOP" = yes ]; then
		remove_service serve
		return
	fi
	need_ports SLUICE_SERVE_PORT
	compose_says up -d --no-deps serve && all_healthy serve || {
		remove_service serve
		engine_remedy "$SAID"
		die "$EX_SERVER" "the page does not answer${REMEDY:+: $REMEDY}; see above"
	}
	say_where_served
}

say_where_served() {
	say "http://127.0.0.1:$(env_value SLUICE_SERVE_PORT)/"
	say "actions and record contents need the token in $VAR/secrets/serve"
}

# In the foreground, until a signal: in a container that goes with it. What it
# says of its address is meant inside.
docker_serve_here() {
	need_ports SLUICE_SERVE_PORT
	[ -z "$(service_ids serve)" ] ||
		die "$EX_SERVER" "the page runs already: ./run.sh serve --stop ends it"
	say_where_served
	compose run --rm --no-deps --service-ports -T serve \
		</dev/null >/dev/null 2> >(grep -v '^Creating ' >&2)
	exit
}

remove_service() { # SERVICE
	local ids
	mapfile -t ids < <(of_project ps -aq \
		--filter "label=com.docker.compose.service=$1")
	[ ${#ids[@]} = 0 ] || {
		docker stop -t 10 "${ids[@]}" && docker rm -fv "${ids[@]}"
	} >/dev/null 2>&1 || true
}

# -- the others ------------------------------------------------------------------

# The file is on this side: its bytes go in by standard input.
docker_drop() { # [FILE]
	docker_need
	[ $# = 1 ] || { in_cli sluice drop </dev/null | named_here; exit; }
	[ -f "$1" ] || die 74 "no file $1"
	# Beside its place: what is in /tmp there lies in memory.
	# shellcheck disable=SC2016,SC2094 # for the inner shell; a name, and bytes
	in_cli sh -c 'umask 022; t=$(mktemp -d /data/raw_data/.drop.XXXXXX) || exit 74
		if cat >"$t/$1"; then sluice drop "$t/$1"; code=$?; else code=74; fi
		rm -rf "$t"; exit $code' \
		sh "$(basename -- "$1")" <"$1" | named_here
}

# The folder by its name on this side.
named_here() {
	local line
	while IFS= read -r line; do
		printf '%s\n' "${line/#dropped \/data\/raw_data/dropped $RAW}"
	done
}

docker_psql() {
	docker_need
	in_cli sluice-psql "$@"
}

docker_logs() {
	docker_need
	if [ -t 1 ]; then
		docker_log_lines -f --tail 50
	else
		docker_log_lines --tail 200
	fi
}

# Without daemons it is PostgreSQL that says something.
docker_log_lines() { # ARGS...
	local services=(producer consumer)
	[ "$(env_value SLUICE_BROKER)" = true ] || services=(postgres)
	compose logs --no-color "$@" "${services[@]}"
}

docker_scale() { # consumer=N
	docker_need
	compose_says up -d --no-deps --no-recreate --scale "$1" consumer ||
		die "$EX_SERVER" "cannot have $1"
	all_healthy consumer ||
		die "$EX_SERVER" "the consumers do not become healthy: ./run.sh logs"
	say "$1"
}

# Daemons that run already know the pipelines of then.
docker_reload_changed() {
	local now
	now=$(pipelines_now)
	[ "$now" != "$(cat -- "$VAR/pipelines" 2>/dev/null)" ] || return 0
	compose kill -s HUP producer consumer >/dev/null 2>&1 || true
	printf '%s\n' "$now" | write_file 0644 "$VAR/pipelines"
}

# -- the terminal ----------------------------------------------------------------

# tmux in the container: console above, psql below, logs in a window of their
# own, as it is without containers.
docker_terminal() {
	local feeder
	set -m # a group of its own, which is ended as one
	feed_logs </dev/null >/dev/null 2>&1 &
	feeder=$!
	set +m
	# shellcheck disable=SC2064 # that group, now
	trap "kill -- -$feeder 2>/dev/null || true" EXIT
	in_cli tmux -u new-session -A -s sluice -n sluice \
		"sluice console; tmux kill-session -t =sluice" \; \
		split-window -v -l 40% sluice-psql \; select-pane -t 0 \; \
		new-window -d -n logs "$LOGS_WINDOW" \; \
		set-option status-right "$TERMINAL_HINT" \; \
		set-option status-right-length 60
}

# The other containers' words come in by a pipe, which keeps none: from one
# terminal at a time. Whoever of both comes first makes it.
LOGS_PIPE=/tmp/sluice-logs
LOGS_WINDOW="mkfifo $LOGS_PIPE 2>/dev/null; while cat $LOGS_PIPE; do :; done"

feed_logs() {
	docker_log_lines -f --tail 50 | docker exec -i "$(service_ids cli)" sh -c "
		mkfifo $LOGS_PIPE 2>/dev/null
		exec flock $LOGS_PIPE.lock sh -c 'exec cat >$LOGS_PIPE'"
}

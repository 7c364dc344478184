# shellcheck shell=bash
# docker.sh - a deployment in containers: servers and daemons each in one of its
# own, data in volumes, see docker/ and images.sh; its verbs: docker_verbs.sh.
#
# var/docker.env holds what compose.yaml asks for; it exists while something is
# deployed in containers. Lines below its last comment are the reader's own.

DOCKER_SECRETS=(owner loader reader admin producer consumer foreign tap serve)
OWN_LINES='# Own settings go below this line; they are kept.'

# -- the engine ------------------------------------------------------------------

engine_answers() {
	command -v docker >/dev/null && timeout 20 docker version >/dev/null 2>&1
}

# Sets COMPOSE: the plugin, or the program that Debian 12 has.
compose_there() {
	if timeout 20 docker compose version >/dev/null 2>&1; then
		COMPOSE=(docker compose)
	elif command -v docker-compose >/dev/null; then
		COMPOSE=(docker-compose)
	else
		return 1
	fi
}

need_engine() {
	engine_answers || die "$EX_SERVER" "$(why_no_engine)"
	compose_there || die "$EX_SERVER" "$(why_no_compose)"
}

why_no_compose() {
	say "no compose: install docker-compose, or its plugin, or use --native"
}

why_no_engine() {
	local said
	command -v docker >/dev/null ||
		{ say "docker is not installed: apt-get install docker.io docker-compose, or use --native"; return; }
	said=$(timeout 20 docker version 2>&1 >/dev/null | tail -n 1)
	case $said in
	*'permission denied'*)
		say "no permission for the Docker engine: call this as root, add $(id -un) to the group docker, or use --native" ;;
	*) say "no Docker engine answers (${said:-it took longer than 20 s}): start it, or use --native" ;;
	esac
}

# Which of the two ways: what was asked for, what is deployed, what is there.
# UNASKED: nobody said which, so that it may still be the other.
choose_way() {
	local wanted=$1 there=
	place_find
	[ ! -e "$VAR/run/native" ] || there=native
	[ ! -e "$VAR/docker.env" ] || there=docker
	if [ -n "$wanted" ] && [ -n "$there" ] && [ "$wanted" != "$there" ]; then
		die "$EX_CONFIG" "deployed here: --$there; ./run.sh destroy-rabbitmq --$there first"
	fi
	WAY=${wanted:-$there} UNASKED=no
	if [ -z "$WAY" ]; then
		UNASKED=yes WAY=native
		! engine_answers || ! compose_there || WAY=docker
	fi
	[ "$WAY" = native ] || need_engine
}

# -- what compose is told --------------------------------------------------------

project_name() {
	printf 'sluice-%s\n' "$(path_hash "$ROOT")"
}

compose() {
	local files=(-f "$ROOT/docker/compose.yaml")
	! other_images || files+=(-f "$ROOT/docker/official.yaml")
	"${COMPOSE[@]}" --env-file "$VAR/docker.env" -p "$(project_name)" \
		"${files[@]}" "$@"
}

# True when a server's image is not one of ours.
other_images() {
	other_image postgres || other_image rabbitmq
}

other_image() { # SERVER
	[ "$(env_value "SLUICE_${1^^}_IMAGE")" != "$(image_name "$1")" ]
}

# Those take a password when their volume is new; it may not be.
other_passwords() {
	! other_image postgres ||
		printf "alter role sluice_owner password '%s'\n" \
			"$(as_user cat -- "$VAR/secrets/owner")" |
		docker exec -i "$(service_ids postgres)" \
			psql -Xq -U sluice_owner -d sluice >/dev/null || return
	[ "$BROKER" = no ] || ! other_image rabbitmq ||
		as_user cat -- "$VAR/secrets/admin" |
		docker exec -i "$(service_ids rabbitmq)" \
			rabbitmqctl -q change_password sluice_admin >/dev/null
}

docker_secrets() {
	local name
	make_folder 0700 "$VAR/secrets"
	for name in "${DOCKER_SECRETS[@]}"; do
		as_user test -s "$VAR/secrets/$name" ||
			od -An -N24 -tx1 /dev/urandom | tr -d ' \n' |
			write_file 0600 "$VAR/secrets/$name"
	done
	# for an image of somebody else's
	printf 'default_user = sluice_admin\ndefault_pass = %s\n' \
		"$(as_user cat -- "$VAR/secrets/admin")" |
		write_file 0600 "$VAR/secrets/rabbitmq.conf"
}

# A value that was written before, for ports that stay.
env_value() { # NAME
	sed -n "s/^$1=//p" "$VAR/docker.env" 2>/dev/null | tail -n 1
}

env_port() { # NAME PORTS THAT ARE SPOKEN FOR...
	local port
	port=$(env_value "$1")
	shift
	[ -n "$port" ] || port=$(free_port "$@")
	printf '%s\n' "$port"
}

# One value in quotes, as both kinds of compose read it.
env_line() { # NAME VALUE
	case $2 in
	*[\'\"\\\$]*) die "$EX_USAGE" "a path must not hold quotes, \$ or backslashes: $2" ;;
	esac
	printf '%s=%s\n' "$1" "$2"
}

has_broker() {
	# shellcheck disable=SC2153 # set by run.sh
	if [ "$BROKER" = yes ]; then echo true; else echo false; fi
}

# What a daemon is told besides: it is made anew when this changes.
told_besides() {
	cat -- "$VAR/environment" "$VAR/sluice.yaml" | sha256sum | cut -c 1-16
}

# Before the first deployment the file may be the reader's altogether.
own_lines() {
	if grep -qx "$OWN_LINES" "$VAR/docker.env"; then
		sed "1,/^$OWN_LINES\$/d" "$VAR/docker.env"
	else
		cat -- "$VAR/docker.env"
	fi
}

docker_settings() {
	local own database broker api serve
	own=$(own_lines 2>/dev/null || true)
	database=$(env_port SLUICE_DATABASE_PORT)
	broker=$(env_port SLUICE_BROKER_PORT "$database")
	api=$(env_port SLUICE_API_PORT "$database" "$broker")
	serve=$(env_port SLUICE_SERVE_PORT "$database" "$broker" "$api")
	{
		printf '# Written by deploy/docker.sh at each deployment.\n'
		env_line COMPOSE_PROJECT_NAME "$(project_name)"
		env_line SLUICE_POSTGRES_IMAGE "$(image_name postgres)"
		env_line SLUICE_RABBITMQ_IMAGE "$(image_name rabbitmq)"
		env_line SLUICE_UID "$(id -u "$RUN_USER")"
		env_line SLUICE_GID "$(id -g "$RUN_USER")"
		env_line SLUICE_BROKER "$(has_broker)"
		env_line SLUICE_HOME "$ROOT"
		env_line SLUICE_VAR "$VAR"
		env_line SLUICE_TOLD "$(told_besides)"
		env_line SLUICE_DATA "$RAW"
		env_line SLUICE_OUTPUT "$OUT"
		env_line SLUICE_OBJECTS "$OBJECTS"
		env_line SLUICE_SECRETS "$VAR/secrets"
		env_line SLUICE_DATABASE_PORT "$database"
		env_line SLUICE_BROKER_PORT "$broker"
		env_line SLUICE_API_PORT "$api"
		env_line SLUICE_SERVE_PORT "$serve"
		printf '%s\n' "$OWN_LINES"
		[ -z "$own" ] || printf '%s\n' "$own"
	} | write_file 0644 "$VAR/docker.env"
}

# The reader's own files, which containers see: made empty, never written again.
docker_own_files() {
	make_folder 0700 "$VAR/notify"
	[ -e "$VAR/environment" ] || : | write_file 0600 "$VAR/environment"
	[ -e "$VAR/sluice.yaml" ] ||
		printf '# Settings for producer, consumer and cli (docs/CONFIG.md); those of\n# docker/compose.yaml win. Taken up at the next deployment.\n%s\n' \
			"$OWN_LINES" | write_file 0644 "$VAR/sluice.yaml"
}

# -- deploy ----------------------------------------------------------------------

docker_deploy() {
	[ "$UNASKED" = no ] || images_or_native
	if [ "$WAY" = native ]; then
		verb_deploy
		return
	fi
	docker_start
	[ "$SAMPLE_TOO" = no ] || docker_first_sample
	docker_show
}

# Images, settings, and everything up; or as little as before.
docker_start() {
	local ran=no
	choose_user "$VAR"
	place_make
	[ "$UNASKED" = yes ] || build_images
	[ ! -e "$VAR/docker.env" ] || ! cli_works || ran=yes
	docker_secrets
	docker_own_files
	docker_settings
	rm -f -- "$VAR/docker.down"
	need_ports SLUICE_DATABASE_PORT
	[ "$BROKER" = no ] || need_ports SLUICE_BROKER_PORT SLUICE_API_PORT
	say "containers: starting what does not run"
	docker_up || docker_give_up "$ran"
	[ "$BROKER" = no ] || docker_reload_changed
}

# Nobody asked for containers: where their images cannot be made, it goes
# without.
images_or_native() {
	local code
	say "a Docker engine answers: in containers (--native: without)"
	set +e
	(
		set -e
		choose_user "$VAR"
		place_make
		build_images
	)
	code=$?
	set -e
	[ "$code" != 0 ] || return 0
	[ "$code" -lt 128 ] || exit "$code" # it was interrupted
	remove_images
	say "containers cannot be made here, see above: going on without, as --native does"
	WAY=native
}

# Ports that stay may have been taken meanwhile.
need_ports() { # NAME...
	local name port
	for name in "$@"; do
		port=$(env_value "$name")
		! port_taken "$port" || publishes "$port" ||
			die "$EX_SERVER" "port $port is taken by another program: choose another, a line $name=... at the end of $VAR/docker.env"
	done
}

publishes() { # PORT
	of_project ps --format '{{.Ports}}' | grep -q ":$1->"
}

service_ids() { # SERVICE: those that run
	of_project ps -q --filter "label=com.docker.compose.service=$1"
}

# What the engine has of this deployment, whatever compose knows of it.
of_project() { # COMMAND ARGS...
	docker "$@" --filter "label=com.docker.compose.project=$(project_name)"
}

# Up means that every health check says so. The servers first: one that does
# not come up is named.
docker_up() {
	local servers=(postgres) daemons=() scale=()
	if [ "$BROKER" = yes ]; then
		servers+=(rabbitmq) daemons=(producer consumer)
		scale=(--scale "consumer=$(consumers_now)")
	else
		compose_says rm -sf rabbitmq producer consumer || return
	fi
	compose_says up -d --no-deps "${servers[@]}" &&
		all_healthy "${servers[@]}" && other_passwords &&
		compose_says run --rm --no-deps -T apply || return
	grep -E '^(PostgreSQL|RabbitMQ): ' <<<"$SAID" || true
	[ -z "$(service_ids serve)" ] || daemons+=(serve)
	compose_says up -d --no-deps "${scale[@]}" "${daemons[@]}" cli &&
		all_healthy "${daemons[@]}" && wait_for 60 cli_works
}

# As many as were asked for by scale, else one.
consumers_now() {
	local count
	count=$(service_ids consumer | wc -l)
	printf '%s\n' $((count > 0 ? count : 1))
}

cli_works() {
	in_cli sluice config check >/dev/null 2>&1 </dev/null
}

# Its words only when it fails; SAID keeps them.
compose_says() {
	SAID=$(compose "$@" 2>&1 </dev/null) && return
	printf '%s\n' "$SAID" | tail -n 15 >&2
	return 1
}

all_healthy() { # SERVICE...
	local service
	for service in "$@"; do
		wait_for 180 service_settled "$service" || true
		service_healthy "$service" && continue
		warn "$service does not become healthy:"
		SAID=$(compose logs --no-color --tail 8 "$service" 2>&1) || true
		printf '%s\n' "$SAID" >&2
		return 1
	done
}

# Healthy, or started again and again.
service_settled() { # SERVICE
	service_healthy "$1" || [ "$(service_says "$1" '{{.RestartCount}}')" -ge 4 ]
}

service_says() { # SERVICE FORMAT
	local ids
	mapfile -t ids < <(of_project ps -aq \
		--filter "label=com.docker.compose.service=$1")
	if [ ${#ids[@]} = 0 ]; then
		echo 0
		return
	fi
	docker inspect -f "$2" "${ids[@]}" 2>/dev/null | sort -rn | head -n 1
}

service_healthy() { # SERVICE
	local ids id
	mapfile -t ids < <(service_ids "$1")
	[ ${#ids[@]} -gt 0 ] || return 1
	for id in "${ids[@]}"; do
		container_healthy "$id" || return 1
	done
}

# The engine looks from time to time; here nobody waits until it does again.
container_healthy() { # ID
	local asks
	[ "$(docker inspect -f '{{.State.Health.Status}}' "$1" 2>/dev/null)" != healthy ] ||
		return 0
	mapfile -t asks < <(docker inspect -f \
		'{{range .Config.Healthcheck.Test}}{{println .}}{{end}}' "$1" 2>/dev/null)
	[ "${asks[0]:-}" = CMD ] &&
		timeout 20 docker exec "$1" "${asks[@]:1:${#asks[@]}-2}" >/dev/null 2>&1
}

# Nothing is left half-running; what ran before goes on.
docker_give_up() { # RAN BEFORE
	engine_remedy "$SAID"
	[ "$1" = yes ] || stop_containers
	die "$EX_SERVER" "the containers do not come up${REMEDY:+: $REMEDY}; see above. Memory is set in $VAR/docker.env; data nobody needs go with ./run.sh destroy-rabbitmq; --native does without containers"
}

docker_first_sample() {
	local name
	[ "$(site_ask 'select count(*) from meta.source')" = 0 ] || return 0
	say "dropping the sample into raw_data/events/"
	name=$(in_cli sluice drop </dev/null) || die $? "cannot drop the sample"
	if [ "$BROKER" = no ]; then
		in_cli sluice load events </dev/null ||
			die $? "the sample cannot be loaded"
		return
	fi
	wait_for 60 docker_complete "events/${name##*/}" || {
		in_cli sluice status >&2 || true
		die "$EX_SERVER" "the sample was not loaded within 60 s"
	}
}

docker_complete() { # SOURCE
	[ "$(site_ask "select count(*) from meta.source
		where name = '$1' and completed_at is not null")" = 1 ]
}

docker_show() {
	site_show
	if on_terminal; then
		docker_terminal
	fi
}

# -- destroy ---------------------------------------------------------------------

# By their labels: also of a deployment that is half made, or whose var/ is gone.
stop_containers() {
	local ids
	mapfile -t ids < <(of_project ps -q)
	[ ${#ids[@]} = 0 ] ||
		docker stop -t 30 "${ids[@]}" >/dev/null 2>&1 || true
	mapfile -t ids < <(of_project ps -aq)
	[ ${#ids[@]} = 0 ] || docker rm -fv "${ids[@]}" >/dev/null 2>&1 || true
	mapfile -t ids < <(of_project network ls -q)
	[ ${#ids[@]} = 0 ] || docker network rm "${ids[@]}" >/dev/null 2>&1 || true
	[ -z "$(of_project ps -aq; of_project network ls -q)" ]
}

remove_volumes() {
	local ids
	mapfile -t ids < <(of_project volume ls -q)
	[ ${#ids[@]} = 0 ] || docker volume rm -f "${ids[@]}" >/dev/null 2>&1 || true
	[ -z "$(of_project volume ls -q)" ]
}

docker_destroy() {
	choose_user "$VAR"
	stop_containers ||
		die "$EX_SERVER" "the containers do not go: docker ps -a, docker network ls"
	stop_folder "$VAR/smoke" # of a deployment without containers that failed
	if [ "$KEEP_DATA" = yes ]; then
		remove_images
		[ ! -d "$VAR" ] || as_user touch -- "$VAR/docker.down"
		say "destroyed; the volumes and $VAR are kept for the next deployment"
		return
	fi
	remove_volumes ||
		die "$EX_SERVER" "the volumes do not go: docker volume ls"
	remove_images
	remove_data
	say "destroyed: no container, network, volume or image of it is left"
}

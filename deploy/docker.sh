# shellcheck shell=bash
# docker.sh - the verbs of run.sh on containers: images built here from Debian's
# packages, servers and daemons each in one, data in volumes, see docker/.
#
# var/docker.env holds what compose.yaml asks for; it exists while something is
# deployed in containers. Lines below its last comment are the reader's own.

DOCKER_SECRETS=(owner loader reader admin producer consumer foreign tap)
DOCKER_IMAGES=(producer consumer cli postgres rabbitmq)
OWN_LINES='# Own settings go below this line; they are kept.'

# -- the engine ------------------------------------------------------------------

engine_answers() {
	command -v docker >/dev/null && timeout 20 docker version >/dev/null 2>&1
}

# Sets COMPOSE: the plugin, or the program that Debian 12 has.
find_compose() {
	if timeout 20 docker compose version >/dev/null 2>&1; then
		COMPOSE=(docker compose)
	elif command -v docker-compose >/dev/null; then
		COMPOSE=(docker-compose)
	else
		die "$EX_SERVER" "no compose: install docker-compose, or its plugin, or use --native"
	fi
}

need_engine() {
	engine_answers || die "$EX_SERVER" "$(why_no_engine)"
	find_compose
}

why_no_engine() {
	local said
	command -v docker >/dev/null ||
		{ say "docker is not installed: apt-get install docker.io docker-compose, or use --native"; return; }
	said=$(timeout 20 docker version 2>&1 >/dev/null | tail -n 1)
	case $said in
	*'permission denied'*)
		say "no permission for the Docker engine: call this as root, or add $(id -un) to the group docker" ;;
	*) say "no Docker engine answers ($said): start it, or use --native" ;;
	esac
}

# Which of the two ways: what was asked for, what is deployed, what is there.
choose_way() {
	local wanted=$1 there=
	place_find
	[ ! -e "$VAR/run/native" ] || there=native
	[ ! -e "$VAR/docker.env" ] || there=docker
	if [ -n "$wanted" ] && [ -n "$there" ] && [ "$wanted" != "$there" ]; then
		die "$EX_CONFIG" "deployed here: --$there; ./run.sh destroy-rabbitmq --$there first"
	fi
	WAY=${wanted:-$there}
	if [ -z "$WAY" ]; then
		WAY=native
		! engine_answers || WAY=docker
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
	[ "$(env_value SLUICE_POSTGRES_IMAGE)" != "$(project_name)-postgres" ] ||
		[ "$(env_value SLUICE_RABBITMQ_IMAGE)" != "$(project_name)-rabbitmq" ]
}

docker_secrets() {
	local name
	make_folder 0700 "$VAR/secrets"
	for name in "${DOCKER_SECRETS[@]}"; do
		as_user test -s "$VAR/secrets/$name" ||
			od -An -N24 -tx1 /dev/urandom | tr -d ' \n' |
			write_file 0600 "$VAR/secrets/$name"
	done
	# for an image that is not ours
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

docker_settings() {
	local own database broker api
	own=$(sed "1,/^$OWN_LINES\$/d" "$VAR/docker.env" 2>/dev/null || true)
	database=$(env_port SLUICE_DATABASE_PORT)
	broker=$(env_port SLUICE_BROKER_PORT "$database")
	api=$(env_port SLUICE_API_PORT "$database" "$broker")
	{
		printf '# Written by deploy/docker.sh at each deployment.\n'
		env_line COMPOSE_PROJECT_NAME "$(project_name)"
		env_line SLUICE_POSTGRES_IMAGE "$(project_name)-postgres"
		env_line SLUICE_RABBITMQ_IMAGE "$(project_name)-rabbitmq"
		env_line SLUICE_UID "$(id -u "$RUN_USER")"
		env_line SLUICE_GID "$(id -g "$RUN_USER")"
		env_line SLUICE_BROKER "$(has_broker)"
		env_line SLUICE_HOME "$ROOT"
		env_line SLUICE_DATA "$RAW"
		env_line SLUICE_OUTPUT "$OUT"
		env_line SLUICE_OBJECTS "$OBJECTS"
		env_line SLUICE_SECRETS "$VAR/secrets"
		env_line SLUICE_DATABASE_PORT "$database"
		env_line SLUICE_BROKER_PORT "$broker"
		env_line SLUICE_API_PORT "$api"
		printf '%s\n' "$OWN_LINES"
		[ -z "$own" ] || printf '%s\n' "$own"
	} | write_file 0644 "$VAR/docker.env"
}

# -- images ----------------------------------------------------------------------

image_there() {
	docker image inspect "$1" >/dev/null 2>&1
}

# Sets BASE: Debian's image, or one that is made here of Debian's packages.
find_base() {
	BASE=debian:bookworm-slim
	image_there "$BASE" && return
	say "base image: $BASE is not here, asking the registry"
	timeout 300 docker pull -q "$BASE" >/dev/null 2>&1 && return
	BASE=$(project_name)-base
	image_there "$BASE" && return
	say "base image: cannot be pulled, made here with debootstrap"
	[ "$(id -u)" = 0 ] || SUDO=(sudo)
	command -v debootstrap >/dev/null || [ -x /usr/sbin/debootstrap ] ||
		"${SUDO[@]}" apt-get -qq install -y debootstrap >/dev/null ||
		die "$EX_SERVER" "debootstrap cannot be installed"
	"${SUDO[@]}" env "PATH=$PATH:/usr/sbin" ${DOCKER_HOST:+"DOCKER_HOST=$DOCKER_HOST"} \
		"$ROOT/docker/base.sh" "$BASE" ||
		die "$EX_SERVER" "debootstrap fails: is Debian's archive reachable?"
}

build_image() { # TARGET
	local said
	say "  $1"
	said=$(docker build -f "$ROOT/docker/Dockerfile" --target "$1" \
		-t "$(project_name)-$1" --label "sluice.project=$(project_name)" \
		--build-arg "BASE=$BASE" \
		--build-arg "SLUICE_UID=$(id -u "$RUN_USER")" \
		--build-arg "SLUICE_GID=$(id -g "$RUN_USER")" "$ROOT" 2>&1) && return
	printf '%s\n' "$said" | tail -n 30 >&2
	die 1 "the image $1 cannot be built"
}

# Clients of today build with a plugin, or not at all without being told.
build_images() {
	local image
	docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0
	say "images: building what changed"
	find_base
	[ "$SKIP_TESTS" = yes ] || build_image checked
	for image in builder "${DOCKER_IMAGES[@]}"; do
		build_image "$image"
	done
	docker image prune -f --filter "label=sluice.project=$(project_name)" >/dev/null
}

# -- deploy ----------------------------------------------------------------------

docker_deploy() {
	local ran=no
	choose_user "$VAR"
	place_make
	[ ! -e "$VAR/docker.env" ] || ! service_healthy cli || ran=yes
	docker_secrets
	docker_settings
	rm -f -- "$VAR/docker.down"
	build_images
	say "containers: starting what does not run"
	docker_up || docker_give_up "$ran"
	[ "$BROKER" = no ] || docker_reload_changed
	[ "$SAMPLE_TOO" = no ] || docker_first_sample
	docker_show
}

# Up means that every health check says so.
docker_up() {
	if [ "$BROKER" = yes ]; then
		compose_says up -d && all_healthy postgres rabbitmq producer consumer cli
	else
		compose_says rm -sf rabbitmq producer consumer &&
			compose_says up -d --no-deps postgres && all_healthy postgres &&
			compose_says run --rm --no-deps -T apply &&
			compose_says up -d --no-deps cli && all_healthy cli
	fi
}

# Its words only when it fails.
compose_says() {
	local said
	said=$(compose "$@" 2>&1 </dev/null) && return
	printf '%s\n' "$said" | tail -n 15 >&2
	return 1
}

all_healthy() { # SERVICE...
	local service
	for service in "$@"; do
		wait_for 120 service_healthy "$service" || {
			warn "$service does not become healthy"
			return 1
		}
	done
}

service_healthy() { # SERVICE
	local ids
	ids=$(compose ps -q "$1" 2>/dev/null)
	[ -n "$ids" ] || return 1
	# shellcheck disable=SC2086 # ids have no blanks
	! docker inspect -f '{{.State.Health.Status}}' $ids | grep -qv '^healthy$'
}

# Nothing is left half-running; what ran before goes on.
docker_give_up() { # RAN BEFORE
	compose logs --tail 8 apply postgres rabbitmq producer consumer >&2 || true
	if [ "$1" = no ]; then
		compose down --remove-orphans >/dev/null 2>&1 || true
	fi
	die "$EX_SERVER" "the containers do not come up, see above; when the passwords in $VAR/secrets are new and the volumes old: ./run.sh destroy-rabbitmq"
}

docker_ask() { # SQL
	in_cli sluice-psql -XqAt -c "$1"
}

docker_first_sample() {
	local name
	[ "$(docker_ask 'select count(*) from meta.source')" = 0 ] || return 0
	say "dropping the sample into raw_data/events/"
	name=$(in_cli sluice drop) || die $? "cannot drop the sample"
	if [ "$BROKER" = no ]; then
		in_cli sluice load events || die $? "the sample cannot be loaded"
		return
	fi
	wait_for 60 docker_complete "events/${name##*/}" || {
		in_cli sluice status >&2 || true
		die "$EX_SERVER" "the sample was not loaded within 60 s"
	}
}

docker_complete() { # SOURCE
	[ "$(docker_ask "select count(*) from meta.source
		where name = '$1' and completed_at is not null")" = 1 ]
}

docker_show() {
	say "modelled.fact_events:"
	in_cli sluice-psql -X -c 'table modelled.fact_events order by 1, 2, 3'
	say_how
	if on_terminal; then
		docker_terminal
	fi
}

# tmux in the container: console above, psql below.
docker_terminal() {
	compose exec cli tmux -u new-session -A -s sluice \
		"sluice console; tmux kill-session -t =sluice" \; \
		split-window -v -l 40% sluice-psql \; select-pane -t 0 \; \
		set-option status-right "$TERMINAL_HINT" \; \
		set-option status-right-length 60
}

# -- verbs on what runs ----------------------------------------------------------

# Something in the container of the operator's program, as if it ran here.
in_cli() {
	if [ -t 0 ] && [ -t 1 ]; then
		compose exec cli "$@"
	else
		compose exec -T cli "$@"
	fi
}

docker_need() {
	if [ ! -e "$VAR/docker.env" ] || [ -e "$VAR/docker.down" ]; then
		die "$EX_SERVER" "nothing is deployed here: ./run.sh deploy-rabbitmq"
	fi
	choose_user "$VAR"
}

docker_sluice() {
	local code=0
	docker_need
	in_cli sluice "$@" </dev/stdin || code=$?
	[ "$code" != 0 ] || [ "${1:-}" != apply ] || docker_reload_changed
	exit $code
}

# The file is on this side: its bytes go in by standard input.
docker_drop() { # [FILE]
	docker_need
	[ $# = 1 ] || { in_cli sluice drop; exit; }
	[ -f "$1" ] || die 74 "no file $1"
	# shellcheck disable=SC2016,SC2094 # for the inner shell; a name, and bytes
	compose exec -T cli sh -c 'umask 022; t=$(mktemp -d) && cat >"$t/$1" &&
		sluice drop "$t/$1"; code=$?; rm -rf "$t"; exit $code' \
		sh "$(basename -- "$1")" <"$1"
}

docker_psql() {
	docker_need
	in_cli sluice-psql "$@"
}

docker_logs() {
	docker_need
	if [ -t 1 ]; then
		compose logs -f --tail 50 producer consumer
	else
		compose logs --no-color --tail 200 producer consumer
	fi
}

docker_scale() { # consumer=N
	docker_need
	compose up -d --no-recreate --scale "$1" >/dev/null 2>&1 ||
		die "$EX_SERVER" "cannot have $1"
	wait_for 60 service_healthy consumer ||
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

# -- destroy ---------------------------------------------------------------------

docker_destroy() {
	local image flags=(--remove-orphans)
	choose_user "$VAR"
	[ "$KEEP_DATA" = yes ] || flags+=(--volumes)
	compose down "${flags[@]}" >/dev/null 2>&1 ||
		die "$EX_SERVER" "the containers do not go: docker ps -a"
	for image in builder checked "${DOCKER_IMAGES[@]}" base; do
		! image_there "$(project_name)-$image" ||
			docker rmi -f "$(project_name)-$image" >/dev/null 2>&1 || true
	done
	if [ "$KEEP_DATA" = yes ]; then
		as_user touch -- "$VAR/docker.down"
		say "destroyed; the volumes and $VAR/secrets are kept for the next deployment"
		return
	fi
	remove_data
	say "destroyed: no container, network, volume or image of it is left"
}

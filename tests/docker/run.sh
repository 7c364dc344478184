#!/usr/bin/env bash
# run.sh - Sluice in containers, for real: an engine (of its own, when none
# answers and root calls), images, a deployment in a clone of this tree, drops
# from the host and from a container, every container killed and restarted
# under load, three consumers, and nothing left in the end. Takes some minutes.
# Skips, and says why, where no engine can run. The last line is
# "N checks, N failed", or "skipped: ...".
set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
checks=0 failures=0
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-docker.XXXXXX")
clone="$work/a clone"

check() { # CLAIM GOT WANT
	checks=$((checks + 1))
	if [ "$2" = "$3" ]; then
		printf 'ok: %s\n' "$1"
		return
	fi
	failures=$((failures + 1))
	printf 'NOT OK: %s\n  got:  %s\n  want: %s\n' "$1" "$2" "$3"
}

eventually() { # CLAIM WANT COMMAND...
	local claim=$1 want=$2 got='' end=$((SECONDS + 240))
	shift 2
	while [ $SECONDS -lt $end ]; do
		got=$("$@" 2>/dev/null) || got=failed
		[ "$got" != "$want" ] || break
		sleep 0.5
	done
	check "$claim" "$got" "$want"
}

skip() {
	printf 'skipped: %s\n' "$*"
	exit 0
}

# -- the engine ------------------------------------------------------------------

answers() {
	docker version >/dev/null 2>&1
}

start_engine() {
	[ "$(id -u)" = 0 ] || skip "no Docker engine answers, and only root may start one"
	command -v dockerd >/dev/null ||
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
			docker.io docker-compose iptables debootstrap >/dev/null 2>&1 ||
		skip "docker.io cannot be installed"
	export DOCKER_HOST=unix://$work/docker.sock
	setsid dockerd --data-root "$work/engine" --exec-root "$work/exec" \
		-H "$DOCKER_HOST" --pidfile "$work/dockerd.pid" \
		>"$work/dockerd.log" 2>&1 </dev/null &
	for _ in $(seq 100); do
		! answers || return 0
		sleep 0.3
	done
	tail -n 3 "$work/dockerd.log"
	skip "a Docker engine does not start here"
}

stop_engine() {
	local pid
	pid=$(cat "$work/dockerd.pid" 2>/dev/null) || return 0
	kill "$pid" 2>/dev/null || true
	timeout 60 tail --pid="$pid" -f /dev/null || kill -9 "$pid" 2>/dev/null || true
}

clean_up() {
	local code=$?
	[ ! -x "$clone/run.sh" ] ||
		(cd "$clone" && [ -e var ] &&
			./run.sh destroy-rabbitmq --docker --yes >/dev/null 2>&1) || true
	stop_engine
	rm -rf --one-file-system "$work" 2>/dev/null || true
	exit $code
}

# -- what is deployed --------------------------------------------------------------

run() {
	(cd "$clone" && timeout 1800 ./run.sh "$@")
}

ask() { # SQL
	run psql -XqAt -c "$1" </dev/null
}

project() {
	sed -n 's/^COMPOSE_PROJECT_NAME=//p' "$clone/var/docker.env"
}

containers() { # SERVICE
	docker ps -q --filter "label=com.docker.compose.project=$(project)" \
		--filter "label=com.docker.compose.service=$1"
}

# Everything that bears the project's name.
left() { # PROJECT
	{
		docker ps -aq --filter "name=$1"
		docker network ls -q --filter "name=$1"
		docker volume ls -q --filter "name=$1"
		docker images -q "$1*"
	} | wc -l
}

unfinished() {
	ask 'select count(*) from meta.source where completed_at is null'
}

# Nothing lost, nothing doubled: each record of each file is in the delta once.
invariant() {
	ask "select (select count(*) from raw.events_delta) =
		(select sum(records - rejected) from meta.source) and
		(select count(*) from raw.events_delta) =
		(select count(distinct (_source, _offset)) from raw.events_delta)"
}

# -- the tests ---------------------------------------------------------------------

test_deploy() {
	local said code=0
	said=$(run deploy-rabbitmq --docker </dev/null 2>&1) || code=$?
	check "deploy-rabbitmq --docker ends with 0" "$code" 0
	[ "$code" = 0 ] || { printf '%s\n' "$said" | tail -n 30; exit 1; }
	check "it prints the modelled table" \
		"$(grep -c '^(34 rows)$' <<<"$said")" 1
	check "the rows are the right ones" \
		"$(ask 'copy (table modelled.fact_events) to stdout (format csv, header)' |
			sed 1d | sort | cksum)" \
		"$(sed 1d "$TOP/tests/data/expected_fact_events.csv" | sort | cksum)"
	check "only loopback ports are published" "$(docker ps --format '{{.Ports}}' |
		tr ',' '\n' | grep -e '->' | grep -vc '127.0.0.1:')" 0
	check "no container runs as root" "$(for id in $(docker ps -q); do
		docker exec "$id" id -u; done | grep -c '^0$')" 0
	check "no password is in an environment or command line" \
		"$(docker ps -q | xargs docker inspect | grep -cFf <(cat "$clone"/var/secrets/*))" 0
}

test_again() {
	local before after
	before=$(docker ps -q | sort)
	run deploy-rabbitmq --docker --skip-tests </dev/null >/dev/null 2>&1
	after=$(docker ps -q | sort)
	check "a second deployment changes nothing that runs" "$after" "$before"
}

test_drops() {
	local raw
	raw=$(realpath "$clone/raw_data/events")
	cp "$TOP/tests/data/events_sample.json" "$work/one.json"
	run drop "$work/one.json" >/dev/null
	(cd "$clone" && cp "$work/one.json" "$raw/.two" && mv "$raw/.two" "$raw/two.json")
	cp "$work/one.json" "$raw/three.json"
	docker exec "$(containers cli)" sh -c \
		'cp /usr/share/sluice/events_sample.json /data/raw_data/events/four.json'
	eventually "files dropped by the verb, by rename, by copy and from another container load" \
		5 ask 'select count(*) from meta.source where completed_at is not null'
}

# Each container dies while files keep dropping.
test_kills() {
	local service i=0
	for service in producer consumer rabbitmq postgres cli; do
		i=$((i + 1))
		"$work/gen" 20000 "$i" 10 >"$work/load.json"
		cp "$work/load.json" "$(realpath "$clone/raw_data/events")/kill$i.json"
		sleep 1
		containers "$service" | xargs -r docker kill -s KILL >/dev/null
		containers "$service" | grep -q . ||
			docker ps -aq --filter "label=com.docker.compose.project=$(project)" \
				--filter "label=com.docker.compose.service=$service" |
			xargs docker start >/dev/null
	done
	eventually "after each container was killed every file is complete" 0 pending
	check "nothing is lost, nothing doubled" "$(invariant)" t
}

pending() {
	local files
	files=$(find "$(realpath "$clone/raw_data")" -path '*/processed' -prune -o \
		-type f -print | wc -l)
	printf '%s\n' $((files + $(unfinished)))
}

test_scale() {
	run scale consumer=3 >/dev/null
	check "there are three consumers" "$(containers consumer | wc -l)" 3
	for i in 1 2 3 4; do
		"$work/gen" 50000 "9$i" 10 >"$work/load.json"
		cp "$work/load.json" "$(realpath "$clone/raw_data/events")/scale$i.json"
	done
	eventually "200,000 records are loaded by three" 0 pending
	check "nothing is lost, nothing doubled by three" "$(invariant)" t
	check "more than one of them has loaded" \
		"$(ask 'select count(distinct consumer) > 1 from meta.load')" t
}

test_backup() {
	local rows
	run backup "$work/all.dump" >/dev/null
	rows=$(ask 'select count(*) from raw.events')
	"$work/gen" 500 77 0 >"$(realpath "$clone/raw_data/events")/later.json"
	eventually "a file comes after the backup" 0 pending
	run restore "$work/all.dump" --yes >/dev/null </dev/null
	check "the backup is restored" "$(ask 'select count(*) from raw.events')" "$rows"
	check "and nothing is doubled by it" "$(invariant)" t
}

test_models() {
	check "the models are as if computed anew" \
		"$(run sluice models verify >/dev/null 2>&1 && echo yes)" yes
}

test_destroy() {
	local name
	name=$(project)
	run destroy-rabbitmq --yes </dev/null >"$work/said" 2>&1 || cat "$work/said"
	check "no container, network, volume or image is left" "$(left "$name")" 0
	check "var is gone" "$([ -e "$clone/var" ] || echo gone)" gone
}

trap clean_up EXIT
chmod 755 "$work"
if ! command -v docker >/dev/null || ! answers; then
	start_engine
fi
command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 ||
	skip "no compose is installed"
git clone -q "$TOP" "$clone"
(cd "$TOP" && cmake --preset dev >/dev/null &&
	cmake --build build/dev --target gen_events >/dev/null)
ln -s "$TOP/build/dev/bin/gen_events" "$work/gen"
test_deploy
test_again
test_drops
test_kills
test_scale
test_backup
test_models
test_destroy
printf '%d checks, %d failed\n' "$checks" "$failures"
[ "$failures" = 0 ]

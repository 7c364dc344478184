#!/usr/bin/env bash
# run.sh - Sluice in containers, for real: an engine (of its own, when none
# answers and root calls), images, a deployment in a clone of this tree, drops
# from the host and from a container, every container killed and started again
# under load, three consumers, page, demonstration, a backup, bad surroundings, and
# nothing left in the end. Takes some minutes. Skips, and says why, where no engine can run. The
# last line is "N checks, N failed", or "skipped: ...".
set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
checks=0 failures=0 records=0
work=$(mktemp -d "${TMPDIR:-/var/tmp}/sluice-docker.XXXXXX")
clone="$work/a clone"
# Half the time to compile; what is asked here is the same.
export SLUICE_TEST_IMAGE_PRESET=${SLUICE_TEST_IMAGE_PRESET:-dev}
services=(postgres rabbitmq producer consumer cli)

skip() {
	printf 'skipped: %s\n' "$*"
	exit 0
}

# shellcheck source=tests/docker/engine.sh
. "$TOP/tests/docker/engine.sh"
# shellcheck source=tests/docker/bad.sh
. "$TOP/tests/docker/bad.sh"

check() { # CLAIM GOT WANT
	checks=$((checks + 1))
	if [ "$2" = "$3" ]; then
		printf 'ok: %s (%d s)\n' "$1" "$SECONDS"
		return
	fi
	failures=$((failures + 1))
	printf 'NOT OK: %s\n  got:  %s\n  want: %s\n' "$1" "$2" "$3"
}

check_has() { # CLAIM FILE TEXT
	check "$1" "$(grep -qF -- "$3" "$2" && echo yes || tail -n 5 "$2")" yes
}

eventually() { # CLAIM WANT COMMAND...
	local claim=$1 want=$2 got='' end=$((SECONDS + 300))
	shift 2
	while [ $SECONDS -lt $end ]; do
		got=$("$@" 2>/dev/null) || got=failed
		[ "$got" != "$want" ] || break
		sleep 0.5
	done
	check "$claim" "$got" "$want"
}

clean_up() {
	local code=$?
	trap - EXIT
	trap '' TERM INT
	[ -z "${half_made:-}" ] || kill -KILL -- "-$half_made" 2>/dev/null || true
	[ -z "${listener:-}" ] || kill "$listener" 2>/dev/null || true
	[ -z "${full:-}" ] || umount -l "$full" || true
	if [ "$code" != 0 ] && [ -e "$work/said" ]; then
		tail -n 30 "$work/said"
	fi
	[ ! -x "$clone/run.sh" ] || [ ! -e "$clone/var" ] ||
		(cd "$clone" && timeout 200 ./run.sh destroy-rabbitmq --docker --yes \
			>/dev/null 2>&1) || true
	[ "${kept:-no}" = no ] || let_images_go
	stop_engine >/dev/null 2>&1 || true
	rm -rf --one-file-system "$work" 2>/dev/null || true
	exit $code
}

# -- what is deployed --------------------------------------------------------------

run() {
	(cd "$clone" && timeout 900 ./run.sh "$@")
}

# The exit code; what it says goes to $work/said.
code_of() {
	local code=0
	run "$@" >"$work/said" 2>&1 </dev/null || code=$?
	printf '%s\n' $code
}

ask() { # SQL
	run psql -XqAt -c "$1" </dev/null
}

project() {
	printf 'sluice-%s\n' "$(printf '%s' "$clone" | sha256sum | cut -c 1-8)"
}

ours() { # COMMAND ARGS...
	docker "$@" --filter "label=com.docker.compose.project=$(project)"
}

containers() { # SERVICE
	ours ps -q --filter "label=com.docker.compose.service=$1"
}

# Everything that bears the project's name.
left() {
	{
		docker ps -aq --filter "name=$(project)"
		docker network ls -q --filter "name=$(project)"
		docker volume ls -q --filter "name=$(project)"
		docker images -q "$(project)*"
		docker images -q --filter dangling=true \
			--filter "label=sluice.project=$(project)"
	} | sort -u | wc -l
}

events() {
	realpath "$clone/raw_data/events"
}

put() { # NAME RECORDS SEED
	"$gen" "$2" "$3" 10 >"$work/load.json"
	cp "$work/load.json" "$(events)/$1"
	records=$((records + $2))
}

# As many sources as files are put away, all complete, and no file elsewhere.
settled() {
	local raw away waiting
	raw=$(realpath "$clone/raw_data")
	away=$(find "$raw/processed" -type f | wc -l)
	waiting=$(find "$raw" -path "$raw/processed" -prune -o -type f -print | wc -l)
	printf '%d waiting, %s\n' "$waiting" "$(ask "select count(*) = $away and
		count(*) = count(completed_at) from meta.source")"
}

# Nothing lost, nothing doubled: each record that was dropped is there once.
check_invariant() { # CLAIM
	eventually "$1: every file is complete" "0 waiting, t" settled
	check "$1: nothing is lost, nothing doubled" "$(ask "select count(*),
		count(distinct (_source, _offset)) from raw.events_delta")" \
		"$records|$records"
	check "$1: the models are as if computed anew" \
		"$(run sluice models verify >/dev/null 2>&1 && echo yes)" yes
}

digest() {
	ask 'select count(*), md5(string_agg(t::text, $$|$$ order by t::text))
		from raw.events t'
}

# -- the tests ---------------------------------------------------------------------

# A deployment that is killed while its containers start; the next goes on.
test_half_made() {
	local end=$((SECONDS + 1500))
	(cd "$clone" && exec setsid ./run.sh deploy-rabbitmq --docker --skip-tests) \
		>"$work/said" 2>&1 </dev/null &
	half_made=$!
	until [ -n "$(ours ps -aq)" ] || [ ! -e "/proc/$half_made" ] ||
		[ $SECONDS -gt $end ]; do
		sleep 0.2
	done
	kill -KILL -- "-$half_made" 2>/dev/null || true
	wait "$half_made" 2>/dev/null || true
	half_made=
	check "a deployment was killed half-way" \
		"$([ -n "$(ours ps -aq)" ] && echo yes || tail -n 30 "$work/said")" yes
}

test_deploy() {
	check "deploy-rabbitmq --docker ends with 0" \
		"$(code_of deploy-rabbitmq --docker --skip-tests)" 0
	[ "$failures" = 0 ] || exit 1
	check_has "it prints the modelled table" "$work/said" "(34 rows)"
	check "the rows are the right ones" \
		"$(ask 'copy (table modelled.fact_events) to stdout (format csv, header)' |
			sed 1d | sort | cksum)" \
		"$(sed 1d "$TOP/tests/data/expected_fact_events.csv" | sort | cksum)"
	check "only loopback ports are published" "$(ours ps --format '{{.Ports}}' |
		tr ',' '\n' | grep -e '->' | grep -vc '127.0.0.1:')" 0
	check "no container runs as root" "$(for id in $(ours ps -q); do
		docker exec "$id" id -u; done | grep -c '^0$')" 0
	check "no password is in an environment or command line" \
		"$(ours ps -q | xargs docker inspect |
			grep -cFf <(cat "$clone"/var/secrets/{owner,loader,admin,producer}))" 0
	records=36
	docker images --format '{{.Repository}} {{.Size}}' "$(project)*"
	printf '%d s until here\n' "$SECONDS"
}

test_again() {
	local before
	before=$(ours ps -q | sort)
	check "a second deployment is fine" \
		"$(code_of deploy-rabbitmq --skip-tests)" 0
	check "and changes nothing that runs" "$(ours ps -q | sort)" "$before"
}

# On a terminal: tmux in the container, console above, psql below, logs behind.
test_terminal() {
	local pid cli
	cli=$(containers cli)
	mkfifo "$work/typed"
	exec 7<>"$work/typed" # nothing is typed, and that has no end
	(cd "$clone" && exec setsid timeout 300 \
		script -qec "./run.sh deploy-rabbitmq --skip-tests" /dev/null) \
		>"$work/said" 2>&1 <"$work/typed" 7>&- &
	pid=$!
	eventually "tmux shows the console above, psql below" \
		"2 panes, sluice console,psql" panes "$cli"
	eventually "and what the daemons say in a window of its own" yes \
		logs_window "$cli"
	docker exec "$cli" tmux kill-session -t =sluice || true
	exec 7>&-
	timeout 60 tail --pid="$pid" -f /dev/null || kill "$pid" || true
	wait "$pid" 2>/dev/null || true
}

logs_window() { # CONTAINER
	docker exec "$1" tmux capture-pane -p -t =sluice:logs |
		grep -q 'event=' && echo yes
}

panes() { # CONTAINER
	printf '%s panes, %s\n' \
		"$(docker exec "$1" tmux list-panes -t =sluice | wc -l)" \
		"$(docker top "$1" -eo pid,args | sed 's/^[0-9]* *//' |
			grep -xE 'sluice console|.*bin/psql' | sed 's|.*/||' |
			sort -r | paste -sd,)"
}

test_drops() {
	local sample=$TOP/tests/data/events_sample.json
	run drop "$sample" >/dev/null
	cp "$sample" "$(events)/.two"
	mv "$(events)/.two" "$(events)/two.json"
	cp "$sample" "$(events)/three.json"
	docker exec "$(containers cli)" \
		cp /usr/share/sluice/events_sample.json /data/raw_data/events/four.json
	records=$((records + 4 * 36))
	check_invariant "dropped by the verb, by rename, by copy, by another container"
}

# Environment and settings reach the daemons at the next deployment.
test_settings() {
	local before
	before=$(containers producer)
	printf 'SLUICE_LOG_FORMAT=json\n' >>"$clone/var/environment"
	printf 'rescan_secs: 7\n' >>"$clone/var/sluice.yaml"
	check "other settings are taken up" \
		"$(code_of deploy-rabbitmq --skip-tests)" 0
	check "the producer was made anew" \
		"$([ "$(containers producer)" = "$before" ] || echo yes)" yes
	check "a setting of the file counts" "$(run sluice --json config show |
		jq -r .settings.rescan_secs)" "7 s"
	check "one of the environment, too" \
		"$(docker logs "$(containers producer)" 2>&1 | head -n 1 | jq -r .event)" start
}

page_code() { # ADDRESS [ARGS]...
	curl -s --noproxy '*' -m 20 -o /dev/null -w '%{http_code}' "$@" || true
}

test_serve() {
	local page
	check "serve ends with 0" "$(code_of serve)" 0
	page=$(sed -n 's|^\(http://127\..*\)/$|\1|p' "$work/said")
	check "the page answers where it says" "$(page_code "$page/")" 200
	check "without the token it shows no rejects" \
		"$(page_code "$page/api/v1/rejects/1/bytes")" 401
	check "with the one that it names, there is none yet" "$(page_code \
		-H "Authorization: Bearer $(cat "$clone/var/secrets/serve")" \
		"$page/api/v1/rejects/1/bytes")" 404
	run status >"$work/said"
	check_has "status knows that it is there" "$work/said" "page  "
	check "in the foreground there is no second" "$(code_of sluice serve)" 69
	check "serve --stop ends with 0" "$(code_of serve --stop)" 0
	check "then nobody answers" "$(page_code "$page/")" 000
}

# The APIs of two pipelines, played on the producer's loopback.
test_demo() {
	check "demo-api ends with 0" "$(code_of demo-api)" 0
	check_has "asked again it is told what changed" "$work/said" \
		"github.commits  3 requests, 3 pages (2 unchanged), 12 records"
	check_has "the models are shown" "$work/said" "modelled.cost_revenue_ratio:"
	check "what played them is gone" "$(containers demo | wc -l)" 0
	check "and nothing leads to it" \
		"$(grep -c 127.0.0.1 "$clone/var/environment")" 0
}

# Codes are those of a deployment without containers.
test_codes() {
	check "what psql cannot do is 1" "$(code_of psql -c 'select 1/0')" 1
	check "a verb that is none is 64" "$(code_of sluice nonsense)" 64
	check "a file that is not there is 74" "$(code_of drop /nowhere.json)" 74
	check "restore is asked for twice" "$(code_of restore "$work/load.json")" 64
	check "what is no backup changes nothing" \
		"$(code_of restore "$work/load.json" --yes)" 1
}

# The process dies, the engine starts it again; then a restart in good order.
test_kills() {
	local service i=0 id
	for service in "${services[@]}"; do
		i=$((i + 1))
		put "kill$i.json" 20000 "$i"
		sleep 1
		id=$(containers "$service")
		kill -KILL "$(docker inspect -f '{{.State.Pid}}' "$id")" 2>/dev/null ||
			{ docker kill "$id" && docker start "$id"; } >/dev/null
		put "again$i.json" 5000 "5$i"
		eventually "$service, killed, is up again" true \
			docker inspect -f '{{.State.Running}}' "$id"
		docker restart -t 30 "$id" >/dev/null
	done
	check_invariant "each container killed and restarted under load"
}

takers() { # of the events' queue; one asks twice where messages are small
	{ run sluice --json status || true; } | jq '[.queues[] | select(.queue == "sluice.events")
		| .consumers >= 3][0]'
}

test_scale() {
	local i
	check "scale ends with 0" "$(code_of scale consumer=3)" 0
	check "there are three consumers" "$(containers consumer | wc -l)" 3
	eventually "and each asks for messages" true takers
	for i in 1 2 3 4; do
		put "scale$i.json" 50000 "9$i"
	done
	check_invariant "200,000 records by three"
	check "more than one of them has loaded" \
		"$(ask 'select count(distinct consumer) > 1 from meta.load')" t
}

test_backup() {
	local before
	before=$(digest)
	run backup "$work/all.dump" >/dev/null
	put later.json 500 77
	check_invariant "after the backup"
	check "restore ends with 0" "$(code_of restore "$work/all.dump" --yes)" 0
	check "every row is as it was" "$(digest)" "$before"
	check "reconcile loads what came later" "$(code_of sluice reconcile)" 0
	check_invariant "restored and reconciled"
}

# Names for the images, so that they need not be made again.
keep_images() {
	local image
	kept=yes
	for image in base builder "${services[@]}"; do
		docker tag "$(project)-$image" "sluice-kept-$image" 2>/dev/null || true
	done
}

base_again() {
	docker tag sluice-kept-base "$(project)-base" 2>/dev/null || true
}

let_images_go() {
	docker images --format '{{.Repository}}' 'sluice-kept-*' |
		xargs -r docker rmi -f >/dev/null 2>&1 || true
}

# Volumes stay, passwords do not: the next deployment has new ones, with
# PostgreSQL alone, then with all.
test_kept_data() {
	local before
	before=$(digest)
	keep_images
	check "destroy --keep-data ends with 0" \
		"$(code_of destroy-rabbitmq --keep-data --yes)" 0
	check "volumes are left, nothing else" \
		"$(left) $(ours volume ls -q | wc -l)" "3 3"
	check "then nothing is deployed" "$(code_of status)" 69
	base_again
	test_bad_surroundings
	rm "$clone"/var/secrets/*
	check "deploy goes on with new passwords" "$(code_of deploy --skip-tests)" 0
	check_has "it shows some rows of many" "$work/said" "the latest 50 of "
	check "with PostgreSQL alone" "$(ours ps --format \
		'{{.Label "com.docker.compose.service"}}' | sort | tr '\n' ' ')" "cli postgres "
	check "every row is there" "$(digest)" "$before"
	cp "$TOP/tests/data/events_sample.json" "$(events)/alone.json"
	check "files are loaded by hand" "$(code_of sluice load events)" 0
	mv "$(events)/alone.json" "$(realpath "$clone/raw_data/processed")/"
	check "RabbitMQ takes its new password, too" \
		"$(code_of deploy-rabbitmq --skip-tests)" 0
	put new.json 500 78
	records=$((records + 36))
	check_invariant "with new passwords"
}

test_destroy() {
	check "there was something to destroy" "$([ "$(left)" -gt 10 ] && echo yes)" yes
	check "destroy-rabbitmq ends with 0" "$(code_of destroy-rabbitmq --yes)" 0
	check "no container, network, volume or image is left" "$(left)" 0
	check "var is gone" "$([ -e "$clone/var" ] || echo gone)" gone
}

trap clean_up EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
chmod 755 "$work"
if ! command -v docker >/dev/null || ! answers; then
	start_engine
fi
command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 ||
	skip "no compose is installed"
git clone -q "$TOP" "$clone"
gen=${SLUICE_BIN:-$TOP/build/dev/bin}/gen_events
[ -x "$gen" ] || (cd "$TOP" && cmake --preset dev >/dev/null &&
	cmake --build build/dev --target gen_events >/dev/null)
need_network
test_half_made
test_deploy
test_again
test_terminal
test_drops
test_settings
test_serve
test_demo
test_kills
test_scale
test_codes
test_backup
test_kept_data
test_destroy
printf '%d checks, %d failed\n' "$checks" "$failures"
[ "$failures" = 0 ]

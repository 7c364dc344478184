#!/usr/bin/env bash
# run.sh - everything an operator does with a clone, one verb at a time.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=deploy/lib.sh
. "$ROOT/deploy/lib.sh"
# shellcheck source=deploy/progress.sh
. "$ROOT/deploy/progress.sh"
# shellcheck source=deploy/place.sh
. "$ROOT/deploy/place.sh"
# shellcheck source=deploy/deploy.sh
. "$ROOT/deploy/deploy.sh"
# shellcheck source=deploy/site.sh
. "$ROOT/deploy/site.sh"
# shellcheck source=deploy/demo.sh
. "$ROOT/deploy/demo.sh"
# shellcheck source=deploy/images.sh
. "$ROOT/deploy/images.sh"
# shellcheck source=deploy/docker.sh
. "$ROOT/deploy/docker.sh"
# shellcheck source=deploy/docker_verbs.sh
. "$ROOT/deploy/docker_verbs.sh"
# shellcheck source=deploy/backup.sh
. "$ROOT/deploy/backup.sh"

usage() {
	cat <<-END
	usage: ./run.sh VERB

	  deploy            install, build, test, start PostgreSQL alone: files are
	                    loaded by choice, at the console
	  deploy-rabbitmq   the same with RabbitMQ and both daemons: files are loaded
	                    as they are dropped
	                      --skip-tests  leave out the quick tests
	                      --no-sample   leave out the sample
	  destroy, destroy-rabbitmq
	                    stop everything, remove it
	                      --yes         dropped files too, without asking
	                      --keep-data   what was loaded stays, stopped
	                    all take --docker or --native: in containers, or on
	                    private servers of this machine; else what is deployed
	                    already, or containers where a Docker engine answers and
	                    can make them
	  status            sources, queues, rates, lag, rejects on one screen
	  serve             the page for the browser: starts it, says where it is
	                      --stop        stops it
	  console           what happens, live, and keys that drop, load, replay,
	                    pause; where there is no terminal, a menu
	  psql [ARGS]       the database, as the reader
	  drop [FILE]       a file (else the sample) into raw_data/events/
	  logs              what producer and consumer say
	  backup FILE       the database into a file
	  restore FILE      and back; --yes replaces what is there unasked
	  scale consumer=N  containers: that many consumers
	  sluice ARGS...    the operator's program (./run.sh sluice help)
	  prove [ARGS]      kill everything while files drop, on servers of its
	                    own (./run.sh prove --help)
	  demo-api          the pipelines github and crm from a server on loopback
	                    that plays their APIs, through RabbitMQ to the models
	  test              build and run all tests
	END
	[ ! -e "$ROOT/bench/run.sh" ] ||
		say "  bench [ARGS]      measure this machine (./run.sh bench --help); bench" \
			$'\n'"                    direct: sluice load; bench growth: a load when there" \
			$'\n'"                    is much already; bench overload: far more waits than" \
			$'\n'"                    can be loaded; bench api: polling an HTTP API"
	say "  help              this"
}

misuse() {
	[ $# = 0 ] || warn "$@"
	usage >&2
	exit $EX_USAGE
}

# The caller's own settings for other servers must not lead elsewhere.
forget_settings() {
	local name
	while IFS= read -r name; do
		case $name in
		SLUICE_TEST_* | PGOPTIONS) ;;
		SLUICE_* | PG*) unset "$name" ;;
		esac
	done < <(compgen -e)
}

# -- verbs on what is deployed ---------------------------------------------------

verb_sluice() {
	place_find
	need_deployed
	[ -x "$BIN/sluice" ] || die $EX_SERVER "not built: ./run.sh deploy"
	if [ "$BIN" != "$RELEASE/bin" ]; then
		choose_user "$VAR"
		app_renew # pipelines that were edited in the clone
	fi
	load_environment "$VAR/environment"
	[ "${1:-}" != apply ] || apply_pipelines "$@"
	SLUICE_CONFIG=$VAR/sluice.yaml exec "$BIN/sluice" "$@"
}

# `sluice apply`, and what a new dataset needs besides: its folder, and daemons
# that know it.
apply_pipelines() { # apply ARGS...
	choose_user "$VAR"
	sluice "$VAR" "$@"
	case " $* " in *" --dry-run "* | *" --help "*) ;; *)
		make_raw
		reload_changed
		;;
	esac
	exit 0
}

verb_serve() {
	place_find
	need_deployed
	[ -x "$BIN/sluice" ] || die $EX_SERVER "not built: ./run.sh deploy"
	[ "$STOP" = no ] || exec "$ROOT/deploy/daemons.sh" unserve "$VAR"
	exec "$ROOT/deploy/daemons.sh" serve "$VAR" "$BIN"
}

# For people with shortcuts and a hint; what is given a command says only what
# it says.
verb_psql() {
	place_find
	need_deployed
	[ $# -gt 0 ] || [ ! -t 0 ] || export PSQLRC=$ROOT/deploy/psqlrc
	psql_reader "$VAR" "$@"
}

# Follows on a terminal; else prints the last lines. Without daemons it is
# PostgreSQL that says something.
verb_logs() {
	local logs
	place_find
	need_deployed
	logs=("$VAR/log/producer.log" "$VAR/log/consumer.log")
	[ ! -e "$VAR/run/no-broker" ] || logs=("$VAR"/log/postgresql-*.log)
	if [ -t 1 ]; then
		exec tail -n 50 -F -- "${logs[@]}"
	fi
	tail -n 200 -- "${logs[@]}"
}

verb_bench() {
	[ -e "$ROOT/bench/run.sh" ] || misuse "no verb bench"
	case " $* " in *' --help '*) ;; *) bench_programs "$@" >&2 ;; esac
	case ${1:-} in
	api | growth | overload) exec "$ROOT/bench/$1.sh" "${@:2}" ;;
	direct) exec "$ROOT/bench/run.sh" --only direct "${@:2}" ;;
	esac
	exec "$ROOT/bench/run.sh" "$@"
}

bench_programs() {
	"$ROOT/deploy/packages.sh" install build run broker bench
	build_preset release sluice sluice-producer sluice-consumer gen_events \
		bare_load bare_lite bench_reader bench_broker latency spent
	[ "${1:-}" != api ] || {
		"$ROOT/deploy/packages.sh" install test
		build_preset release api_server
	}
}

# Needs no deployment and touches none.
verb_prove() {
	"$ROOT/deploy/packages.sh" install build run broker
	build_preset release sluice sluice-producer sluice-consumer
	exec "$RELEASE/bin/sluice" prove "$@"
}

# -- tests -------------------------------------------------------------------------

# The last line is "N passed, N failed", whatever happens before.
# SLUICE_TEST_PRESET names another preset than dev, SLUICE_TEST_EXCLUDE a
# regular expression of tests to leave out.
verb_test() {
	local preset=${SLUICE_TEST_PRESET:-dev}
	trap 'say "0 passed, 1 failed"' EXIT
	"$ROOT/deploy/packages.sh" install build run broker
	"$ROOT/deploy/packages.sh" install test ||
		warn "tests that need these tools will be skipped"
	"$ROOT/deploy/packages.sh" install browser ||
		warn "the page is not looked at in a browser"
	build_preset "$preset" all publish gen_events
	trap - EXIT
	run_ctest "$preset"
}

run_ctest() { # PRESET
	local report=$ROOT/build/$1/report.xml code=0
	rm -f -- "$report"
	(cd "$ROOT" && ctest --test-dir "build/$1" -j "$(nproc)" --output-on-failure \
		--output-junit "$report" --no-tests=error \
		${SLUICE_TEST_EXCLUDE:+-E "$SLUICE_TEST_EXCLUDE"}) || code=$?
	count_report "$report" "$code"
}

# Sums up ctest's report: <testsuite tests= failures= skipped= disabled= ...>
count_report() { # FILE CTEST'S CODE
	local tests failed skipped passed
	tests=$(count tests "$1") failed=$(count failures "$1")
	skipped=$(($(count skipped "$1") + $(count disabled "$1")))
	passed=$((tests - failed - skipped))
	# Nothing ran, or ctest itself failed: that is no success.
	if [ $passed -le 0 ] || { [ "$2" != 0 ] && [ "$failed" = 0 ]; }; then
		failed=$((failed + 1))
	fi
	[ $skipped = 0 ] || say "$skipped skipped"
	say "$passed passed, $failed failed"
	[ "$failed" = 0 ] || exit 1
}

count() { # ATTRIBUTE FILE
	local number
	number=$(sed -n "s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$2" 2>/dev/null |
		head -n 1)
	printf '%s\n' "${number:-0}"
}

# -- the command line ----------------------------------------------------------------

options() { # ALLOWED WORDS...
	local allowed=$1 word
	shift
	for word in "$@"; do
		case " $allowed " in *" $word "*) ;; *) misuse "not understood: $word" ;; esac
		case $word in
		--skip-tests) SKIP_TESTS=yes ;;
		--no-sample) SAMPLE_TOO=no ;;
		--yes) YES=yes ;;
		--keep-data) KEEP_DATA=yes ;;
		--stop) STOP=yes ;;
		esac
	done
}

# Takes --docker and --native out of the words in front of the verb and behind
# it; what follows a verb that passes its words on is that one's.
take_way() {
	WANTED='' WORDS=()
	local word verb=
	for word in "$@"; do
		case $word,$verb in
		--docker,* | --native,*)
			case $verb in
			psql | sluice | bench | prove) ;;
			*) WANTED=${word#--}; continue ;;
			esac ;;
		esac
		[ -n "$verb" ] || verb=$word
		WORDS+=("$word")
	done
}

# A verb on what is deployed, the one way or the other.
on_site() { # VERB ARGS...
	local verb=$1
	shift
	choose_way "$WANTED"
	if [ "$WAY" = docker ]; then
		"docker_$verb" "$@"
	else
		"verb_$verb" "$@"
	fi
}

verb_drop() {
	verb_sluice drop "$@"
}

verb_scale() {
	die $EX_USAGE "scale is for containers: ./run.sh deploy-rabbitmq --docker"
}

main() {
	local verb
	SKIP_TESTS=no SAMPLE_TOO=yes YES=no KEEP_DATA=no STOP=no SUDO=()
	take_way "$@"
	set -- "${WORDS[@]}"
	[ $# -gt 0 ] || misuse "which verb?"
	verb=$1
	shift
	check_path "$ROOT"
	forget_settings
	case $verb in
	deploy | --deploy | deploy-rabbitmq | --deploy-rabbitmq)
		options "--skip-tests --no-sample --yes" "$@"
		case $verb in *-rabbitmq) BROKER=yes ;; *) BROKER=no ;; esac
		on_site deploy
		;;
	destroy | --destroy | destroy-rabbitmq | --destroy-rabbitmq)
		options "--yes --keep-data" "$@"
		on_site destroy
		;;
	status | console)
		options "" "$@"
		on_site sluice "$verb"
		;;
	serve)
		options "--stop" "$@"
		on_site serve
		;;
	drop)
		[ $# -le 1 ] || misuse "drop takes one file"
		on_site drop "$@"
		;;
	psql | sluice) on_site "$verb" "$@" ;;
	demo-api)
		options "" "$@"
		on_site demo_api
		;;
	logs)
		options "" "$@"
		on_site logs
		;;
	backup)
		[ $# = 1 ] || misuse "backup takes one file"
		choose_way "$WANTED"
		backup "$1"
		;;
	restore)
		[ $# -ge 1 ] || misuse "restore takes one file"
		options "--yes" "${@:2}"
		choose_way "$WANTED"
		restore "$1"
		;;
	scale)
		[[ $# = 1 && $1 =~ ^consumer=[1-9][0-9]?$ ]] ||
			misuse "scale takes consumer=N, 1 to 99"
		on_site scale "$1"
		;;
	test)
		options "" "$@"
		verb_test
		;;
	bench | prove) "verb_$verb" "$@" ;;
	help | --help | -h) usage ;;
	*) misuse "no verb $verb" ;;
	esac
}

main "$@"

#!/usr/bin/env bash
# usage.sh - run.sh takes exactly one verb it knows; all else is code 64.
. "$(dirname "$0")/lib.sh"

run=$TOP/run.sh

wrong() { # WORDS...
	check "\"$*\" is refused" "$(code_of "$run" "$@")" 64
	check_true "\"$*\" shows the usage on stderr" has "$work/said" "usage: ./run.sh"
}

wrong
wrong frobnicate
wrong deploy-rabbitmq destroy-rabbitmq
wrong deploy-rabbitmq --fast
wrong --destroy-rabbitmq --no-sample
wrong status now
wrong drop one two
wrong logs -f
wrong deploy destroy
wrong deploy --fast
wrong --deploy deploy-rabbitmq
wrong destroy --no-sample
wrong deploy-sqlite
wrong demo-api github
wrong scale
wrong scale consumer=two --native
wrong deploy-rabbitmq --docker --native now
wrong ''

check "help is no error" "$(code_of "$run" help)" 0
for verb in deploy 'destroy,' deploy-rabbitmq status console psql drop logs scale \
	sluice demo-api test help; do
	check_true "help names $verb" grep -qE "^  $verb " "$work/said"
done
check "help goes to stdout" "$("$run" help 2>/dev/null | head -n 1)" \
	"usage: ./run.sh VERB"
finish

#!/usr/bin/env bash
# doctor.sh - what is amiss is found, under a name that the runbook has, and one
# sentence says what is waited for; dead servers keep nobody waiting.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/support/api.sh
. "$top/tests/support/api.sh"

# grade ID [VAR=VALUE...]: the worst of a check
grade() {
	local id=$1
	shift
	env "$@" "$bin/sluice" --json doctor | jq -r --arg id "$id" \
		'[.findings[] | select(.id == $id) | .grade] |
		if index("problem") then "problem" elif index("warn") then "warn"
		else (.[0] // "not told") end' || true
}

# what ID: what it says of it
what() {
	"$bin/sluice" --json doctor | jq -r --arg id "$1" \
		'.findings[] | select(.id == $id) | .what' || true
}

why() {
	"$bin/sluice" status --why 2>&1 || true
}

why_is() { # PART
	case $(why) in *"$1"*) return 0 ;; esac
	return 1
}

api() { # METHOD PATH [BODY]
	printf 'user = "%s:%s"\n' "$(setting admin_user)" \
		"$(cat "$(setting admin_password_file)")" |
		curl -sS -K - -X "$1" -H 'content-type: application/json' \
			"$(setting broker_api)/api/$2" ${3:+-d "$3"}
}

scenario_begin doctor
check_has "daemons that do not run are a problem" "$(grade daemons)" problem
check_has "why: which one" "$(why)" 'the consumer does not answer'
producer_start
consumer_start
until_true why_is 'nothing: everything loaded' || true
check_has "why: nothing" "$(why)" 'nothing: everything loaded'

# -- as it should be, but that the tests' servers are quick and not careful
all=$(exits 1 "$bin/sluice" --json doctor)
check "all else is well" "$(jq -r '[.findings[] | select(.grade == "problem") | .id] |
	unique | join(" ")' <<<"$all")" settings
check_has "fsync is missed" "$(what settings)" 'fsync is off'
told=$(jq -r '[.findings[].id] | unique | .[]' <<<"$all")
for id in $("$bin/sluice" help doctor | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p' | grep -v '^sluice$'); do
	case $id in endpoints) continue ;; esac # where none is polled
	check "$id says something" "$(grep -cx "$id" <<<"$told")" 1
done
# each finding is in the runbook, and in the help, and no others are
section=$(sed -n '/^## doctor$/,/^## [^d]/p' "$top/docs/OPERATIONS.md" |
	sed -n 's/^| `\([a-z]*\)` .*/\1/p')
table=$(sed -n 's/^	{ "\([a-z]*\)", .*/\1/p' "$top/cli/doctor.c")
check "the runbook has each check, in order" "$section" "$table"
check "so has the help" "$("$bin/sluice" help doctor |
	sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p' | grep -v '^sluice$')" "$table"

# -- broken on purpose, one after the other
q 'grant delete on raw.events to sluice_reader' >/dev/null
check_has "a right too many" "$(what grants)" 'sluice_reader may delete raw.events'
q 'revoke delete on raw.events from sluice_reader' >/dev/null
q 'revoke insert on raw.orgs_delta from sluice_loader' >/dev/null
check_has "a right that is lacking" "$(what grants)" 'sluice_loader lacks insert on raw.orgs_delta'
q 'grant insert on raw.orgs_delta to sluice_loader' >/dev/null
q "delete from meta.schema_version where version = (select max(version) from meta.schema_version)" >/dev/null
check_has "an old schema" "$(what schema)" 'the files have'
q "insert into meta.schema_version (version, name, sha256) values (3, 'x', 'x')" >/dev/null
api PUT queues/s_doctor/all '{"durable":false}' >/dev/null
api POST bindings/s_doctor/e/sluice/q/all '{"routing_key":"#"}' >/dev/null
check_has "a queue that takes everything" "$(what unroutable)" 'was taken'
api DELETE queues/s_doctor/all >/dev/null
api PUT policies/s_doctor/short '{"pattern":"^sluice","definition":{"message-ttl":1000}}' >/dev/null
policy_seen() {
	case $(what queues) in *'policy short'*) return 0 ;; esac
	return 1
}
until_true policy_seen || true
check_has "a policy in the way" "$(what queues)" 'policy short applies to sluice.'
api DELETE policies/s_doctor/short >/dev/null
ln -s "$work/raw" "$work/link"
check "a link instead of a folder" "$(grade folders SLUICE_RAW_DIR="$work/link")" warn
install -m 644 "$(setting reader_password_file)" "$work/open"
check "a password for everybody" "$(grade secrets SLUICE_LOADER_PASSWORD_FILE="$work/open")" problem
sed 's/newest:/newst:/' "$top/pipelines/events.yaml" >"$work/pipelines/events.yaml"
check_has "a pipeline file that is wrong" "$(what pipelines)" newst
cp "$top/pipelines/events.yaml" "$work/pipelines/events.yaml"

# -- what is it waiting for?
exits 0 "$bin/sluice" pause --reason 'a test' >/dev/null
check_has "why: a pause" "$(why)" 'paused by'
check_has "why: and its reason" "$(why)" 'a test'
exits 0 "$bin/sluice" resume >/dev/null
check_has "why: for programs" "$("$bin/sluice" --json status --why | jq -r .why)" 'nothing'
check_has "why: the database" "$(SLUICE_DATABASE_PORT=1 why)" 'waiting for PostgreSQL at'
check_has "why: the broker" "$(SLUICE_BROKER_PORT=1 why)" 'waiting for RabbitMQ at'
q 'alter table raw.orgs rename column organization_name to name' >/dev/null
drop "$top/tests/data/orgs_sample.json" orgs
until_true why_is 'dataset events.orgs' || true
check_has "why: a table that takes nothing" "$(why)" 'the consumer waits: dataset events.orgs'
q 'alter table raw.orgs rename column name to organization_name' >/dev/null
eventually "mended, it is loaded" "$complete_sources" 1

# -- servers that speak TLS
# ssl_on DAYS: the tests' PostgreSQL has a certificate for so long
ssl_on() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
		-days "$1" -keyout "$work/pg.key" -out "$work/pg.crt" 2>/dev/null
	chmod 600 "$work/pg.key"
	[ -z "$run_as" ] || chown "$run_as:$run_group" "$work"/pg.*
	ssl_set on "$work/pg.crt" "$work/pg.key"
}
# ssl_set on|off CERTIFICATE KEY: the last line of a setting counts
ssl_set() {
	printf "ssl = %s\nssl_cert_file = '%s'\nssl_key_file = '%s'\n" "$@" \
		>>"$servers/postgresql/postgresql.conf"
	kill -HUP "$(cut -d' ' -f1 "$servers/run/postgresql.pid" | head -n 1)"
}
found() { # GRADE WHAT: of certificates, once the server has read its files
	{ "$bin/sluice" --json doctor || true; } | jq -e --arg grade "$1" --arg what "$2" \
		'any(.findings[]; .id == "certificates" and .grade == $grade and
			.what == $what)' >/dev/null
}
verified() {
	SLUICE_DATABASE_SSLMODE=verify-full \
		SLUICE_DATABASE_SSLROOTCERT=$work/pg.crt until_true "$@" && echo yes
}
scenario_undo() {
	ssl_set off '' ''
	api_stop
}
ssl_on 400
check "a certificate of PostgreSQL for a year is fine" \
	"$(verified found ok 'PostgreSQL: 399 days left')" yes
ssl_on 9
check "one that ends soon is found" \
	"$(verified found warn 'PostgreSQL: 8 days left')" yes
api_start "$work/tls"
for name in good expired; do
	export SLUICE_BROKER_TLS=true SLUICE_BROKER_CACERT=$work/tls/ca.crt
	SLUICE_BROKER_PORT=$(api_port $name) "$bin/sluice" --json doctor \
		>"$work/tls/$name.json" || true
	unset SLUICE_BROKER_TLS SLUICE_BROKER_CACERT
done
of_broker() { # NAME
	jq -r '.findings[] | select(.id == "certificates" and
		(.what | startswith("RabbitMQ"))) | .grade + " " + .what' "$work/tls/$1.json"
}
check_has "the broker's is looked at" "$(of_broker good)" 'ok RabbitMQ: '
check_has "and is a problem when it is over" "$(of_broker expired)" \
	'problem RabbitMQ: over since '
scenario_undo

# -- servers that are not there, or say nothing
mkfifo "$work/hold"
python3 -c 'import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(64)
print(s.getsockname()[1], flush=True); sys.stdin.read()' <"$work/hold" >"$work/silent" &
silent_pid=$!
exec 9>"$work/hold"
until_true test -s "$work/silent" || true
mute=$(cat "$work/silent")
check_has "dead servers: each is a problem" "$(exits 1 env SLUICE_DATABASE_PORT=1 \
	SLUICE_BROKER_PORT=1 SLUICE_BROKER_API=http://127.0.0.1:1 "$bin/sluice" doctor)" 'problems'
check_has "silent ones: it comes to an end" "$(exits 1 env SLUICE_DATABASE_PORT="$mute" \
	SLUICE_BROKER_PORT="$mute" SLUICE_BROKER_API="http://127.0.0.1:$mute" \
	SLUICE_CONNECT_TIMEOUT_SECS=1 SLUICE_HEARTBEAT_SECS=2 \
	SLUICE_PRODUCER_HTTP="127.0.0.1:$mute" "$bin/sluice" doctor)" 'problems'
exec 9>&-
wait "$silent_pid" || true
check_has "no words" "$(exits 64 "$bin/sluice" doctor all)" usage
producer_stop
consumer_stop
check_invariants
scenario_end

#!/usr/bin/env bash
# run.sh - runs one peer once over a file of events, see README.md.
#
# usage: bench/peers/run.sh --list | NAME
# --list: name, shape and what it does, a line each. NAME: prints "records
# seconds cpu_seconds peak_rss_kib" once all records are in the database, in
# the state they must have there. In the environment: BENCH_FILE BENCH_RECORDS
# BENCH_CONNECTIONS BENCH_BATCH, PGHOST PGPORT PGUSER PGDATABASE PGPASSFILE,
# BENCH_AMQP_HOST _PORT _USER _PASSWORD_FILE _VHOST; BENCH_TIMEOUT in seconds.
set -euo pipefail
# shellcheck source=bench/peers/peers.sh
. "$(dirname "$0")/peers.sh"

records_in_message=${BENCH_CHUNK:-500}
queue=sluice.bench.peer

usage() {
	sed -n 's/^# \(usage:.*\)/\1/p' "$0" >&2
	exit 64
}

# -- the plan: what drive.py runs --------------------------------------------

process() { # ROLE ARGV...
	jq -nc '{role: $ARGS.positional[0], argv: $ARGS.positional[1:]}' \
		--args -- "$@" >>"$work/processes"
}

# ask PROGRAM... -- QUESTION LEAST ...
ask() {
	jq -nc '($ARGS.positional | index("--")) as $at | {argv: $ARGS.positional[:$at],
		questions: [$ARGS.positional[$at + 1:] | _nwise(2) | [.[0], (.[1] | tonumber)]]}' \
		--args -- "$@" >"$work/ask"
}

drive() {
	jq -n '{processes: $processes} + if $ask == [] then {} else {ask: $ask[0]} end' \
		--slurpfile processes "$work/processes" \
		--slurpfile ask <(cat "$work/ask" 2>/dev/null) >"$work/plan.json"
	python3 "$here/drive.py" "$records" "${BENCH_TIMEOUT:-900}" "$work/plan.json"
}

sql() {
	psql -qXAt -v ON_ERROR_STOP=1 "$@"
}

queue_tool() {
	"$built/python/bin/python" "$here/python/queue_tool.py" "$@"
}

config() { # NAME: standard input becomes a file that only we read
	(umask 077 && cat >"$work/$1")
}

# -- the peers ---------------------------------------------------------------

# A publisher and as many consumers as connections
python_peer() { # FORM RECORDS IN A MESSAGE
	local n python=$built/python/bin/python
	process source "$python" "$here/python/publish.py" "$lines" "$queue" "$2"
	for n in $(seq "$connections"); do
		process sink "$python" "$here/python/consume.py" "$1" "$queue" \
			"$batch" "$n" "$connections"
	done
}

node_peer() { # FORM RECORDS IN A MESSAGE
	local n
	export NODE_PATH=$built/node/node_modules
	process source node "$here/node/publish.js" "$lines" "$queue" "$2"
	for n in $(seq "$connections"); do
		process sink node "$here/node/consume.js" "$1" "$queue" \
			"$batch" "$n" "$connections"
	done
}

peer_python_insert() { python_peer insert 1; }
peer_python_values() { python_peer values "$records_in_message"; }
peer_python_copy() { python_peer copy "$records_in_message"; }
peer_node_insert() { node_peer insert 1; }
peer_node_copy() { node_peer copy "$records_in_message"; }

peer_psql_copy() {
	local n
	for n in $(seq "$connections"); do
		process alone "$here/psql_copy.sh" "$lines" "$batch" "$n" "$connections"
	done
}

one_connection() {
	[ "$connections" = 1 ] || die 64 "$name works with one connection only"
}

peer_rsyslog() {
	local root=$built/deb/root
	one_connection # two workers of ompgsql end each other's transactions
	sql -f "$here/generic.sql"
	sed -e "s|@FILE@|$lines|" \
		-e "s|@WORK@|$work|" -e "s|@BATCH@|$batch|" \
		-e "s|@PGHOST@|$PGHOST|" -e "s|@PGPORT@|$PGPORT|" -e "s|@PGUSER@|$PGUSER|" \
		-e "s|@PGDATABASE@|$PGDATABASE|" \
		"$here/rsyslog.conf" | config rsyslog.conf
	ask psql -qXAt -- 'select last_value from raw.seen;' "$records" \
		'select count(*) from raw.events;' "$keys"
	process daemon env "LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu" \
		"$root/usr/sbin/rsyslogd" -M "$root/usr/lib/x86_64-linux-gnu/rsyslog" -n -i NONE -f "$work/rsyslog.conf"
}

syslog_ng() { # CONFIGURATION
	local root=$built/deb/root
	sed -e "s|@FILE@|$lines|" -e "s|@BATCH@|$batch|" -e "s|@PGHOST@|$PGHOST|" \
		-e "s|@PGPORT@|$PGPORT|" -e "s|@PGUSER@|$PGUSER|" \
		-e "s|@PGDATABASE@|$PGDATABASE|" \
		-e "s|@AMQP_HOST@|$BENCH_AMQP_HOST|" -e "s|@AMQP_PORT@|$BENCH_AMQP_PORT|" \
		-e "s|@AMQP_USER@|$BENCH_AMQP_USER|" -e "s|@AMQP_VHOST@|$BENCH_AMQP_VHOST|" \
		-e "s|@AMQP_PASSWORD@|$(cat "$BENCH_AMQP_PASSWORD_FILE")|" \
		-e "s|@QUEUE@|$queue|" "$here/$1" | config syslog-ng.conf
	process daemon env \
		"LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu:$root/usr/lib/syslog-ng" \
		"$root/usr/sbin/syslog-ng" -F --no-caps -f "$work/syslog-ng.conf" \
		-R "$work/persist" -p "$work/pid" -c "$work/control" \
		--module-path "$root/usr/lib/syslog-ng/3.38"
}

peer_syslog_ng_sql() {
	one_connection
	sql -f "$here/generic.sql"
	ask psql -qXAt -- 'select last_value from raw.seen;' "$records" \
		'select count(*) from raw.events;' "$keys"
	syslog_ng syslog-ng-sql.conf
}

peer_syslog_ng_amqp() {
	one_connection
	ask "$built/python/bin/python" "$here/python/queue_tool.py" count "$queue" \
		-- count "$records"
	syslog_ng syslog-ng-amqp.conf
}

peer_telegraf() {
	local part
	sql -f "$here/generic.sql"
	for part in publish consume; do
		sed -e "s|@FILE@|$lines|" -e "s|@BATCH@|$batch|" -e "s|@POOL@|$connections|" \
			-e "s|@CHUNK@|$records_in_message|" -e "s|@QUEUE@|$queue|" \
			-e "s|@AMQP@|amqp://$BENCH_AMQP_HOST:$BENCH_AMQP_PORT/$BENCH_AMQP_VHOST|" \
			-e "s|@AMQP_USER@|$BENCH_AMQP_USER|" \
			-e "s|@AMQP_PASSWORD@|$(cat "$BENCH_AMQP_PASSWORD_FILE")|" \
			"$here/telegraf/$part.conf" | config "$part.conf"
		process daemon "$built/telegraf/telegraf" "$work/$part.conf"
	done
	ask psql -qXAt -- 'select last_value from raw.seen;' "$records" \
		'select count(*) from raw.events_delta;' "$records"
}

# -- before and after --------------------------------------------------------

# The file as lines, and its right answer: made once for a file.
prepare() {
	local stamp answer
	stamp=$(stat -Lc '%s.%Y.%i' -- "$BENCH_FILE")
	lines=$built/data/$stamp.ndjson answer=$built/data/$stamp.answer
	if [ ! -s "$answer" ]; then
		rm -rf "$built/data"
		mkdir -p "$built/data"
		python3 "$here/prepare.py" "$BENCH_FILE" "$lines" "$answer.new"
		mv "$answer.new" "$answer"
	fi
	read -r records right <"$answer"
	keys=${right%% *}
	[ "$records" = "$BENCH_RECORDS" ] ||
		die 65 "$BENCH_FILE has $records records, not $BENCH_RECORDS"
}

# The master is what it must be, by count and sums.
verify() {
	local found
	[ "$shape" != ship ] || return 0
	found=$(sql -F ' ' -c "select count(*), sum(length(concat(id, event_type, username,
			user_email, user_type, organization_name, plan_name))),
			sum(extract(microseconds from received_at))::bigint
		from raw.events")
	[ "$found" = "$right" ] || die 65 "$name: the master has $found, right is $right"
}

finish() {
	[ -z "${queue_made:-}" ] || queue_tool delete "$queue" || true
	rm -rf "$work"
}

main() {
	local measured
	case ${1:-} in
	--list) peers | awk -F '|' '{ print $1, $2, $4 }'; exit ;;
	esac
	[ $# = 1 ] || usage
	name=$1 shape=$(peer "$1" 2)
	[ -n "$shape" ] || die 64 "no peer $name (--list names them)"
	[ -e "$built/ready/$(peer "$name" 3)" ] ||
		die 69 "$name is not built: bench/peers/build.sh $name"
	: "${BENCH_FILE:?}" "${BENCH_RECORDS:?}" "${PGDATABASE:?}"
	connections=${BENCH_CONNECTIONS:-1} batch=${BENCH_BATCH:-50000}
	work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-peer.XXXXXX")
	trap finish EXIT
	prepare
	PGOPTIONS='-c client_min_messages=warning' sql \
		-c 'drop schema if exists raw cascade' -f "$here/tables.sql"
	if [ "$shape" != load ]; then
		queue_tool declare "$queue"
		queue_made=yes
	fi
	"peer_${name//-/_}"
	measured=$(drive)
	verify
	printf '%s %s\n' "$records" "$measured"
}

main "$@"

# lib.sh - what every scenario shares: a database, a virtual host and folders
# of its own on the test servers, the two daemons, and checks.
#
# A scenario is a bash file that sources this one, calls scenario_begin, does
# what a user or a fault would do, states claims with `check`, and ends with
# scenario_end. Waiting is always for a condition, with a deadline.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the scenarios read what is set here

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${SLUICE_BIN:-$top/build/dev/bin}
servers=${SLUICE_TEST_DIR:-$top/build/dev/services}
shared=$top/../shared/data
checks=0
failures=0
# shellcheck source=tests/support/settings.sh
. "$top/tests/support/settings.sh"
deadline_secs=${SLUICE_TEST_DEADLINE:-180}

note() {
	printf '%s\n' "$*"
}

# check CLAIM GOT WANT
check() {
	checks=$((checks + 1))
	if [ "$2" = "$3" ]; then
		note "ok: $1"
	else
		failures=$((failures + 1))
		note "NOT OK: $1"
		note "  got:  $2"
		note "  want: $3"
	fi
}

# check_has CLAIM TEXT PART: PART occurs in TEXT
check_has() {
	case $2 in
	*"$3"*) check "$1" yes yes ;;
	*) check "$1" "${2:0:2000}" "something with: $3" ;;
	esac
}

# as_daemon COMMAND...: as the unprivileged user that owns the servers, when
# that user can reach the programs; as ourselves otherwise.
as_daemon() {
	if [ -n "$run_as" ]; then
		exec setpriv --reuid "$run_as" --regid "$run_group" --init-groups "$@"
	fi
	exec "$@"
}

find_user() {
	local owner
	owner=$(stat -c %U "$servers")
	run_as='' run_group=''
	if [ "$(id -u)" = 0 ] && [ "$owner" != root ] &&
		setpriv --reuid "$owner" --regid "$(stat -c %G "$servers")" --init-groups \
			test -x "$bin/sluice-producer" -a -r "$top/pipelines/events.yaml"; then
		run_as=$owner
		run_group=$(stat -c %G "$servers")
	fi
}

# Where the test servers could not start, others cannot either.
need_servers() {
	[ ! -f "$servers/sluice.yaml" ] || return 0
	note "skipped: no test servers at $servers"
	[ "${SLUICE_TEST_REQUIRE:-0}" != 1 ] || exit 1
	exit 77
}

# scenario_begin NAME: everything of its own, schema and topology applied.
scenario_begin() {
	name=$1
	need_servers
	work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-$name.XXXXXX")
	mkdir -p "$work/raw" "$work/state" "$work/pipelines"
	cp "$top"/pipelines/*.yaml "$work/pipelines/"
	export SLUICE_CONFIG=$servers/sluice.yaml
	export SLUICE_RAW_DIR=$work/raw SLUICE_PROCESSED_DIR=$work/raw/processed
	export SLUICE_FAILED_DIR=$work/raw/failed SLUICE_OUTPUT_DIR=$work/output
	export SLUICE_STATE_FILE=$work/state/producer.db
	export SLUICE_PIPELINES_DIR=$work/pipelines
	export SLUICE_SCHEMA_DIR=$top/sql/schema SLUICE_MODELS_DIR=$top/sql/models
	export SLUICE_SETTLE_SECS=1 SLUICE_RESCAN_SECS=1
	export SLUICE_DATA_TESTS_EVERY_SECS=0 # but where they are the matter
	export PGOPTIONS='-c client_min_messages=warning'
	producer_pid='' consumer_pid=''
	find_user
	[ -z "$run_as" ] || chown -R "$run_as:$run_group" "$work"
	trap scenario_clean EXIT
	create_database
	drop_vhost
	SLUICE_DATABASE_NAME=s_$name SLUICE_BROKER_VHOST=s_$name
	export SLUICE_DATABASE_NAME SLUICE_BROKER_VHOST
	"$bin/sluice" apply >"$work/apply.log" 2>&1 ||
		{ cat "$work/apply.log"; exit 1; }
	owner_url=$(setting database_owner_url)
}

# One that cannot be dropped (somebody else is in it) must not come into this
# run.
create_database() {
	psql_at "$(setting database_owner_url)" -v ON_ERROR_STOP=1 \
		-c "drop database if exists s_$name with (force)" \
		-c "create database s_$name" >/dev/null
}

# What an earlier run left in its queues must not come into this one.
drop_vhost() {
	printf 'user = "%s:%s"\n' "$(setting admin_user)" \
		"$(cat "$(setting admin_password_file)")" |
		curl -sS -K - -o /dev/null -X DELETE \
			"$(setting broker_api)/api/vhosts/s_$name"
}

# A scenario that leaves more behind defines scenario_undo.
scenario_clean() { # [EXIT CODE]
	local code=${1:-$?}
	trap - EXIT
	! declare -F scenario_undo >/dev/null || scenario_undo || true
	kill_daemon "$producer_pid" KILL
	kill_daemon "$consumer_pid" KILL
	if [ "$code" != 0 ] || [ "$failures" != 0 ]; then
		tail -n 25 "$work"/*.log 2>/dev/null || true
	fi
	drop_database
	rm -rf "$work"
	exit "$code"
}

drop_database() {
	unset SLUICE_DATABASE_NAME
	psql_at "$(setting database_owner_url)" \
		-c "drop database if exists s_$name with (force)" \
		>/dev/null 2>&1 || true
}

scenario_end() {
	note "$checks checks, $failures failed"
	[ "$checks" -gt 0 ] && [ "$failures" = 0 ]
}

# q SQL: one value or lines, unaligned, as the owner
q() {
	psql_at "$owner_url" -F '|' -c "$1"
}

# Another program in its place: $producer.
producer_start() {
	(as_daemon "$bin/${producer:-sluice-producer}" "$@") >>"$work/producer.log" 2>&1 &
	producer_pid=$!
}

consumer_start() {
	(as_daemon "$bin/sluice-consumer" "$@") >>"$work/consumer.log" 2>&1 &
	consumer_pid=$!
}

# kill_daemon PID [SIGNAL]: and wait until it is gone
kill_daemon() {
	[ -n "$1" ] || return 0
	kill -"${2:-TERM}" "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

producer_stop() {
	kill_daemon "$producer_pid" "${1:-TERM}"
	producer_pid=''
}

consumer_stop() {
	kill_daemon "$consumer_pid" "${1:-TERM}"
	consumer_pid=''
}

# kill_server NAME: SIGKILL to a server of the tests and all its children
kill_server() {
	local pid
	pid=$(cut -d' ' -f1 "$servers/run/$1.pid" | head -n 1)
	pkill -KILL -P "$pid" 2>/dev/null || true
	kill -KILL "$pid"
	until_true test ! -e "/proc/$pid"
}

# drop FILE [FOLDER [NAME]]: as a user's `cp` and `mv` would
drop() {
	local folder=$work/raw/${2:-events} file=${3:-$(basename "$1")}
	(as_daemon mkdir -p "$folder")
	cp "$1" "$folder/.incoming-$file"
	if [ -n "$run_as" ]; then
		chown "$run_as:$run_group" "$folder" "$folder/.incoming-$file"
	fi
	mv "$folder/.incoming-$file" "$folder/$file"
}

# eventually CLAIM SQL WANT: until the query says so, or the deadline
eventually() {
	local got='' end=$((SECONDS + deadline_secs))
	while [ "$SECONDS" -lt "$end" ]; do
		got=$(q "$2" 2>&1) || true
		[ "$got" = "$3" ] && break
		sleep 0.1
	done
	check "$1" "$got" "$3"
}

# exits CODE COMMAND...: prints its output; run by $exits_as (a function), if any
exits_as=''
exits() {
	local want=$1 got=0 out
	shift
	out=$($exits_as timeout 120 "$@" 2>&1) || got=$?
	[ "$got" = "$want" ] || out="exit $got instead of $want: $out"
	printf '%s\n' "$out"
}

# until_true COMMAND...: until it succeeds, or the deadline
until_true() {
	local end=$((SECONDS + deadline_secs))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

no_file_claimed() {
	[ -z "$(find "$work/raw" -path '*/.claimed/*' -type f 2>/dev/null)" ]
}

# files_put_away: until no file is in the producer's hands. Its source may be
# complete before the producer hears so and moves it.
files_put_away() {
	until_true no_file_claimed || true
}

# -- loads that stop half-way ---------------------------------------------------
# Who looks at a source that is half loaded, or kills what loads it, must not
# have to be quick.

# loads_stop_after NUMBER: those after so many more wait for a lock
loads_stop_after() {
	q "select pg_advisory_lock(4711), pg_sleep(3600)" >/dev/null 2>&1 &
	loads_stopped=$!
	eventually "loads will stop half-way" "select count(*) from pg_locks
		where locktype = 'advisory' and granted and objid = 4711" 1
	q "create function meta.stop_here() returns trigger language plpgsql
		security definer as \$\$begin
			if (select count(*) from meta.load) >
				$(q 'select count(*) from meta.load') + $1 then
				perform pg_advisory_xact_lock(4711);
			end if;
			return null;
		end\$\$;
		create trigger stop_here after insert on meta.load
			for each statement execute function meta.stop_here()"
}

load_is_stopped() {
	[ "$(q "select count(*) from pg_locks where locktype = 'advisory'
		and not granted and objid = 4711")" -gt 0 ]
}

# When what waited was killed.
loads_go_on() {
	q "select pg_terminate_backend(pid) from pg_locks where granted
		and locktype = 'advisory' and objid = 4711" >/dev/null
	wait "$loads_stopped" 2>/dev/null || true
	q "drop function meta.stop_here() cascade"
}

# What every table of Sluice holds, as one line: to see that nothing changed.
# What the consumer does behind its loads comes in its own time.
tables_digest() {
	local table
	q "select format('%I.%I', schemaname, tablename) from pg_tables
		where schemaname in ('meta', 'raw', 'modelled')
		and tablename not in ('news', 'care', 'notification', 'report',
			'test_result', 'test_failure')
		order by 1" | while read -r table; do
		printf '%s ' "$table"
		q "select count(*), md5(string_agg(t::text, '|' order by t::text))
			from $table t"
	done | md5sum
}

# reconcile ARGS...: as the daemons' user; prints all it says
reconcile() {
	(as_daemon timeout 120 "$bin/sluice" reconcile "$@") 2>&1
}

# reconcile_dry ARGS...: the same, and checks that nothing changed
reconcile_dry() {
	local before after files
	before=$(tables_digest)
	files=$(find "$work/raw" -type f | sort | md5sum)
	dry=$(reconcile --dry-run "$@") || dry="exit $?: $dry"
	after=$(tables_digest)
	check "a dry run changes no table" "$after" "$before"
	check "a dry run moves no file" \
		"$(find "$work/raw" -type f | sort | md5sum)" "$files"
}

receipts_hold() {
	local drop
	for drop in $(q "select drop_id from meta.source"); do
		"$bin/sluice" receipt "$drop" | tail -n 1
	done | sort -u
}

# What must hold after a reconcile, and that another finds nothing.
check_reconciled() {
	check "every receipt holds" "$(receipts_hold)" HOLDS
	check "a second reconcile finds nothing" "$(reconcile)" \
		"nothing to reconcile"
	check_invariants
}

complete_sources="select count(*) from meta.source where completed_at is not null"

# What must hold whenever nothing is under way (every scenario's last words).
check_invariants() {
	check "every source is complete" \
		"$(q "select count(*) from meta.source where completed_at is null")" 0
	check "sources conserve their records" "$(q "select count(*) from meta.source
		where manifest_records is distinct from
			inserted + updated + unchanged + rejected + filtered")" 0
	check "ledger ranges tile every source" "$(q "select count(*) from (
		select drop_id, dataset, lo,
			lag(hi, 1, 0::bigint) over (partition by drop_id, dataset
				order by lo, hi) as reached
		from meta.chunk c join meta.source s using (drop_id, dataset)
		where replay = 0) t where lo <> reached")" 0
	check "derived datasets keep their rejects" "$(q "select count(*)
		from meta.derived d
		where rejected <> (select count(*) from meta.reject r where
			r.source_id = d.source_id and r.dataset = d.dataset and item > 0
			and resolved_by is null)")" 0
	check "rejects that were kept and not resolved are those counted" "$(q "select count(*)
		from meta.source s where rejected <> (select count(*) from meta.reject r
			where r.source_id = s.source_id and item = 0 and resolved_by is null)")" 0
	check "reader rejects and their ledger rows agree" "$(q "select
		(select count(*) from meta.chunk where kind = 'r') -
		(select count(*) from meta.reject join meta.source using (source_id)
		where stage = 'reader' and not collapsed)")" 0
	check "models equal a full recomputation" \
		"$("$bin/sluice" models verify >"$work/verify.log" 2>&1 && echo same ||
			cat "$work/verify.log")" same
}

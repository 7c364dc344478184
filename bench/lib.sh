# lib.sh - what the benches share: private servers below a temporary folder,
# fresh databases, rows of a table.
# shellcheck shell=bash
# shellcheck disable=SC2034 # read by the benches

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${SLUICE_BIN:-$top/build/release/bin}
# shellcheck source=tests/support/settings.sh
. "$top/tests/support/settings.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-bench.XXXXXX")
servers=$work/servers
chmod 755 "$work"
trap bench_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# A bench with daemons defines stop_daemons. Servers that were there before
# (bench_begin's SLUICE_BENCH_SERVERS) go on, without what was made in them.
bench_end() {
	trap '' INT TERM HUP
	step
	! declare -F stop_daemons >/dev/null || stop_daemons
	if [ "$servers" = "$work/servers" ]; then
		"$top/deploy/native.sh" stop "$servers" >/dev/null 2>&1 || true
	else
		while [ ${#made[@]} -gt 0 ]; do
			gone "${made[0]}"
		done
	fi
	rm -rf "$work"
}

# The head comment of the bench that was called, from its "usage:" on.
bench_usage() { # [EXIT CODE]
	sed -n '/^# usage:/,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
	exit "${1:-64}"
}

# bench_begin [--no-broker]: servers, settings, and beside the pipelines one
# with the same columns and no models, for the limit without them
bench_begin() {
	if [ -n "${SLUICE_BENCH_SERVERS:-}" ]; then
		servers=$SLUICE_BENCH_SERVERS
	else
		"$top/deploy/native.sh" start "$servers" "$@" >/dev/null
	fi
	export SLUICE_CONFIG=$servers/sluice.yaml
	export SLUICE_PIPELINES_DIR=$work/pipelines
	export SLUICE_SCHEMA_DIR=$top/sql/schema SLUICE_MODELS_DIR=$top/sql/models
	mkdir "$work/pipelines"
	cp "$top"/pipelines/events.yaml "$work/pipelines/"
	sed -e 's/^pipeline: .*/pipeline: bare/' -e 's/raw\.events/raw.bare_events/' \
		-e 's/raw\.orgs/raw.bare_orgs/' -e 's/directory: \([a-z]*\)/directory: bare_\1/' \
		-e '/^models:/,/^[a-z]/{/^models:/d;/^ *-/d}' \
		-e '/^tests:/,$d' "$top/pipelines/events.yaml" >"$work/pipelines/bare.yaml"
}

# step WHAT...: what is measured now, where somebody watches
step() {
	[ ! -t 2 ] || printf '\r\033[K%s' "$*" >&2
}

# progress WHAT...: the same of a long measurement; where nobody watches, a line
# twice a minute
progress() {
	step "$@"
	[ ! -t 2 ] && [ "$SECONDS" -ge "${progress_due:-0}" ] || return 0
	progress_due=$((SECONDS + 30))
	printf '%s\n' "$*" >&2
}

# steps N: as many calls of next_step follow.
steps() {
	steps_all=$1 steps_done=0
}

# next_step WHAT...: the same as step with n of m and the time since the start;
# a line each where nobody watches
next_step() {
	steps_done=$((steps_done + 1))
	step "$(printf '[%d/%d] %d:%02d  %s' "$steps_done" "$steps_all" \
		$((SECONDS / 60)) $((SECONDS % 60)) "$*")"
	[ -t 2 ] || printf '[%d/%d] %d:%02d  %s\n' "$steps_done" "$steps_all" \
		$((SECONDS / 60)) $((SECONDS % 60)) "$*" >&2
}

made=()  # databases and virtual hosts
blank='' # the database that the others are copies of

# An empty database, made once.
make_blank() {
	local name=blank_$$
	psql_at "$(setting database_owner_url)" -c "create database $name" >/dev/null
	made+=("$name")
	SLUICE_BROKER=false SLUICE_DATABASE_NAME=$name "$bin/sluice" apply >/dev/null
	blank=$name
}

# fresh NAME: an empty database (and virtual host, unless SLUICE_BROKER is
# false), folders of its own
fresh() {
	unset SLUICE_DATABASE_NAME
	[ -n "$blank" ] || make_blank
	psql_at "$(setting database_owner_url)" \
		-c "create database $1 template $blank" >/dev/null
	made+=("$1")
	export SLUICE_DATABASE_NAME=$1 SLUICE_BROKER_VHOST=$1
	export SLUICE_RAW_DIR=$work/$1/raw SLUICE_STATE_FILE=$work/$1/state/p.db
	export SLUICE_PROCESSED_DIR=$work/$1/raw/processed
	export SLUICE_FAILED_DIR=$work/$1/raw/failed
	mkdir -p "$SLUICE_RAW_DIR/events" "$work/$1/state"
	[ "${SLUICE_BROKER:-}" = false ] || "$bin/sluice" apply >/dev/null
	owner_url=$(setting database_owner_url)
}

# gone NAME: what the next measurement must not find in cache and broker
gone() {
	local url name kept=() tries=0
	unset SLUICE_DATABASE_NAME
	url=$(setting database_owner_url)
	# a session may take its time to end
	until psql_at "$url" -c "drop database if exists $1" >/dev/null 2>&1; do
		[ $((tries += 1)) -lt 100 ] || break
		sleep 0.2
	done
	[ -e "$servers/run/no-broker" ] || broker_ask DELETE "vhosts/$1"
	rm -rf "${work:?}/$1"
	for name in ${made[@]+"${made[@]}"}; do
		[ "$name" = "$1" ] || kept+=("$name")
	done
	made=(${kept[@]+"${kept[@]}"})
}

# broker_ask METHOD PATH [BODY]: as its administrator
broker_ask() {
	printf 'user = "%s:%s"\n' "$(setting admin_user)" \
		"$(cat "$(setting admin_password_file)")" |
		curl -sS -K - -o /dev/null -X "$1" -H 'content-type: application/json' \
			${3:+-d "$3"} "$(setting broker_api)/api/$2"
}

q() {
	psql_at "$owner_url" -F ' ' -c "$1"
}

peak_mib() { # PID
	awk '/^VmHWM/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"
}

# Milliseconds of processor that the loader's session on a database has used,
# for as long as it is there: what other programs do to the clock does not
# count.
session_cpu_ms() { # DATABASE
	local pid
	pid=$(grep -al "sluice_loader $1 " /proc/[0-9]*/cmdline 2>/dev/null |
		head -n 1 | tr -dc 0-9)
	awk -v hz="$(getconf CLK_TCK)" '{ printf "%d", ($14 + $15) * 1000 / hz }' \
		"/proc/${pid:-none}/stat" 2>/dev/null
}

rate() { # RECORDS SECONDS
	awk -v r="$1" -v s="$2" 'BEGIN { printf "%.0f", r / s }'
}

# calc EXPRESSION: in awk's words
calc() {
	awk "BEGIN { printf \"%.6g\", ($1) }"
}

row_head() {
	printf '%-52s %12s %12s %12s\n' "${1:-}" median min max
}

# row NAME VALUES...: median, minimum, maximum
row() {
	local name=$1
	shift
	printf '%s\n' "$@" | sort -n | awk -v name="$name" '
		{ v[NR] = $1 }
		END { printf "%-52s %12s %12s %12s\n", name, v[int((NR + 1) / 2)], v[1], v[NR] }'
}

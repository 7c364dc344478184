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
chmod 755 "$work"
trap bench_end EXIT

# A bench with daemons defines stop_daemons.
bench_end() {
	! declare -F stop_daemons >/dev/null || stop_daemons
	"$top/deploy/native.sh" stop "$work/servers" >/dev/null 2>&1 || true
	rm -rf "$work"
}

# The head comment of the bench that was called, from its "usage:" on.
bench_usage() {
	sed -n '/^# usage:/,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
	exit 64
}

# bench_begin [--no-broker]: servers, settings, and beside the pipelines one
# with the same columns and no models, for the limit without them
bench_begin() {
	"$top/deploy/native.sh" start "$work/servers" "$@" >/dev/null
	export SLUICE_CONFIG=$work/servers/sluice.yaml
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

# fresh NAME: an empty database (and virtual host), folders of its own
fresh() {
	unset SLUICE_DATABASE_NAME
	psql_at "$(setting database_owner_url)" -c "create database $1" >/dev/null
	export SLUICE_DATABASE_NAME=$1 SLUICE_BROKER_VHOST=$1
	export SLUICE_RAW_DIR=$work/$1/raw SLUICE_STATE_FILE=$work/$1/state/p.db
	export SLUICE_PROCESSED_DIR=$work/$1/raw/processed
	export SLUICE_FAILED_DIR=$work/$1/raw/failed
	mkdir -p "$SLUICE_RAW_DIR/events" "$work/$1/state"
	"$bin/sluice" apply >/dev/null
	owner_url=$(setting database_owner_url)
}

# gone NAME: what the next measurement must not find in the cache
gone() {
	local url
	unset SLUICE_DATABASE_NAME
	url=$(setting database_owner_url)
	# a session may take its time to end
	until psql_at "$url" -c "drop database if exists $1" >/dev/null 2>&1; do
		sleep 0.2
	done
	rm -rf "${work:?}/$1"
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

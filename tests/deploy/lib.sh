# shellcheck shell=bash
# lib.sh - what the tests of the scripts share: a folder, claims, waiting.

set -euo pipefail
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=deploy/lib.sh
. "$TOP/deploy/lib.sh"

checks=0 failures=0
# A path that a careless script would trip over.
parent=$(mktemp -d /tmp/sluice-test-XXXXXX)
chmod 755 "$parent"
work="$parent/a b é"
mkdir "$work"
trap clean EXIT

# A test adds its own clean-up by defining clean_more.
clean() {
	local code=$?
	trap - EXIT
	if declare -F clean_more >/dev/null; then
		clean_more || true
	fi
	rm -rf -- "$parent"
	exit $code
}

check() { # CLAIM GOT WANT
	checks=$((checks + 1))
	if [ "$2" = "$3" ]; then
		say "ok: $1"
		return
	fi
	failures=$((failures + 1))
	say "NOT OK: $1"
	say "  got:  $2"
	say "  want: $3"
}

check_true() { # CLAIM COMMAND...
	local claim=$1
	shift
	check "$claim" "$("$@" >/dev/null 2>&1 && echo yes || echo no)" yes
}

# The exit code of a command; what it says goes to $work/said.
code_of() {
	local code=0
	"$@" >"$work/said" 2>&1 </dev/null || code=$?
	printf '%s\n' $code
}

has() { # FILE TEXT
	grep -qF -- "$2" "$1"
}

finish() {
	say "$checks checks, $failures failed"
	[ $checks -gt 0 ] && [ $failures = 0 ]
}

#!/usr/bin/env bash
# browser.sh - what drives a real browser in tests: Debian's Chromium, and
# playwright-core of tests/web/package-lock.json, installed by npm into a cache.
#
#   browser.sh   prints the folder that has node_modules/playwright-core and
#                the name of Chromium, a line each
#
# Exit code 77: Chromium, node or npm is not there, or npm cannot fetch.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sluice-tests

skip() {
	printf 'skipped: %s\n' "$*" >&2
	exit 77
}

fetch() { # FOLDER
	local draft
	mkdir -p -- "$CACHE"
	draft=$(mktemp -d -- "$CACHE/web-XXXXXX")
	cp -- "$REPO/tests/web/package.json" "$REPO/tests/web/package-lock.json" "$draft/"
	if ! (cd "$draft" && timeout 240 npm ci --silent --no-audit --no-fund \
		--ignore-scripts >npm.log 2>&1); then
		tail -n 3 -- "$draft/npm.log" >&2 || true
		rm -rf -- "$draft"
		skip "npm cannot fetch playwright-core"
	fi
	mv -T -- "$draft" "$1" 2>/dev/null || rm -rf -- "$draft" # somebody was faster
}

main() {
	local chromium folder
	chromium=$(command -v chromium) || skip "no chromium (Debian's package)"
	command -v node >/dev/null || skip "no node (Debian's package nodejs)"
	command -v npm >/dev/null || skip "no npm (Debian's package)"
	folder=$CACHE/web-$(sha256sum <"$REPO/tests/web/package-lock.json" | cut -c1-16)
	[ -d "$folder" ] || fetch "$folder"
	printf '%s\n%s\n' "$folder" "$chromium"
}

main

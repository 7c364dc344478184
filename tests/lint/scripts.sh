#!/usr/bin/env bash
# scripts.sh - shell scripts parse, say what they are for, and shellcheck (where
# it is installed) finds nothing in them.
. "$(dirname "$0")/lib.sh"

mapfile -t files < <(find . -name '*.sh' -not -path './build/*' \
	-not -path './var/*' -not -path './.git/*' | LC_ALL=C sort)
files+=(.ci/run)

for file in "${files[@]}"; do
	bash -n "$file" || complain "$file" "does not parse"
	head -n 6 "$file" | grep -qE '^# [^!]*' ||
		complain "$file" "opens without a comment that says what it does"
	case $file,$(head -c 2 "$file") in
	./tests/*) ;; # run by bash, see the CMakeLists
	*,'#!') [ -x "$file" ] || complain "$file" "is not executable" ;;
	esac
	grep -q 'set -euo pipefail' "$file" || case $(head -n 1 "$file") in
	'#!'*) grep -qE '^\. .*lib\.sh' "$file" ||
		complain "$file" "has no set -euo pipefail" ;;
	esac
done
if command -v shellcheck >/dev/null; then
	printf '%s\0' "${files[@]}" | xargs -0 -P 2 -n 8 shellcheck -S warning ||
		complain shellcheck "has found something"
elif [ "${SLUICE_TEST_REQUIRE:-0}" = 1 ]; then
	complain shellcheck "is not installed"
fi
finish ${#files[@]}

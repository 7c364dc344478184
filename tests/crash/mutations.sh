#!/usr/bin/env bash
# mutations.sh - the test of the tests: rules of the protocol are broken one by
# one, and each time a crash test must fail.
#
# usage: mutations.sh [--fast] [RULE]...
#
#   --fast  a sample of the rules
#
# Builds a tree of its own, build/mutated, in which the environment variable
# SLUICE_MUTATION breaks a rule (common/mutation.h); the same tests must pass
# there when no rule is broken. Servers as for run.sh. Exit: 0, 1 a broken rule
# was not seen or a whole one was, 64 misuse, 69 no build or servers.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
export SLUICE_TEST_DIR=${SLUICE_TEST_DIR:-$top/build/dev/services}
build=${SLUICE_MUTATED_BUILD:-$top/build/mutated}
export SLUICE_BIN=$build/bin

# rule | the crash test that sees it broken
rules='
bad_record_dropped        | run.sh --call renameat2 producer
model_skipped             | run.sh --call renameat2 producer
ack_forgotten             | run.sh --call write --step 9 consumer
returned_is_confirmed     | returned.sh
moved_before_manifest     | returned.sh
checkpoint_before_confirm | run.sh --call sendto/slow --from 6 --step 2 producer
no_ledger                 | run.sh --call write --step 2 consumer
ack_before_commit         | run.sh --call recvfrom --from 50 --step 7 consumer
ack_too_far               | run.sh --call recvfrom --from 50 --step 7 consumer
ledger_apart              | run.sh --call recvfrom --from 50 --step 7 consumer
'
sample='bad_record_dropped returned_is_confirmed no_ledger'

misuse() {
	printf 'mutations.sh: %s\n' "$*" >&2
	sed -n 's/^# \{0,1\}//; 2,/^$/p' "$0" >&2
	exit 64
}

test_of() { # RULE
	local rule words
	while read -r rule _ words; do
		[ "$rule" != "$1" ] || printf '%s\n' "$words"
	done <<<"$rules"
}

list() {
	sed -n 's/^\([a-z_]*\) *|.*/\1/p' <<<"$rules"
}

# Whoever adds a rule to the code says here what sees it broken.
check_list() {
	local named
	named=$(grep -rhoE 'MUTATED\([a-z_]+\)' --include='*.c' "$top/producer" \
		"$top/consumer" "$top/cli" "$top/common" |
		sed 's/.*(\(.*\))/\1/' | sort -u)
	if [ "$named" != "$(list | sort -u)" ]; then
		printf 'the rules in the code are others than those listed:\n'
		diff <(printf '%s\n' "$named") <(list | sort -u) || true
		exit 1
	fi
}

# What a test said, or the last of it; its own exit code.
run() { # RULE ("": none) WORDS OF THE TEST...
	local code=0
	SLUICE_MUTATION=$1 bash "$here/$2" "${@:3}" >"$said" 2>&1 || code=$?
	return $code
}

# Broken: exit 1, and by a claim about records, not by some accident.
sees() { # RULE
	local words code=0 start=$SECONDS
	read -ra words <<<"$(test_of "$1")"
	SLUICE_TEST_DEADLINE=${SLUICE_TEST_DEADLINE:-20} run "$1" "${words[@]}" ||
		code=$?
	if [ $code = 1 ] && grep -q '^NOT OK' "$said"; then
		printf 'seen: %s, by %s, %d s\n' "$1" "${words[*]}" \
			$((SECONDS - start))
		sed -n '/got:/,/want:/p' "$said" | sed '1d;$d' | grep -v '^ *$' |
			head -n 2
		return 0
	fi
	printf 'NOT SEEN: %s, by %s (exit %d)\n' "$1" "${words[*]}" $code
	tail -n 20 "$said"
	return 1
}

passes() { # TEST
	local words start=$SECONDS
	read -ra words <<<"$1"
	if run '' "${words[@]}"; then
		printf 'passes, no rule broken: %s, %d s\n' "$1" \
			$((SECONDS - start))
		return 0
	fi
	printf 'FAILS, no rule broken: %s\n' "$1"
	tail -n 40 "$said"
	return 1
}

build() {
	(cd "$top" && cmake --preset mutated >/dev/null &&
		cmake --build build/mutated --target sluice sluice-producer \
			sluice-consumer killat depth) >"$said" 2>&1 ||
		{ cat "$said"; exit 69; }
}

said=$(mktemp)
trap 'rm -f "$said"' EXIT
wanted='' failed=0 count=0
for word in "$@"; do
	case $word in
	--fast) wanted=$sample ;;
	*)
		[ -n "$(test_of "$word")" ] || misuse "no rule $word"
		wanted="$wanted $word"
		;;
	esac
done
wanted=${wanted:-$(list)}
check_list
[ -n "${SLUICE_MUTATED_BUILD:-}" ] || build
if [ ! -f "$SLUICE_TEST_DIR/sluice.yaml" ]; then
	"$top/tests/support/services.sh" start "$SLUICE_TEST_DIR" || exit 69
	trap 'rm -f "$said"; "$top/tests/support/services.sh" stop \
		"$SLUICE_TEST_DIR"' EXIT
fi
while read -r words; do
	passes "$words" || failed=$((failed + 1))
done < <(for rule in $wanted; do test_of "$rule"; done | sort -u)
for rule in $wanted; do
	count=$((count + 1))
	sees "$rule" || failed=$((failed + 1))
done
printf '%d rules broken, %d failures\n' $count $failed
[ $failed = 0 ]

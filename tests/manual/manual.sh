#!/usr/bin/env bash
# manual.sh - manual pages without a complaint, that have every verb, option and
# setting there is; completion that bash and zsh take, and that offers them.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${SLUICE_BIN:-$top/build/dev/bin}
made=$bin/../man
failures=0

claim() { # CLAIM GOT WANT
	if [ "$2" = "$3" ]; then
		printf 'ok: %s\n' "$1"
	else
		printf 'NOT OK: %s\n  got:  %s\n  want: %s\n' "$1" "$2" "$3"
		failures=$((failures + 1))
	fi
}

sluice() { # as somebody without settings
	(cd / && "$bin/sluice" --config /dev/null "$@")
}

verbs=$(sluice help | sed -n '/^verbs:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
command -v mandoc >/dev/null || {
	echo "no mandoc"
	[ "${SLUICE_TEST_REQUIRE:-0}" = 1 ] || exit 77
}

for page in "$made/sluice.1" "$made/sluice.yaml.5" "$made/sluice-pipeline.5" \
	"$top/man/sluice-message.5" "$top/man/sluice-receipt.5" \
	"$top/man/sluice-producer.8" "$top/man/sluice-consumer.8"; do
	claim "mandoc has nothing against $(basename "$page")" \
		"$(mandoc -T lint -W warning "$page" 2>&1 || true)" ""
	claim "$(basename "$page") names pages that there are" "$(sed -n \
		's/^\.Xr \([^ ]*\) \([0-9]\).*/\1.\2/p' "$page" | sort -u | while read -r name; do
			[ -e "$made/$name" ] || [ -e "$top/man/$name" ] || echo "$name"
		done)" ""
done
claim "sluice(1) has the verbs of the help" \
	"$(sed -n '/^.Sh VERBS/,$s/^\.Ss //p' "$made/sluice.1")" "$verbs"
shown=$(mandoc -T ascii "$made/sluice.1" | col -b | tr -d '\n\t ')
for verb in $verbs; do
	claim "and all that is said of $verb" "$(printf %s "$shown" | grep -cF "$(sluice help "$verb" | tail -n +3 | tr -d '\n ')")" 1
done
claim "sluice.yaml(5) has every setting" \
	"$(sed -n 's/^\.It Cm //p' "$made/sluice.yaml.5" | sort)" \
	"$(sed -n 's/^| `\([a-z0-9_]*\)` .*/\1/p' "$top/docs/CONFIG.md" | sort)"
for daemon in producer consumer; do
	claim "sluice-$daemon(8) has its options" \
		"$(sed -n '/^.Sh DESC/,/^.Sh SIG/s/^\.It Fl -\([a-z-]*\).*/--\1/p' \
			"$top/man/sluice-$daemon.8")" \
		"$("$bin/sluice-$daemon" --help | sed -n 's/^  \(--[a-z-]*\) .*/\1/p')"
done

in_page() { # PAGE: the words it describes
	grep -E '^\.(It )?Va ' "$top/man/$1" | grep -oE 'Va [a-z0-9_-]+' |
		cut -d' ' -f2 | sort -u
}
claim "sluice-message(5) has every header" "$(in_page sluice-message.5 | grep ^sluice-)" \
	"$(grep -o '"sluice-[a-z0-9-]*"' "$top/common/envelope.c" | tr -d '"' | sort -u)"
claim "sluice-receipt(5) has every field" "$(grep -oE '(put_(int|text|null|array)\([a-z]*, |\{ )"[a-z_0-9]*"' \
	"$top/cli/paper_json.c" | grep -o '"[a-z_0-9]*"' | tr -d '"' | sort -u |
	grep -vxF "$(in_page sluice-receipt.5)")" ""

# complete WORD...: what bash offers behind them
complete_words() {
	(
		cd /
		PATH=$bin:$PATH
		# shellcheck disable=SC1091 # made by the build
		. "$made/bash"
		COMP_WORDS=(sluice "$@")
		COMP_CWORD=$#
		_sluice
		printf '%s\n' "${COMPREPLY[@]}"
	)
}

claim "bash offers the verbs" "$(complete_words '' | grep -v '^--' | grep -vx help)" "$verbs"
claim "bash finishes one" "$(complete_words und)" undo
claim "and a flag of a verb" "$(complete_words undo --d)" --dry-run
claim "behind global flags, too" "$(complete_words --config x undo --y)" --yes
export SLUICE_PIPELINES_DIR=$top/pipelines SLUICE_MODELS_DIR=$top/sql/models
claim "bash knows the datasets" "$(complete_words pause events.o)" events.orgs
claim "and the models" "$(complete_words models run events.fact)" events.fact_events
claim "and the endpoints" "$(complete_words api run github.c)" github.commits
claim "sources are the database's: where it is away there are none, and no word" \
	"$(SLUICE_DATABASE_HOST=127.0.0.1 SLUICE_DATABASE_PORT=1 complete_words undo '' 2>&1 |
		grep -v '^--')" ""
for verb in $verbs; do
	# every flag of the usage is offered
	claim "each flag of $verb" "$(sluice help "$verb" | head -n 1 | grep -o -- '--[a-z-]*' |
		sort -u | while read -r flag; do
		[ "$(complete_words "$verb" "$flag" | grep -cx -- "$flag")" -ge 1 ] || echo "$flag"
	done)" ""
done
if command -v zsh >/dev/null; then
	claim "zsh takes its file" "$(zsh -n "$made/zsh" 2>&1)" ""
	# shellcheck disable=SC2016 # zsh is to expand it
	claim "and completes with it" "$(PATH=$bin:$PATH made=$made zsh -fc '
		_describe() { :; }; _files() { :; }
		compadd() { shift; print -l -- "$@"; }
		words=(sluice undo ""); CURRENT=3
		. $made/zsh' | grep -x -- --dry-run)" --dry-run
fi
[ "$failures" = 0 ]

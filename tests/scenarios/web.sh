#!/usr/bin/env bash
# web.sh - the page of `sluice serve` in a real browser: every page loads without
# an error, shows what the database has, follows what is dropped, acts with the
# token, and keeps the text of others text. Skipped where there is no browser to
# be had, even if servers are insisted on. Pictures stay in the build's shots/.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/support/serve.sh
. "$top/tests/support/serve.sh"

browser=$(bash "$top/tests/support/browser.sh") || exit $?
{ read -r playwright && read -r chromium; } <<<"$browser"

scenario_undo() {
	kill_daemon "${page_pid:-}" KILL
	kill_daemon "$serve_pid" KILL
	kill_daemon "$serve_relay_pid" KILL
}

hostile=$'<img src=x onerror=window.pwned=1><script>window.pwned=1<!-- "\' \xe2\x80\xaegnp.json'

# do_word WORD: what the page asks for; prints JSON
do_word() {
	case $1 in
	drop) drop "$top/tests/data/events_sample.json" events "$hostile" ;;
	away | back) serve_database "$1" ;;
	replayed)
		until_true replayed || { echo false; return; }
		;;
	esac
	echo true
}

replayed() {
	[ "$(q "select count(*) > 0 from meta.source where replay_of is not null
		and completed_at is not null")" = t ]
}

# One line of the page's.
hear() { # WORD JSON
	local claim got want
	case $1 in
	check)
		{ read -r claim && read -r got && read -r want; } < <(jq -r \
			'.[] | gsub("\n"; " ")' <<<"$2")
		check "$claim" "$got" "$want"
		;;
	sql) q "$(jq -r . <<<"$2")" | jq -Rsc 'rtrimstr("\n")' >&8 ;;
	do) do_word "$(jq -r . <<<"$2")" >&8 ;;
	esac
}

scenario_begin web
export SLUICE_DATA_TESTS_EVERY_SECS=1
consumer_start
producer_start
serve_start
drop "$top/tests/data/events_sample.json"
eventually "the sample is loaded" "$complete_sources" 1
drop "$top/tests/data/bad/bad_date.json"
drop "$top/tests/data/gharchive_sample.ndjson" gharchive
drop "$top/tests/data/github/commits.json" github/commits
drop "$top/tests/data/github/issues.json" github/issues
eventually "so is the rest" "$complete_sources" 5

shots=$(dirname "$bin")/shots
rm -rf -- "$shots"
mkdir -p -- "$shots"
export HOME=$work/home XDG_CONFIG_HOME=$work/home XDG_CACHE_HOME=$work/home
mkdir -p "$HOME"
ended=no
coproc PAGE { exec node "$top/tests/web/page.mjs" "$playwright" "$chromium" \
	"$serve_url" "$serve_token" "$shots" 2>"$work/page.log"; }
page_pid=$PAGE_PID
exec 7<&"${PAGE[0]}" 8>&"${PAGE[1]}" # those of a coprocess are not in subshells
while read -r -t 300 -u 7 word rest; do
	if [ "$word" = end ]; then
		ended=yes
		break
	fi
	hear "$word" "$rest"
done
check "the browser went through all of it" "$ended" yes
[ "$ended" = yes ] || cat "$work/page.log"
check "pictures are kept" \
	"$(find "$shots" -name '*.png' -size +1k | wc -l)" 22
serve_end
check_invariants
scenario_end

#!/usr/bin/env bash
# bench.sh - the bench itself works: tiny, on the test servers, every promised
# figure is there; and it leaves nothing behind, stopped in the middle or not.
. "$(dirname "$0")/lib.sh"

need_servers
name=bench failures=0
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-bench-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/tmp" "$work/peers"
export SLUICE_CONFIG=$servers/sluice.yaml SLUICE_BENCH_SERVERS=$servers
export SLUICE_BIN=$bin SLUICE_BENCH_PEERS=$work/peers TMPDIR=$work/tmp
owner_url=$(setting database_owner_url)

# Databases and virtual hosts, all that lies in the folder of temporary files,
# and programs that run on it.
left() {
	q "select datname from pg_database order by 1"
	printf 'user = "%s:%s"\n' "$(setting admin_user)" \
		"$(cat "$(setting admin_password_file)")" |
		curl -sS -K - "$(setting broker_api)/api/vhosts?columns=name" |
		jq -r 'map(.name) | sort[]'
	ls -A "$work/tmp"
	{ grep -lz "^TMPDIR=$work/tmp" /proc/[0-9]*/environ 2>/dev/null || true; } |
		while read -r file; do
			tr '\0' ' ' 2>/dev/null <"${file%environ}cmdline" |
				grep -o "sluice-[pc][a-z]*" || true
		done
}

# Two that can be built and one that cannot; one of them looks at what it was
# given, the other fails.
make_peers() {
	cat >"$work/peers/build.sh" <<-'END'
	#!/usr/bin/env bash
	echo 'ready quick 1.0'
	echo 'ready python-insert 3'
	echo 'ready broken 0'
	echo 'skipped absent: there is none'
	END
	cat >"$work/peers/run.sh" <<-'END'
	#!/usr/bin/env bash
	set -euo pipefail
	case $1 in
	--list)
		echo 'quick path fast in everything'
		echo 'python-insert consumer one by one'
		echo 'broken path fails'
		echo 'absent load is not there'
		;;
	broken) echo 'it broke' >&2; exit 1 ;;
	quick | python-insert)
		[ "$(grep -c '"id"' "$BENCH_FILE")" = "$BENCH_RECORDS" ]
		[ -s "$BENCH_AMQP_PASSWORD_FILE" ] && [ -n "$BENCH_AMQP_VHOST" ]
		[ "$BENCH_AMQP_HOST$BENCH_AMQP_USER" != '' ] && [ "$BENCH_AMQP_PORT" -gt 0 ]
		psql -qAtc 'create table mine (a int)' >&2
		seconds=$BENCH_CONNECTIONS
		[ "$1" = quick ] || seconds=1000
		echo "$BENCH_RECORDS $seconds 0.5 20480"
		;;
	esac
	END
	chmod +x "$work"/peers/*.sh
}

# Keys of bench/figures that are not there with numbers as they must be.
missing() { # JSON
	jq -r --rawfile table "$top/bench/figures" '. as $all
		| $table | split("\n")[] | select(test("^[a-z]"))
		| split("|")[0] | rtrimstr(" ") | select(test("^big_") | not)
		| . as $key | select($all[$key] | (type == "object"
			and .min >= 0 and .median >= .min and .max >= .median
			and ((.unit | test("s/million|%|^/s")) or .min > 0)
			and (.rounds | length) == 1) | not)' "$1"
}

make_peers
before=$(left)
check "the bench ends well" "$(timeout 500 "$top/bench/run.sh" --quick \
	--records 2000 --rest 1 --peers --json "$work/figures.json" \
	--svg "$work/chart.svg" >"$work/table" 2>"$work/said" && echo yes ||
	tail -n 5 "$work/said")" yes
check "each promised figure is there" "$(missing "$work/figures.json")" ''
check "the limit is that of the same round" "$(jq '.whole_path_over_limit.median
	/ (.path_per_s.rounds[0] / .limit_per_s.rounds[0]) * 100 | round' \
	"$work/figures.json")" 100
check "the best batching peer is found" "$(jq -r '[
	.whole_path_over_best_batching_peer.peer,
	.whole_path_over_best_batching_peer_two.peer,
	.peers.quick.per_s.median, .peers.quick.per_s_two.median,
	.peers["python-insert"].per_s.median] | join(" ")' "$work/figures.json")" \
	"quick quick 2000 1000 2"
check "who cannot be measured is skipped by name" \
	"$(jq -c .skipped "$work/figures.json")" \
	'{"absent":"there is none","broken":"failed: it broke"}'
check "the machine, versions and the commit are named" "$(jq -r '.about
	| [.processors, .postgresql, .rabbitmq, .sluice, .commit, .seconds]
	| map(select(. != null and . != "")) | length' "$work/figures.json")" 6
check_has "the last step is the last" "$(tail -n 1 "$work/said")" \
	"$(sed -n 's/^\[[0-9]*\/\([0-9]*\)].*/[\1\/\1]/p' "$work/said" | head -n 1)"
check "the table has a line for each figure" "$(awk '/%|[0-9]$|reached$|missed$/ &&
	/^[a-z].*  [0-9.,]+ +[0-9.,]+ +[0-9.,]+/' "$work/table" | wc -l)" \
	"$(jq '[.[] | select(.median?)] + [.peers[] | .per_s, .per_s_two
		| select(.)] | length' "$work/figures.json")"
check "the chart is one" "$(python3 -c 'import sys, xml.dom.minidom as dom
svg = dom.parse(sys.argv[1]).documentElement
print(svg.tagName, len(svg.getElementsByTagName("rect")) > 12)' \
	"$work/chart.svg")" "svg True"
check "nothing is left" "$(left)" "$before"

"$top/bench/run.sh" --help >"$work/help"
check "the help names every key" "$(awk -F ' *[|]' '/^[a-z]/ { print $1 }' \
	"$top/bench/figures" | grep -vxFf <(grep -oE '[a-z_0-9]+' "$work/help") ||
	true)" ''
check_has "a word that is none is refused" \
	"$(exits 64 "$top/bench/run.sh" --rounds 0)" 'usage: ./run.sh bench'

started() {
	cat "$work"/tmp/*/consumer.log 2>/dev/null | grep -q event=starts
}

# Ctrl-C reaches all that the terminal has in front: here the driver and what
# it started alike.
setsid "$top/bench/run.sh" --quick --records 2000 --no-peers --only path \
	>"$work/table" 2>"$work/said" &
bench_pid=$!
until_true started
kill -TERM "$bench_pid"
wait "$bench_pid" && code=0 || code=$?
check "stopped, it says so" "$code" 143
check "and leaves nothing" "$(left)" "$before"
scenario_end

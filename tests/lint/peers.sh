#!/usr/bin/env bash
# peers.sh - the peers of the bench are listed well, and each has what runs it;
# names that are none are refused. Nothing is fetched or built.
. "$(dirname "$0")/lib.sh"

run=bench/peers/run.sh
build=bench/peers/build.sh

refused() { # PROGRAM ARGS...
	local code=0
	BENCH_PEERS_DIR=/nonexistent "$@" >/dev/null 2>&1 || code=$?
	[ "$code" = 64 ] || complain "$*" "ends with $code, not 64"
}

mapfile -t lines < <($run --list)
for line in "${lines[@]}"; do
	[[ $line =~ ^[a-z]+(-[a-z]+)*\ (path|consumer|load|ship)\ [a-z].+[^.]$ ]] ||
		complain $run "lists: $line"
	name=${line%% *}
	grep -q "^peer_${name//-/_}()" $run || complain $run "has nothing that runs $name"
	grep -q "^| $name " bench/peers/README.md ||
		complain bench/peers/README.md "says nothing of $name"
done
[ -z "$(printf '%s\n' "${lines[@]%% *}" | sort | uniq -d)" ] ||
	complain $run "lists a name twice"
refused $run
refused $run nobody
refused $run python-copy extra
refused $build nobody
mapfile -t scripts < <(find bench/peers -name '*.py')
python3 -c 'import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name).read(), name)' "${scripts[@]}" ||
	complain bench/peers "has Python that does not parse"
if command -v node >/dev/null; then
	for script in bench/peers/node/*.js; do
		node --check "$script" || complain "$script" "does not parse"
	done
fi
finish ${#lines[@]}

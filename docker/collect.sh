#!/usr/bin/env bash
# collect.sh FROM TO PROGRAM... - in the builder: the programs, stripped, and for
# each the packages with the libraries it is linked with.
set -euo pipefail

needed() { # PROGRAM
	local library
	objdump -p "$1" | sed -n 's/^ *NEEDED *//p' | while read -r library; do
		dpkg -S "*/$library" 2>/dev/null | sed 's/:.*//' | head -n 1
	done | sort -u
}

from=$1 to=$2
mkdir -p "$to"
for program in "${@:3}"; do
	install -s -m 755 "$from/$program" "$to/$program"
	needed "$to/$program" >"$to/$program.packages"
done

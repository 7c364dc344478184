#!/usr/bin/env bash
# collect.sh FROM TO - in the builder: the programs, stripped, and for each the
# packages with the libraries it is linked with.
set -euo pipefail

needed() { # PROGRAM
	local library
	objdump -p "$1" | sed -n 's/^ *NEEDED *//p' | while read -r library; do
		dpkg -S "*/$library" 2>/dev/null | sed 's/:.*//' | head -n 1
	done | sort -u
}

mkdir -p "$2"
for program in sluice sluice-producer sluice-consumer; do
	install -s -m 755 "$1/$program" "$2/$program"
	needed "$2/$program" >"$2/$program.packages"
done

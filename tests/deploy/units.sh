#!/usr/bin/env bash
# units.sh - the systemd units that are installed are valid and shut in: what
# systemd-analyze says of them without starting anything.
. "$(dirname "$0")/lib.sh"

exposed_most=15 # tenths; 12 when this was written
build=$(cd "${SLUICE_BIN:-$TOP/build/dev/bin}/.." && pwd)

if ! command -v systemd-analyze >/dev/null; then
	say "skipped: no systemd-analyze here"
	exit 77
fi

# silent COMMAND...: what it says, and its code unless that is 0
silent() {
	"$@" >"$parent/said" 2>&1 || echo "code $?" >>"$parent/said"
	cat "$parent/said"
}

# The code alone: what it says is a table.
exposure() { # UNIT
	systemd-analyze security --offline=true --no-pager \
		--threshold=$exposed_most "$1" >"$parent/said" 2>&1 || {
		echo "code $?"
		tail -n 1 "$parent/said"
	}
}

for name in sluice-producer sluice-consumer; do
	unit=$parent/$name.service
	# installed, the program is elsewhere
	sed "s|^ExecStart=.*/|ExecStart=$build/bin/|" \
		"$build/systemd/$name.service" >"$unit"
	check "$name.service starts its program" \
		"$(grep -c "^ExecStart=$build/bin/$name\$" "$unit")" 1
	check "$name.service is valid" "$(silent systemd-analyze verify "$unit")" ""
	check "$name.service waits until it is told, and is watched" \
		"$(grep -cE '^(Type=notify|WatchdogSec=2min)$' "$unit")" 2
	if systemd-analyze --help | grep -q -- --threshold; then
		check "$name.service leaves little open" "$(exposure "$unit")" ""
	fi
	check "cmake installs $name.service" "$(grep -c \
		"systemd/$name.service\"" "$build/cmake_install.cmake")" 1
done
finish

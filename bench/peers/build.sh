#!/usr/bin/env bash
# build.sh - fetches and builds the peers of the bench into var/peers.
#
# usage: bench/peers/build.sh [NAME...]
# NAME as bench/peers/run.sh --list has it, or redpanda-connect; default: all.
# A line for each: "ready NAME VERSION" or "skipped NAME: reason". What is built
# stays; a log of each is below var/peers/log.
set -euo pipefail
# shellcheck source=bench/peers/peers.sh
. "$(dirname "$0")/peers.sh"

# Of the distribution; unpacked aside, so that nothing of the system is replaced.
rsyslog_debs=(rsyslog rsyslog-pgsql libestr0 libfastjson4)
syslog_ng_debs=(syslog-ng-core syslog-ng-mod-amqp syslog-ng-mod-sql libivykis0
	libnet1 libwrap0 libpcre3)

need() { # PROGRAM...
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null ||
			{ echo "$program is not installed"; return 1; }
	done
}

# -- one builder each: 0 when it is there; the last line printed is the reason
# why not ------------------------------------------------------------------

build_python() {
	need python3 || return
	rm -rf "$built/python"
	python3 -m venv "$built/python" &&
		"$built/python/bin/pip" install -q --disable-pip-version-check \
			-r "$here/python/requirements.txt" 2>&1
}

build_node() {
	need node npm || return
	rm -rf "$built/node"
	mkdir -p "$built/node" && cp "$here/node/package.json" "$built/node/" &&
		npm install --prefix "$built/node" --no-package-lock --no-audit \
			--no-fund --ignore-scripts --loglevel=error 2>&1
}

build_psql() {
	need psql jq awk
}

build_telegraf() {
	need go || return
	# its modules are many: they go when the program is there
	GOPATH=$built/telegraf/path GOCACHE=$built/telegraf/cache GOFLAGS=-modcacherw \
		go build -C "$here/telegraf" -trimpath -ldflags='-s -w' \
		-o "$built/telegraf/telegraf" . 2>&1 &&
		rm -rf "$built/telegraf/path" "$built/telegraf/cache"
}

unpack() { # PACKAGE...
	need apt-get dpkg || return
	rm -rf "$built/deb/cache"
	mkdir -p "$built/deb/cache" "$built/deb/root"
	(cd "$built/deb/cache" && apt-get download -q "$@") 2>&1 || return
	find "$built/deb/cache" -name '*.deb' -exec dpkg -x {} "$built/deb/root" \; 2>&1
}

build_rsyslog() {
	unpack "${rsyslog_debs[@]}"
}

# libdbi looks for its driver in one folder only.
build_syslog_ng() {
	[ -n "$(find /usr/lib -path '*/dbd/libdbdpgsql.so' 2>/dev/null)" ] ||
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
			--no-install-recommends libdbd-pgsql 2>&1 ||
		{ echo "needs the package libdbd-pgsql"; return 1; }
	unpack "${syslog_ng_debs[@]}"
}

build_redpanda_connect() {
	need go || return
	(cd / && go list -m github.com/redpanda-data/connect/v4@latest) 2>&1 || return
	echo "no configuration of it has been tried here"
	return 1
}

# -- versions ----------------------------------------------------------------

deb_version() { # PACKAGE
	dpkg-deb -f "$(find "$built/deb/cache" -name "$1_*.deb" | head -n 1)" Version
}

version_of() { # BUILDER
	case $1 in
	python)
		printf '%s ' "$("$built/python/bin/python" --version)"
		paste -sd' ' "$here/python/requirements.txt"
		;;
	node)
		printf 'Node %s ' "$(node --version)"
		jq -r '.dependencies | to_entries | map("\(.key)@\(.value)") | join(" ")' \
			"$here/node/package.json"
		;;
	psql) psql --version ;;
	telegraf) awk '$2 ~ /influxdata\/telegraf$/ { print $3 }' "$here/telegraf/go.mod" ;;
	rsyslog) deb_version rsyslog ;;
	syslog-ng) deb_version syslog-ng-core ;;
	esac
}

# -- all of them -------------------------------------------------------------

# What a builder is made from: built again when that changes.
inputs() { # BUILDER
	cat "$here/build.sh" "$here/$1"/{requirements.txt,package.json,main.go,go.mod} \
		2>/dev/null | cksum
}

# The builder's stamp: its inputs, then its version.
is_ready() { # BUILDER
	[ "$(head -n 1 "$built/ready/$1" 2>/dev/null)" = "$(inputs "$1")" ]
}

make_ready() { # BUILDER
	local log=$built/log/$1
	is_ready "$1" && return
	rm -f "$built/ready/$1"
	"build_${1//-/_}" >"$log" </dev/null || return
	{ inputs "$1"; version_of "$1"; } >"$built/ready/.$1"
	mv "$built/ready/.$1" "$built/ready/$1"
}

say() { # NAME BUILDER
	if make_ready "$2"; then
		printf 'ready %s %s\n' "$1" "$(sed -n 2p "$built/ready/$2")"
	else
		printf 'skipped %s: %s\n' "$1" "$(grep . "$built/log/$2" | tail -n 1)"
	fi
}

main() {
	local name
	[ $# -gt 0 ] || mapfile -t names < <(peers | cut -d '|' -f 1; echo redpanda-connect)
	[ $# = 0 ] || names=("$@")
	for name in "${names[@]}"; do
		[ "$name" = redpanda-connect ] || [ -n "$(peer "$name" 2)" ] ||
			die 64 "no peer $name (bench/peers/run.sh --list names them)"
	done
	mkdir -p "$built/ready" "$built/log"
	exec 9>"$built/.lock"
	flock 9
	for name in "${names[@]}"; do
		case $name in
		redpanda-connect) say "$name" "$name" ;;
		*) say "$name" "$(peer "$name" 3)" ;;
		esac
	done
}

main "$@"

#!/usr/bin/env bash
# packages.sh - the Debian packages Sluice needs, and installing the missing.
#
#   packages.sh missing SET...    prints the missing ones, one a line
#   packages.sh install SET...    lists them, then installs them
#   sets: build (compile it)  run (PostgreSQL and terminal)  broker (RabbitMQ)
#   test (check it)  bench (measure it)  base (make an image of Debian)
#   containers (an engine)  browser (look at its page in one; 125 MB to fetch)
#
# A server package starts its service when it is installed, on its standard
# port. Ours are wanted for their programs only: nothing that is new is started,
# the servers are not enabled either, and PostgreSQL gets no `main` cluster. A
# service that was there before is not touched. Exit code 69: not possible.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=deploy/lib.sh
. "$REPO/deploy/lib.sh"

BUILD=(gcc libc6-dev cmake ninja-build pkg-config
	libpq-dev librabbitmq-dev libcurl4-openssl-dev libcjson-dev
	libsqlite3-dev libyaml-dev libxml2-dev zlib1g-dev libzstd-dev
	libssl-dev libcunit1-dev libmicrohttpd-dev libncurses-dev)
RUN=(postgresql-15 tmux tzdata)
BROKER=(rabbitmq-server)
BASE=(debootstrap)
CONTAINERS=(docker.io docker-compose iptables debootstrap)
TEST=(shellcheck python3 jq strace curl openssl zstd procps spin iproute2 bindfs
	prometheus # its promtool alone
	valgrind
	mandoc zsh bsdextrautils
	python3-yaml)
BENCH=(jq python3 curl procps)
BROWSER=(chromium)

# -- what is missing -----------------------------------------------------------

wanted() { # SET...
	local set
	for set in "$@"; do
		case $set in
		build) printf '%s\n' "${BUILD[@]}" ;;
		run) printf '%s\n' "${RUN[@]}" ;;
		broker) printf '%s\n' "${BROKER[@]}" ;;
		base) printf '%s\n' "${BASE[@]}" ;;
		containers) printf '%s\n' "${CONTAINERS[@]}" ;;
		test) printf '%s\n' "${TEST[@]}" ;;
		bench) printf '%s\n' "${BENCH[@]}" ;;
		browser) browser ;;
		*) die $EX_USAGE "no set of packages $set" ;;
		esac
	done
}

# Node may have come from elsewhere, with its npm: that of Debian would bring
# some hundred packages.
browser() {
	printf '%s\n' "${BROWSER[@]}"
	command -v node >/dev/null || printf 'nodejs\n'
	command -v npm >/dev/null || printf 'npm\n'
}

installed() { # PACKAGE
	dpkg-query -W -f '${db:Status-Abbrev}\n' "$1" 2>/dev/null | grep -q '^.i'
}

missing() {
	local package
	for package in $(wanted "$@"); do
		installed "$package" || printf '%s\n' "$package"
	done
}

# -- services stay as they are ---------------------------------------------------

POLICY=/usr/sbin/policy-rc.d
KEPT=/usr/sbin/policy-rc.d.before-sluice
CLUSTER=/etc/postgresql-common/createcluster.d/sluice-install.conf
SERVICES=(rabbitmq-server.service postgresql.service epmd.service epmd.socket
	prometheus.service prometheus-node-exporter.service
	docker.service docker.socket containerd.service)

# Names of the services this machine has, without .service and so on.
services_here() {
	find /etc/init.d /lib/systemd/system /etc/systemd/system \
		-maxdepth 1 -mindepth 1 2>/dev/null |
		sed 's|.*/||; s/\.\(service\|socket\|timer\)$//' | sort -u
}

# Debian asks policy-rc.d before a package starts a service: ours says no to
# what is new, and leaves the others to the policy that was there.
policy_text() {
	cat <<-END
	#!/bin/sh
	# Written by sluice while it installs packages; removed afterwards.
	for id in "\$@"; do
	        case \$id in
	        --*) continue ;;
	        esac
	        id=\${id%.service} id=\${id%.socket} id=\${id%.timer}
	        break
	done
	case '$(services_here | paste -sd' ' | sed 's/.*/ & /')' in
	*" \$id "*) ;;
	*) exit 101 ;;
	esac
	[ ! -x $KEPT ] || exec $KEPT "\$@"
	exit 0
	END
}

hold_services() {
	release_services # of a run that was killed
	[ ! -e $POLICY ] || mv -- $POLICY $KEPT
	policy_text >$POLICY
	chmod 0755 $POLICY
	# /etc/postgresql-common may not exist yet: the package finds ours there.
	mkdir -p -- "${CLUSTER%/*}"
	printf 'create_main_cluster = false\n' >$CLUSTER
}

release_services() {
	rm -f -- $CLUSTER
	if grep -qs 'Written by sluice' $POLICY; then
		rm -f -- $POLICY
	fi
	[ ! -e $KEPT ] || mv -- $KEPT $POLICY
}

# What was just installed must not come up at the next boot either. Only
# services that were unknown before are switched off.
known_services() {
	local service
	for service in "${SERVICES[@]}"; do
		if [ -e "/lib/systemd/system/$service" ]; then
			printf '%s\n' "$service"
		fi
	done
}

disable_new() { # SERVICES KNOWN BEFORE
	local service
	for service in $(known_services); do
		case " $* " in *" $service "*) continue ;; esac
		if command -v systemctl >/dev/null; then
			systemctl disable "$service" || true
		fi
		if [ -e "/etc/init.d/${service%.service}" ]; then
			update-rc.d "${service%.service}" disable || true
		fi
	done >/dev/null 2>&1
}

# -- installing, as root ---------------------------------------------------------

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
		-o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold "$@"
}

# The lists are fetched only when the packages are not found in them, or can
# not be fetched by them (old lists name versions that have gone).
apt_install() {
	if apt --simulate install "$@" >/dev/null 2>&1 && apt install "$@"; then
		return
	fi
	say "the package lists are missing or old: apt-get update"
	apt update && apt install "$@"
}

install_as_root() {
	local known code=0
	mapfile -t known < <(known_services)
	trap release_services EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	hold_services
	apt_install "$@" || code=$?
	disable_new "${known[@]}"
	[ $code = 0 ] || die $EX_SERVER "apt-get could not install: $*"
}

install_missing() {
	local list
	if ! command -v dpkg-query >/dev/null; then
		mapfile -t list < <(wanted "$@")
		warn "no dpkg here: what these packages bring must be there: ${list[*]}"
		return
	fi
	mapfile -t list < <(missing "$@")
	[ ${#list[@]} -gt 0 ] || return 0
	say "Debian packages to install: ${list[*]}"
	if [ "$(id -u)" = 0 ]; then
		install_as_root "${list[@]}"
	elif command -v sudo >/dev/null; then
		sudo -- bash "$REPO/deploy/packages.sh" as-root "${list[@]}" ||
			die $EX_SERVER "not installed; as root: deploy/packages.sh install $*"
	else
		die $EX_SERVER "neither root nor sudo here; as root: deploy/packages.sh install $*"
	fi
}

main() {
	local verb=${1:-}
	[ $# -ge 2 ] || verb=usage
	case $verb in
	missing) missing "${@:2}" ;;
	install) install_missing "${@:2}" ;;
	as-root) install_as_root "${@:2}" ;;
	*) die $EX_USAGE "usage: packages.sh missing|install SET... (build run broker test bench browser base containers)" ;;
	esac
}

main "$@"

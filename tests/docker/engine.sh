# shellcheck shell=bash
# engine.sh - a Docker engine for the tests: the one that answers, else one of
# their own, in a folder of theirs, of which nothing is left behind. $work, $clone,
# $TOP and skip() are run.sh's.
# shellcheck disable=SC2154

answers() {
	timeout 20 docker version >/dev/null 2>&1
}

# Debian's clients; another `docker` in front of them stays what it is.
install_engine() {
	command -v dockerd >/dev/null && command -v docker >/dev/null && return
	timeout 900 "$TOP/deploy/packages.sh" install containers >"$work/apt.log" 2>&1 ||
		skip "docker.io cannot be installed: $(tail -n 1 "$work/apt.log")"
}

chains() { # TABLE
	iptables -w 20 -t "$1" -S 2>/dev/null | sed -n 's/^-N //p'
}

# What is there before, and therefore stays.
note_network() {
	had_bridge=no had_chains=no
	[ ! -e /sys/class/net/docker0 ] || had_bridge=yes
	! chains filter | grep -q '^DOCKER' || had_chains=yes
	had_policy=$(iptables -w 20 -S FORWARD 2>/dev/null | sed -n 's/^-P FORWARD //p')
	had_forward=$(cat /proc/sys/net/ipv4/ip_forward)
}

start_engine() {
	[ "$(id -u)" = 0 ] || skip "no Docker engine answers, and only root may start one"
	need_room
	install_engine
	note_network
	engine=$work/engine
	mkdir "$engine"
	export DOCKER_HOST=unix://$work/docker.sock
	setsid dockerd --data-root "$engine/data" --exec-root "$engine/exec" \
		-H "$DOCKER_HOST" --pidfile "$engine/pid" \
		>"$work/dockerd.log" 2>&1 </dev/null &
	engine_pid=$!
	for _ in $(seq 200); do
		! answers || { need_driver; return 0; }
		[ -e "/proc/$engine_pid" ] || break
		sleep 0.3
	done
	tail -n 3 "$work/dockerd.log"
	skip "a Docker engine does not start here"
}

# One that copies whole images has neither the time nor the room.
need_driver() {
	[ "$(docker info -f '{{.Driver}}')" != vfs ] ||
		skip "the Docker engine has no storage driver but vfs here"
}

need_room() {
	local megabytes
	megabytes=$(df -Pm "$work" | awk 'NR == 2 { print $4 }')
	[ "$megabytes" -ge 6000 ] || skip "images need 6 GB, $work has $megabytes MB"
}

# dockerd ends containerd; what holds a container is ended by its id.
stop_engine() {
	local pid path
	[ -n "${engine_pid:-}" ] || return 0
	kill "$engine_pid" 2>/dev/null || true
	timeout 90 tail --pid="$engine_pid" -f /dev/null || kill -9 "$engine_pid" || true
	for pid in /proc/[0-9]*; do
		if tr '\0' ' ' 2>/dev/null <"$pid/cmdline" | grep -qF "$engine/"; then
			kill -9 "${pid#/proc/}" 2>/dev/null || true
		fi
	done
	while read -r path; do
		umount -l "$path" 2>/dev/null || true
	done < <(awk -v top="$engine/" 'index($2, top) == 1 { print $2 }' \
		/proc/mounts | sort -r)
	remove_network
	engine_pid=
}

# The rules and the bridge of an engine that was the only one.
remove_network() {
	local table chain rule
	[ "$had_bridge" = yes ] || ip link del docker0 2>/dev/null || true
	[ "$had_chains" = no ] || return 0
	for table in filter nat; do
		iptables -w 20 -t "$table" -S 2>/dev/null |
			grep -E '^-A (FORWARD|PREROUTING|OUTPUT|POSTROUTING) ' |
			grep -E 'DOCKER|docker0|172\.1[7-9]\.' | sed 's/^-A/-D/' |
			while read -r rule; do
				# shellcheck disable=SC2086 # words of a rule
				iptables -w 20 -t "$table" $rule || true
			done
		for chain in $(chains "$table" | grep '^DOCKER'); do
			iptables -w 20 -t "$table" -F "$chain" || true
		done
		for chain in $(chains "$table" | grep '^DOCKER' | sort -r); do
			iptables -w 20 -t "$table" -X "$chain" || true
		done
	done
	[ -z "$had_policy" ] || iptables -w 20 -P FORWARD "$had_policy" || true
	printf '%s\n' "$had_forward" >/proc/sys/net/ipv4/ip_forward
}

# Without a network containers cannot fetch Debian's packages. The image asked
# is the base, made as the deployment does it.
need_network() {
	local base
	base=$(cd "$clone" && bash -c 'set -euo pipefail
		ROOT=$PWD SUDO=()
		. deploy/lib.sh; . deploy/place.sh; . deploy/docker.sh; . deploy/images.sh
		find_base >&2
		printf "%s\n" "$BASE"') || skip "there is no base image to be had here"
	touch "$work/here"
	timeout 60 docker run --rm --network none -v "$work:/x:ro" "$base" \
		test -e /x/here ||
		skip "the Docker engine starts no containers, or none that see $work"
	timeout 240 docker run --rm "$base" apt-get -o Acquire::Retries=2 \
		-o APT::Update::Error-Mode=any update >"$work/update.log" 2>&1 ||
		skip "containers do not reach Debian's archive: $(tail -n 1 "$work/update.log")"
}

# shellcheck shell=bash
# bad.sh - deployments that cannot be: each ends with 69, says what to do, and
# leaves nothing running. Called while nothing runs, with volumes of before.
# shellcheck disable=SC2154,SC2034 # variables of run.sh

# fails CLAIM TEXT COMMAND...
fails() {
	local claim=$1 text=$2
	shift 2
	check "$claim: 69" "$("$@")" 69
	check_has "$claim: it says what to do" "$work/said" "$text"
	check "$claim: nothing runs" "$(ours ps -aq | wc -l)" 0
}

as_nobody() {
	local code=0
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$clone/run.sh" deploy-rabbitmq --docker >"$work/said" 2>&1 </dev/null ||
		code=$?
	printf '%s\n' "$code"
}

# Somebody listens there.
listen() { # PORT
	exec python3 -c 'import socket, sys, signal
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
signal.pause()' "$1"
}

own_line() { # LINE, or nothing: none
	sed -i '/^# Own settings/q' "$clone/var/docker.env"
	[ $# = 0 ] || printf '%s\n' "$1" >>"$clone/var/docker.env"
}

test_bad_surroundings() {
	local port
	if [ "$(id -u)" = 0 ] && [ -n "${engine_pid:-}" ]; then
		fails "an engine without permission" "add nobody to the group docker" as_nobody
	fi
	port=$(sed -n 's/^SLUICE_API_PORT=//p' "$clone/var/docker.env")
	listen "$port" >/dev/null 2>&1 </dev/null &
	listener=$!
	eventually "a port is taken" yes listens "$port"
	fails "a port that is taken" "a line SLUICE_API_PORT=..." \
		code_of deploy-rabbitmq --skip-tests
	kill "$listener"
	wait "$listener" 2>/dev/null || true
	listener=
	own_line SLUICE_RABBITMQ_MEMORY=16m
	fails "a server without memory" "rabbitmq does not become healthy" \
		code_of deploy-rabbitmq --skip-tests
	own_line
	if [ -n "${engine_pid:-}" ]; then
		test_full_disk
	fi
}

# The cluster's volume, for a while, is a small disk. Only with an engine of our
# own is it certain where that is.
test_full_disk() {
	local volume uid
	volume=$(docker volume inspect -f '{{.Mountpoint}}' "$(project)_postgres")
	uid=$(stat -c %u "$volume")
	mount -t tmpfs -o "size=16m,mode=700,uid=$uid" tmpfs "$volume" || return 0
	full=$volume
	fails "a disk that is full" "the disk of the Docker engine is full" \
		code_of deploy-rabbitmq --skip-tests
	umount "$volume"
	full=
}

listens() { # PORT
	! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || echo yes
}

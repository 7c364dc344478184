#!/usr/bin/env bash
# native.sh - private servers: started twice, cut off, their ports taken.
. "$(dirname "$0")/lib.sh"

dir="$work/servers"
listener=''

native() {
	"$TOP/deploy/native.sh" "$@"
}

clean_more() {
	native stop "$dir"
	[ -z "$listener" ] || kill "$listener"
}

pids() {
	cat "$dir/run/"{postgresql,rabbitmq,epmd}.pid
}

kill_all() {
	local name
	for name in rabbitmq epmd postgresql; do
		pid_stop "$dir/run/$name.pid" KILL 10
	done
}

# Anything that listens; python3 comes with RabbitMQ.
listen_on() { # PORT
	python3 -c 'import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(600)' "$1" </dev/null >/dev/null 2>&1 &
	listener=$!
	wait_for 10 port_taken "$1"
}

check "an empty folder gets servers" "$(code_of native start "$dir" --fast)" 0
before=$(pids)
check "starting twice is fine" "$(code_of native start "$dir")" 0
check "and changes nothing" "$(pids)" "$before"
check "status says that all run" "$(code_of native status "$dir")" 0
check "passwords are for one user alone" \
	"$(stat -c %a "$dir"/secrets/* | sort -u)" 600
check_true "all listen on loopback only" test -z "$(
	for port in $(cut -d' ' -f2 "$dir/run/ports"); do
		printf -v hex ':%04X' "$port"
		grep -hE "[0-9A-F]+$hex 0+:0000 0A" /proc/net/tcp /proc/net/tcp6 |
			grep -vE ' (0100007F|0{24}01000000):' || true
	done)"

printf 'log_level: debug\nbroker_vhost: "mine"\n' >>"$dir/sluice.yaml"
kill_all
port=$(sed -n 's/^database //p' "$dir/run/ports")
listen_on "$port"
# As after a power cut: ids that other processes have now.
printf '%s 1 no-such-boot\n' $$ >"$dir/run/rabbitmq.pid"
sed -i "1s/.*/$$/" "$dir/postgresql/data/postmaster.pid"
check "it starts over stale ids and a port that is taken" \
	"$(code_of native start "$dir")" 0
check_true "and says which port it has now" has "$work/said" "port $port (database)"
check_true "sluice.yaml has the new one" \
	has "$dir/sluice.yaml" "database_port: $(sed -n 's/^database //p' "$dir/run/ports")"
check "own settings are kept" "$(grep -c 'log_level: debug' "$dir/sluice.yaml")" 1
check "and win over ours" "$(grep -c '^broker_vhost' "$dir/sluice.yaml")" 1

all=$(pids | cut -d' ' -f1)
check "stop is fine" "$(code_of native stop "$dir")" 0
check_true "nothing runs any more" test -z "$(
	for pid in $all; do process_start "$pid" || true; done)"
check "stopping twice is fine" "$(code_of native stop "$dir")" 0
check "status is 69 now" "$(code_of native status "$dir")" 69

mkdir "$work/strange" && touch "$work/strange/letter"
check "a folder with other things in it is refused" \
	"$(code_of native start "$work/strange")" 78
finish

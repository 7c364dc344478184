# faults.sh - faults of broker and network, each a function that makes it,
# looks at what an operator would see, ends it, and asks for every record.
#
# For scenarios that have sourced lib.sh. Every fault lasts $fault_secs while
# files are under way; TERM is tried in the midst of it where that makes sense.
# Times are noted, not judged, but for the one that is promised: TERM.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # lib.sh, and names made of names

# shellcheck source=tests/support/relays.sh
. "$top/tests/support/relays.sh"

fault_secs=${SLUICE_FAULT_SECS:-1}
beat=${SLUICE_FAULT_BEAT:-2} # heartbeat_secs of the daemons
big_records=${SLUICE_FAULT_RECORDS:-20000}
term_secs=30 # 5 are promised, to a machine that is not busy; none: for ever
drops=0 records=0 fault='' fault_names=()
flags=() launch=()
undo=no listening=no holder_pid='' fault_count=''
amqp_port='' pg_port=''

now_ms() {
	date +%s%3N
}

# -- servers ---------------------------------------------------------------

server_pid() { # postgresql|rabbitmq
	cut -d' ' -f1 "$servers/run/$1.pid" | head -n 1
}

server_port() { # database|broker|api
	awk -v name="$1" '$1 == name { print $2 }' "$servers/run/ports"
}

as_server() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid "$(stat -c %U "$servers/")" \
			--regid "$(stat -c %G "$servers/")" --init-groups "$@"
	else
		"$@"
	fi
}

# node_do EXPRESSION: evaluated in the broker
node_do() {
	node_ctl eval "$1"
}

# Settings of the node that a fault changes, all at once.
node_as_it_was() {
	node_do "vm_memory_monitor:set_vm_memory_high_watermark(0.3),
		rabbit_disk_monitor:set_disk_free_limit(256000000),
		application:set_env(rabbit, consumer_timeout, 1800000),
		application:set_env(rabbit, channel_tick_interval, 60000)."
	undo=no
}

node_ctl() {
	as_server env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 \
		"HOME=$servers/rabbitmq/home" "ERL_EPMD_PORT=$(server_port epmd)" \
		/usr/lib/rabbitmq/bin/rabbitmqctl -q -l \
		-n "$(cat "$servers/run/node")@127.0.0.1" "$@" \
		>>"$work/ctl.log" 2>&1
}

# api METHOD PATH: as the broker's administrator
api() {
	printf 'user = "%s:%s"\n' "$(setting admin_user)" \
		"$(cat "$(setting admin_password_file)")" |
		curl -sS -K - -X "$1" "$(setting broker_api)/api/$2"
}

# A superuser's word, by the private socket.
superuser() {
	as_server psql -qXAt -h "$(cat "$servers/run/sockets")" \
		-p "$(server_port database)" -U postgres -d "s_$name" -c "$1"
}

# -- relays ------------------------------------------------------------------

relays_start() {
	relay_start amqp "$(setting broker_port)"
	relay_start pg "$(setting database_port)"
	amqp_port=$(cat "$work/amqp.port") pg_port=$(cat "$work/pg.port")
}

# -- daemons -------------------------------------------------------------------

# Straight to the servers, or by the relays; $launch goes before the program.
use_servers() {
	flags=(--set "heartbeat_secs=$beat")
}

use_relays() {
	[ -n "$amqp_port" ] || relays_start
	flags=(--set "heartbeat_secs=$beat" --set "broker_port=$amqp_port"
		--set "database_port=$pg_port")
}

daemon_start() { # producer|consumer
	local -n pid=$1_pid
	(exec "${launch[@]}" "${as[@]}" "$bin/sluice-$1" "${flags[@]}") \
		>>"$work/$1.log" 2>&1 &
	pid=$!
}

daemons_start() {
	as=()
	if [ -n "$run_as" ]; then
		as=(setpriv --reuid "$run_as" --regid "$run_group" --init-groups)
	fi
	launch=("$@")
	daemon_start producer
	daemon_start consumer
}

daemons_stop() {
	producer_stop
	consumer_stop
}

# The daemon itself, also when `ip netns exec` and such are around it.
daemon_gone() { # PID
	# the shell may reap it between two looks
	[ ! -e "/proc/$1" ] || grep -qs ') Z' "/proc/$1/stat" ||
		[ ! -e "/proc/$1" ]
}

# TERM now: gone in time, with 0.
term_alone() { # producer|consumer WHEN
	local -n pid=$1_pid
	local started code=0 end=$((SECONDS + term_secs))
	started=$(now_ms)
	kill -TERM "$pid"
	until daemon_gone "$pid" || [ "$SECONDS" -gt "$end" ]; do
		sleep 0.05
	done
	if daemon_gone "$pid"; then
		note "   TERM: the $1 ended after $(($(now_ms) - started)) ms"
		wait "$pid" || code=$?
	else
		kill -KILL "$pid"
		wait "$pid" || true
		code="did not end"
	fi
	check "TERM ends the $1 $2" "$code" 0
}

# And started again, in the midst of the fault.
term_in_time() { # producer|consumer WHEN
	term_alone "$@"
	daemon_start "$1"
}

# -- load -----------------------------------------------------------------------

drop_counted() { # FILE RECORDS
	drops=$((drops + 1))
	records=$((records + $2))
	drop "$1" events "f$drops.json"
	last_drop=f$drops.json
}

drop_sample() {
	drop_counted "$top/tests/data/events_sample.json" 36
}

drop_big() {
	[ -s "$work/big.json" ] ||
		"$bin/gen_events" "$big_records" 7 10 >"$work/big.json"
	drop_counted "$work/big.json" "$big_records"
}

# Files keep coming for as long as the fault lasts.
keep_dropping() { # SECS
	local end=$((SECONDS + $1))
	while [ "$SECONDS" -lt "$end" ]; do
		drop_sample
		sleep 1
	done
}

# lock_of APPLICATION GRANTED: it has, or waits for, a lock on the master
lock_of() {
	[ "$(q "select count(*) from pg_locks l join pg_stat_activity using (pid)
		where application_name = '$1' and granted = $2
		and relation = 'raw.events'::regclass")" = 1 ]
}

# A load that has begun and cannot end: rows are copied, the master is locked.
hold_load() {
	PGAPPNAME=holder q "begin; lock table raw.events in exclusive mode;
		select pg_sleep(3600)" >/dev/null 2>&1 &
	holder_pid=$!
	until_true lock_of holder true
	drop_big
	until_true lock_of sluice-consumer false
}

let_load() {
	q "select pg_terminate_backend(pid) from pg_stat_activity
		where application_name = 'holder' and datname = 's_$name'" >/dev/null
	wait "$holder_pid" || true
	holder_pid=''
}

# -- a fault, step by step ---------------------------------------------------------

fault_begin() { # NAME
	fault=$1 fault_began=$SECONDS
	fault_names+=("$1")
	note "-- $fault ($fault_secs s, ${#fault_names[@]}${fault_count:+ of $fault_count})"
	began_ms=$(now_ms)
	touch "$work/producer.log" "$work/consumer.log"
	seen_producer=$(wc -l <"$work/producer.log")
	seen_consumer=$(wc -l <"$work/consumer.log")
}

since() { # producer|consumer: what it logged since the fault began
	local -n seen=seen_$1
	tail -n "+$((seen + 1))" "$work/$1.log"
}

logged() { # producer|consumer TEXT
	[ -n "$(since "$1" | grep -F -- "$2")" ]
}

# One line of the log that has both the trouble and the remedy.
says() { # producer|consumer TEXT [REMEDY]
	until_true logged "$1" "$2" || true
	check_has "the $1 says: $2" "$(since "$1" | grep -F -- "$2" | head -n 1)" \
		"${3:-$2}"
}

# Repeated complaints come at growing intervals.
complains_little() { # producer|consumer
	local lines secs=$((SECONDS - fault_began))
	lines=$(since "$1" | grep -cE 'level=(warn|error)' || true)
	note "   the $1 complained in $lines lines"
	check "the $1 does not flood its log" \
		"$([ "$lines" -le $((12 + secs)) ] && echo yes || echo "$lines lines in $secs s")" yes
}

# The moment the trouble begins, and how long it took to be seen.
fault_strikes() {
	began_ms=$(now_ms)
}

fault_seen() { # BY
	note "   seen by the $1 after $(($(now_ms) - began_ms)) ms"
}

fault_ends() {
	ended_ms=$(now_ms)
}

all_done() {
	[ "$(q "$complete_sources")" = "$drops" ]
}

# The last file alone, dropped after the fault, and then all of them.
recovers() {
	until_true all_done || true
	note "   all complete $(($(now_ms) - ended_ms)) ms after the fault ended"
	check "$fault: every file is complete" "$(q "$complete_sources")" "$drops"
	check "$fault: nothing is lost, nothing doubled" \
		"$(q 'select count(*) from raw.events_delta')" "$records"
	check "$fault: the last file's receipt holds" \
		"$("$bin/sluice" receipt "$last_drop" | tail -n 1)" HOLDS
	check "$fault: both daemons live" "$(daemon_gone "$producer_pid" ||
		daemon_gone "$consumer_pid" || echo yes)" yes
	complains_little producer
	complains_little consumer
}

# At the very end: each file by itself.
check_receipts() {
	local i held=0
	for i in $(seq 1 "$drops"); do
		[ "$("$bin/sluice" receipt "f$i.json" | tail -n 1)" != HOLDS ] ||
			held=$((held + 1))
	done
	check "every receipt holds" "$held" "$drops"
}

# However it ends: the servers are as they were, nothing of ours is left.
scenario_undo() {
	local pid
	for pid in "$(server_pid rabbitmq)" "$(server_pid postgresql)" \
		"$producer_pid" "$consumer_pid" ${holder_pid:-}; do
		kill -CONT "$pid" 2>/dev/null || true
	done
	[ -z "${holder_pid:-}" ] || kill "$holder_pid" 2>/dev/null || true
	[ "$undo" != yes ] || node_as_it_was || true
	[ "$listening" != yes ] || net_listen_no_more || true
	net_clean
	relays_end
}

# -- the broker's own troubles --------------------------------------------------------

broker_alarm() { # NAME WHY EXPRESSION
	fault_begin "$1"
	use_servers
	daemons_start
	undo=yes
	node_do "$3"
	drop_big
	says producer event=blocked "$2"
	says producer event=blocked 'files wait until it is not'
	keep_dropping "$fault_secs"
	check "$fault: files wait" "$(all_done || echo yes)" yes
	term_in_time producer "during a $1"
	term_in_time consumer "during a $1"
	node_as_it_was
	fault_ends
	recovers
	daemons_stop
}

fault_memory_alarm() {
	broker_alarm "memory alarm" memory \
		'vm_memory_monitor:set_vm_memory_high_watermark({absolute, 1000000}).'
}

fault_disk_alarm() {
	broker_alarm "disk alarm" disk \
		'rabbit_disk_monitor:set_disk_free_limit(900000000000000).'
}

# A lock keeps the load from committing for longer than the broker waits.
fault_consumer_timeout() {
	fault_begin "consumer timeout of the broker"
	undo=yes
	node_do 'application:set_env(rabbit, consumer_timeout, 2000),
		application:set_env(rabbit, channel_tick_interval, 1000).'
	use_servers
	daemons_start
	hold_load
	says consumer 'waited too long for acknowledgements' 'why PostgreSQL is slow'
	keep_dropping "$fault_secs"
	term_in_time consumer "while it waits for a lock"
	let_load
	fault_ends
	node_as_it_was
	recovers
	daemons_stop
}

# Empty queues are deleted: what an operator's slip could cost no record.
fault_queue_deleted() {
	fault_begin "queues deleted"
	use_servers
	daemons_start
	drop_sample
	until_true all_done || true
	api DELETE "queues/s_$name/sluice.events" >/dev/null
	api DELETE "queues/s_$name/sluice.events.dead" >/dev/null
	drop_big
	says producer event=queue_missing 'sluice apply'
	says consumer event=queue_missing 'sluice apply'
	check_has "status says so as well" \
		"$("$bin/sluice" status 2>&1 || true)" 'sluice apply'
	keep_dropping "$fault_secs"
	term_in_time producer "while a queue is missing"
	"$bin/sluice" apply >>"$work/apply.log" 2>&1
	fault_ends
	recovers
	says producer event=queue_is_back
	daemons_stop
}

fault_exchange_deleted() {
	fault_begin "exchange deleted"
	use_servers
	daemons_start
	drop_big
	api DELETE "exchanges/s_$name/sluice" >/dev/null
	drop_sample
	says producer "no exchange 'sluice'" 'sluice apply'
	keep_dropping "$fault_secs"
	term_in_time producer "while the exchange is missing"
	"$bin/sluice" apply >>"$work/apply.log" 2>&1
	fault_ends
	recovers
	daemons_stop
}

# Permissions count at the next login: the connections are reset.
fault_permission_revoked() {
	local user
	fault_begin "permissions revoked"
	use_relays
	daemons_start
	drop_big
	for user in producer consumer; do
		api DELETE "permissions/s_$name/$(setting ${user}_user)" >/dev/null
	done
	relay amqp reset
	drop_sample
	says producer "refuses user" 'sluice apply'
	says consumer "refuses user" 'sluice apply'
	keep_dropping "$fault_secs"
	term_alone producer "without permission"
	"$bin/sluice" apply >>"$work/apply.log" 2>&1
	fault_ends
	daemon_start producer
	recovers
	daemons_stop
}

# A quorum queue whose leader is gone (consuming it ends the connection), or
# hangs (nothing is answered): the others are served, and it is when it is back.
queue_process() {
	printf "'s_%s_sluice.gharchive'" "$name"
}

unserved_queue() { # NAME BREAK MEND
	fault_begin "$1"
	use_servers
	node_do "$2"
	daemons_start
	drop_sample
	until_true all_done || true
	check "the other queues are served" "$(all_done && echo yes)" yes
	says consumer "queue 'sluice.gharchive' is left out" 'has it a leader?'
	keep_dropping "$fault_secs"
	term_in_time consumer "while a queue does not answer"
	drop "$top/tests/data/gharchive_sample.ndjson" gharchive "f$((++drops)).json"
	node_do "$3"
	fault_ends
	recovers
	daemons_stop
}

fault_leaderless() {
	unserved_queue "a queue without a leader" \
		"ra:stop_server(quorum_queues, {$(queue_process), node()})." \
		"ra:restart_server(quorum_queues, {$(queue_process), node()})."
}

fault_hanging_queue() {
	unserved_queue "a queue that hangs" \
		"sys:suspend($(queue_process))." "sys:resume($(queue_process))."
}

# -- stopped processes ------------------------------------------------------------------

fault_stopped_producer() {
	fault_begin "SIGSTOP of the producer"
	use_relays
	relay amqp 'slow 100000' # so that there is a middle
	daemons_start
	drop_big
	until_true logged producer event=connected
	kill -STOP "$producer_pid"
	keep_dropping "$fault_secs"
	check "$fault: files wait" "$(all_done || echo yes)" yes
	kill -CONT "$producer_pid"
	relay amqp pass
	fault_ends
	recovers
	daemons_stop
}

fault_stopped_consumer() {
	fault_begin "SIGSTOP of the consumer"
	use_servers
	daemons_start
	hold_load
	kill -STOP "$consumer_pid"
	let_load
	keep_dropping "$fault_secs"
	check "$fault: files wait" "$(all_done || echo yes)" yes
	kill -CONT "$consumer_pid"
	fault_ends
	recovers
	daemons_stop
}

fault_stopped_broker() {
	fault_begin "SIGSTOP of the broker"
	use_servers
	daemons_start
	hold_load
	kill -STOP "$(server_pid rabbitmq)"
	let_load
	fault_strikes
	drop_sample
	says producer 'stopped answering'
	says consumer 'stopped answering'
	fault_seen "producer and the consumer"
	keep_dropping "$fault_secs"
	term_in_time producer "while the broker is stopped"
	term_in_time consumer "while the broker is stopped"
	kill -CONT "$(server_pid rabbitmq)"
	fault_ends
	recovers
	daemons_stop
}

# The server process of the consumer's session alone.
fault_stopped_backend() {
	local backend
	fault_begin "SIGSTOP of the consumer's PostgreSQL backend"
	use_servers
	daemons_start
	hold_load
	backend=$(q "select pid from pg_stat_activity
		where application_name = 'sluice-consumer' and datname = 's_$name'")
	kill -STOP "$backend"
	let_load
	keep_dropping "$fault_secs"
	check "$fault: files wait" "$(all_done || echo yes)" yes
	term_in_time consumer "while its backend is stopped"
	kill -CONT "$backend"
	fault_ends
	recovers
	daemons_stop
}

# Nobody can connect; the consumer has to, because its session is reset.
fault_stopped_postmaster() {
	fault_begin "SIGSTOP of the postmaster"
	use_relays
	daemons_start
	drop_sample
	until_true all_done || true
	kill -STOP "$(server_pid postgresql)"
	relay pg reset
	fault_strikes
	drop_sample
	says consumer 'PostgreSQL does not answer' 'connect to PostgreSQL at'
	fault_seen consumer
	keep_dropping "$fault_secs"
	term_in_time consumer "while PostgreSQL lets nobody in"
	kill -CONT "$(server_pid postgresql)"
	fault_ends
	recovers
	daemons_stop
}

# -- the network --------------------------------------------------------------

# Each connection is reset after a while, in the middle of what it carries;
# besides, all are reset at once, again and again.
fault_resets() {
	local end
	fault_begin "connections reset in bursts"
	use_relays
	daemons_start
	relay amqp 'cut 700000'
	relay pg 'cut 400000'
	drop_big
	says producer event=broker_lost
	says consumer event=load_waits
	end=$((SECONDS + fault_secs))
	while [ "$SECONDS" -lt "$end" ]; do
		relay amqp reset
		relay pg reset
		drop_sample
		sleep 0.4
	done
	term_in_time producer "while connections are reset"
	term_in_time consumer "while connections are reset"
	relay amqp pass
	relay pg pass
	fault_ends
	recovers
	daemons_stop
}

fault_slow() {
	fault_begin "a slow network"
	use_relays
	daemons_start
	relay amqp 'slow 40000'
	relay pg 'slow 40000'
	drop_big
	keep_dropping "$fault_secs"
	check "$fault: files wait" "$(all_done || echo yes)" yes
	term_in_time producer "on a slow network"
	term_in_time consumer "on a slow network"
	relay amqp pass
	relay pg pass
	fault_ends
	recovers
	daemons_stop
}

# Connections stay and nothing comes: what is in between hangs.
fault_hung() {
	fault_begin "a peer that hangs"
	use_relays
	daemons_start
	hold_load
	relay amqp hold
	relay pg hold
	let_load
	fault_strikes
	drop_big
	says producer 'stopped answering'
	fault_seen producer
	says consumer 'stopped answering'
	fault_seen consumer
	keep_dropping "$fault_secs"
	term_in_time producer "while its peers hang"
	term_in_time consumer "while its peers hang"
	relay amqp pass
	relay pg pass
	relay amqp reset
	relay pg reset
	fault_ends
	recovers
	daemons_stop
}

# -- packets that are dropped ----------------------------------------------------

# The daemons in a network namespace, the servers reached over a pair of
# virtual links. A wrong hardware address makes packets vanish without a word,
# as a firewall or a pulled cable far away does.
# Of the range for tests of networks (RFC 2544), one of its own.
net=198.$((18 + $$ / 250 % 2)).$(($$ % 250 + 1))
ns='' link=''

net_possible() {
	[ "$(id -u)" = 0 ] && command -v ip >/dev/null &&
		ip netns add "sluice-$$" 2>/dev/null || return 1
	ns=sluice-$$ link=slu$$
}

net_make() {
	ip link add "${link}a" type veth peer name "${link}b" netns "$ns"
	ip addr add "$net.1/24" dev "${link}a"
	ip addr add "$net.2/24" dev "${link}a"
	ip link set "${link}a" up
	ip -n "$ns" addr add "$net.10/24" dev "${link}b"
	ip -n "$ns" link set "${link}b" up
	ip -n "$ns" link set lo up
}

net_cut() {
	ip neigh replace "$net.10" lladdr 02:00:00:00:00:01 dev "${link}a" nud permanent
	for host in 1 2; do
		ip -n "$ns" neigh replace "$net.$host" lladdr 02:00:00:00:00:02 \
			dev "${link}b" nud permanent
	done
}

net_heal() {
	ip neigh del "$net.10" dev "${link}a"
	for host in 1 2; do
		ip -n "$ns" neigh del "$net.$host" dev "${link}b"
	done
}

net_clean() {
	[ -n "$ns" ] || return 0
	ip netns del "$ns" || true
	ip link del "${link}a" 2>/dev/null || true
	ns=''
}

postgres_restart() {
	local pid
	pid=$(server_pid postgresql)
	kill -INT "$pid"
	until_true test ! -e "/proc/$pid"
	"$top/deploy/native.sh" start "$servers" >>"$work/restart.log" 2>&1
}

# Both servers listen at the virtual link too.
net_listen() {
	listening=yes
	superuser "alter system set listen_addresses = '127.0.0.1,$net.2'"
	postgres_restart
	printf 'host all all %s.0/24 scram-sha-256\n' "$net" |
		as_server tee -a "$servers/postgresql/hba.conf" >/dev/null
	superuser 'select pg_reload_conf()' >/dev/null
	node_do "rabbit_networking:start_tcp_listener({\"$net.1\", $(server_port broker)}, 2)."
}

net_listen_no_more() {
	listening=no
	superuser 'alter system reset listen_addresses'
	postgres_restart
	node_do "rabbit_networking:stop_tcp_listener({\"$net.1\", $(server_port broker)})."
}

use_net() {
	flags=(--set "heartbeat_secs=$beat" --set "broker_host=$net.1"
		--set "database_host=$net.2")
}

sessions="select count(*) from pg_stat_activity
	where application_name = 'sluice-consumer'"

half_open() {
	net_cut
	fault_strikes
	drop_big
	says producer event=broker_lost
	fault_seen producer
	says consumer event=broker_lost
	fault_seen consumer
}

fault_half_open() {
	fault_begin "packets dropped in the midst of a load"
	use_net
	daemons_start ip netns exec "$ns"
	hold_load
	half_open
	says consumer event=load_waits PostgreSQL
	fault_seen "consumer of PostgreSQL"
	eventually "PostgreSQL ends the session, its locks are free" "$sessions" 0
	let_load
	fault_seen "PostgreSQL of the consumer"
	keep_dropping "$fault_secs"
	term_in_time producer "while packets are dropped"
	term_in_time consumer "while packets are dropped"
	net_heal
	fault_ends
	recovers
	daemons_stop
}

# The publisher fills the kernel's buffers, and would wait for ever.
fault_half_open_idle() {
	fault_begin "packets dropped while nothing is under way"
	use_net
	daemons_start ip netns exec "$ns"
	drop_sample
	until_true all_done || true
	half_open
	keep_dropping "$fault_secs"
	net_heal
	fault_ends
	recovers
	daemons_stop
}

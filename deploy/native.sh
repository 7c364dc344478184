#!/usr/bin/env bash
# native.sh - a PostgreSQL cluster and a RabbitMQ node of one's own in a folder.
#
#   native.sh start DIR [--no-wait] [--fast] [--no-broker]
#                                              make what is missing, start it
#   native.sh stop DIR                         stop all of it, by process id
#   native.sh status DIR                       what runs where; 69 unless all
#
# Everything lies below DIR but the PostgreSQL socket (a path of at most 107
# bytes), listens on loopback only and runs as the caller, or as the system
# user `sluice` when root calls. Ports are chosen once and remembered. The
# passwords are DIR/secrets/<account>, all the addresses DIR/sluice.yaml.
# --no-wait does not wait for the broker: a later start does. --fast is for
# servers that are thrown away: no fsync, little memory, no gentle stop.
# --no-broker starts PostgreSQL alone, and stops a RabbitMQ of an earlier start:
# what it holds stays for a start without the flag.
# SLUICE_RAW_DIR, SLUICE_PIPELINES_DIR and so on name other folders.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=deploy/lib.sh
. "$REPO/deploy/lib.sh"
# shellcheck source=deploy/tuning.sh
. "$REPO/deploy/tuning.sh"

ACCOUNTS=(owner loader reader admin producer consumer foreign tap)
OWN_SETTINGS='# Own settings go below this line; they are kept.'

usage() {
	warn "usage: native.sh start DIR [--no-wait] [--fast] [--no-broker] | stop DIR | status DIR"
	exit $EX_USAGE
}

# -- the folder ------------------------------------------------------------

# An existing folder of somebody's must not become ours by a slip.
check_folder() {
	[ -d "$DIR" ] && [ ! -e "$DIR/run/native" ] || return 0
	[ -z "$(find "$DIR" -mindepth 1 -maxdepth 1 ! -name app ! -name raw_data -print -quit)" ] ||
		die $EX_CONFIG "$DIR holds other things: name a new or empty folder"
}

make_folders() {
	local folder
	check_folder
	make_folder 0755 "$DIR"
	for folder in run log state; do
		make_folder 0755 "$DIR/$folder"
	done
	for folder in secrets postgresql rabbitmq rabbitmq/home; do
		make_folder 0700 "$DIR/$folder"
	done
	as_user touch -- "$DIR/run/native"
}

make_secrets() {
	local account
	for account in "${ACCOUNTS[@]}" serve; do
		[ -s "$DIR/secrets/$account" ] && continue
		random_word | write_file 0600 "$DIR/secrets/$account"
	done
	if [ ! -s "$DIR/rabbitmq/home/.erlang.cookie" ]; then
		random_word | write_file 0400 "$DIR/rabbitmq/home/.erlang.cookie"
	fi
}

random_word() {
	od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

# One at a time in a folder; servers do not inherit the lock (see launch).
lock_folder() {
	exec 9<"$DIR"
	flock -w 120 9 || die $EX_SERVER "another start or stop of $DIR does not end"
}

# -- ports -----------------------------------------------------------------
declare -A PORT=()

load_ports() {
	local name port
	while read -r name port; do
		PORT[$name]=$port
	done < <(cat -- "$DIR/run/ports" 2>/dev/null)
}

save_ports() {
	local name
	for name in database broker api dist epmd producer consumer serve; do
		[ -z "${PORT[$name]:-}" ] || printf '%s %s\n' "$name" "${PORT[$name]}"
	done | write_file 0644 "$DIR/run/ports"
}

# Ports for a server that does not run: the remembered ones when still free.
settle_ports() { # NAME...
	local name old
	for name in "$@"; do
		old=${PORT[$name]:-}
		[ -n "$old" ] && ! port_taken "$old" && continue
		PORT[$name]=$(free_port "${PORT[@]}")
		[ -z "$old" ] ||
			say "port $old ($name) is taken by another program now: ${PORT[$name]} instead"
	done
	save_ports
}

# Of the daemons, which may run already: chosen once.
daemon_ports() {
	local name
	for name in producer consumer serve; do
		[ -n "${PORT[$name]:-}" ] || PORT[$name]=$(free_port "${PORT[@]}")
	done
	save_ports
}

# -- PostgreSQL --------------------------------------------------------------

find_postgres() {
	local bin
	for bin in /usr/lib/postgresql/*/bin; do
		[ -x "$bin/initdb" ] && [ -x "$bin/postgres" ] && PGBIN=$bin
	done
	[ -n "${PGBIN:-}" ] ||
		die $EX_SERVER "PostgreSQL is not installed: deploy/packages.sh install run"
}

# Quoted as postgresql.conf wants it.
pg_quote() {
	local text=${1//\\/\\\\}
	printf "'%s'" "${text//\'/\'\'}"
}

# Settings of this cluster; what comes later counts.
pg_settings() {
	pg_tuning
	cat <<-END
	data_directory = $(pg_quote "$DIR/postgresql/data")
	hba_file = $(pg_quote "$DIR/postgresql/hba.conf")
	ident_file = $(pg_quote "$DIR/postgresql/ident.conf")
	listen_addresses = '127.0.0.1'
	port = ${PORT[database]}
	unix_socket_directories = $(pg_quote "$SOCKETS")
	unix_socket_permissions = 0700
	cluster_name = '$(cat -- "$DIR/run/node")'
	logging_collector = on
	log_directory = $(pg_quote "$DIR/log")
	log_filename = 'postgresql-%a.log'
	log_rotation_age = 1d
	log_truncate_on_rotation = on
	END
	if [ -e "$DIR/run/fast" ]; then
		printf 'shared_buffers = 128MB\nfsync = off\nfull_page_writes = off\n'
	fi
}

# The superuser comes in by the private socket and its system user alone;
# everybody else has a password.
pg_access() {
	write_file 0600 "$DIR/postgresql/hba.conf" <<-END
	local all postgres peer map=keeper
	local all all scram-sha-256
	host all postgres all reject
	host all all 127.0.0.1/32 scram-sha-256
	END
	write_file 0600 "$DIR/postgresql/ident.conf" <<-END
	keeper "$RUN_USER" postgres
	END
}

# A short folder for the socket, remembered while it is there and still ours.
pg_sockets() {
	SOCKETS=$(cat -- "$DIR/run/sockets" 2>/dev/null || true)
	if [ -z "$SOCKETS" ] || [ -L "$SOCKETS" ] ||
		[ "$(stat -c '%U %a' -- "$SOCKETS" 2>/dev/null)" != "$RUN_USER 700" ]; then
		SOCKETS=$(as_user mktemp -d /tmp/sluice-XXXXXXXX)
		printf '%s\n' "$SOCKETS" | write_file 0644 "$DIR/run/sockets"
	fi
}

# Made beside and renamed, so that a half-made cluster is never taken.
pg_make_cluster() {
	local sync=() said
	[ ! -d "$DIR/postgresql/data" ] || return 0
	[ ! -e "$DIR/run/fast" ] || sync=(--no-sync)
	as_user rm -rf -- "$DIR/postgresql/draft"
	said=$(as_user "$PGBIN/initdb" -D "$DIR/postgresql/draft" \
		--data-checksums --encoding=UTF8 --locale=C.UTF-8 \
		--username=postgres --auth=peer "${sync[@]}" 2>&1) ||
		die $EX_SERVER "initdb failed: $said"
	as_user mv -- "$DIR/postgresql/draft" "$DIR/postgresql/data"
}

# PostgreSQL's own pid file may name a process that has nothing to do with it
# (power cut, numbers given anew); then it would refuse to start.
pg_check_stale() {
	local file=$DIR/postgresql/data/postmaster.pid pid
	pid=$(as_user sed -n 1p "$file" 2>/dev/null) || return 0
	if [ "$(as_user readlink "/proc/$pid/cwd")" = "$DIR/postgresql/data" ]; then
		pid_write "$DIR/run/postgresql.pid" "$pid"
	else
		as_user rm -f -- "$file"
	fi
}

pg_ready() {
	pid_alive "$DIR/run/postgresql.pid" || return 0 # no use in waiting
	"$PGBIN/pg_isready" -q -h 127.0.0.1 -p "${PORT[database]}"
}

pg_launch() {
	settle_ports database
	pg_settings | write_file 0600 "$DIR/postgresql/postgresql.conf"
	as_user rm -f -- "$DIR/log/postgresql.out"
	launch "$DIR/run/postgresql.pid" "$DIR/log/postgresql.out" \
		env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 "$PGBIN/postgres" \
		-c "config_file=$DIR/postgresql/postgresql.conf" || return 1
	wait_for 300 pg_ready && pid_alive "$DIR/run/postgresql.pid"
}

pg_start() {
	pg_sockets
	pid_alive "$DIR/run/postgresql.pid" && return
	pg_access
	pg_make_cluster
	pg_check_stale
	pid_alive "$DIR/run/postgresql.pid" && return
	pg_persist
	pg_set_up
}

# Several tries: processes of a postmaster that was killed may still hold the
# memory, and a port may be lost between choosing and listening.
pg_persist() {
	local try
	for try in 1 2 3 4 5 6 7 8 9 10; do
		pg_launch && return
		sleep 0.5
	done
	tail -n 20 -- "$DIR/log/postgresql.out" >&2
	die $EX_SERVER "PostgreSQL does not start ($try tries): see $DIR/log"
}

pg_set_up() {
	pg_owner_sql "$(as_user cat -- "$DIR/secrets/owner")" |
		as_user "$PGBIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$SOCKETS" \
			-p "${PORT[database]}" -U postgres -d postgres >/dev/null
}

# -- RabbitMQ ------------------------------------------------------------------

RABBITMQ=/usr/lib/rabbitmq/bin/rabbitmq-server

# The name stays when the folder moves: the node's data are kept under it.
mq_name() {
	[ -s "$DIR/run/node" ] ||
		printf 'sluice_%s\n' "$(path_hash "$DIR")" | write_file 0644 "$DIR/run/node"
}

mq_settings() {
	mq_tuning "$(as_user cat -- "$DIR/secrets/admin")"
	cat <<-END
	listeners.tcp.1 = 127.0.0.1:${PORT[broker]}
	management.tcp.ip = 127.0.0.1
	management.tcp.port = ${PORT[api]}
	log.console = false
	log.file = rabbitmq.log
	log.file.level = info
	log.file.rotation.size = 10485760
	log.file.rotation.count = 3
	END
}

mq_files() {
	mq_settings | write_file 0600 "$DIR/rabbitmq/rabbitmq.conf"
	printf '[rabbitmq_management].\n' |
		write_file 0644 "$DIR/rabbitmq/enabled_plugins"
	: | write_file 0644 "$DIR/rabbitmq/environment"
}

# The package's own script: the wrapper in sbin insists on root or rabbitmq.
# The machine's /etc/rabbitmq is not read. `detached` makes the script become
# the node instead of waiting for it, so the remembered id is the node's; the
# long name needs no entry in /etc/hosts.
mq_environment() {
	MQ_ENV=(env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8
		"HOME=$DIR/rabbitmq/home" detached=1
		RABBITMQ_USE_LONGNAME=true
		"RABBITMQ_NODENAME=$(cat -- "$DIR/run/node")@127.0.0.1"
		"RABBITMQ_MNESIA_BASE=$DIR/rabbitmq/mnesia"
		"RABBITMQ_LOG_BASE=$DIR/log"
		"RABBITMQ_CONFIG_FILE=$DIR/rabbitmq/rabbitmq.conf"
		"RABBITMQ_ADVANCED_CONFIG_FILE=$DIR/rabbitmq/advanced.config"
		"RABBITMQ_CONF_ENV_FILE=$DIR/rabbitmq/environment"
		"RABBITMQ_ENABLED_PLUGINS_FILE=$DIR/rabbitmq/enabled_plugins"
		"RABBITMQ_DIST_PORT=${PORT[dist]}"
		"ERL_EPMD_PORT=${PORT[epmd]}" ERL_EPMD_ADDRESS=127.0.0.1
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}")
}

# epmd, Erlang's port mapper, outlives its nodes; ours is a child like others.
epmd_start() {
	pid_alive "$DIR/run/epmd.pid" && return
	settle_ports epmd
	launch "$DIR/run/epmd.pid" "$DIR/log/epmd.log" env -i \
		PATH=/usr/bin:/bin "HOME=$DIR/rabbitmq/home" \
		epmd -address 127.0.0.1 -port "${PORT[epmd]}" || true
}

mq_start() {
	[ -x "$RABBITMQ" ] ||
		die $EX_SERVER "RabbitMQ is not installed: deploy/packages.sh install broker"
	pid_alive "$DIR/run/rabbitmq.pid" && return
	epmd_start
	settle_ports broker api dist
	mq_files
	mq_environment
	open_files
	as_user rm -f -- "$DIR/log/rabbitmq.out"
	launch "$DIR/run/rabbitmq.pid" "$DIR/log/rabbitmq.out" \
		"${MQ_ENV[@]}" "$RABBITMQ" || true
}

# A broker holds a file or two for each queue and connection.
open_files() {
	local hard
	hard=$(ulimit -Hn)
	[ "$hard" != unlimited ] && [ "$hard" -lt 65536 ] || hard=65536
	ulimit -Sn "$hard" 2>/dev/null || true
}

# Answers an AMQP greeting with a method frame (type 1), and the API speaks.
mq_ready() {
	pid_alive "$DIR/run/rabbitmq.pid" || return 0 # no use in waiting
	[ "$(converse "${PORT[broker]}" 1 'AMQP\x00\x00\x09\x01')" = $'\x01' ] &&
		[ "$(converse "${PORT[api]}" 4 'GET / HTTP/1.0\r\n\r\n')" = HTTP ]
}

# Says something to a port; prints the first bytes of the answer.
converse() { # PORT BYTES TEXT
	local answer
	(
		exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
		# shellcheck disable=SC2059 # the text is ours and has escapes
		printf "$3" >&3
		IFS= read -r -N "$2" -t 2 -u 3 answer && printf '%s' "$answer"
	) 2>/dev/null || true
}

mq_wait() {
	wait_for 300 mq_ready && pid_alive "$DIR/run/rabbitmq.pid" && return
	tail -n 30 -- "$DIR/log/rabbitmq.out" >&2 || true
	die $EX_SERVER "RabbitMQ does not start: see $DIR/log"
}

# -- sluice.yaml -----------------------------------------------------------------

# A double-quoted YAML scalar; "${" would be a variable.
yaml_quote() {
	local text=${1//\\/\\\\}
	# shellcheck disable=SC2016 # the two characters themselves
	text=${text//'${'/'$${'}
	printf '"%s"' "${text//\"/\\\"}"
}

# A folder setting: the environment's word, else what was said before, else
# the default.
folder_setting() { # NAME DEFAULT
	local variable=SLUICE_${1^^} value
	value=${!variable:-}
	[ -n "$value" ] || value=$(cat -- "$DIR/run/setting.$1" 2>/dev/null || true)
	[ -n "$value" ] || value=$2
	check_path "$value"
	printf '%s\n' "$value" | write_file 0644 "$DIR/run/setting.$1"
	printf '%s: %s\n' "$1" "$(yaml_quote "$value")"
}

folder_settings() {
	folder_setting raw_dir "$DIR/raw_data"
	folder_setting pipelines_dir "$REPO/pipelines"
	folder_setting schema_dir "$REPO/sql/schema"
	folder_setting models_dir "$REPO/sql/models"
	folder_setting output_dir "$DIR/output"
	folder_setting sample_file "$REPO/tests/data/events_sample.json"
	printf 'state_file: %s\n' "$(yaml_quote "$DIR/state/producer.db")"
}

server_settings() {
	cat <<-END
	database_host: "127.0.0.1"
	database_port: ${PORT[database]}
	database_name: "sluice"
	database_sslmode: "disable"
	serve_http: "127.0.0.1:${PORT[serve]}"
	serve_token_file: $(yaml_quote "$DIR/secrets/serve")
	END
	broker_settings
	local account
	for account in "${ACCOUNTS[@]}"; do
		printf '%s_user: "sluice_%s"\n' "$account" "$account"
		printf '%s_password_file: %s\n' "$account" \
			"$(yaml_quote "$DIR/secrets/$account")"
	done
}

broker_settings() {
	if [ $BROKER = no ]; then
		printf 'broker: false\n'
		return
	fi
	cat <<-END
	broker_host: "127.0.0.1"
	broker_port: ${PORT[broker]}
	broker_vhost: "sluice"
	broker_api: "http://127.0.0.1:${PORT[api]}"
	producer_http: "127.0.0.1:${PORT[producer]}"
	consumer_http: "127.0.0.1:${PORT[consumer]}"
	END
}

# Lines for what is ours, but for keys that the reader has set below the line.
write_settings() {
	local own keys
	daemon_ports
	own=$(sed "1,/^$OWN_SETTINGS\$/d" "$DIR/sluice.yaml" 2>/dev/null || true)
	keys=$(printf '%s\n' "$own" | sed -n 's/^\([a-z_]*\):.*/\1/p' | paste -sd'|')
	{
		printf '# Written by deploy/native.sh at each start.\n'
		{ folder_settings; server_settings; } |
			grep -vE "^(${keys:-no own keys}):"
		printf '%s\n' "$OWN_SETTINGS"
		[ -z "$own" ] || printf '%s\n' "$own"
	} | write_file 0644 "$DIR/sluice.yaml"
}

# -- verbs -----------------------------------------------------------------------

start() {
	choose_user "$DIR"
	make_folders
	lock_folder
	[ "$FAST" = no ] || as_user touch -- "$DIR/run/fast"
	find_postgres
	load_ports
	make_secrets
	mq_name
	if [ $BROKER = yes ]; then
		as_user rm -f -- "$DIR/run/no-broker"
		mq_start # first: it takes longest and needs nobody
	else
		as_user touch -- "$DIR/run/no-broker"
		mq_stop
	fi
	pg_start
	write_settings
	[ "$WAIT$BROKER" != yesyes ] || mq_wait
}

mq_stop() {
	local gentle=30
	[ ! -e "$DIR/run/fast" ] || gentle=0
	pid_stop "$DIR/run/rabbitmq.pid" TERM $gentle KILL 10
	pid_stop "$DIR/run/epmd.pid" TERM 5 KILL 5
}

stop() {
	local gentle=30
	[ -e "$DIR/run/native" ] || return 0
	choose_user "$DIR"
	lock_folder
	[ ! -e "$DIR/run/fast" ] || gentle=0
	mq_stop
	# INT: disconnect all; QUIT: no last checkpoint, recover at the next start.
	pid_stop "$DIR/run/postgresql.pid" INT $gentle QUIT 10 KILL 10
	if [ -s "$DIR/run/sockets" ]; then
		as_user rm -rf -- "$(cat -- "$DIR/run/sockets")"
		as_user rm -f -- "$DIR/run/sockets"
	fi
}

status_line() { # NAME PIDFILE PORT
	if pid_alive "$DIR/run/$2.pid"; then
		say "$1: runs, pid $PID, 127.0.0.1:$3"
	else
		say "$1: does not run"
		return 1
	fi
}

status() {
	local code=0
	load_ports
	status_line postgresql postgresql "${PORT[database]:-}" || code=$EX_SERVER
	if [ ! -e "$DIR/run/no-broker" ]; then
		status_line rabbitmq rabbitmq "${PORT[broker]:-}" || code=$EX_SERVER
		status_line epmd epmd "${PORT[epmd]:-}" || code=$EX_SERVER
	fi
	exit $code
}

main() {
	local verb=${1:-}
	[ -n "${2:-}" ] || usage
	DIR=$2 WAIT=yes FAST=no BROKER=yes
	shift 2
	while [ $# -gt 0 ]; do
		case $verb,$1 in
		start,--no-wait) WAIT=no ;;
		start,--fast) FAST=yes ;;
		start,--no-broker) BROKER=no ;;
		*) usage ;;
		esac
		shift
	done
	check_path "$DIR"
	DIR=$(realpath -m -- "$DIR")
	cd / # the servers' user may not be able to look into this folder
	case $verb in
	start | stop | status) "$verb" ;;
	*) usage ;;
	esac
}

main "$@"

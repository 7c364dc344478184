#!/usr/bin/env bash
# rabbitmq.sh - RabbitMQ in its container: its settings, then it becomes the
# node. `rabbitmq.sh health` asks whether it takes connections.
set -euo pipefail
# shellcheck source=deploy/tuning.sh
. "$(dirname "$0")/tuning.sh"

TOP=/var/lib/sluice-rabbitmq
ADMIN=/run/secrets/admin

settings() {
	mq_tuning "$(cat "$ADMIN")"
	# of what the container may take, not of what the machine has
	printf 'total_memory_available_override_value = %sMB\n' "$(megabytes_of_memory)"
	cat <<-END
	listeners.tcp.1 = 0.0.0.0:5672
	management.tcp.ip = 0.0.0.0
	management.tcp.port = 15672
	log.file = false
	log.console = true
	log.console.level = info
	END
}

# Says something to a port; true when the first bytes of the answer are these.
answers() { # PORT BYTES TEXT EXPECTED
	local answer
	exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
	# shellcheck disable=SC2059 # the text is ours and has escapes
	printf "$3" >&3
	IFS= read -r -N "$2" -t 4 -u 3 answer || return 1
	exec 3>&-
	[ "$answer" = "$4" ]
}

# A new secret with an old volume: the settings give the password to a node
# that is new only.
change_password() {
	until answers 5672 1 'AMQP\x00\x00\x09\x01' $'\x01' 2>/dev/null; do
		sleep 1
	done
	/usr/lib/rabbitmq/bin/rabbitmqctl -q change_password sluice_admin <"$ADMIN"
}

if [ "${1:-}" = health ]; then
	answers 5672 1 'AMQP\x00\x00\x09\x01' $'\x01' &&
		answers 15672 4 'GET / HTTP/1.0\r\n\r\n' HTTP
	exit
fi
[ -r "$ADMIN" ] || { echo "rabbitmq.sh: cannot read $ADMIN as user id $(id -u)" >&2; exit 78; }
umask 077
mkdir -p "$TOP/home"
if [ ! -s "$TOP/home/.erlang.cookie" ]; then
	od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$TOP/home/.erlang.cookie"
	chmod 400 "$TOP/home/.erlang.cookie"
fi
renew=no
[ ! -d "$TOP/mnesia" ] || [ "$(sha256sum <"$ADMIN")" = "$(cat "$TOP/admin" 2>/dev/null)" ] ||
	renew=yes
mkdir -p "$TOP/mnesia"
settings >"$TOP/rabbitmq.conf"
printf '[rabbitmq_management].\n' >"$TOP/enabled_plugins"
: >"$TOP/environment"
export HOME=$TOP/home detached=1 \
	RABBITMQ_NODENAME=sluice@localhost \
	RABBITMQ_MNESIA_BASE=$TOP/mnesia RABBITMQ_LOG_BASE=/tmp \
	RABBITMQ_CONFIG_FILE=$TOP/rabbitmq.conf \
	RABBITMQ_ADVANCED_CONFIG_FILE=$TOP/advanced.config \
	RABBITMQ_CONF_ENV_FILE=$TOP/environment \
	RABBITMQ_ENABLED_PLUGINS_FILE=$TOP/enabled_plugins \
	ERL_EPMD_ADDRESS=127.0.0.1 \
	RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
[ "$renew" = no ] || change_password &
sha256sum <"$ADMIN" >"$TOP/admin"
exec /usr/lib/rabbitmq/bin/rabbitmq-server

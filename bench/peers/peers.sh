# shellcheck shell=bash
# peers.sh - which peers there are, and where they are built.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # of those who source this
built=${BENCH_PEERS_DIR:-$(cd "$here/../.." && pwd)/var/peers}

# name | shape | built by | what it does and does not do
peers() {
	cat <<-'END'
	python-insert|path|python|pika and psycopg2: one event a message, an upsert with a commit and an ack for each; what Sluice replaced
	python-values|path|python|pika and psycopg2: 500 events a message, execute_values into the delta, the same upsert, one commit and ack a batch
	python-copy|path|python|pika and psycopg2: 500 events a message, COPY into the delta, the same upsert, one commit and ack a batch
	node-insert|path|node|amqplib and pg: one event a message, an upsert with a commit and an ack for each
	node-copy|path|node|amqplib, pg and pg-copy-streams: 500 events a message, COPY into the delta, the same upsert, one commit and ack a batch
	telegraf|path|telegraf|tail, outputs.amqp, inputs.amqp_consumer, outputs.postgresql: line protocol in the messages, no confirms, COPY into the delta and the same upsert in a trigger
	psql-copy|load|psql|psql's \copy into the delta and the same upsert, a batch at a time; no broker, no checks
	rsyslog|load|rsyslog|imfile, mmjsonparse, ompgsql: an upsert for each event, many in a transaction; no broker, no delta
	syslog-ng-sql|load|syslog-ng|file, json-parser, sql: an upsert (by a rule) for each event, many in a transaction; no broker, no delta
	syslog-ng-amqp|ship|syslog-ng|file, amqp: one event a message, persistent, without confirms; nothing parsed, no database
	END
}

# peer NAME FIELD: shape (2), builder (3), sentence (4); nothing for no peer
peer() {
	peers | awk -F '|' -v name="$1" -v field="$2" '$1 == name { print $field }'
}

die() { # CODE TEXT
	printf '%s: %s\n' "$(basename "$0")" "$2" >&2
	exit "$1"
}

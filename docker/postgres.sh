#!/usr/bin/env bash
# postgres.sh - PostgreSQL in its container: makes the cluster when the volume
# is empty, gives the owner its password, and becomes the server. `postgres.sh
# health` asks whether it takes connections over the network.
set -euo pipefail
# shellcheck source=deploy/tuning.sh
. "$(dirname "$0")/tuning.sh"

BIN=/usr/lib/postgresql/15/bin
TOP=/var/lib/sluice-postgres
SOCKETS=/run/postgresql
OWNER=/run/secrets/owner

settings() {
	pg_tuning
	cat <<-END
	data_directory = '$TOP/data'
	hba_file = '$TOP/hba.conf'
	ident_file = '$TOP/ident.conf'
	listen_addresses = '$1'
	port = 5432
	unix_socket_directories = '$SOCKETS'
	unix_socket_permissions = 0700
	logging_collector = off
	END
}

# The superuser comes in by the socket inside the container alone.
access() {
	printf 'local all postgres peer map=keeper\nhost all postgres all reject\nhost all all all scram-sha-256\n' \
		>"$TOP/hba.conf"
	printf 'keeper "%s" postgres\n' "$(id -un)" >"$TOP/ident.conf"
}

# Made beside and renamed, so that a half-made cluster is never taken.
make_cluster() {
	[ ! -d "$TOP/data" ] || return 0
	rm -rf "$TOP/draft"
	"$BIN/initdb" -D "$TOP/draft" --data-checksums --encoding=UTF8 \
		--locale=C.UTF-8 --username=postgres --auth=peer >/dev/null
	mv "$TOP/draft" "$TOP/data"
}

# Told to end while it is set up, when nobody else would hear it.
give_up() {
	"$BIN/pg_ctl" -D "$TOP/data" -s -m fast stop || true
	exit 130
}

# The password of the secret is the owner's at every start: a new secret with
# an old volume works.
set_up() {
	trap give_up INT TERM
	settings '' >"$TOP/postgresql.conf"
	rm -f "$TOP/data/postmaster.pid" # of a container that is gone
	"$BIN/pg_ctl" -D "$TOP/data" -s -w -t 300 \
		-o "-c config_file=$TOP/postgresql.conf" start
	pg_owner_sql "$(cat "$OWNER")" | "$BIN/psql" -X -q -v ON_ERROR_STOP=1 \
		-h "$SOCKETS" -U postgres -d postgres >/dev/null
	"$BIN/pg_ctl" -D "$TOP/data" -s -w -m fast stop
}

if [ "${1:-}" = health ]; then
	exec "$BIN/pg_isready" -q -h 127.0.0.1 -p 5432
fi
[ -r "$OWNER" ] || { echo "postgres.sh: cannot read $OWNER as user id $(id -u)" >&2; exit 78; }
access
make_cluster
set_up
settings '*' >"$TOP/postgresql.conf"
exec "$BIN/postgres" -c "config_file=$TOP/postgresql.conf"

#!/usr/bin/env bash
# psql.sh - psql as the reader; the password travels in the environment only.
set -euo pipefail
PGPASSWORD=$(cat "$SLUICE_READER_PASSWORD_FILE")
export PGPASSWORD PGHOST=$SLUICE_DATABASE_HOST PGUSER=sluice_reader \
	PGPORT=${SLUICE_DATABASE_PORT:-5432} PGDATABASE=sluice \
	PGAPPNAME=sluice-psql PSQL_PAGER='' PSQL_HISTORY=/tmp/psql_history
[ $# -gt 0 ] || [ ! -t 0 ] || export PSQLRC=/usr/share/sluice/psqlrc
exec psql "$@"

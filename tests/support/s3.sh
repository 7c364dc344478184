#!/usr/bin/env bash
# s3.sh - a throwaway S3 server for tests: Versity's S3 gateway over a folder,
# which checks signatures and checksums, on loopback.
#
#   s3.sh start DIR   prints a line NAME=VALUE each: S3_ENDPOINT, S3_REGION,
#                     S3_BUCKET (empty), S3_DOMAIN (buckets as host names
#                     below it), S3_ACCESS_KEY, S3_SECRET_KEY; also in DIR/s3
#   s3.sh stop DIR    and removes DIR
#   s3.sh install     builds the program once, with Go 1.24 or newer, through
#                     its ordinary module proxy; minutes
#
# The program is $SLUICE_TEST_S3, else versitygw from the PATH or from where
# install puts it. Exit code 77: it is not there.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=deploy/lib.sh
. "$REPO/deploy/lib.sh"

MODULE=github.com/versity/versitygw/cmd/versitygw VERSION=v1.8.0
TOOLS=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sluice-tests
AS_USER=()

find_program() {
	local at
	for at in "${SLUICE_TEST_S3:-}" "$(command -v versitygw || true)" \
		"$TOOLS/versitygw"; do
		if [ -n "$at" ] && [ -x "$at" ]; then
			PROGRAM=$at
			return
		fi
	done
	warn "skipped: no S3 server; \`tests/support/s3.sh install\` builds one"
	exit 77
}

install() {
	command -v go >/dev/null || die $EX_SERVER "go is not there"
	say "building $MODULE@$VERSION into $TOOLS"
	mkdir -p -- "$TOOLS"
	GOBIN=$TOOLS go install "$MODULE@$VERSION"
}

# Asks it, signed, with nothing as the body: METHOD PATH
ask() {
	curl -sS --noproxy '*' -m 10 -o /dev/null -w '%{http_code}' -X "$1" \
		-K - "http://127.0.0.1:$PORT/$2" 2>/dev/null <<-END || true
	user = "$S3_ACCESS_KEY:$S3_SECRET_KEY"
	aws-sigv4 = "aws:amz:us-east-1:s3"
	header = "x-amz-content-sha256: $EMPTY"
	END
}

serves() {
	[ "$(ask GET '')" = 200 ] || pid_gone "$DIR/run/s3.pid"
}

settings() {
	cat <<-END
	S3_ENDPOINT=http://127.0.0.1:$PORT
	S3_REGION=us-east-1
	S3_BUCKET=sluice-tests
	S3_DOMAIN=s3.localhost:$PORT
	S3_ACCESS_KEY=$S3_ACCESS_KEY
	S3_SECRET_KEY=$S3_SECRET_KEY
	END
}

# Another port when somebody was faster.
try_port() {
	PORT=$(free_port)
	export ROOT_ACCESS_KEY=$S3_ACCESS_KEY ROOT_SECRET_KEY=$S3_SECRET_KEY
	launch "$DIR/run/s3.pid" "$DIR/s3.log" "$PROGRAM" --quiet --keep-alive \
		--port "127.0.0.1:$PORT" --virtual-domain "s3.localhost:$PORT" \
		posix --sidecar "$DIR/meta" "$DIR/data"
	wait_for 120 serves && pid_alive "$DIR/run/s3.pid"
}

start() {
	local tries
	find_program
	S3_ACCESS_KEY=sluice-tests
	S3_SECRET_KEY=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
	EMPTY=$(printf '' | sha256sum | cut -d' ' -f1)
	mkdir -p -- "$DIR/run" "$DIR/data" "$DIR/meta"
	for tries in 1 2 3; do
		! try_port || break
		pid_stop "$DIR/run/s3.pid" KILL 5
		[ $tries != 3 ] || die $EX_SERVER "$(tail -n 5 "$DIR/s3.log")"
	done
	[ "$(ask PUT sluice-tests)" = 200 ] ||
		die $EX_SERVER "the S3 server makes no bucket"
	settings | (umask 077 && tee -- "$DIR/s3")
}

stop() {
	[ -e "$DIR/run" ] || return 0
	pid_stop "$DIR/run/s3.pid" TERM 10 KILL 5
	rm -rf -- "$DIR"
}

main() {
	DIR=$(realpath -ms -- "${2:-.}")
	case "${1:-} $#" in
	"install 1" | "start 2" | "stop 2") "$1" ;;
	*) die $EX_USAGE "usage: s3.sh start DIR | stop DIR | install" ;;
	esac
}

main "$@"

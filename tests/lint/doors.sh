#!/usr/bin/env bash
# doors.sh - each vendor library has one door: only that .c includes its
# header (or DOOR_*.c, where the door is more than one file). No header does.
. "$(dirname "$0")/lib.sh"

# header (shell pattern) | its door, without .c; a second one for a program
# that stands for somebody else's
DOORS='
libpq*            common/db
postgres*         common/db
amqp*             common/broker
rabbitmq-c/*      common/broker
curl/*            common/http
microhttpd*       common/httpd tests/support/api_server/wire
cjson/*           common/json
sqlite3*          common/sqlite
yaml*             common/doc
cyaml*            common/doc
openssl/*         common/hash common/cert
zlib*             producer/gzip
zstd*             common/zstd
libxml/*          common/html
ncurses*          cli/screen
curses*           cli/screen
CUnit/*           tests
'

door_of() { # HEADER
	local pattern door
	while read -r pattern door; do
		[ -n "$pattern" ] || continue
		# shellcheck disable=SC2254 # a pattern on purpose
		case $1 in $pattern) printf '%s\n' "$door" ;; esac
	done <<<"$DOORS"
}

check() { # FILE LINE HEADER
	local doors door
	doors=$(door_of "$3")
	[ -n "$doors" ] || return 0
	for door in $doors; do
		case $1 in
		"$door.c" | "$door"_*.c | "$door"/*) return ;;
		esac
	done
	complain "$1:$2" "<$3> belongs to $doors alone"
}

mapfile -t files < <(c_files common producer consumer cli tests bench)
while IFS=$'\t' read -r file line header; do
	header=${header//[<>\"]/}
	check "$file" "$line" "$header"
done < <(includes "${files[@]}")
finish ${#files[@]}

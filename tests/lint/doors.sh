#!/usr/bin/env bash
# doors.sh - each vendor library has one door: only that .c includes its
# header (or DOOR_*.c, where the door is more than one file). No header does.
. "$(dirname "$0")/lib.sh"

# header (shell pattern) | its door, without .c
DOORS='
libpq*            common/db
postgres*         common/db
amqp*             common/broker
rabbitmq-c/*      common/broker
curl/*            common/http
microhttpd*       common/httpd
cjson/*           common/json
sqlite3*          common/sqlite
yaml*             common/doc
cyaml*            common/doc
openssl/*         common/hash
zlib*             producer/gzip
zstd*             common/zstd
libxml/*          producer/html
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
	local door
	door=$(door_of "$3")
	[ -n "$door" ] || return 0
	case $1 in
	"$door.c" | "$door"_*.c | "$door"/*) ;;
	*) complain "$1:$2" "<$3> belongs to $door alone" ;;
	esac
}

mapfile -t files < <(c_files common producer consumer cli tests bench)
while IFS=$'\t' read -r file line header; do
	header=${header//[<>\"]/}
	check "$file" "$line" "$header"
done < <(includes "${files[@]}")
finish ${#files[@]}

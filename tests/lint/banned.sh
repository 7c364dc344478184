#!/usr/bin/env bash
# banned.sh - calls and forms that have no place in this code.
. "$(dirname "$0")/lib.sh"

# Calls that overflow, lose errors, share hidden state or guess at times.
CALLS='strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|gets|gmtime|localtime|ctime|asctime|sleep|usleep|system|popen|tmpnam|rand|alloca'

report() { # WHAT, reading FILE LINE CODE
	local file line text
	while IFS=$'\t' read -r file line text; do
		complain "$file:$line" "$1: $text"
	done
}

# Lines of code in which the pattern stands for itself, not in a longer name.
matching() { # EXTENDED PATTERN
	grep -E "	(.*[^A-Za-z0-9_])?($1)" <<<"$stripped" || true
}

mapfile -t files < <(c_files common producer consumer cli tests bench)
mapfile -t ours < <(c_files common producer consumer cli)
stripped=$(code "${files[@]}")
report "banned call" < <(matching "($CALLS)[ 	]*\\(")
report "no typedef of a struct" < <(matching 'typedef[ 	]+(struct|union)')
report "no code that is switched off" < <(matching '#[ 	]*if[ 	]+0')
stripped=$(code "${ours[@]}")
report "the umask is that of all threads" < <(matching 'umask[ 	]*\(')
report "only main.c ends the program" < <(matching '_?exit[ 	]*\(' |
	grep -vE '^[a-z]+/main\.c	' || true)
finish ${#files[@]}

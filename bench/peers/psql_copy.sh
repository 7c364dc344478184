#!/usr/bin/env bash
# psql_copy.sh - a file's events into PostgreSQL with jq and psql.
#
# usage: psql_copy.sh FILE BATCH_ROWS PART PARTS
# Of PARTS at work, this one takes each PARTS-th batch. jq makes COPY's text of
# the events; awk wraps each batch in a transaction.
set -euo pipefail

file=$1 batch=$2 part=$3 parts=$4

awk -v batch="$batch" -v part="$part" -v parts="$parts" '
	int((NR - 1) / batch) % parts == part - 1' "$file" |
	jq -r '[.id, .event_type, .username, .user_email, .user_type,
		.organization_name, .plan_name, .received_at] | @tsv' |
	awk -v batch="$batch" -v part="$part" -v parts="$parts" '
		function close_batch() {
			printf "\\.\nselect raw.upsert(%d);\ncommit;\n", load
		}
		(NR - 1) % batch == 0 {
			if (NR > 1)
				close_batch()
			load = int((NR - 1) / batch) * parts + part
			print "begin;\n\\copy raw.events_delta from stdin (null \x27\x27)"
		}
		{
			print $0 "\t1\t" (load - 1) * batch + (NR - 1) % batch + 1 "\t" load
		}
		END { if (NR > 0) close_batch() }' |
	psql -qXAt -v ON_ERROR_STOP=1 -o /dev/null

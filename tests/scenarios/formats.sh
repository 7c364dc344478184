#!/usr/bin/env bash
# formats.sh - one set of events in every form a file may have loads the same.
. "$(dirname "$0")/lib.sh"

scenario_begin formats
sample=$top/tests/data/events_sample.json
mkdir "$work/made"
# one compact object a line, by the program that is our reference for nothing
# else: jq is a test tool here, not part of the product
jq -c '.[]' "$sample" >"$work/made/lines.json"
jq '.[]' "$sample" >"$work/made/concat.json"
jq -c '.' "$sample" >"$work/made/compact.json"
tr -d '\n' <"$work/made/lines.json" >"$work/made/stuck_together.json"
sed 's/$/\r/' "$work/made/lines.json" >"$work/made/crlf.json"
printf '\xef\xbb\xbf' | cat - "$sample" >"$work/made/bom.json"
gzip -c "$sample" >"$work/made/array.json.gz.json"
zstd -qc "$work/made/lines.json" >"$work/made/lines.json.zst.json"
{ gzip -c "$work/made/lines.json"; printf '' | gzip -c; } >"$work/made/members.json"
producer_start
consumer_start
n=0
for file in "$work"/made/*; do
	n=$((n + 1))
	drop "$file"
done
drop "$sample" events original.json
jq '.[0]' "$sample" >"$work/one.json"
drop "$work/one.json"
n=$((n + 2))
eventually "all $n forms are complete" "$complete_sources" "$n"
files_put_away
check "nothing was rejected" "$(q 'select count(*) from meta.reject')" 0
check "each form holds the 36 events, the last one" "$(q "select count(*)
	from meta.source where manifest_records = 36")|$(q "select count(*)
	from meta.source where manifest_records = 1")" "$((n - 1))|1"
check "the master is the sample's" "$(q 'select count(*) from raw.events')" 35
check "formats are named" "$(q "select string_agg(distinct format, ' '
	order by format) from meta.source")" \
	"array array+gzip concat ndjson ndjson+gzip ndjson+zstd object"
check "a row's bytes are found at its offset" "$(bytes_match() {
	local row offset name id
	while IFS='|' read -r id offset name; do
		row=$(tail -c "+$((offset + 1))" \
			"$(find "$work/raw/processed" -name "$name")" | head -c 400)
		case $row in
		*"$id"*) ;;
		*) echo "$id is not at $offset of $name"; return ;;
		esac
	done
	echo yes
}; q "select d.id, d._offset, split_part(s.name, '/', -1)
	from raw.events_delta d join meta.source s on s.source_id = d._source
	where s.format in ('array', 'ndjson', 'concat', 'object')" | bytes_match)" yes
check_invariants
scenario_end

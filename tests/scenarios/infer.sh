#!/usr/bin/env bash
# infer.sh - a pipeline file proposed for any sample loads that sample as it
# is; and what changed since is found.
. "$(dirname "$0")/lib.sh"

infer() { # ARGS...: exit code, the rest in $work/out and $work/err
	local code=0
	"$bin/sluice" infer "$@" >"$work/out" 2>"$work/err" || code=$?
	printf '%s\n' "$code"
}

unpack() { # a file as text
	case $(head -c 4 "$1" | od -An -tx1 | tr -d ' ') in
	1f8b*) gzip -dc "$1" ;;
	28b52ffd) zstd -dcq "$1" ;;
	*) cat "$1" ;;
	esac
}

records_of() { # FILE: how many objects there are
	unpack "$1" | jq -s 'map(if type == "array" then .[] else . end) | length'
}

# Samples by the name of the pipeline that is proposed for them.
declare -A samples=() counts=()

propose() { # FILE NAME [POINTER RECORDS]
	local where=()
	[ $# = 2 ] || where=(--records "$3")
	samples[$2]=$1
	counts[$2]=${4:-$(records_of "$1")}
	check "$2 is proposed" \
		"$(infer "$1" --name "$2" -o "$work/pipelines/$2.yaml" "${where[@]}")" 0
	check_has "and fits" "$(<"$work/err")" "${counts[$2]} record"
	check_has "every record of it" "$(<"$work/err")" "Every record fits."
}

# What a load must be: all records, none refused.
load_it() { # NAME
	local file=${samples[$1]} records=${counts[$1]} totals
	totals=$("$bin/sluice" --json load "$1" --file "$file" |
		jq -r '[.records, .inserted + .updated + .unchanged, .rejected] | join(" ")' || true)
	check "$1 is loaded as it is" "$totals" "$records $records 0"
	check "and nothing differs" "$(infer --diff "$1" "$file")" 0
}

scenario_begin infer
rm -f "$work"/pipelines/*.yaml
data=$top/tests/data
gzip -c "$data/orgs_sample.json" >"$work/orgs.json.gz"
zstd -qc "$data/gharchive_sample.ndjson" >"$work/gh.ndjson.zst"
jq -c '.[]' "$data/events_sample.json" | tr '\n' ' ' >"$work/behind.json"

propose "$data/events_sample.json" i_events
propose "$data/orgs_sample.json" i_orgs
propose "$data/gharchive_sample.ndjson" i_gharchive
propose "$work/orgs.json.gz" i_zipped
propose "$work/gh.ndjson.zst" i_zstd
propose "$work/behind.json" i_behind
jq '{page: 1, data: {items: .}}' "$data/events_sample.json" >"$work/inside.json"
propose "$work/inside.json" i_inside /data/items 36
if [ -d "$shared" ]; then
	propose "$shared/yelp/search_austin.json" i_austin /businesses 20
	propose "$shared/gharchive/2015-01-01-events.ndjson" i_gh1000
	propose "$shared/github/octokit_paginated_issues/issues_page1.body.json" i_pages
	for file in "$shared"/github/psf_requests_2024_08/*.json "$shared"/yelp/*.json; do
		[ -f "$file" ] || continue
		case $file in *expected*) continue ;; esac
		base=$(basename "$file" .json)
		propose "$file" "i_$base"
	done
else
	note "no shared data here: those samples are not tried"
fi
"$bin/sluice" apply >"$work/apply.log" 2>&1 ||
	{ cat "$work/apply.log"; exit 1; }
for sample in "${!samples[@]}"; do
	load_it "$sample"
done
check_invariants

# what is proposed, in the words of the file
check_has "a comment says what is unsure" "$(<"$work/pipelines/i_events.yaml")" \
	"1 of them repeats another to the letter"
check "without -o it goes to standard output" \
	"$(infer "$data/orgs_sample.json"; head -n 1 "$work/out")" \
	$'0\n# Proposed by `sluice infer` for orgs_sample.json: 20 records.'
check "never over a file that is there" \
	"$(infer "$data/orgs_sample.json" -o "$work/pipelines/i_orgs.yaml")" 64
check_has "and says so" "$(<"$work/err")" "is there already"

# what changed
jq -c '.[] | .when = .created_at | del(.created_at) |
	if .organization_name == "Quiet Forge" then .organization_name = 7 else . end' \
	"$data/orgs_sample.json" >"$work/changed.ndjson"
line=$(grep -n '"organization_name":7' "$work/changed.ndjson" | cut -d: -f1 | head -n 1)
check "a difference is 1" "$(infer --diff i_orgs "$work/changed.ndjson")" 1
check_has "values of another type, and where" "$(<"$work/out")" \
	"type    organization_name: text, but 1 of 20 values: whole number; first at $work/changed.ndjson:$line"
check_has "what vanished" "$(<"$work/out")" "gone    created_at: in none of 20 records"
check_has "what is new" "$(<"$work/out")" "new     /when: in 20 of 20 records; first at $work/changed.ndjson:1"
check_has "and the column it would be" "$(<"$work/out")" "- { name: when, type: timestamp }"
check "no value is shown" "$(grep -c 2024 "$work/out")" 0
infer --diff "$work/pipelines/i_orgs.yaml" "$work/changed.ndjson" --values >/dev/null
check_has "unless it is asked for" "$(<"$work/out")" "changed.ndjson:$line: 7"
check "as JSON" "$("$bin/sluice" --json infer --diff i_orgs "$work/changed.ndjson" |
	jq -r '[.records, (.differences | map(.change) | join(" "))] | join(" ")')" \
	"20 type gone new"

# bad input, each with one line that says what is allowed
printf '[[1,2],[3,4]]' >"$work/arrays.json"
printf '{"id":1}\n{"id":2\n{"id":3}\n' >"$work/cut.ndjson"
check "no records: 1" "$(infer "$work/arrays.json")" 1
check_has "with the reason" "$(<"$work/err")" "a record must be an object"
check "a bad line beside good ones is said" "$(infer "$work/cut.ndjson")" 0
check_has "with its place" "$(<"$work/out")" "1 of 3 would be rejects; the first at $work/cut.ndjson:2"
check "a file of one record: 0" "$(infer "$work/inside.json")" 0
check_has "and where its records may be" "$(<"$work/out")" "may stand at \`--records /data/items\`"
check "records that are not there: 1" "$(infer "$work/inside.json" --records /data/none)" 1
check_has "with the reason" "$(<"$work/err")" 'there is no "none"'
check "a pointer that is none: 64" "$(infer "$work/inside.json" --records data)" 64
check "no such file: 74" "$(infer "$work/none.json")" 74
check "a folder: 74" "$(infer "$work")" 74
check "no such pipeline: 64" "$(infer --diff nosuch "$work/cut.ndjson")" 64
check_has "one line" "$(<"$work/err")" "no pipeline nosuch"
check "no file at all: 64" "$(infer)" 64
check "a name that is none: 64" "$(infer "$work/cut.ndjson" --name A-B)" 64
scenario_end

#!/usr/bin/env bash
# load_again_api.sh - answers of HTTP servers are loaded again from the object
# store, whatever their format; nobody is asked for them.
. "$(dirname "$0")/lib.sh"
. "$top/tests/support/api.sh"

scenario_undo() {
	api_stop
	! declare -F more_undo >/dev/null || more_undo
}

# endpoint NAME PATH "YAML LINES"
endpoint() {
	cat <<-EOF
	  $1:
	    source:
	      api:
	        url: $api_url
	        path: $2
	$(printf '%s\n' "$3" | sed 's/^/        /')
	    table: raw.feed_$1
	    key: [id]
	    columns:
	      - { name: id, type: integer, coerce: true }
	      - { name: name, type: text }
	EOF
}

rows() {
	q "select (select count(*) || ' ' || count(distinct id) from raw.feed_csv),
		(select count(*) || ' ' || count(distinct id) from raw.feed_token),
		(select count(*) from raw.feed_csv_delta),
		(select count(*) from raw.feed_token_delta)"
}

answers() {
	find "$objects" -type f -exec sha256sum {} + | sort
}

scenario_begin "${scenario:-load_again_api}"
objects=${objects:-$work/objects} # another's: load_again_s3.sh
export SLUICE_OBJECT_STORE_DIR=$work/objects SLUICE_PROCESSED_TO=object_store
export TMPDIR=$work/state # where copies go
api_start "$work/api"
{
	echo 'pipeline: feed'
	echo 'datasets:'
	endpoint csv /gen/csv 'query: { delimiter: ";" }
format: { kind: csv, delimiter: ";" }
pages: { by: page, query: page, size: 100 }'
	endpoint token /gen/cursor 'records: /items
pages: { by: cursor, query: cursor, at: /next_cursor }'
} >"$work/pipelines/feed.yaml"
"$bin/sluice" apply >"$work/apply.log" 2>&1
producer_start
consumer_start
until_true test -S "$work/state/producer.db.control"
for name in csv token; do
	"$bin/sluice" api run "feed.$name" >"$work/run.log" 2>&1 ||
		note "$(cat "$work/run.log")"
done
pages=$(find "$objects" -type f -not -name '*.http' | wc -l)
check "each answer is kept" "$pages" 6
eventually "and loaded" "$complete_sources" "$pages"
before=$(rows)
sources=$pages
kept=$(answers)
moved() {
	[ "$(find "$work/raw" -path '*/.claimed/*' | wc -l)" = 0 ]
}
until_true moved
check "answers are kept as they came, their records not once more" \
	"$(answers)$(find "$work/raw" -type f | wc -l)" "${kept}0"

check "what is kept is what was loaded" "$("$bin/sluice" reconcile --kept)" \
	"$pages objects and 0 files read back, $(q "select sum(file_size) from meta.source") bytes of records: as they were loaded; 0 are not, 0 are not kept"

api_stop # from here on there is nobody to ask

# -- the day after: the tables are those of yesterday, the answers of today
day_after() { # CLAIM DATASET
	local had
	had=$(rows)
	q "truncate raw.feed_$2, raw.feed_$2_delta" >/dev/null
	check_has "$1" "$(reconcile)" "3 sources: 3 loaded"
	check "$1: all is as it was" "$(rows)" "$had"
}
day_after "answers are read back and loaded" token
day_after "tables in them, too" csv
producer_stop
mv "$work/state/producer.db" "$work/state/lost"
rm -f "$work"/state/producer.db-*
day_after "also where the state file is lost" csv
mv "$work/state/lost" "$work/state/producer.db"
producer_start
spoiled=$(find "$objects/feed/token" -name '*.json' | head -n 1)
cp -p "$spoiled" "$work/spoiled"
sed -i 's/"name"/"nome"/' "$spoiled"
gone=$(find "$objects/feed/csv" -name '*.csv' | head -n 1)
mv "$gone" "$work/gone"
said=$("$bin/sluice" reconcile --kept) || code=$?
check "what was spoiled or is gone is found" "${code:-0}" 1
check_has "by name" "$said" "${spoiled#"$objects/"}: its records (were"
check_has "and what is gone" "$said" "its bytes are neither in"
check_has "so it is for programs" "$("$bin/sluice" --json reconcile --kept |
	jq -c '[.objects, .others, .not_kept, (.faults | length)]')" "[4,1,1,1]"
q "truncate raw.feed_token, raw.feed_token_delta" >/dev/null
said=$(reconcile) || true
check_has "what was spoiled is not loaded" "$said" "2 loaded, 0 sent and not loaded yet, 1 cannot"
check_has "and is named" "$said" "cannot"
cp -p "$work/spoiled" "$spoiled"
mv "$work/gone" "$gone"
check_has "once it is back, it is" "$(reconcile)" "1 sources: 1 loaded"
check "no copy is left" "$(find "$TMPDIR" -name 'sluice-reconcile-*')" ""

# -- again
day=$(date -u +%F)
check_has "answers are handed over" "$("$bin/sluice" replay --from 2020-01-01 \
	--to "$day" --pipeline feed 2>&1)" "$sources handed to the producer"
eventually "and loaded, each" "$complete_sources" $((2 * sources))
check "as replays" "$(q "select count(*), count(distinct o.source_id)
	from meta.source r join meta.source o on o.drop_id = r.replay_of")" \
	"$sources|$sources"
IFS='|' read -r csv token csv_delta token_delta <<<"$before"
check "the same records, once more" "$(rows)" \
	"$csv|$token|$((2 * csv_delta))|$((2 * token_delta))"
until_true moved
check "nothing is kept twice" "$(answers)" "$kept"
check "every receipt holds" "$(receipts_hold)" HOLDS
check_invariants
scenario_end

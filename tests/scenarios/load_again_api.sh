#!/usr/bin/env bash
# load_again_api.sh - answers of HTTP servers are loaded again from the object
# store, whatever their format; nobody is asked for them.
. "$(dirname "$0")/lib.sh"
. "$top/tests/support/api.sh"

scenario_undo() {
	api_stop
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
	find "$work/objects" -type f -exec sha256sum {} + | sort
}

scenario_begin load_again_api
export SLUICE_OBJECT_STORE_DIR=$work/objects SLUICE_PROCESSED_TO=object_store
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
pages=$(find "$work/objects" -type f -not -name '*.http' | wc -l)
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

api_stop # from here on there is nobody to ask
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

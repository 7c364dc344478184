#!/usr/bin/env bash
# api_pages.sh - HTTP APIs are polled: every page once, whatever shape the pages
# have; each answer is kept first, an unchanged one is not loaded again.
. "$(dirname "$0")/lib.sh"
. "$top/tests/support/api.sh"

scenario_undo() {
	api_stop
}

# endpoint NAME PATH ["YAML LINES"]: a dataset that is polled when told
endpoint() {
	cat <<-EOF
	  $1:
	    source:
	      api:
	        url: $api_url
	        path: $2
	        retry: { first: 10 ms, most: 50 ms }
	$(printf '%s\n' "${3:-}" | sed 's/^/        /')
	    table: raw.feed_$1
	    key: [id]
	    columns:
	      - { name: id, type: integer, coerce: true }
	      - { name: name, type: text }
	      - { name: updated_at, type: timestamptz }
	EOF
}

run() {
	"$bin/sluice" api run "$@" 2>&1
}

scenario_begin api_pages
api_start "$work/api"
{
	echo 'pipeline: feed'
	echo 'datasets:'
	endpoint link /gen/link 'query: { total: 250, per_page: 100 }
pages: { by: link }'
} >"$work/pipelines/feed.yaml"
"$bin/sluice" apply >"$work/apply2.log" 2>&1 || cat "$work/apply2.log"
producer_start
consumer_start
until_true test -S "$work/state/producer.db.control"

check "all pages are asked for" "$(run feed.link)" \
	"3 requests, 3 pages (0 unchanged), 250 records"
eventually "each record is loaded" "select count(*) from raw.feed_link" 250
check "each answer is kept, with what was asked and what came" \
	"$(find "$work/object_store/feed/link" -name '*.json.http' | wc -l)" 3
check "what has not changed is not loaded again" "$(run link)" \
	"3 requests, 3 pages (3 unchanged), 0 records"
check_invariants
scenario_end

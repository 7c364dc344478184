#!/usr/bin/env bash
# api_pages.sh - HTTP APIs are polled: every page once, whatever shape the pages
# have; each answer is kept first, an unchanged one is not loaded again; cursors,
# parents and children, credentials.
. "$(dirname "$0")/lib.sh"
. "$top/tests/support/api.sh"

scenario_undo() {
	api_stop
}

# endpoint NAME PATH "YAML LINES" ["KEY"]: a dataset that is polled when told
endpoint() {
	cat <<-EOF
	  $1:
	    source:
	      api:
	        url: $api_url
	        path: $2
	        retry: { first: 10 ms, most: 50 ms }
	$(printf '%s\n' "$3" | sed 's/^/        /')
	    table: raw.feed_$1
	    key: [id]
	    columns:
	      - { name: id, type: integer, coerce: true }
	      - { name: name, type: text }
	      - { name: updated_at, type: timestamptz }
	      - { name: parent_id, type: integer, coerce: true, empty_as_null: true }
	EOF
}

run() {
	"$bin/sluice" api run "$@" 2>&1 || printf 'exit %s\n' $?
}

# pages NAME REQUESTS RECORDS CLAIM
pages() {
	check "$4" "$(run "feed.$1")" \
		"$2 requests, $2 pages (0 unchanged), $3 records"
}

loaded() { # NAME ROWS
	eventually "$1: each record is loaded" \
		"select count(*) || ' ' || count(distinct id) from raw.feed_$1" "$2 $2"
}

scenario_begin api_pages
export API_BEARER=s3cret-b34rer-t0ken API_KEY=s3cret-k3y+/=x
export API_CLIENT_SECRET=of-the-tests
printf 'pa55word-of-basic\n' >"$work/password"
printf 's3cret-qu3ry-key\n' >"$work/key"
chmod 600 "$work/password" "$work/key"
[ -z "$run_as" ] || chown "$run_as:$run_group" "$work/password" "$work/key"
api_start "$work/api"
{
	echo 'pipeline: feed'
	echo 'datasets:'
	endpoint link /gen/link 'query: { per_page: 100 }
pages: { by: link }'
	endpoint page /gen/page 'pages: { by: page, query: page, size: 100, size_query: per_page }'
	endpoint offset /gen/offset 'pages: { by: offset, query: offset, size: 125, size_query: limit }'
	endpoint token /gen/cursor 'records: /items
pages: { by: cursor, query: cursor, at: /next_cursor }'
	endpoint token_header /gen/cursor-header 'pages: { by: cursor, query: cursor, header: X-Next-Cursor }'
	endpoint next /gen/next 'records: /records
pages: { by: next, at: /next }'
	endpoint total /gen/total 'records: /data/records
pages: { by: page, query: page, more: /meta/has_more }'
	endpoint until_total /gen/total 'records: /data/records
pages: { by: page, query: page, total: /meta/total }'
	endpoint object /gen/object 'query: { page: 7 }'
	endpoint ndjson /gen/ndjson 'pages: { by: page, query: page, size: 100 }'
	endpoint csv /gen/csv 'query: { delimiter: ";" }
format: { kind: csv, delimiter: ";" }
pages: { by: page, query: page, size: 100 }'
	endpoint html /gen/html 'format: { kind: html, xpath: "//table[@id=\"records\"]" }
pages: { by: page, query: page, size: 100 }'
	endpoint arrays /gen/rows 'format: arrays
pages: { by: page, query: page, size: 100 }'
	endpoint most /gen/link 'pages: { by: link, max: 2 }'
	endpoint since /gen/page 'query: { since: "{cursor}" }
cursor: { field: /updated_at, start: "2026-01-01T00:00:00Z", look_back: 1m }
pages: { by: page, query: page, size: 100 }'
	endpoint after /gen/page 'query: { after_id: "{cursor}" }
cursor: { field: /id, type: integer }
pages: { by: page, query: page, size: 100 }'
	endpoint parents /gen/parents 'query: { total: 3 }'
	endpoint children '/gen/parents/{parent:/id}/children' 'parent: parents
pages: { by: link }'
	endpoint words '/gen/page' 'each: [10, 20]
query: { total: "{each}" }'
	endpoint bearer /gen/page 'query: { who: bearer }
auth: { kind: bearer, secret_env: API_BEARER }'
	endpoint basic /gen/page "query: { who: basic }
auth: { kind: basic, user: me, secret_file: $work/password }"
	endpoint header /gen/page 'query: { who: header }
auth: { kind: key, header: X-Api-Key, secret_env: API_KEY }'
	endpoint query /gen/link "query: { who: query }
auth: { kind: key, query: api_key, secret_file: $work/key }
pages: { by: link }"
	endpoint oauth /gen/page "query: { who: oauth }
auth: { kind: oauth2, user: sluice, secret_env: API_CLIENT_SECRET, token_url: $api_url/oauth/token }"
} >"$work/pipelines/feed.yaml"
"$bin/sluice" apply >"$work/apply2.log" 2>&1 || cat "$work/apply2.log"
api_rules "/gen/page?who=bearer auth=bearer:$API_BEARER" \
	'/gen/page?who=basic auth=basic:me:pa55word-of-basic' \
	"/gen/page?who=header auth=header:X-Api-Key:s3cret-k3y%2B/%3Dx" \
	'/gen/link?who=query auth=query:api_key:s3cret-qu3ry-key' \
	'/gen/page?who=oauth auth=oauth' \
	'/gen/page?total=10 validators=both' >/dev/null
producer_start
consumer_start
until_true test -S "$work/state/producer.db.control"
check "only its own user talks to the producer" \
	"$(stat -c %a "$work/state/producer.db.control")" 600

# -- shapes --------------------------------------------------------------------

pages link 3 250 "pages by Link header"
pages page 3 250 "pages by number, to the short one"
pages offset 3 250 "pages by offset, to the empty one"
pages token 3 250 "pages by a token in the body"
pages token_header 3 250 "pages by a token in a header"
pages next 3 250 "pages by an address in the body"
pages total 3 250 "pages until the answer says there are no more"
pages until_total 3 250 "pages until the declared total"
check "one object" "$(run object)" "1 request, 1 page (0 unchanged), 1 record"
pages ndjson 3 250 "an object a line"
pages csv 3 250 "comma-separated values, with semicolons"
pages html 3 250 "a table in a page for people"
pages arrays 3 250 "an array of arrays with a header row"
pages most 2 200 "no more pages than are allowed"
for name in link page offset token token_header next total until_total ndjson csv html arrays; do
	loaded $name 250
done
loaded most 200
check "each answer is kept, with what was asked and what came" \
	"$(find "$work/object_store/feed/link" -name '*.json.http' | wc -l)" 3
want=$(curl -sS --noproxy '*' "$api_url/gen/csv?delimiter=%3B&page=2" | md5sum)
check_has "byte by byte" "$(find "$work/object_store/feed/csv" -name '*.csv' \
	-exec md5sum {} +)" "${want%% *}"

# -- what has not changed ----------------------------------------------------------

check "the same answer is not loaded again" "$(run link)" \
	"3 requests, 3 pages (3 unchanged), 0 records"
check "words instead of parents" "$(run words)" \
	"2 requests, 2 pages (0 unchanged), 30 records"
check "a server that knows ETags is asked with them" "$(run words)" \
	"2 requests, 2 pages (2 unchanged), 0 records"
check "and says 304" "$(api_count '/gen/page?total=10' 304)" 1
"$bin/sluice" api state reset words >/dev/null
check "until the state is set back" "$(run words)" \
	"2 requests, 2 pages (0 unchanged), 30 records"

# -- parents and children --------------------------------------------------------------

check "parents" "$(run parents)" "1 request, 1 page (0 unchanged), 3 records"
eventually "each parent's children are asked for, by themselves" \
	"select string_agg(distinct parent_id::text, ',' order by parent_id::text)
		from raw.feed_children" "1,2,3"
check "and once more they have not changed" \
	"$(run children | sed 's/[0-9]* requests, \([0-9]*\) pages (\1 unchanged)/all/')" \
	"all, 0 records"

# -- cursors -------------------------------------------------------------------------

run since >/dev/null
loaded since 250
check "the first run asks from the start" \
	"$(api_seen '/gen/page?since=2026-01-01T00%3A00%3A00Z&page=1' | wc -l)" 1
api_tell POST 'grow?by=3' >/dev/null
check "the next run asks from the largest value, less the look-back" "$(run since)" \
	"1 request, 1 page (0 unchanged), 5 records"
loaded since 253
check "{cursor} is left out while there is none" "$(run after)" \
	"3 requests, 3 pages (0 unchanged), 253 records"
api_tell POST 'grow?by=2' >/dev/null
check "then only what is behind it" "$(run after)" \
	"1 request, 1 page (0 unchanged), 2 records"
"$bin/sluice" api state set feed.after 200 >/dev/null
check "a cursor that was set counts" "$(run after)" \
	"1 request, 1 page (0 unchanged), 55 records"
check_has "state show tells it" "$("$bin/sluice" api state show after)" "cursor        255"

# -- credentials -------------------------------------------------------------------------

for name in bearer basic header; do
	check "credentials: $name" "$(run $name)" \
		"1 request, 1 page (0 unchanged), 100 records"
done
check "credentials: a key in the query, of every page" "$(run query)" \
	"3 requests, 3 pages (0 unchanged), 255 records"
check "credentials: a client's token" "$(run oauth)" \
	"2 requests, 1 page (0 unchanged), 100 records"
check "the token is kept" "$(run oauth)" \
	"1 request, 1 page (1 unchanged), 0 records"
api_tell POST expire >/dev/null
check "one that is refused is asked for anew, once" "$(run oauth)" \
	"3 requests, 1 page (1 unchanged), 0 records"
api_tell POST grow?by=-5 >/dev/null # as it was

# -- looking ------------------------------------------------------------------------------

check_has "all that was asked for is loaded" \
	"$(exits 0 "$bin/sluice" drain --timeout 110)" drained

everything() {
	find "$work/raw" "$work/object_store" | sort
	"$bin/sluice" --json api list | jq 'map(del(.next_run))'
	q "select count(*), max(source_id) from meta.source"
}
# preview NAME: its lines, blanks squeezed
preview() {
	"$bin/sluice" api preview "$1" 2>&1 | tr -s ' '
}
before=$(everything)
want="id name updated_at parent_id"
for name in link csv html arrays ndjson; do
	check "a preview maps: $name" "$(preview $name | sed -n '1,2p;22p')" \
		"$want
1 record 1 2026-01-01T00:01:00.000000Z -
20 of 100 records of the first page shown, 0 would be rejected"
done
check "a child's asks for its parent first" "$(preview children | sed -n '1,2p;23,$p')" \
	"$want
1001 record 1001 2026-01-01T00:01:00.000000Z 1
asked for /id=1, of 3 on the first page of parents"
check "nothing is written" "$(everything)" "$before"
check "a child is recorded, and its parent's page" "$("$bin/sluice" api record \
	children "$work/cassette")" "9 pages recorded
asked for the first 3 of 3 on the first page of parents"
check "both are answers that can be given again" \
	"$(head -qn 1 "$work"/cassette/parents-0001.http "$work"/cassette/children-0009.http)" \
	"GET $api_url/gen/parents?total=3
GET $api_url/gen/parents/3/children?page=3"
"$bin/sluice" status >"$work/status.log"
check "status shows each endpoint that is used" \
	"$(tr -s ' ' <"$work/status.log" | grep -c '^feed\.[a-z_]* [0-9]* .* ago ')" \
	"$("$bin/sluice" --json api list | jq 'map(select(.last_check)) | length')"
"$bin/sluice" --json status >"$work/status.json.log"
check "for programs, too: checks, changes, calls left, records, errors" \
	"$(jq -c '.endpoints[] | select(.endpoint == "feed.after") |
		[(.last_check, .last_change | type), .next_run, .calls_left, .records, .errors]' \
		"$work/status.json.log")" '["string","string",null,null,310,0]'

# -- secrets ------------------------------------------------------------------------------

for name in bearer basic header query oauth; do
	"$bin/sluice" api record $name "$work/cassette" >"$work/record-$name.log" 2>&1
	"$bin/sluice" api preview $name >"$work/preview-$name.log" 2>&1
done
check "a cassette says what was asked" \
	"$(head -n 1 "$work"/cassette/query-0001.http)" "GET $api_url/gen/link?who=query"
api_rules '/gen status=401 echo=authorization' >/dev/null
for name in bearer basic header query oauth; do
	check_has "an error names the credential: $name" "$(run $name)" "is not accepted"
	"$bin/sluice" api preview $name >"$work/refused-$name.log" 2>&1 || true
done
"$bin/sluice" --json api list >"$work/list.log"
q "select * from meta.source" >"$work/sources.log"
"$bin/sluice" config show >"$work/config.log"
"$bin/sluice" api run query --dry-run >"$work/dry.log"
check_has "a dry run says where the secret comes from" "$(cat "$work/dry.log")" \
	"with the key of file $work/key"
cp "$work/state/producer.db" "$work/state.copy.log"

# whoever has it in its name or in its bytes
who_knows() { # SECRET
	grep -rlF --exclude-dir=api -e "$1" "$work" || true
	find "$work" -name "*$1*"
}
check "whoever knew one would be found" "$(who_knows pa55word-of-basic)" "$work/password"
rm "$work/password" "$work/key"
for secret in "$API_BEARER" "$API_KEY" 's3cret-k3y%2B' pa55word-of-basic \
	s3cret-qu3ry-key "$API_CLIENT_SECRET" \
	"$(printf 'me:pa55word-of-basic' | base64)" 'Bearer t'; do
	check "nowhere: ${secret:0:9}..." \
		"$(who_knows "$secret")" ""
done
check_invariants
scenario_end

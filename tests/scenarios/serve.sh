#!/usr/bin/env bash
# serve.sh - the page's server: what it answers is what docs/openapi.yaml says
# and what the database has; who asks without the right, from elsewhere, slowly
# or for nonsense gets one clear answer or none; nothing of that holds up loads.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/support/serve.sh
. "$top/tests/support/serve.sh"

scenario_undo() {
	kill_daemon "$serve_pid" KILL
	kill_daemon "$serve_relay_pid" KILL
	[ ${#slow[@]} = 0 ] || kill "${slow[@]}" 2>/dev/null || true
}

slow=()
scenario_begin serve
cat >>"$work/pipelines/events.yaml" <<'END'
  - { name: never_true, table: raw.events, test: expression, expression: "false" }
END
export SLUICE_DATA_TESTS_EVERY_SECS=1
consumer_start
producer_start
serve_start
port=${serve_url##*:}
json='Content-Type: application/json'
drop "$top/tests/data/events_sample.json"
drop "$top/tests/data/bad/bad_date.json"
hostile=$'<script>alert(1)<!-- "\xe2\x80\xae\x01.json'
drop "$top/tests/data/bad/bad_date.json" events "$hostile"

# Those that take their time, beside all that follows.
for what in trickle body idle; do
	python3 "$top/tests/support/slow_clients.py" "$port" $what \
		>"$work/slow.$what" 2>&1 &
	slow+=($!)
done
eventually "what is dropped while slow clients hang on is loaded" \
	"$complete_sources" 3
eventually "data tests ran" "select count(*) > 0 from meta.test_result
	where test = 'never_true'" t

# -- who may ------------------------------------------------------------------

reject=$(q "select min(reject_id) from meta.reject")
for path in rejects/"$reject"/bytes tests/failures; do
	check "$path is not shown without the token" "$(code "/api/v1/$path")" 401
done
for name in pause resume replay run-models; do
	check "$name is not done without the token" "$(code \
		"/api/v1/actions/$name" -H "$json" --data '{}')" 401
done
check "the reason in words quotes the record: null without the token" \
	"$(ask /api/v1/rejects | jq -c '[.items[].detail] | unique')" '[null]'
check_has "and is there with it" "$(ask /api/v1/rejects -H "$(bearer)")" \
	'2020-13-45'
check_has "so are the bytes" \
	"$(ask "/api/v1/rejects/$reject/bytes" -H "$(bearer)")" '2020-13-45'
check "a wrong token is refused where none is needed, too" \
	"$(code /api/v1/sources -H 'Authorization: Bearer wrong')" 401
check "no cookie is set" "$(ask / -D - -o /dev/null | grep -ci '^set-cookie' || true)" 0
check "the token's file is private" \
	"$(stat -c %a "$SLUICE_SERVE_TOKEN_FILE")" 600
check "the token is in no log" \
	"$(grep -c "$serve_token" "$work/serve.log" "$work/serve.out" |
		cut -d: -f2 | sort -u)" 0

# -- from elsewhere ---------------------------------------------------------------

for host in evil.example "127.0.0.1.evil.example:$port" ''; do
	check "a Host of \"$host\" is not ours" "$(code / -H "Host: $host")" 421
done
check "localhost is" "$(code / -H "Host: localhost:$port")" 200
for header in 'Origin: http://evil.example' 'Origin: null' \
	'Sec-Fetch-Site: cross-site' 'Sec-Fetch-Site: same-site'; do
	check "an action with $header is refused, token or not" "$(act pause '{}' \
		-H "$header" -o /dev/null -w '%{http_code}')" 403
done
check "so is data" "$(code /api/v1/sources -H 'Origin: http://evil.example')" 403
check "a link from elsewhere leads here" \
	"$(code /sources -H 'Sec-Fetch-Site: cross-site')" 200
check "a form is no action" "$(code /api/v1/actions/pause -H "$(bearer)" \
	--data 'dataset=x')" 415
check "nothing was paused" "$(q 'select count(*) from meta.pause')" 0
for path in / /api/v1/overview /nothing; do
	ask $path -D "$work/headers" -o /dev/null
	check "$path has the headers of a page that is shut" "$(grep -ciE \
		"^(content-security-policy: default-src 'self'.*frame-ancestors 'none'|x-content-type-options: nosniff|referrer-policy: no-referrer)" \
		"$work/headers")" 3
done

# -- nonsense -------------------------------------------------------------------

for path in /../../etc/passwd /%2e%2e/%2e%2e/etc/passwd \
	/vendor/..%2f..%2fsluice.yaml //etc/passwd /.git/config \
	/api/v1/sources/9999999999999999999 /api/v1/nothing; do
	check "$path is nothing" "$(code "$path")" 404
done
check "a source that is not there is 404" "$(code /api/v1/sources/999999)" 404
for method in PUT DELETE OPTIONS TRACE PATCH POST; do
	check "$method is not for reading" "$(code /api/v1/sources -X $method)" 405
done
check "GET is not for acting" "$(code /api/v1/actions/pause -H "$(bearer)")" 405
check "headers are bounded" "$(code / \
	-H "X-Long: $(head -c 60000 /dev/zero | tr '\0' a)")" 431
check "bodies are bounded" "$(head -c 20000 /dev/zero | tr '\0' ' ' | code \
	/api/v1/actions/pause -H "$(bearer)" -H "$json" --data-binary @-)" 413
check "so are those of unknown length" "$(head -c 20000 /dev/zero |
	tr '\0' ' ' | code /api/v1/actions/pause -H "$(bearer)" -H "$json" \
	-H 'Transfer-Encoding: chunked' --data-binary @-)" 413
for words in 'limit=0' 'limit=201' 'limit=x' 'cursor=1;drop' \
	"name=$(head -c 400 /dev/zero | tr '\0' a)" 'name=%ff%fe'; do
	check "sources?${words:0:12} is refused" "$(code "/api/v1/sources?$words")" 400
done
for words in 'model=events.events_loaded&x=date&measure=events"' \
	'model=events.events_loaded&x=date&by=oid&measure=events' \
	'model=events.events_by_date_org&x=date&measure=total_events'; do
	check "no chart: $words" "$(code "/api/v1/charts/data?$words")" 400
done
check "SQL in a filter is text" "$(ask \
	"/api/v1/sources?name=%27%20or%201%3D1--" | jq '.items | length')" 0
check "a body that is no JSON is refused" "$(act pause '{' -o /dev/null \
	-w '%{http_code}')" 400

# -- what is answered ---------------------------------------------------------------

sample=$(q "select source_id from meta.source where name like '%events_sample%'")
python3 "$top/tests/support/openapi.py" "$top/docs/openapi.yaml" \
	"$top/cli/serve_route.c" "$serve_url" "$serve_token" "$sample" "$reject" \
	>"$work/openapi.txt" 2>&1 || true
check_has "docs/openapi.yaml and the server agree" "$(cat "$work/openapi.txt")" \
	', 0 faults'
replayed="select count(*) from meta.source
	where replay_of is not null and completed_at is not null"
eventually "the sample that it had loaded again is there" "$replayed" 1
check "the description is served" "$(ask /openapi.yaml | sha256sum)" \
	"$(sha256sum <"$top/docs/openapi.yaml")"
etag=$(ask /app.js -D - -o /dev/null | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')
check "what a browser has is not sent again" \
	"$(code /app.js -H "If-None-Match: $etag")" 304
check "a hostile name is the database's" "$(ask \
	"/api/v1/sources?name=%3Cscript" | jq -r '.items[0].name')" \
	"$(q "select name from meta.source where name like '%<script%'")"
all=$(ask '/api/v1/sources?limit=200' | jq -c '[.items[].source_id]')
paged='' cursor=''
while :; do
	page=$(ask "/api/v1/sources?limit=1&cursor=$cursor")
	paged+=$(jq -r '.items[].source_id' <<<"$page"),
	cursor=$(jq -r '.next // ""' <<<"$page")
	[ -n "$cursor" ] || break
done
check "pages add up to the whole" "[${paged%,}]" "$all"
check "a chart has the database's numbers" "$(ask \
	'/api/v1/charts/data?model=events.events_loaded&x=user_type&measure=events' |
	jq -r '.rows[] | "\(.[0])|\(.[2])"' | sort)" \
	"$(q "select coalesce(user_type, 'null'), sum(events)
		from modelled.events_loaded group by 1" | sort)"

check_has "sluice status says where the page is" \
	"$(SLUICE_SERVE_HTTP=127.0.0.1:$port "$bin/sluice" status)" \
	"page        $serve_url/"

# -- actions ----------------------------------------------------------------------

check "a pause is told" "$(act pause '{"dataset":"events.events"}')" \
	'{"dataset":"events.events","changed":true}'
check "and is the database's" "$(q 'select dataset from meta.pause')" events.events
check "and shown" "$(ask /api/v1/pauses | jq -r '.items[].dataset')" events.events
check "it ends" "$(act resume '{}' | jq .changed)" true
check "an unknown dataset is the caller's fault" "$(act pause \
	'{"dataset":"nothing"}' -o /dev/null -w '%{http_code}')" 400
act replay "{\"source_id\":$sample}" >/dev/null
eventually "a source that was loaded again is there again" "$replayed" 2

# -- many, and slow -------------------------------------------------------------------

streams=()
for ((i = 0; i < 16; i++)); do
	curl -sN --noproxy '*' -m 170 --retry 100 --retry-delay 1 \
		"$serve_url/api/v1/live" -o "$work/live.$i" & # a probe may sit there
	streams+=($!)
done
full() { [ "$(code /api/v1/live -m 2 2>/dev/null)" = 503 ]; }
until_true full
check "more than 16 streams are refused" "$(code /api/v1/live)" 503
got_event() { grep -q '^event: overview' "$work/live.7"; }
check "each stream gets its events" "$(until_true got_event && echo yes)" yes
kill "${streams[@]}" 2>/dev/null || true
wait "${streams[@]}" 2>/dev/null || true
for what in trickle body idle; do
	cut_off() { [ -s "$work/slow.$what" ]; }
	until_true cut_off || true
	check "who sends slowly ($what) is cut off" "$(cat "$work/slow.$what")" cut
done
check "idle connections keep nobody out" \
	"$(python3 "$top/tests/support/slow_clients.py" "$port" full | sed -n 1p)" \
	'HTTP/1.1 200 OK'

# -- servers that go -----------------------------------------------------------------

serve_database away
data_is() { [ "$(code /api/v1/sources)" = "$1" ]; }
check "without PostgreSQL data is 503" "$(until_true data_is 503 && echo yes)" yes
check "and says why" "$(ask /api/v1/sources | jq -r .error.code)" unavailable
unreachable() {
	[ "$(ask /api/v1/overview | jq .overview.database.reachable)" = "$1" ]
}
check "the overview says so" "$(until_true unreachable false && echo yes)" yes
check "the page itself is there" "$(code /)" 200
serve_database back
check "it comes back by itself" "$(until_true data_is 200 && echo yes)" yes
check "in the overview, too" "$(until_true unreachable true && echo yes)" yes

# -- the door, shut -------------------------------------------------------------------

for ((i = 0; i < 12; i++)); do
	last=$(code /api/v1/session -H "Authorization: Bearer guess$i")
done
check "after ten wrong tokens none is looked at" "$last" 429
check "not even the right one" "$(code /api/v1/session -H "$(bearer)")" 429
check "reading goes on" "$(code /api/v1/sources)" 200
kill -TERM "$serve_pid"
ended=0
wait "$serve_pid" || ended=$?
check "a signal ends it well" "$ended" 0
for address in 0.0.0.0:0 '[::]:0'; do
	ended=0
	said=$( (as_daemon timeout 60 "$bin/sluice" serve --listen "$address") 2>&1) || ended=$?
	check "$address is refused without serve_plain" "$ended" 78
	check_has "and said why" "$said" serve_plain
done
chmod 644 "$SLUICE_SERVE_TOKEN_FILE"
check_has "a token that others may read is refused" "$( (as_daemon timeout 60 \
	"$bin/sluice" serve --listen 127.0.0.1:0) 2>&1 || true)" 'chmod 600'
check_invariants
scenario_end

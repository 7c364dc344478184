#!/usr/bin/env bash
# test.sh - the HTTP server of the tests does what usage.txt says: whoever
# relies on a misbehaviour must know that it happens.
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/../../scenarios/lib.sh"
# shellcheck source=tests/support/api.sh
. "$top/tests/support/api.sh"

work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-api-server.XXXXXX")
trap 'api_stop; rm -rf "$work"' EXIT

# get TARGET [CURL ARGS...]: the answer's body
get() {
	curl -sS --noproxy '*' -m 60 "$api_url$1" "${@:2}"
}

# code TARGET [CURL ARGS...]: status
code() {
	get "$1" -o /dev/null -w '%{http_code}' "${@:2}" 2>/dev/null || true
}

# exit_of TARGET [CURL ARGS...]: curl's exit code
exit_of() {
	local exit_code=0
	get "$1" -o /dev/null "${@:2}" 2>/dev/null || exit_code=$?
	printf '%s\n' "$exit_code"
}

# header TARGET NAME [CURL ARGS...]
header() {
	get "$1" -o /dev/null -D - "${@:3}" | tr -d '\r' |
		sed -n "s/^$2: //Ip"
}

cp -r "$top/tests/data/api/github" "$work/github"
api_start "$work/api" "$work/github"

# -- cassettes
issues=/repos/quietforge/lantern/issues
check "a recorded answer is given again, byte for byte" \
	"$(get "$issues?state=all&per_page=100&since=2020-01-01" | md5sum)" \
	"$(md5sum <"$work/github/issues-1.json")"
check_has "its links lead to this server" "$(header "$issues?state=all&per_page=100" link)" \
	"<$api_url/repositories/515001/issues?state=all&per_page=100&page=2>; rel=\"next\""
tag=$(header "$issues?state=all&per_page=100" etag)
check "who has it already hears 304" \
	"$(code "$issues?state=all&per_page=100" -H "If-None-Match: $tag")" 304
check "another parameter is another request" "$(code "$issues?state=open&per_page=100")" 404

# -- made-up records
pages=''
next="$api_url/gen/link?per_page=40"
while [ -n "$next" ]; do
	pages+=$(curl -sS --noproxy '*' -D "$work/head" "$next" | jq -c '.[].id')$'\n'
	next=$(sed -n 's/^Link: <\([^>]*\)>; rel="next".*/\1/p' "$work/head")
done
check "links lead through all records" "$(printf %s "$pages" | md5sum)" \
	"$(seq 250 | md5sum)"
check "a cursor goes on where it was" \
	"$(get '/gen/cursor?cursor=c249' | jq -c '[.items[0].id, .next_cursor]')" '[250,null]'
check "JSON, CSV and rows say the same" \
	"$(get '/gen/csv?page=2' | tail -n +2 | tr -d '\r' | cut -d, -f1 | md5sum)$(get '/gen/rows?page=2' | jq '.[1:][][0]' | md5sum)" \
	"$(get '/gen/page?page=2' | jq '.[].id' | md5sum)$(seq 101 200 | md5sum)"
check "since leaves out what is older" "$(get '/gen/page?since=2026-01-01T04:08:30Z' | jq -c 'map(.id)')" '[249,250]'
api_tell POST grow?by=5
check "records can be added" "$(get '/gen/page?page=3' | jq length)" 55

# -- credentials, budgets, validators, encodings
api_rules '/gen/page auth=bearer:let-me-in' '/gen/csv auth=oauth encode=gzip' \
	'/gen/link auth=basic:me:pass' '/gen/object rate=2/3600' \
	'/gen/offset validators=both encode=zstd' \
	'/gen/next auth=header:X-AUTH-KEY:k1' '/gen/total auth=query:key:k2'
check "credentials are looked at" "$(code /gen/page)$(code /gen/page \
	-H 'Authorization: Bearer let-me-in')$(code /gen/link -u me:pass)$(code \
	/gen/next -H 'x-auth-key: k1')$(code '/gen/total?key=k2')$(code '/gen/total?key=k3')" 401200200200200401
token=$(get /oauth/token -u sluice:of-the-tests -d grant_type=client_credentials |
	jq -r .access_token)
check "a token of its own is good" "$(code /gen/csv -H "Authorization: Bearer $token")" 200
api_tell POST expire
check "until it expires" "$(code /gen/csv -H "Authorization: Bearer $token")" 401
check "a wrong secret gets none" "$(code /oauth/token -u sluice:wrong -d grant_type=client_credentials)" 401
check "a budget is counted down, then it is 429" \
	"$(header /gen/object x-ratelimit-remaining) $(code /gen/object) $(code /gen/object)" "1 200 429"
check "packed answers come out the same" "$(get '/gen/offset' --compressed | md5sum)" \
	"$(api_tell DELETE rules; get /gen/offset | md5sum)"
check_has "a bad rule is refused" "$(api_rules '/gen/page stauts=500' 2>&1 || true)" "no word stauts"
api_rules '/gen/page status=503 retry-after=7 after=1 times=2'
check "a rule can be for some requests only" \
	"$(code /gen/page)$(code /gen/page)$(code /gen/page)$(code /gen/page)" 200503503200

# -- misbehaviour
api_reset
check "a status" "$(for n in 401 403 404 429-year 500 503; do code /bad/$n; done)" \
	401403404429500503
check "a year to wait" "$(header /bad/429-year retry-after)" 31536000
check "redirects" "$(header /bad/redirect-host location) $(header /bad/redirect-file location)" \
	"http://localhost:$(api_port http)/gen/page file:///etc/passwd"
check_has "HTML with status 200" "$(code /bad/html)$(get /bad/html)" '200<!DOCTYPE html>'
check "JSON that is none" "$(get /bad/json | jq -c . >/dev/null 2>&1 && echo fine || echo bad)" bad
check "answers that break off: by length, by chunk, by close" \
	"$(exit_of /bad/truncated) $(exit_of /bad/truncated-chunked) $(exit_of /bad/truncated-close)" "18 18 0"
check "the last one is half of it" \
	"$(get /bad/truncated-close | wc -c)" "$(($(get /gen/page | wc -c) / 2))"
for kind in bomb bomb-gzip bomb-zstd; do
	check "$kind goes on and on" \
		"$(get /bad/$kind --compressed 2>/dev/null | head -c 20000000 | tr -d ' ' | wc -c)" 0
done
api_rules '/gen/object drip=5'
check "byte by byte it is the same" "$(get /gen/object | md5sum)" \
	"$(api_tell DELETE rules; get /gen/object | md5sum)"
check "a page whose next is itself" "$(get /bad/loop/gen/next?page=2 | jq -r .next)" \
	"$api_url/bad/loop/gen/next?page=2"
check "the third page fails, the others do not" \
	"$(for page in 1 2 3 4; do code "/bad/half?page=$page"; done)" 200200500200
check "a clock that is a year ahead" \
	"$(date -ud "$(header /bad/clock-ahead date)" +%Y)" "$(date -ud '365 days' +%Y)"
check "a type that changes" "$(get '/gen/page?text_from=3' | jq -c '.[1:3] | map(.price | type)')" \
	'["number","string"]'

# -- TLS
tls() {
	curl -sS --noproxy '*' --cacert "$work/api/ca.crt" -o /dev/null \
		"https://127.0.0.1:$(api_port "$1")/gen/object" 2>&1 && echo fine
}
check "a good certificate" "$(tls good)" fine
check_has "an expired one" "$(tls expired)" expired
check_has "one signed by itself" "$(tls self-signed)" "self-signed"
check_has "one for another host" "$(tls wrong-host)" "subject name"

# -- what was seen
api_reset
get /gen/page?page=7 -o /dev/null -H 'X-Who: me' -d 'a body'
check "requests can be asked for" \
	"$(api_seen /gen/page | jq -c '[.n, .method, .target, .status, .headers["x-who"], .body]')" \
	'[1,"POST","/gen/page?page=7",200,"me","a body"]'
check "and counted" "$(api_count /gen/ 200) $(api_count /gen/ 404) $(api_count)" "1 0 1"

scenario_end

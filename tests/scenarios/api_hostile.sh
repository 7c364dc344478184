#!/usr/bin/env bash
# api_hostile.sh - servers that misbehave: each is told by its name, none crashes
# or hangs the producer, loses what came before, floods the log or shows a secret.
. "$(dirname "$0")/lib.sh"
. "$top/tests/support/api.sh"

scenario_undo() {
	api_stop
}

# endpoint NAME URL PATH ["YAML LINES"]
endpoint() {
	cat <<-EOF
	  $1:
	    source:
	      api:
	        url: $2
	        path: $3
	        auth: { kind: bearer, secret_env: API_TOKEN }
	        limits: { timeout: 5 s, slow_bytes: 100, slow_time: 1 s, answer_bytes: 1 MiB, longest_wait: 1 s }
	$(printf '%s\n' "${4:-$quick}" | sed 's/^/        /')
	    table: raw.bad_$1
	    key: [id]
	    newest: updated_at
	    columns:
	      - { name: id, type: integer }
	      - { name: price, type: numeric }
	      - { name: updated_at, type: timestamptz }
	EOF
}
quick='retry: { tries: 2, first: 10 ms, most: 20 ms, circuit_after: 1000000 }'

run() {
	"$bin/sluice" api run "bad.$1" 2>&1 || printf 'exit %s\n' $?
}

# fails NAME PART: its run fails with a message that has this part
fails() {
	local said
	said=$(run "$1")
	check_has "$1: ${2:0:60}" "$said" "$2"
	check_has "$1: the run has failed" "$said" "exit "
}

scenario_begin api_hostile
export API_TOKEN=s3cret-b34rer-t0ken
api_start "$work/api"
other=http://localhost:$(api_port http)
bad="401 403 404 429-year 429-date spent 500 503 redirect-host redirect-file
	redirect-self html json empty truncated truncated-chunked truncated-close bomb
	bomb-gzip bomb-zstd slow hang clock-ahead clock-behind"
{
	echo 'pipeline: bad'
	echo 'datasets:'
	for name in $bad; do
		endpoint "x${name//-/_}" "$api_url" "/bad/$name"
	done
	endpoint looping "$api_url" /bad/loop/gen/link "$quick
pages: { by: link }"
	endpoint half "$api_url" /gen/page "$quick
cursor: { field: /id, type: integer }
query: { who: half, after_id: \"{cursor}\" }
pages: { by: page, query: page, size: 100 }"
	endpoint types "$api_url" '/gen/page' "$quick
query: { text_from: 90 }"
	endpoint circuit "$other" /bad/500 'retry: { tries: 3, first: 10 ms, most: 20 ms, circuit_after: 3 }'
	for name in good expired self-signed wrong-host; do
		endpoint "tls_${name//-/_}" "https://127.0.0.1:$(api_port $name)" /gen/page "$quick
ca_file: $work/api/ca.crt"
	done
} >"$work/pipelines/bad.yaml"
chmod 644 "$work/api/ca.crt"
"$bin/sluice" apply >"$work/apply2.log" 2>&1 || cat "$work/apply2.log"
producer_start
consumer_start
until_true test -S "$work/state/producer.db.control"

fails x401 "401: the token of variable API_TOKEN is not accepted"
fails x403 "403: the token of variable API_TOKEN is not accepted"
fails x404 "404: nothing is there"
fails x429_year "429: too many requests; waiting 1 s"
fails x429_date "429: too many requests; waiting 1 s"
check "a budget that is spent for a year is waited for as long as is allowed" \
	"$(run xspent)" "1 request, 1 page (0 unchanged), 100 records"
fails x500 "/bad/500: 500"
fails x503 "/bad/503: 503"
fails xredirect_host "redirects to $other/gen/page: not followed"
fails xredirect_file "redirects to "
fails xredirect_self "redirects more than 5 times"
fails xhtml "looks like a page for people"
fails xjson "the answer is no JSON"
check "an empty answer has no records" "$(run xempty)" \
	"1 request, 1 page (0 unchanged), 0 records"
fails xtruncated "does not answer"
fails xtruncated_chunked "does not answer"
fails xtruncated_close "does not tell where it ends"
fails xbomb "too large"
fails xbomb_gzip "too large"
fails xbomb_zstd "exit "
fails xslow "too slow"
fails xhang "does not answer"
check "a server's clock does not matter" "$(run xclock_ahead; run xclock_behind)" \
	"1 request, 1 page (0 unchanged), 100 records
1 request, 1 page (0 unchanged), 100 records"
fails tls_expired "the certificate is not accepted"
fails tls_self_signed "the certificate is not accepted"
fails tls_wrong_host "the certificate is not accepted"
check "a good certificate is accepted" "$(run tls_good)" \
	"1 request, 1 page (0 unchanged), 100 records"

fails looping "round in circles"
eventually "what came before the circle stays" "select count(*) from raw.bad_looping" 100
api_rules '/gen/page?who=half&page=3 status=500 times=2' >/dev/null
fails half "/gen/page: 500"
eventually "pages before one that fails stay" "select count(*) from raw.bad_half" 200
check_has "the cursor does not move past the gap" \
	"$("$bin/sluice" api state show half)" "cursor        none"
check "the next run goes on where that one broke off" "$(run half)" \
	"1 request, 1 page (0 unchanged), 50 records"
eventually "so that none is missing" "select count(*) from raw.bad_half" 250
check_has "and now the cursor moves" \
	"$("$bin/sluice" api state show half)" "cursor        250"
check "records that change their type are loaded as far as they fit" "$(run types)" \
	"1 request, 1 page (0 unchanged), 100 records"
eventually "the others are rejects" "select inserted || ' ' || rejected
	from meta.source where dataset = 'types'" "89 11"

fails circuit "/bad/500: 500"
before=$(api_count /bad/500)
fails circuit "has failed too often"
check "while the circuit is open nothing is asked" "$(api_count /bad/500)" "$before"
check_has "which is said" "$(cat "$work/producer.log")" "event=circuit_open"

check "the producer lives" "$(kill -0 "$producer_pid" && echo yes)" yes
check "the log is not flooded" \
	"$([ "$(grep -c event=poll_ "$work/producer.log")" -lt 60 ] && echo yes)" yes
rm -f "$work/api"/*.log
check "no secret is anywhere" \
	"$(grep -rlF -- "$API_TOKEN" "$work" --exclude-dir=api || true)" ""
check_invariants
scenario_end

#!/usr/bin/env bash
# api_bad_servers.sh - a server of an API may do what it likes: the message says
# what it was, nothing that came before is lost, and afterwards all goes on.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/support/api.sh
. "$top/tests/support/api.sh"

secret=the-secret-of-this-endpoint

scenario_undo() {
	api_stop
}

# endpoint NAME URL PATH [YAML LINE]...: polled when told, patient for a moment
endpoint() {
	cat <<-END
	  $1:
	    source:
	      api:
	        url: $2
	        path: $3
	        retry: { tries: 1, first: 10 ms, most: 20 ms, circuit_after: 1000 }
	        limits: { timeout: 2 s, slow_bytes: 100, slow_time: 1 s, answer_bytes: 1 MiB, longest_wait: 1 s }
	        pages: { by: link }
	$(printf '        %s\n' "${@:4}")
	    table: raw.bad_$1
	    key: [id]
	    columns:
	      - { name: id, type: integer }
	      - { name: price, type: numeric }
	END
}

# run NAME: what `sluice api run` says, and its exit code
run() {
	local exit_code=0
	timeout 100 "$bin/sluice" api run "bad.$1" 2>&1 || exit_code=$?
	printf 'exit %s\n' "$exit_code"
}

# fails CLAIM EXIT_CODE MESSAGE RULE...: so long as the rules hold
fails() {
	local said
	api_rules "${@:4}"
	said=$(run feed)
	check_has "$1" "$said" "$3"
	check "$1: exit $2" "${said##*$'\n'}" "exit $2"
	api_tell DELETE rules
}

pipeline() {
	echo 'pipeline: bad'
	echo 'datasets:'
	endpoint feed "$api_url" /gen/link 'query: { per_page: 100 }' \
		"auth: { kind: bearer, secret_file: $work/token }"
	endpoint gap "$api_url" /gen/total \
		'query: { since: "{cursor}" }' 'records: /data/records' \
		'cursor: { field: /updated_at, start: "2025-01-01T00:00:00Z" }' |
		sed 's/by: link/by: page, query: page, more: \/meta\/has_more/
			s/tries: 1/tries: 3/'
	endpoint storm "http://localhost:$(api_port http)" /gen/page \
		'query: { per_page: 10, total: 5 }'
	endpoint types "$api_url" /gen/link 'query: { total: 10, text_from: 8 }' \
		'cursor: { field: /name }'
	endpoint text "$api_url" /gen/text 'cursor: { field: /name, type: text }'
	endpoint moved "$api_url" /gen/nowhere 'query: { total: 4 }'
	endpoint empty "$api_url" /gen/link 'query: { total: 0 }'
	endpoint slow "$api_url" /gen/next 'records: /records' |
		sed 's/timeout: 2 s.*slow_time: 1 s/timeout: 100 s, slow_time: 100 s/
			s/longest_wait: 1 s/longest_wait: 100 s/'
	endpoint patient "http://localhost:$(api_port http)" /gen/page |
		sed 's/longest_wait: 1 s/longest_wait: 100 s/; s/tries: 1/tries: 3/'
	endpoint budget "http://budget.localhost:$(api_port http)" /gen/link \
		'query: { total: 3 }' | sed 's/answer_bytes/per_day: 2, answer_bytes/'
	for name in good expired self-signed wrong-host; do
		endpoint "${name/-/_}" "https://127.0.0.1:$(api_port $name)" \
			/gen/link 'query: { total: 3 }' \
			"ca_file: $work/api/ca.crt"
	done
}

scenario_begin api_bad_servers
printf '%s\n' "$secret" >"$work/token"
chmod 600 "$work/token"
[ -z "$run_as" ] || chown "$run_as:$run_group" "$work/token"
api_start "$work/api"
pipeline | sed '/^  storm:/,/^  types:/s/retry: .*/retry: { tries: 6, first: 10 ms, most: 20 ms, circuit_after: 3, circuit_time: 1 s }/' \
	>"$work/pipelines/bad.yaml"
"$bin/sluice" apply >"$work/apply2.log" 2>&1 || cat "$work/apply2.log"
producer_start
consumer_start
until_true test -S "$work/state/producer.db.control"
pid=$(pgrep -f "$bin/sluice-producer" -P "$producer_pid" || echo "$producer_pid")

# -- refusals
fails "401 names the credential" 1 "401: the token of file $work/token is not accepted" \
	'/gen/link status=401 echo=authorization'
fails "so does 403" 1 "403: the token of file $work/token is not accepted, or may not" \
	'/gen/link status=403 echo=authorization'
fails "404 says what to look at" 1 '404: nothing is there: check `url` and `path`' \
	'/gen/link status=404'
fails "a year to wait is cut to what was agreed" 69 \
	"429: too many requests; waiting 1 s" '/gen/link status=429 retry-after=31536000'
fails "as a date too" 69 "429: too many requests; waiting 1 s" \
	'/gen/link status=429 retry-after=+31536000'
fails "304 to whom nothing is known" 1 "304 to a request that named no version" \
	'/gen/link status=304'
fails "500 says no more" 69 "/gen/link: 500" '/gen/link status=500'

# -- a budget
check_has "a preview" "$("$bin/sluice" api preview bad.budget 2>&1)" "3 of 3 records"
check_has "and a run" "$(run budget)" "1 request,"
exit_code=0
said=$("$bin/sluice" api preview bad.budget 2>&1) || exit_code=$?
check_has "share a day's budget of two" "$said" "its budget is used up"
check "so says the exit code" "$exit_code" 69
check "the server was asked twice" "$(api_seen | grep -c budget.localhost)" 2

# -- redirects
api_reset
fails "a redirect to another host is not followed" 1 "not followed" \
	'/gen/link redirect={other}/gen/page'
fails "nor one to a file" 1 "not followed" '/gen/link redirect=file:///etc/passwd'
fails "nor one without end" 1 "redirects more than 5 times" \
	'/gen/link redirect={base}/gen/link'
check "nobody asked the other host" "$(api_count /gen/page)" 0

# -- answers that are none
fails "an HTML page with status 200" 1 "no JSON" '/gen/link body=html'
fails "JSON with a slip" 1 "no JSON" '/gen/link body=bad-json'
fails "an answer cut short of its length" 69 "does not answer" '/gen/link cut=half'
fails "one cut between chunks" 69 "does not answer" \
	'/gen/link cut=half framing=chunked'
fails "one that ends where the connection does" 69 "does not tell where it ends" \
	'/gen/link cut=half framing=close'
fails "an answer without an end" 1 "too large" '/gen/link bomb=blanks'
fails "a gzip bomb" 1 "too large" '/gen/link bomb=gzip'
fails "a zstd bomb that nobody asked for" 1 "/gen/link" '/gen/link bomb=zstd'
fails "a byte a second" 69 "too slow" '/gen/link drip=1000'
fails "silence" 69 "too slow" '/gen/link latency=60000'
api_rules '/gen/total body=empty'
check_has "nothing at all, where a list should be" "$(run gap)" "the answer is empty"
api_tell DELETE rules
check "nothing of all that was loaded" "$(q "select count(*) from raw.bad_feed")" 0
fails "a next page that is this page" 1 "round in circles" '/gen/link loop=yes'
check_has "that is no obstacle to the next run" "$(run feed)" "3 pages"
eventually "which brings all" "select count(*), max(id) from raw.bad_feed" "250|250"

# -- more than anybody needs
long=$(head -c 5000 /dev/zero | tr '\0' x)
api_tell POST grow?by=1
api_rules "/gen/link header=ETag:$long"
check_has "a validator of 5,000 bytes" "$(run feed)" "3 pages"
api_tell DELETE rules
check_has "is not sent back" "$(run feed)" "3 pages (3 unchanged)"
api_tell POST grow?by=-1
api_rules "/gen/text body=text:[{\"id\":1,\"name\":\"$long\"},{\"id\":2,\"name\":\"short\"}]"
check_has "a cursor of 5,000 bytes" "$(run text)" "2 records"
api_tell DELETE rules
check "is none" "$("$bin/sluice" --json api state show bad.text | jq -r .cursor)" short
check "the producer lives on" "$(kill -0 "$pid" && echo lives)" lives

# -- certificates
check_has "an expired certificate" "$(run expired)" "not accepted: SSL certificate problem: certificate has expired"
check_has "one that signed itself" "$(run self_signed)" "self-signed certificate"
check_has "one for another host" "$(run wrong_host)" "no alternative certificate subject name matches"
check_has "a good one" "$(run good)" "3 records"

# -- a pipeline file that is wrong
check_has "a path that is wrong" "$(run moved)" "404: nothing is there"
sed -i 's|/gen/nowhere|/gen/link|' "$work/pipelines/bad.yaml"
kill -HUP "$pid"
mended() {
	[[ $(run moved) = *"4 records"* ]]
}
check "is mended in the pipeline file" "$(until_true mended && echo yes)" yes

# -- a page in the middle fails
api_reset
api_rules '/gen/total?page=3 status=500'
check_has "the third page fails" "$(run gap)" "/gen/total: 500"
check "it was tried as often as was agreed" "$(api_count /gen/total 500)" 3
eventually "the pages before it stay" "select count(*) from raw.bad_gap" 200
check "the cursor has not moved past the gap" "$("$bin/sluice" --json api \
	state show bad.gap | jq -r .cursor)" null
api_tell DELETE rules
check_has "the next run begins there" "$(run gap)" "50 records"
eventually "and brings what was missing" \
	"select count(*), count(distinct id), max(id) from raw.bad_gap" "250|250|250"
check "no page was asked for twice" "$(api_count /gen/total 200)" 3
check "now the cursor has moved" "$("$bin/sluice" --json api \
	state show bad.gap | jq -r .cursor)" 2026-01-01T04:10:00Z

# -- clocks, types
api_rules '/gen/link date=31536000'
api_tell POST grow?by=10
check_has "a server's clock may be a year ahead" "$(run feed)" ", 3 pages"
api_tell DELETE rules
api_rules '/gen/link date=-31536000'
check_has "or behind" "$(run feed)" ", 3 pages"
api_tell DELETE rules
eventually "what was new came" "select count(*) from raw.bad_feed" 260
api_tell POST grow?by=-10
check_has "a type that changes stops nothing" "$(run types)" "10 records"
check "what is no time is no cursor" "$("$bin/sluice" --json api \
	state show bad.types | jq -r .cursor)" null
check_has "and is named" "$(grep event=cursor_unread "$work/producer.log")" \
	"records=10"
eventually "what fits is loaded" "select count(*) from raw.bad_types" 7
eventually "what does not is rejected, by its column" \
	"select count(*), min(code), min(field) from meta.reject where dataset = 'types'" "3|type|price"

# -- storms
api_rules '/gen/page status=500 times=4'
check_has "a storm passes" "$(run storm)" "5 records"
eventually "its records came" "select count(*) from raw.bad_storm" 5
check "that nothing is asked of the host for a while was said" \
	"$(grep -c circuit_open "$work/producer.log" | sed 's/^[1-9]$/yes/')" yes

# -- afterwards
check "the producer has seen it all" "$(kill -0 "$pid" && echo lives)" lives
check "the log was not flooded" \
	"$([ "$(wc -l <"$work/producer.log")" -lt 150 ] && echo fine || wc -l <"$work/producer.log")" fine

# -- asked to end in the middle of it
# ends CLAIM: within a deadline that is far below what it would wait for
ends() {
	local end=$((SECONDS + 30)) code=0
	kill -TERM "$producer_pid"
	while kill -0 "$producer_pid" 2>/dev/null && [ "$SECONDS" -lt "$end" ]; do
		sleep 0.05
	done
	kill -0 "$producer_pid" 2>/dev/null && code=waits || wait "$producer_pid" || code=$?
	check "it ends $1" "$code" 0
	kill_daemon "$producer_pid" KILL
	producer_pid=''
	for code in $askers; do # late ones would do it themselves
		kill_daemon "$code" KILL
	done
	askers=''
}
asked() { # TARGET
	[ "$(api_count "$1")" -gt 0 ]
}
begin_slow() { # RULE [NAME]: a run of an endpoint that nobody waits for
	api_reset
	api_rules "$1"
	producer_start
	until_true test -S "$work/state/producer.db.control"
	"$bin/sluice" api run "bad.${2:-slow}" >>"$work/slow.log" 2>&1 &
	askers=$!
}
producer_stop
begin_slow '/gen/next latency=100000'
until_true asked /gen/next
ends "while an answer does not come"
begin_slow '/gen/page status=429 retry-after=100' patient
until_true asked /gen/page
endpoint later "https://127.0.0.1:$(api_port good)" /gen/link 'query: { total: 4 }' \
	"ca_file: $work/api/ca.crt" >>"$work/pipelines/bad.yaml"
"$bin/sluice" apply >"$work/apply4.log" 2>&1 || cat "$work/apply4.log"
kill -HUP "$(pgrep -f "$bin/sluice-producer" -P "$producer_pid" || echo "$producer_pid")"
knows_later() { [[ $(run later) = *"1 page"* ]]; }
check "another endpoint comes in meanwhile" "$(until_true knows_later && echo yes)" yes
check "which is no reason to ask that server again" "$(api_count /gen/page)" 1
ends "while a server wants to be left alone"
producer_start
until_true test -S "$work/state/producer.db.control"
check_has "another process serves the others" "$(run later)" "1 page"
check "and leaves that server alone" "$(api_count /gen/page)" 1
producer_stop
export SLUICE_OBJECT_STORE=s3 SLUICE_S3_ENDPOINT=$api_url SLUICE_S3_BUCKET=away \
	AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=word
begin_slow '/away latency=100000'
until_true asked /away
"$bin/sluice" api run bad.good >>"$work/slow.log" 2>&1 &
askers="$askers $!"
check "a bucket that does not answer holds up no request" "$(
	until_true asked '/gen/link?total=3' && echo yes)" yes
ends "while a bucket does not answer"
unset SLUICE_OBJECT_STORE SLUICE_S3_ENDPOINT SLUICE_S3_BUCKET AWS_ACCESS_KEY_ID \
	AWS_SECRET_ACCESS_KEY
api_reset
producer_start
until_true test -S "$work/state/producer.db.control"

# -- kept long enough
answers() { # NAME
	find "$work/object_store/bad/$1" -type f 2>/dev/null | wc -l
}
check "an answer without records" "$(run empty)" \
	"1 request, 1 page (0 unchanged), 0 records"$'\n'"exit 0"
check "is kept" "$(answers empty)" 2
others=$(answers feed)
producer_stop
echo 0 >"$work/clock"
export SLUICE_TEST_CLOCK=$work/clock SLUICE_OBJECT_STORE_KEEP_SECS=1
producer=sluice-producer-clock producer_start
none_left() {
	[ "$(answers empty)" = 0 ]
}
check "until it was kept long enough" "$(until_true none_left && echo gone)" gone
check "those with records are not the producer's to delete" "$(answers feed)" "$others"

# -- our own clock
polled() { # MORE THAN
	[ "$(api_count '/gen/link?total=0&who=ticks')" -gt "$1" ]
}
polls_on() { # CLAIM: twice more, from now on
	local was
	was=$(api_count '/gen/link?total=0&who=ticks')
	check "$1" "$(until_true polled $((was + 1)) && echo yes)" yes
}
jump() { # SECONDS
	echo "$1" >"$work/clock.new"
	mv "$work/clock.new" "$work/clock"
}
(echo 'pipeline: clock'; echo 'datasets:'
endpoint ticks "$api_url" /gen/link 'query: { total: 0, who: ticks }' 'every: 1 s'
) >"$work/pipelines/clock.yaml"
"$bin/sluice" apply >"$work/apply3.log" 2>&1 || cat "$work/apply3.log"
kill -HUP "$(pgrep -f "$bin/sluice-producer" -P "$producer_pid" || echo "$producer_pid")"
polls_on "an endpoint is polled"
jump 31536000
polls_on "when our clock is put a year ahead"
jump -31536000
polls_on "and when it is put two years back"
jump 0
polls_on "and when it is right again"

check "the secret is nowhere" "$(grep -rlF "$secret" "$work" | grep -vx "$work/token")" ""
eventually "all is complete" \
	"select count(*) from meta.source where completed_at is null" 0
check_invariants
scenario_end

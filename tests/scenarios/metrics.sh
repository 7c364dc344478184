#!/usr/bin/env bash
# metrics.sh - /metrics, /readyz and the service manager hear the truth: what
# was loaded, what stands still though nothing has failed; and clients that
# nobody wants change nothing.
. "$(dirname "$0")/lib.sh"
. "$top/tests/support/faults.sh"
# shellcheck source=tests/support/api.sh
. "$top/tests/support/api.sh"

need_promtool() {
	! command -v promtool >/dev/null || return 0
	note "skipped: no promtool (deploy/packages.sh install test)"
	[ "${SLUICE_TEST_REQUIRE:-0}" != 1 ] || exit 1
	exit 77
}

# fetch DAEMON PATH [CURL OPTION...]
fetch() {
	local at
	at=$(setting "$1_http")
	curl -sS --noproxy '*' -m 60 "${@:3}" "http://$at$2"
}

# value SERIES: of either daemon, "" when there is none
value() {
	{ fetch producer /metrics; fetch consumer /metrics; } 2>/dev/null |
		awk -v name="$1" '$1 == name { print $2 }'
}

# reaches CLAIM SERIES WANT
reaches() {
	local got='' end=$((SECONDS + deadline_secs))
	while [ "$SECONDS" -lt "$end" ]; do
		got=$(value "$2")
		[ "$got" != "$3" ] || break
		sleep 0.1
	done
	check "$1" "$got" "$3"
}

records() { # DATASET RESULT
	printf 'sluice_records_total{dataset="%s",result="%s"}' "$1" "$2"
}

ready_code() { # DAEMON
	fetch "$1" /readyz -o "$work/$1.ready" -w '%{http_code}' || true
}

is_ready() {
	[ "$(ready_code "$1")" = 200 ]
}

says_why() { # DAEMON TEXT
	[ "$(ready_code "$1")" = 503 ] && grep -q "$2" "$work/$1.ready"
}

is_measured() { # STAGE
	value "sluice_stage_seconds_count{stage=\"$1\"}" | grep '[1-9]' >/dev/null
}

heard() {
	fetch "$@" >"$work/heard" 2>/dev/null
}

# insist DAEMON PATH [CURL OPTION...]: among those whom it hangs up on, anybody
# may be one, and asks again
insist() {
	until_true heard "$@"
	cat "$work/heard"
}

# Who hangs up on what is still being sent may not be heard: asked again.
are_too_large() { # DAEMON
	[ "$(fetch "$1" /readyz -o /dev/null -w '%{http_code}' \
		-H "X-Large: $(printf '%020000d' 1)" 2>/dev/null)" = 431 ]
}

becomes() { # CLAIM COMMAND...
	local claim=$1
	shift
	until_true "$@" && check "$claim" yes yes || check "$claim" \
		"$(cat "$work"/*.ready)" "until: $*"
}

promtool_finds() { # DAEMON
	fetch "$1" /metrics >"$work/$1.metrics"
	promtool check metrics <"$work/$1.metrics" 2>&1 || echo "exit $?"
}

listen_notify() {
	python3 "$top/tests/support/notify_listen.py" "$work/notify" \
		"$work/notified" &
	listener_pid=$!
	until_true test -S "$work/notify"
}

broker_pid='' rude_pid='' listener_pid=''
scenario_undo() {
	local pid
	api_stop
	[ -z "$broker_pid" ] || kill -CONT "$broker_pid" || true
	for pid in $rude_pid $listener_pid; do
		kill "$pid" 2>/dev/null || true
	done
}

need_promtool
scenario_begin metrics
export SLUICE_STALL_SECS=2 SLUICE_LOCK_TIMEOUT_MS=600000 SLUICE_HEARTBEAT_SECS=60
listen_notify
api_start "$work/api" "$top/tests/data/api"
api_rules '/repos/quietforge/lantern/issues status=404'
export GITHUB_API=$api_url GITHUB_REPO=quietforge/lantern
NOTIFY_SOCKET=$work/notify WATCHDOG_USEC=2000000 producer_start
consumer_start
until_true grep -qs WATCHDOG=1 "$work/notified" || true
until_true grep -qs STATUS=ready "$work/notified" || true
check "the service manager hears that the producer is there, well and alive" \
	"$(sort -u "$work/notified" |
		grep -cxE 'READY=1|STATUS=ready|WATCHDOG=1')" 3

# What the counters say is what the tables hold.
for i in 1 2 3; do
	drop "$top/tests/data/events_sample.json" events "sample$i.json"
done
eventually "three files load" "$complete_sources" 3
reaches "records inserted" "$(records events.events inserted)" \
	"$(q "select sum(inserted) from meta.source")"
reaches "records that changed nothing" "$(records events.events unchanged)" \
	"$(q "select sum(unchanged) from meta.source")"
check "together they are the rows of the delta" "$(($(value "$(records \
	events.events inserted)") + $(value "$(records events.events unchanged)")))" \
	"$(q "select count(*) from raw.events_delta")"
check "which are 108" "$(q "select count(*) from raw.events_delta")" 108
reaches "as many were confirmed" \
	'sluice_published_records_total{dataset="events.events"}' 108
reaches "three files were published" \
	'sluice_sources_total{dataset="events.events",result="published"}' 3
reaches "none is open" 'sluice_sources_open{dataset="events.events"}' 0
reaches "nothing is in hand" sluice_messages_in_hand 0
reaches "nothing is in flight" sluice_confirms_in_flight 0
reaches "nothing grows old" sluice_oldest_uncommitted_seconds 0
reaches "the queue is empty, and known to be" \
	'sluice_broker_queue_messages{queue="sluice.events"}' 0
reaches "loads are counted" 'sluice_loads_total{result="committed"}' \
	"$(q "select count(*) from meta.load")"
for stage in file_to_publish publish_to_confirm delivery_to_commit commit models; do
	becomes "$stage is measured" is_measured $stage
done
drop "$top/tests/data/bad/bad_date.json" events $'"} 1\nevil{\\.json'
eventually "a file with a hostile name loads" "$complete_sources" 4
reaches "a reject is counted by its reason" \
	'sluice_rejects_total{dataset="events.events",code="timestamp"}' \
	"$(q "select count(*) from meta.reject where code = 'timestamp'")"
for daemon in producer consumer; do
	check "promtool has nothing to say about the $daemon" \
		"$(promtool_finds $daemon)" ''
	check_has "it is the text format" "$(fetch $daemon /metrics -o /dev/null \
		-w '%{content_type}')" 'text/plain; version=0.0.4'
done
cat "$work/producer.metrics" "$work/consumer.metrics" >"$work/exposed"
check "alerts and dashboard name only what is exposed" "$(python3 \
	"$top/tests/support/metric_names.py" "$work/exposed" \
	"$top/deploy/prometheus/alerts.yaml" "$top/deploy/grafana/sluice.json")" ''

# An endpoint that answers, and one that does not.
of_api() { # NAME ENDPOINT [STATUS]
	value "sluice_api_$1{endpoint=\"github.$2\"${3:+,status=\"$3\"}}"
}
timeout 120 "$bin/sluice" api run github.commits >/dev/null
reaches "requests are counted by the class of their status" \
	'sluice_api_requests_total{endpoint="github.commits",status="2xx"}' 3
reaches "records of answers are counted" \
	'sluice_api_records_total{endpoint="github.commits"}' 34
reaches "nobody asks by itself" \
	'sluice_api_next_run_timestamp_seconds{endpoint="github.commits"}' 0
reaches "no run is under way" 'sluice_api_running{endpoint="github.commits"}' 0
timeout 120 "$bin/sluice" api run github.issues >/dev/null 2>&1 || true
reaches "a run that failed is told" 'sluice_api_failures{endpoint="github.issues"}' 1
check "with what the server said" "$(of_api requests_total issues 4xx)" \
	"$(api_count /repos/quietforge/lantern/issues 404)"
check "answers that were kept are counted, with their bytes" \
	"$(value 'sluice_object_store_objects_total{operation="put"}') $(value \
	sluice_object_store_bytes_total | head -n 1)" \
	"3 $(cat "$top"/tests/data/api/github/commits-*.json | wc -c)"
eventually "the answers load" "$complete_sources" 7
api_stop

# Clients nobody wants, while a file loads.
ports=$(for d in producer consumer; do setting ${d}_http; done | sed 's/.*://')
# shellcheck disable=SC2086 # two ports
python3 "$top/tests/support/rude_http.py" $ports >"$work/rude" &
rude_pid=$!
until_true grep -q rude "$work/rude"
drop "$top/tests/data/events_sample.json" events rude.json
for daemon in producer consumer; do
	becomes "the $daemon answers all the same" is_ready $daemon
	check "a path that leads out is not found" "$(insist $daemon \
		/../../etc/passwd --path-as-is -o /dev/null -w '%{http_code}')" 404
	check "nor is one that is encoded" "$(insist $daemon \
		/%2e%2e/%2e%2e/etc/passwd%00 -o /dev/null -w '%{http_code}')" 404
	becomes "headers have an end" are_too_large $daemon
	for method in POST PUT DELETE PATCH OPTIONS TRACE BREW; do
		check_has "$method is not allowed, and told what is" "$(insist \
			$daemon /metrics -i -X $method -d x)" 'Allow: GET, HEAD'
	done
	check "HEAD is" "$(insist $daemon /metrics -I -o /dev/null \
		-w '%{http_code}')" 200
done
eventually "the file was loaded meanwhile" "$complete_sources" 8
kill "$rude_pid"
wait "$rude_pid" 2>/dev/null || true
rude_pid=''

# Nothing has failed, but nothing gets on.
q "begin; lock table raw.events; select pg_sleep(600)" >/dev/null 2>&1 &
holder=$!
eventually "somebody holds the table" "select count(*) from pg_locks where granted
	and mode = 'AccessExclusiveLock' and relation = 'raw.events'::regclass" 1
drop "$top/tests/data/events_sample.json" events locked.json
becomes "the consumer says that a load does not get on" \
	says_why consumer '^loader: no progress for .* s: a load'
becomes "the producer has nothing to do with it" is_ready producer
check "it is alive, though" "$(fetch consumer /healthz -o /dev/null \
	-w '%{http_code}')" 200
check "not ready: a metric" "$(fetch consumer /metrics |
	awk '$1 == "sluice_ready" { print $2 }')" 0
check "status says so" "$("$bin/sluice" --json status |
	jq -r '.consumer.reasons[]' | grep -c 'loader: no progress')" 1
q "select pg_terminate_backend(pid) from pg_stat_activity
	where query like '%lock table raw.events%' and pid <> pg_backend_pid()" >/dev/null
wait "$holder" 2>/dev/null || true
eventually "the lock gone, it loads" "$complete_sources" 9
becomes "and the consumer is ready again" is_ready consumer

broker_pid=$(server_pid rabbitmq)
kill -STOP "$broker_pid"
drop "$top/tests/data/events_sample.json" events stopped.json
becomes "the producer says that RabbitMQ does not confirm" \
	says_why producer '^publisher: no progress for .* s: confirms of RabbitMQ'
until_true grep -q 'STATUS=waits: publisher: no progress' "$work/notified" || true
check_has "the service manager hears why" "$(cat "$work/notified")" \
	'STATUS=waits: publisher: no progress'
kill -CONT "$broker_pid"
broker_pid=''
eventually "RabbitMQ goes on, and so does the file" "$complete_sources" 10
becomes "and the producer is ready again" is_ready producer
check "status shows where they listen" "$("$bin/sluice" --json status |
	jq -r '.producer.http, .consumer.http' | paste -sd' ')" \
	"$(setting producer_http) $(setting consumer_http)"

producer_stop
until_true grep -q STOPPING=1 "$work/notified" || true
check_has "the service manager hears of the end" "$(cat "$work/notified")" \
	STOPPING=1
consumer_stop
check_invariants
scenario_end

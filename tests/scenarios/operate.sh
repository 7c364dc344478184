#!/usr/bin/env bash
# operate.sh - what an operator says is done and lasts: a pause of everything or
# of one dataset, over restarts of the consumer; resume, drain; one clear answer
# where something is wrong.
. "$(dirname "$0")/lib.sh"

complete() { # DATASET
	printf '%s and dataset = %s' "$complete_sources" "'$1'"
}

ready_at() { # PORT: what the daemon answers to /readyz
	curl -s -w '%{http_code}' "http://$1/readyz" || true
}

in_queue() { # QUEUE: ready messages
	"$bin/sluice" --json status 2>/dev/null |
		jq --arg q "$1" '.queues[] | select(.queue == $q) | .ready'
}

waits_in() { # QUEUE
	[ "$(in_queue "$1")" != 0 ]
}

paused_line() { # TIMES WHAT
	[ "$(grep -c "event=paused dataset=$2" "$work/consumer.log")" = "$1" ]
}

scenario_begin operate
consumer_http=$(setting consumer_http)

# -- everything, before the consumer starts
check_has "a pause is said to be on" \
	"$(exits 0 "$bin/sluice" pause --reason 'an index is built')" 'everything is paused'
check_has "a second one changes nothing" "$(exits 0 "$bin/sluice" pause)" 'was paused before'
check "who, and why, is kept, once" "$(q "select paused_by, reason,
	(select count(*) from meta.operation) from meta.pause")" \
	"${SUDO_USER:-$(id -un)}|an index is built|1"
producer_start
consumer_start
drop "$top/tests/data/events_sample.json" events one.json
until_true waits_in sluice.events || true
until_true paused_line 1 '\*' || true
check "a consumer that starts says once that it is paused" \
	"$(grep -c 'event=paused' "$work/consumer.log")" 1
check_has "it is ready, with a note" "$(ready_at "$consumer_http")" 'an index is built'
check_has "and the answer is 200" "$(ready_at "$consumer_http")" 200
check_has "and to those who measure" "$(curl -s "http://$consumer_http/metrics")" \
	$'\nsluice_ready 1\n'
check_has "drain knows that it would never end" "$(exits 1 "$bin/sluice" drain)" 'paused by'
consumer_stop
consumer_start
until_true paused_line 2 '\*' || true
check "after a restart nothing is taken" "$(q 'select count(*) from meta.source')" 0
check_has "resume ends it" "$(exits 0 "$bin/sluice" resume)" 'going on'
eventually "and what waited is loaded" "$(complete events)" 1
check_has "resumed is said" "$(cat "$work/consumer.log")" event=resumed
check_has "a second one says so" "$(exits 0 "$bin/sluice" resume)" 'was not paused'
check "the note is gone" "$(ready_at "$consumer_http")" $'ready\n200'

# -- while it runs
exits 0 "$bin/sluice" pause >/dev/null
until_true paused_line 3 '\*' || true
drop "$top/tests/data/events_sample.json" events two.json
until_true waits_in sluice.events || true
check "a running consumer obeys" "$(q "$(complete events)")" 1
exits 0 "$bin/sluice" resume >/dev/null
eventually "and goes on" "$(complete events)" 2

# -- one dataset
check_has "one dataset is paused" "$(exits 0 "$bin/sluice" pause orgs)" 'events.orgs is paused'
until_true paused_line 1 events.orgs || true
drop "$top/tests/data/orgs_sample.json" orgs orgs.json
drop "$top/tests/data/events_sample.json" events three.json
eventually "the others are loaded" "$(complete events)" 3
check "it is not" "$(q 'select count(*) from raw.orgs')" 0
check_has "the note names it" "$(ready_at "$consumer_http")" 'note: paused dataset events.orgs: by'
consumer_stop KILL
consumer_start
until_true paused_line 2 events.orgs || true
drop "$top/tests/data/events_sample.json" events four.json
eventually "after a kill it is the same" "$(complete events)" 4
check "and still is not" "$(q 'select count(*) from raw.orgs')" 0
check "the end of it is for everything" "$(exits 0 "$bin/sluice" --json resume |
	jq -r .changed)" true
eventually "then it is loaded, too" "$(complete orgs)" 1
check_has "a derived dataset cannot be paused alone" \
	"$(exits 64 "$bin/sluice" pause users)" 'pause that'
check_has "an unknown one is named, with what there is" \
	"$(exits 64 "$bin/sluice" pause nonsense)" 'events.orgs'

# -- drain
check_has "all is loaded: drained" "$(exits 0 "$bin/sluice" drain --timeout 120)" drained
consumer_stop
drop "$top/tests/data/events_sample.json" events five.json
until_true waits_in sluice.events || true
check_has "what waits is counted" "$(exits 1 "$bin/sluice" drain --timeout 0)" \
	'not drained: '

# -- what is wrong is said, and nothing hangs
for verb in pause resume; do
	check_has "$verb: a dead server" "$(exits 69 env SLUICE_DATABASE_PORT=1 \
		"$bin/sluice" "$verb")" 'is not there'
	check_has "$verb: too many words" "$(exits 64 "$bin/sluice" "$verb" a b)" usage
	check_has "$verb: no broker here" "$(exits 78 env SLUICE_BROKER=false \
		"$bin/sluice" "$verb")" 'no consumer'
done
check_has "drain: a dead broker" "$(exits 69 env SLUICE_BROKER_PORT=1 "$bin/sluice" drain)" ':1'
q 'alter table meta.pause rename to pause_new' >/dev/null
check_has "an old schema: the remedy" "$(exits 78 "$bin/sluice" pause)" 'sluice apply'
q 'alter table meta.pause_new rename to pause' >/dev/null

consumer_start
eventually "all is loaded in the end" "$(complete events)" 5
producer_stop
consumer_stop
check_invariants
scenario_end

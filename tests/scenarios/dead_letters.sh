#!/usr/bin/env bash
# dead_letters.sh - messages that end in the dead queue, by an operator's
# policy, by hand, by a limit of deliveries, or in both queues at once: all are
# drained through the ledger and load once.
. "$(dirname "$0")/lib.sh"

api() { # METHOD PATH [JSON]
	curl -sS -K "$work/curlrc" -X "$1" -H 'content-type: application/json' \
		${3:+--data "$3"} "$(setting broker_api)/api/$2"
}

# policy JSON: for the pipeline's queue; no JSON: no policy
policy() {
	if [ $# = 0 ]; then
		api DELETE policies/s_dead_letters/test
	else
		api PUT policies/s_dead_letters/test \
			"{\"pattern\":\"^sluice.events\$\",\"apply-to\":\"queues\",\"definition\":$1}"
	fi
}

ready() { # QUEUE
	"$bin/sluice" --json status 2>/dev/null |
		jq -r --arg queue "$1" '.queues[] | select(.queue == $queue) | .ready'
}

holds() { # QUEUE COUNT
	[ "$(ready "$1")" = "$2" ]
}

held() { # CLAIM QUEUE COUNT
	until_true holds "$2" "$3" || true
	check "$1" "$(ready "$2")" "$3"
}

dropped() { # NAME: 4 messages, 36 records
	drop "$top/tests/data/events_sample.json" events "$1"
	until_true test ! -e "$work/raw/events/$1"
	until_true grep -q "event=published source=events/$1" "$work/producer.log"
}

loads_once() { # NAME CLAIM
	eventually "$2" "select count(*) from meta.source
		where completed_at is not null and name = 'events/$1'" 1
	check "$1: every record is in the delta once" "$(q "select count(*),
		count(distinct _offset) from raw.events_delta join meta.source
		on _source = source_id where name = 'events/$1'")" "36|36"
	check_has "$1: the receipt holds" "$("$bin/sluice" receipt "$1")" HOLDS
}

scenario_begin dead_letters
printf 'user = "%s:%s"\n' "$(setting admin_user)" \
	"$(cat "$(setting admin_password_file)")" >"$work/curlrc"
export SLUICE_CHUNK_RECORDS=12
producer_start

policy '{"message-ttl":1}'
dropped expired.json
held "a policy lets them expire into the dead queue" sluice.events.dead 4
policy
consumer_start
loads_once expired.json "what expired loads"

consumer_stop
dropped byhand.json
held "four more messages wait" sluice.events 4
api POST queues/s_dead_letters/sluice.events/get \
	'{"count":3,"ackmode":"reject_requeue_false","encoding":"base64"}' >/dev/null
held "three were dead-lettered by hand" sluice.events.dead 3
held "one was not" sluice.events 1
consumer_start
loads_once byhand.json "what was moved by hand loads"

consumer_stop
policy '{"delivery-limit":1}'
q "begin; lock table raw.events in exclusive mode; select pg_sleep(600)" \
	>/dev/null 2>&1 &
eventually "somebody holds the table" "select count(*) from pg_locks where granted
	and mode = 'ExclusiveLock' and relation = 'raw.events'::regclass" 1
dropped limited.json
for _ in 1 2; do
	consumer_start
	eventually "a consumer holds the messages" "select count(*) from pg_locks
		where not granted and relation = 'raw.events'::regclass" 1
	consumer_stop KILL
	eventually "it was killed with them" "select count(*) from pg_stat_activity
		where application_name = 'sluice-consumer'
		and datname = current_database()" 0
done
until_true holds sluice.events 0 || true
check "a delivery limit has emptied the queue" "$(ready sluice.events)" 0
q "select pg_terminate_backend(pid) from pg_locks where granted
	and mode = 'ExclusiveLock' and relation = 'raw.events'::regclass" >/dev/null
policy
consumer_start
loads_once limited.json "what was delivered too often loads"

api POST bindings/s_dead_letters/e/sluice/q/sluice.events.dead \
	'{"routing_key":"events.#"}'
dropped twice.json
loads_once twice.json "what comes by both queues loads"
eventually "and its second coming was absorbed" \
	"select sum(duplicates) >= 4 from meta.load" t
held "nothing is left in the dead queue" sluice.events.dead 0
check "nothing was rejected" "$(q 'select count(*) from meta.reject')" 0
consumer_stop
producer_stop
check_invariants
scenario_end

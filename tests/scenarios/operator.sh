#!/usr/bin/env bash
# operator.sh - what an operator gets to see when something is wrong: one
# clear message with the remedy and the right exit code, or waiting, never a
# crash and never a silent drop.
. "$(dirname "$0")/lib.sh"

exits_as=as_daemon

consumer_runs() {
	kill -0 "$consumer_pid" 2>/dev/null && echo yes || echo no
}

answers() { # DAEMON PART
	[[ $($exits_as "$bin/sluice-$1" --health 2>&1) = *"$2"* ]]
}

scenario_begin operator
check_has "an unknown verb is named" "$(exits 64 "$bin/sluice" frobnicate)" frobnicate
check_has "a closed port: PostgreSQL is not there" \
	"$(exits 69 env SLUICE_DATABASE_PORT=1 "$bin/sluice" models verify)" 1
printf 'databse_name: x\n' >"$work/bad.yaml"
check_has "an unknown setting is named with its place" \
	"$(exits 78 "$bin/sluice" --config "$work/bad.yaml" config check)" bad.yaml:1:1
check_has "the daemons refuse it as well" \
	"$(exits 78 "$bin/sluice-consumer" --config "$work/bad.yaml")" databse_name
cp "$work/pipelines/events.yaml" "$work/broken.yaml"
sed -i 's/newest:/newst:/' "$work/broken.yaml"
check_has "an unknown key of a pipeline is named" \
	"$(exits 78 "$bin/sluice" pipeline check "$work/broken.yaml")" newst
check_has "a wrong password says whose" "$(exits 78 env \
	SLUICE_PRODUCER_PASSWORD=wrong SLUICE_PRODUCER_PASSWORD_FILE= \
	"$bin/sluice-producer")" sluice_producer
check "the password itself is nowhere" "$(exits 78 env \
	SLUICE_PRODUCER_PASSWORD=sesame SLUICE_PRODUCER_PASSWORD_FILE= \
	"$bin/sluice-producer" | grep -c sesame)" 0

# the queue is deleted while a file waits
producer_start
consumer_start
drop "$top/tests/data/events_sample.json" events one.json
eventually "a first file loads" "$complete_sources" 1
consumer_stop
producer_stop
api=$(setting broker_api)
admin=$(setting admin_user) secret=$(cat "$(setting admin_password_file)")
printf 'user = "%s:%s"\n' "$admin" "$secret" >"$work/curlrc"
curl -sS -K "$work/curlrc" -X DELETE "$api/api/queues/s_operator/sluice.events" >/dev/null
curl -sS -K "$work/curlrc" -X DELETE "$api/api/queues/s_operator/sluice.events.dead" >/dev/null
rm -f "$work/curlrc"
check_has "a daemon that does not run says nothing, and that is told" \
	"$(exits 1 "$bin/sluice-consumer" --health)" 'does not answer'
producer_start
consumer_start
drop "$top/tests/data/events_sample.json" events two.json
until_true grep -q 'sluice apply' "$work/producer.log" || true
check_has "the producer says what to do about the missing queue" \
	"$(cat "$work/producer.log")" 'sluice apply'
until_true answers producer 'queue of events: ' || true
check_has "so does its own answer" "$(exits 1 "$bin/sluice-producer" --health)" \
	'queue of events: no queue takes its messages'
until_true answers consumer 'queues: ' || true
check_has "and the consumer's" "$(exits 1 "$bin/sluice-consumer" --health)" 'queues: '
check "nothing was taken for sent" "$(q "$complete_sources")" 1
"$bin/sluice" apply >>"$work/apply.log" 2>&1
eventually "after the remedy the file loads" "$complete_sources" 2

# a table altered by hand
q "alter table raw.events rename column username to user_name" >/dev/null
drop "$top/tests/data/events_sample.json" events three.json
until_true grep -q username "$work/consumer.log" || true
check_has "the consumer names the table or column that was altered" \
	"$(cat "$work/consumer.log")" username
check "it waits, it does not crash" "$(consumer_runs)" yes
check "nothing was dropped" "$(q "$complete_sources")" 2
q "alter table raw.events rename column user_name to username" >/dev/null
eventually "mended by hand, the file loads" "$complete_sources" 3

# TERM at any moment
consumer_stop
producer_stop
check_has "a receipt holds after all that" \
	"$("$bin/sluice" receipt three.json)" HOLDS
check_invariants
scenario_end

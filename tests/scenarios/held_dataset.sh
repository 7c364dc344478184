#!/usr/bin/env bash
# held_dataset.sh - a table that was altered by hand, is locked, or has a
# trigger in the way holds up its own dataset and no other, however many
# messages pile up; the log says what to do, and what waited loads by itself.
. "$(dirname "$0")/lib.sh"

# make_orgs FILE FROM TO: an array of organisations
make_orgs() {
	seq "$2" "$3" | awk '{
		printf "%s{\"organization_key\": \"org-%d\", \"organization_name\": " \
			"\"Number %d\", \"created_at\": \"2020-01-01 00:00:00\"}\n", \
			NR == 1 ? "[" : ",", $1, $1
	} END { print "]" }' >"$1"
}

complete() { # FOLDER: the number of its complete sources
	q "$complete_sources and dataset = 'events.$1'"
}

says() {
	grep "event=dataset_waits" "$work/consumer.log" | grep -q "$1"
}

goes_on() { # DATASET TIMES
	[ "$(grep -c "event=dataset_goes_on dataset=$1" "$work/consumer.log")" -ge "$2" ]
}

# recovers CLAIM COMMAND...: what was mended is taken up by the next try, at
# most two seconds away; nothing is asserted about the time, it is shown.
recovers() {
	local claim=$1 sources=$2 from=$EPOCHREALTIME
	eventually "$claim" "$complete_sources and dataset = 'orgs'" "$sources"
	note "   after $(((${EPOCHREALTIME/./} - ${from/./}) / 1000)) ms"
}

scenario_begin held_dataset
export SLUICE_PREFETCH=12 SLUICE_CHUNK_BYTES=2KiB SLUICE_LOCK_TIMEOUT_MS=1s
make_orgs "$work/orgs1.json" 1 200
make_orgs "$work/orgs2.json" 201 2000
make_orgs "$work/orgs3.json" 2001 2100
"$bin/gen_events" 3000 21 10 >"$work/events1.json"
producer_start
consumer_start

# a column renamed by hand, and more messages than the broker hands out ahead
q 'alter table raw.orgs rename column organization_name to name'
drop "$work/orgs1.json" orgs
drop "$work/orgs2.json" orgs
until_true says 'dataset=events.orgs' || true
drop "$work/events1.json"
eventually "events load while organisations wait" "$complete_sources" 1
check "none of the organisations is loaded" "$(q 'select count(*) from raw.orgs')" 0
check_has "the log names the dataset, the cause and the remedy" \
	"$(grep event=dataset_waits "$work/consumer.log")" 'sluice apply'
check "it is said once, not at every try" \
	"$(grep -c event=dataset_waits "$work/consumer.log")" 1
moved() {
	grep -q 'event=messages_moved dataset=events.orgs' "$work/consumer.log"
}
status=$("$bin/sluice" --json status || true)
check "status names the dataset that waits" \
	"$(jq '.consumer.reasons | map(test("^dataset events.orgs: .*sluice apply")) | any' \
		<<<"$status")" true
check "the producer is ready meanwhile" "$(jq .producer.ready <<<"$status")" true
check "too many to hold wait among the dead letters" \
	"$(until_true moved && echo yes)" yes
q 'alter table raw.orgs rename column name to organization_name'
recovers "mended, the organisations load" 2
until_true goes_on events.orgs 1 || true
check "every one of them" "$(q 'select count(*) from raw.orgs')" 2000

# a lock on the master
q 'begin; lock table raw.orgs; select pg_sleep(600)' >/dev/null 2>&1 &
locker=$!
lock_is_held() {
	[ "$(q "select count(*) from pg_locks
		where relation = 'raw.orgs'::regclass and granted
		and mode = 'AccessExclusiveLock'")" = 1 ]
}
until_true lock_is_held
drop "$work/orgs3.json" orgs
until_true says 'code=55P03' || true
"$bin/gen_events" 500 22 >"$work/events2.json"
drop "$work/events2.json"
eventually "events load while a lock is held on the organisations" \
	"$complete_sources and dataset = 'events'" 2
check "the locked ones wait" "$(q "select count(*) from raw.orgs_delta")" 2000
check_has "the log tells of the lock" \
	"$(grep event=dataset_waits "$work/consumer.log" | tail -n 1)" pg_locks
q "select pg_terminate_backend(pid) from pg_stat_activity
	where query like '%lock table raw.orgs%' and pid <> pg_backend_pid()" >/dev/null
wait "$locker" || true
recovers "released, they load" 3

# a trigger that drops rows: numbers that do not add up concern one table
q 'create function drop_row() returns trigger language plpgsql as
	$$begin return null; end$$;
	create trigger in_the_way before insert on raw.orgs_delta
	for each row execute function drop_row()'
make_orgs "$work/orgs4.json" 2101 2200
drop "$work/orgs4.json" orgs
until_true says 'trigger' || true
"$bin/gen_events" 500 23 >"$work/events3.json"
drop "$work/events3.json"
eventually "events load while a trigger is in the way" \
	"$complete_sources and dataset = 'events'" 3
consumer_stop
check "a consumer that holds messages ends well" "$(tail -n 1 "$work/consumer.log" |
	grep -c 'event=ended code=0')" 1
consumer_start
q 'drop trigger in_the_way on raw.orgs_delta'
recovers "without the trigger, and after a restart, they load" 4

eventually "no death is left on record" "select count(*) from meta.attempt" 0
check "each record is in the delta once" "$(q "select count(*),
	count(distinct (_source, _offset)) from raw.orgs_delta")" "2200|2200"
check "nothing was rejected" "$(q 'select count(*) from meta.reject')" 0
check_invariants
scenario_end

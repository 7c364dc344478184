#!/usr/bin/env bash
# foreign.sh - messages of other programs: an object, an array, nonsense, a
# forgery; each is loaded once or rejected with its bytes kept.
. "$(dirname "$0")/lib.sh"

publish=$bin/publish
event() { # ID
	printf '{"id":"%s","event_type":"User Created","username":"f","user_email":null,"user_type":"","organization_name":null,"plan_name":null,"received_at":"2026-03-01T00:00:00Z"}' "$1"
}

scenario_begin foreign
consumer_start
event f1 | "$publish" events.events m1 app
eventually "one object loads" \
	"select user_type is null, received_at from raw.events where id = 'f1'" \
	"t|2026-03-01 00:00:00"
{ printf '[\n'; event f2; printf ',\n'; event f3; printf ',\n{"id": 7}\n]'; } |
	"$publish" events.events m2 app
eventually "an array loads, its bad element is a reject" "select
	(select count(*) from raw.events where id in ('f2', 'f3')),
	(select string_agg(code || ' at line ' || line, ' ') from meta.reject)" \
	"2|type at line 4"
event f1 | "$publish" events.events m1 app
event f1 | "$publish" events.events m1 app
event f4 | "$publish" events.events m1 app
eventually "the same message again is absorbed, another body is not" \
	"select count(*), (select count(*) from meta.source where kind = 'foreign'),
	(select count(*) from raw.events_delta where id = 'f1') from raw.events" "4|3|1"
printf 'no json' | "$publish" events.events m3 app
eventually "nonsense is a reject" "select count(*) from meta.reject r
	join meta.source s using (source_id) where s.kind = 'foreign'
	and r.code in ('json_syntax', 'not_json')" 1
event f5 | "$publish" events.nosuch m4 app
eventually "an unknown dataset is a reject" "select count(*) from meta.reject
	where code = 'unknown_dataset'" 1
event f6 | "$publish" events.events \
	"00000000-0000-4000-8000-000000000000:0-10" app application/x-ndjson
eventually "a forged message of ours is set aside" "select count(*)
	from meta.reject where code = 'bad_envelope'" 1
check "a foreign user may not publish elsewhere" \
	"$(event x | "$publish" other.events m5 app >/dev/null 2>&1 && echo sent || echo refused)" refused
check "every body is kept for why and replay" "$(q "select count(*) =
	(select count(*) from meta.source where kind = 'foreign')
	from meta.message")" t
check "rows lead to their message" "$(q "select position('f3' in
	convert_from(substr(m.body, (e._offset + 1)::int, 40), 'UTF8')) > 0
	from raw.events e join meta.message m on m.source_id = e._source
	where e.id = 'f3'")" t
check_invariants
scenario_end

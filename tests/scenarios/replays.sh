#!/usr/bin/env bash
# replays.sh - rejects are put through again: as they are, after the pipeline
# file was changed; repaired by a command or a file; twice; in vain. Each loads
# once and is counted once, and a dry run changes nothing.
. "$(dirname "$0")/lib.sh"

replay() { # CODE ARGS...
	local want=$1
	shift
	exits "$want" "$bin/sluice" rejects replay "$@"
}

reject_of() { # CONDITION
	q "select reject_id from meta.reject where resolved_by is null and $1"
}

file_loads() { # NAME
	eventually "$1 is complete" "select count(*) from meta.source
		where completed_at is not null and name = 'shop/$1'" 1
}

snapshot() {
	q "select (select md5(string_agg(r::text, ' ' order by reject_id)) from meta.reject r),
		(select count(*) from meta.chunk), (select count(*) from meta.load),
		(select sum(records) from meta.source),
		(select count(*) from raw.shop), (select count(*) from raw.shop_delta)"
}

make_pipeline() { # MAX_LENGTH
	cat >"$work/pipelines/shop.yaml" <<-YAML
		pipeline: shop
		datasets:
		  shop:
		    source: { directory: shop }
		    table: raw.shop
		    key: [id]
		    columns:
		      - { name: id, type: integer }
		      - { name: name, type: text, max_length: $1 }
		      - { name: total, type: numeric }
	YAML
}

scenario_begin replays
make_pipeline 5
"$bin/sluice" apply >>"$work/apply.log" 2>&1
producer_start
consumer_start

# a file with good records, long names, a total in words, broken lines
long=$(printf 'x%.0s' $(seq 70000))
{
	printf '{"id":1,"name":"ann","total":1}\n'
	printf '{"id":2,"name":"barbara","total":2}\n'
	printf '{"id":3,"name":"cleo","total":"3"}\n'
	printf '{"id":4,"name":"dora","total":}\n'
	printf '{"id":5,"name":"%s","total":5}\n' "$long"
	printf '{"id":6,"name":"fay","total":6}\n'
	printf '{"id":7,"name":"georgina","total":"7"}\n'
} >"$work/bad.ndjson"
drop "$work/bad.ndjson" shop
file_loads bad.ndjson
check "five are rejected" "$(q "select string_agg(code, ' ' order by record_no)
	from meta.reject")" "too_long type json_syntax too_long too_long"
check_has "list groups them by cause" "$("$bin/sluice" --json rejects list |
	jq -r '.groups[] | [.dataset, .code, .field, .rejects] | @csv' | tr '\n' ' ')" \
	'"shop.shop","too_long","name",3 "shop.shop","json_syntax",,1 "shop.shop","type","total",1'
check "conditions choose among them" "$("$bin/sluice" --json rejects list --each \
	--where code=too_long --where dataset=shop --where since=1h \
	--where 'file=*.ndjson' --where stage=consumer | jq '.rejects | length')" 3
check "none of them is older than now" "$("$bin/sluice" --json rejects list --each \
	--where until=1h | jq '.rejects | length')" 0

# what cannot be done says so
check_has "a condition of no meaning is usage" "$(replay 64 --where colour=red)" colour
check_has "so is a time that is none" "$(replay 64 --where since=noon-ish)" noon-ish
check_has "and a file for several" "$(replay 64 --file "$work/bad.ndjson")" "one reject"
check_has "and a flag of another word" "$(exits 64 "$bin/sluice" rejects list --dry-run)" replay
check_has "and no number" "$(replay 64 seventeen)" seventeen
check_has "a reject that is not there is named" "$(replay 1 999999)" 999999
check_has "no database: 69" "$(exits 69 env SLUICE_DATABASE_PORT=1 \
	"$bin/sluice" rejects replay)" "not there"
check_has "no broker: 69" "$(exits 69 env SLUICE_BROKER_PORT=1 \
	"$bin/sluice" rejects replay --where code=too_long)" RabbitMQ

before=$(snapshot)
shown=$(replay 0 --dry-run)
check_has "a dry run shows what would be sent" "$shown" barbara
check_has "and what would not, and why" "$shown" "not one JSON object"
check_has "and the message's name" "$shown" "#r1"
check_has "and that a long one comes from the kept file" "$shown" processed/shop/
check "and changes nothing" "$(snapshot)" "$before"

# in vain, then after the pipeline file was changed
check_has "as they are they are refused again" \
	"$(replay 1 --where code=too_long)" "3 refused again"
check "that keeps them open" "$(q "select count(*), sum(rejected) from meta.source
	join meta.reject using (source_id) where resolved_by is null")" "5|25"
make_pipeline 200000
kill -HUP "$consumer_pid"
until_true grep -q event=reloaded "$work/consumer.log"
drop "$top/tests/data/bad/bad_date.json" events reloaded.json
eventually "the consumer has the new file" "select count(*) from meta.source
	where completed_at is not null and name = 'events/reloaded.json'" 1
check_has "re-mapped, two load; one has another fault" \
	"$(replay 1 --where code=too_long)" "2 loaded, 1 refused again"
check "the two are there, with all their bytes" "$(q "select id, length(name)
	from raw.shop where id in (2, 5) order by id" | tr '\n' ' ')" "2|7 5|70000 "
check "the third is open with its new reason" "$(q "select code || ' ' || field
	from meta.reject where record_no = 7 and resolved_by is null")" "type total"
check "a row leads to its source's bytes" "$(q "select _offset = lo from raw.shop
	join meta.reject on _source = source_id where id = 2 and record_no = 2")" t

# repaired by a command
check_has "a filter that fails sends nothing" \
	"$(replay 1 --where code=type --filter 'exit 3')" "ended with 3"
check_has "nor one that prints nonsense" \
	"$(replay 1 --where code=type --where dataset=shop.shop --filter 'echo oops')" \
	"not one JSON object"
check_has "a filter mends what it can" "$(replay 0 --where code=type \
	--where dataset=shop.shop --filter "jq -c '.total |= tonumber'")" "2 loaded"
check "with its values" "$(q "select string_agg(total::text, ' ' order by id)
	from raw.shop where id in (3, 7)")" "3 7"

# repaired by a file, of another length than what was refused
broken=$(reject_of "code = 'json_syntax'")
printf '{\n "id": 4, "name": "dora, a much longer name than before",\n "total": 4.50\n}\n' \
	>"$work/mended.json"
check_has "a file mends one" "$(replay 0 "$broken" --file "$work/mended.json")" "1 loaded"
check "with its values" "$(q "select total from raw.shop where id = 4")" 4.50
check_has "a resolved one is not sent again" \
	"$(replay 0 "$broken" --file "$work/mended.json")" "nothing to replay"

# twice at once: the second is absorbed
printf '{"id":8,"name":"h","total":"8"}\n{"id":9,"name":"i","total":"9"}\n' \
	>"$work/twice.ndjson"
drop "$work/twice.ndjson" shop
file_loads twice.ndjson
consumer_stop
for _ in 1 2 3; do
	check_has "without a consumer it is under way" "$(replay 0 --wait 0 --where \
		file=twice.ndjson --filter "jq -c '.total |= tonumber'")" "2 under way"
done
consumer_start
eventually "three replays of a reject load once" "select count(*),
	(select count(*) from raw.shop_delta where id in (8, 9)) from meta.reject
	join meta.source using (source_id)
	where name = 'shop/twice.ndjson' and resolved_by is not null" "2|2"
eventually "the others were absorbed" \
	"select sum(duplicates) >= 4 from meta.load" t

# a reject of a foreign message
printf '[{"id":10,"name":"k","total":1},{"id":11,"name":"l","total":"2"}]' |
	"$bin/publish" shop.shop m1 app
eventually "a foreign message has a bad record" "select count(*) from meta.reject
	join meta.source using (source_id) where kind = 'foreign'" 1
check_has "it can be repaired as well" "$(replay 0 --where code=type --where \
	dataset=shop --filter "jq -c '.total |= tonumber'")" "1 loaded"
check "it is loaded" "$(q "select total from raw.shop where id = 11")" 2

for one in bad.ndjson twice.ndjson; do
	check_has "$one: the receipt holds" "$("$bin/sluice" receipt "$one")" HOLDS
done
check_has "it tells of the replays" "$("$bin/sluice" receipt bad.ndjson)" \
	"5 of those loaded were rejected"
check "nothing of it is open" "$(reject_of "dataset = 'shop'")" ""
check "every record is in the delta once" "$(q "select count(*),
	count(distinct (_source, _offset)) from raw.shop_delta")" "11|11"
consumer_stop
producer_stop
check_invariants
scenario_end

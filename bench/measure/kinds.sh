# kinds.sh - (d) the whole path with other data: no key twice, nested records of
# 2 KB, and one record a message.
# shellcheck shell=bash disable=SC2154,SC2034

kinds_steps=7

kinds_round() {
	local few=$((records * 3 / 10 + 1)) bytes
	next_step "(d) no key twice"
	path_into path_dup0_per_s "unique_$round" "$work/unique.json"
	path_end "unique_$round"
	next_step "(d) limit: no key twice"
	limit_into limit_dup0_per_s "limit0_$round" events events "$work/unique.json"
	next_step "(d) nested records"
	path_into path_nested_per_s "nested_$round" "$work/nested.json" gharchive \
		"$nested_records"
	path_end "nested_$round"
	next_step "(d) limit: nested records"
	limit_into limit_nested_per_s "limitn_$round" gharchive gharchive \
		"$work/nested.json"
	next_step "(d) one record a message"
	head -n "$few" "$work/lines.ndjson" >"$work/few.json"
	SLUICE_CHUNK_RECORDS=1 path_into one_a_message_per_s "single_$round" \
		"$work/few.json" events "$few"
	stop_daemons
	next_step "(d) the broker alone, one record a message"
	bytes=$(($(stat -c %s "$work/few.json") / few))
	put broker_one_per_s "$("$bin/bench_broker" -b "$bytes" "$few")"
	gone "single_$round"
	next_step "(d) the broker beside upsert and models, one record a message"
	fresh "beside_$round"
	put broker_one_beside_per_s "$(rate "$few" "$(beside "$bytes" "$few")")"
	gone "beside_$round"
}

# Seconds until the broker has passed so many messages on, and the bare program
# beside it has loaded as many records.
beside() { # BYTES RECORDS
	local started=$EPOCHREALTIME broker
	"$bin/bench_broker" -b "$1" "$2" >/dev/null &
	broker=$!
	"$bin/bare_load" events events "$work/few.json" >/dev/null
	wait "$broker"
	calc "$EPOCHREALTIME - $started"
}

#!/usr/bin/env bash
# direct_load.sh - files straight into the database: the same answers as by the
# broker, by day, again, after a kill, and what is wrong with the words.
. "$(dirname "$0")/lib.sh"

load() { # ARGS...: exit code and counts of a load
	local code=0
	"$bin/sluice" --json load "$@" >"$work/json" 2>"$work/err" || code=$?
	printf '%s %s\n' "$code" "$(jq -r '[.files, .records, .inserted, .updated,
		.unchanged, .rejected, .filtered, .loaded_before] | join(" ")' \
		"$work/json" 2>/dev/null || true)"
}

usage() { # ARGS...: exit code, with the message in $work/err
	local code=0
	"$bin/sluice" load "$@" >/dev/null 2>"$work/err" || code=$?
	printf '%s\n' "$code"
}

fact_events() {
	q "copy (select * from modelled.fact_events) to stdout csv header" |
		LC_ALL=C sort | md5sum
}

scenario_begin direct_load
mkdir -p "$work/raw/events" "$work/raw/orgs"
sample=$work/raw/events/sample.json
cp "$top/tests/data/events_sample.json" "$sample"
cp "$top/tests/data/orgs_sample.json" "$work/raw/orgs/orgs.json"
days=$(jq -r '.[].received_at[0:10]' "$sample" | sort | uniq -c)
of_two=$(printf '%s\n' "$days" | awk '$2 <= "2024-03-02" { n += $1 } END { print n }')
of_day=$(printf '%s\n' "$days" | awk '$2 == "2024-03-05" { print $1 }')

check "a dry run counts" "$(load events --dry-run)" "0 2 56 56 0 0 0 0 0"
check "and writes nothing" "$(q 'select count(*) from meta.source')" 0

check "one day: the others are filtered, organisations come whole" \
	"$(load events --date 2024-03-05)" \
	"0 2 56 $((of_day + 20)) 0 0 0 $((36 - of_day)) 0"
check "only that day is there" \
	"$(q "select string_agg(distinct received_at::date::text, ' ') from raw.events")" 2024-03-05
check "its receipt holds, with what was filtered" \
	"$("$bin/sluice" --json receipt "$sample" |
		jq -r '.receipts[0] | [.verdict, .records, .filtered] | join(" ")')" \
	"HOLDS 36 $((36 - of_day))"
check "the same again does nothing" "$(load events --date 2024-03-05)" \
	"0 2 0 0 0 0 0 0 56"
check "other days, both ends meant" \
	"$(load events --from 2024-03-01 --to 2024-03-02 --dataset events |
		cut -d' ' -f1-2,8)" "0 1 $((36 - of_two))"
check "all takes the rest" "$(load events --all | cut -d' ' -f1-3)" "0 2 36"
check "the models are those of a whole load" \
	"$(fact_events)" "$(LC_ALL=C sort "$top/tests/data/expected_fact_events.csv" | md5sum)"
check "nothing is there twice" "$(q 'select count(*) from raw.events')" 35
check_invariants

# formats, a bad record, a file of one's own
gzip -c "$sample" >"$work/again.gz"
check "compressed, from anywhere" \
	"$(load --file "$work/again.gz" --dataset events.events)" \
	"0 1 36 0 0 36 0 0 0"
check "bad records are rejected, the others load" \
	"$(load --dataset events --file "$top/tests/data/bad/bad_date.json")" \
	"1 1 3 2 0 0 1 0 0"
check "several files at once" \
	"$(load --dataset events --file "$work/again.gz" --file "$sample")" \
	"0 2 0 0 0 0 0 0 72"

# killed in the middle: what was committed stays, the rest comes
cat >"$work/many.awk" <<'END'
BEGIN {
	for (i = 0; i < 60000; i++)
		printf "{\"id\": \"m%d\", \"event_type\": \"x\", \"received_at\": \"2025-01-01 00:00:00\"}\n", i
}
END
awk -f "$work/many.awk" >"$work/many.json"
loads_stop_after 4
SLUICE_BATCH_ROWS=2000 "$bin/sluice" load --dataset events --file "$work/many.json" \
	>/dev/null 2>&1 &
loading=$!
until_true load_is_stopped
kill -9 "$loading"
wait "$loading" 2>/dev/null || true
loads_go_on
before=$(q "select count(*) from raw.events where id like 'm%'")
check "the kill left a part" "$before" 8000
after=$(load --dataset events --file "$work/many.json")
check "the rest is loaded, the part is not loaded again" "$after" \
	"0 1 $((60000 - before)) $((60000 - before)) 0 0 0 0 $before"
check "none is missing, none double" \
	"$(q "select count(*), count(distinct id) from raw.events_delta where id like 'm%'")" \
	"60000|60000"
check_invariants

# progress: on a terminal one line that is drawn again, else nothing for a
# load that takes no time
cp "$work/many.json" "$work/more.json"
TERM=xterm NO_COLOR=1 SLUICE_BATCH_ROWS=500 python3 \
	"$top/tests/support/on_terminal.py" 20,100 "$bin/sluice" load \
	--dataset events --file "$work/more.json" </dev/null >"$work/shown"
bars=$(tr '\r' '\n' <"$work/shown" | grep -a '%' | sed 's/\x1b\[K$//')
check "the bar fits into 20 columns" \
	"$(head -n 1 <<<"$bars" | grep -cE '^\[=*>? *\] +[0-9]+ %$')" 1
check "a window that was resized has more" \
	"$(grep -cE '^more.json \[=.* [1-9][0-9] % .*records .*/s .* left$' <<<"$bars" |
		sed 's/^[1-9].*/some/')" some
check "NO_COLOR: no colours" "$(grep -c $'\x1b\\[3' "$work/shown")" 0
check "and the summary follows" "$(grep -c '60000 unchanged' "$work/shown")" 1
check "no bar where no terminal is" \
	"$("$bin/sluice" load events --dry-run 2>&1 | grep -c $'[\r\x1b]')" 0

refused() { # CLAIM PART ARGS...: code 64 and one line that has PART
	local claim=$1 part=$2
	shift 2
	check "$claim" "$(usage "$@") $(wc -l <"$work/err")" "64 1"
	check_has "$claim: says what is allowed" "$(cat "$work/err")" "$part"
}
refused "30 February" 'such as 2024-02-29, not "2020-02-30"' events --date 2020-02-30
refused "a month of one digit" 'such as 2024-02-29' events --date 2024-2-03
refused "no day at all" 'such as 2024-02-29' events --from today --to 2024-01-01
refused "unknown pipeline" 'no pipeline nowhere; there is: crm, events, ' nowhere
refused "unknown dataset" 'events.events, events.orgs' --dataset nothing
refused "a dataset without a date" 'no `date:` column' \
	--dataset orgs --date 2024-01-01
check_has "and which have one" "$(cat "$work/err")" 'it can of: events.events'
check "half a range" "$(usage events --from 2024-01-01)" 64
check "backwards" "$(usage events --from 2024-01-02 --to 2024-01-01)" 64
check "day and all" "$(usage events --date 2024-01-01 --all)" 64
check "a file of nobody's" "$(usage --file "$work/again.gz")" 64
check "no such file" "$(usage --dataset events --file "$work/none")" 74
check "a folder" "$(usage --dataset events --file "$work")" 74
check "no server" "$(SLUICE_DATABASE_PORT=1 usage events --all)" 69
scenario_end

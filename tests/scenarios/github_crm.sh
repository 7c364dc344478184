#!/usr/bin/env bash
# github_crm.sh - the two pipelines made from answers of APIs: commits, the
# people in them, issues; customers and purchases that stand inside an object.
. "$(dirname "$0")/lib.sh"

data=$top/tests/data

# model NAME: its rows as CSV, sorted
model() {
	q "copy (select * from modelled.$1) to stdout (format csv, header)" | sorted
}

# lite NAME: the same from the SQLite file
lite() {
	head -n 1 "$data/$1/expected_$2.csv" | tr -d '\r'
	python3 "$top/tests/support/lite.py" "$work/main.db" "select * from modelled_$2" |
		tr '|' ',' | LC_ALL=C sort
}

sorted() {
	tr -d '\r' | { IFS= read -r head; printf '%s\n' "$head"; LC_ALL=C sort; }
}

check_models() { # PIPELINE postgres|both
	local file name
	for file in "$data/$1"/expected_*.csv; do
		name=$(basename "$file" .csv)
		name=${name#expected_}
		check "$name is right" "$(model "$name")" "$(sorted <"$file")"
		[ "$2" = postgres ] || check "and in SQLite" "$(lite "$1" "$name")" "$(sorted <"$file")"
	done
}

# of FILE COLUMNS: of the one source with such a name
of() {
	q "select $2 from meta.source where name like '%/$1'"
}

check_tests() { # PIPELINE WANT [ARGS...]
	local pipeline=$1 want=$2
	shift 2
	check "what $pipeline promises of its tables holds $*" \
		"$("$bin/sluice" --json test-data "$pipeline" "$@" | jq -c '[.warn, .fail, .broken]')" "$want"
}

declare -A first=([github]=commits [crm]=customers) second=([github]=issues [crm]=purchases)
declare -A loaded=([github]='[2,11,0]' [crm]='[2,13,0]')

scenario_begin github_crm
producer_start
consumer_start
drop "$data/github/commits.json" github/commits
drop "$data/github/issues.json" github/issues
drop "$data/crm/customers.json" crm/customers
drop "$data/crm/purchases.json" crm/purchases
eventually "the four samples are complete" "$complete_sources" 4
for pipeline in github crm; do
	"$bin/sluice" --json load "$pipeline" --to "sqlite:$work/main.db" \
		--file "$data/$pipeline/${first[$pipeline]}.json" \
		--file "$data/$pipeline/${second[$pipeline]}.json" >"$work/lite.json"
	check "files say by their names what they are of ($pipeline)" \
		"$(jq -c '[.files, .inserted, .rejected]' "$work/lite.json")" "${loaded[$pipeline]}"
	check_models "$pipeline" both
done
report_is_right() {
	test "$(sorted <"$work/output/cost_revenue_ratio.csv" 2>/dev/null)" = \
		"$(sorted <"$data/crm/expected_cost_revenue_ratio.csv")"
}
check "the report is written" "$(until_true report_is_right && echo yes)" yes
check "none was refused" "$(q 'select count(*) from meta.reject')" 0
check "people are those of authors and committers that are known" \
	"$(q "select string_agg(concat_ws(' ', user_id, user_login, user_name, user_email), ', ' order by user_id)
		from raw.users")" \
	"7 ola Ola Brandt ola@example.org, 9 web-flow Web Flow noreply@example.org, 12 mio Mio Åkesson mio@example.org"
check "commits without one have none" \
	"$(q "select count(*) from raw.commits where author_id is null
		and author_name in ('Importer', 'Unknown Hand')")" 2
check "comments and times are read" \
	"$(q "select comment_count, author_date at time zone 'UTC' from raw.commits
		where message like 'Merge%' union all
		select comment_count, author_date at time zone 'UTC' from raw.commits
		where message = 'Imported'")" \
	"2|2024-03-02 08:15:00
0|2024-01-01 03:30:00"
check "pull requests are known by what they have" \
	"$(q "select string_agg(issue_number || ' ' || is_pull_request, ', ' order by issue_number)
		from raw.issues")" "11 false, 12 false, 13 false, 14 true, 15 false"
check "reactions and users may be missing" \
	"$(q "select issue_number, reactions, user_id from raw.issues
		where reactions is null or user_id is null order by 1")" "11||30
12|0|"
check "nested fields and lists of customers" \
	"$(q "select username, age, company_name, jsonb_array_length(outreaches)
		from raw.customers where id in (1, 6) order by id")" "inok|41|Quiet Forge|2
boad|||"
check "formats are told" \
	"$(q "select string_agg(format, ' ' order by name) from meta.source")" \
	"pointer pointer array array"
check_has "a row leads to its bytes in the file" "$(tail -c "+$(q "select _offset + 1
	from raw.purchases where id = 105")" "$data/crm/purchases.json" | head -c 20 | tr -d ' \n')" '{"id":105'
check_tests github '[0,0,0]'
check_tests crm '[1,0,0]'
check_tests github '[0,0,0]' --to "sqlite:$work/main.db"
check_tests crm '[1,0,0]' --to "sqlite:$work/main.db"
check "no model of the file differs" "$("$bin/sluice" models verify --to "sqlite:$work/main.db" \
	>"$work/verify.log" 2>&1 && echo same || cat "$work/verify.log")" same

# the first wins, whoever comes later and whatever order a load has
jq -c '[.[] | .commit.author.name = "Later" | .commit.author.email = "later@example.org"]' \
	"$data/github/commits.json" >"$work/later.json"
drop "$work/later.json" github/commits
eventually "the same commits come again" "$complete_sources" 5
check "and change, but no person does" "$(of later.json 'records, inserted, updated, unchanged') $(q "
	select d.records, d.inserted, d.updated, d.unchanged from meta.derived d
	join meta.source s using (source_id) where s.name like '%later.json'")" "6|0|6|0 9|0|0|9"
check "people are called as before" \
	"$(model agg_commits_issues_by_user)" \
	"$(sorted <"$data/github/expected_agg_commits_issues_by_user.csv")"

# what is wrong with a column that stands outside of the person
printf '[{"sha":"77",\n"commit":{"author":{"name":"Ann","email":5}},\n  "author":{"id":70}}]' >"$work/odd.json"
drop "$work/odd.json" github/commits
eventually "a commit with a strange address is loaded" \
	"select inserted from meta.source where name like '%odd.json' and completed_at is not null" 1
check "its author is refused: the person's bytes, the address's place" \
	"$(q "select dataset, code, field, line, col, lo, convert_from(bytes, 'UTF8')
		from meta.reject")" 'users|type|user_email|1|55|71|{"id":70}'

# answers that are none, or not whole
printf '{"error":"no such key"}' >"$work/denied.json"
drop "$work/denied.json" crm/customers
eventually "an error message is refused as a whole" \
	"select r.code, s.remainder_failed from meta.reject r join meta.source s using (source_id)
	where s.name like '%denied.json'" "no_records|t"
head -c 700 "$data/crm/purchases.json" >"$work/cut.json"
drop "$work/cut.json" crm/purchases
eventually "an answer that breaks off says so" \
	"select count(*) from meta.reject r join meta.source s using (source_id)
	where s.name like '%cut.json' and r.code = 'truncated'" 1
put_aside() {
	test "$(find "$work/raw/failed" -name '*.json' | wc -l)" = 2
}
check "both are put aside" "$(until_true put_aside && echo yes)" yes
jq -c '.purchases[0].prices.net_price = "eighty"' "$data/crm/purchases.json" >"$work/words.json"
printf '{"customers":[{"id":9,"username":"nn","company":{"department":"Legal"},"outreaches":[{"cost":"12.000,5"},{"cost":"1,5"}]}]}' \
	>"$work/costs.json"
drop "$work/words.json" crm/purchases
drop "$work/costs.json" crm/customers
eventually "a price in words costs its record" \
	"select r.field, r.code, s.unchanged from meta.reject r join meta.source s using (source_id)
	where s.name like '%words.json' and s.completed_at is not null" "net_price|numeric|6"
eventually "a cost that is no number is left out" \
	"select sum_cost from modelled.outreach_by_customer where id = 9" 1.5
check_tests crm '[1,1,0]'
"$bin/sluice" load crm --dataset customers --file "$work/costs.json" --to "sqlite:$work/main.db" \
	>>"$work/lite.log"
check "in SQLite, too" "$(python3 "$top/tests/support/lite.py" "$work/main.db" \
	"select sum_cost from modelled_outreach_by_customer where id = 9")" 1.5
check_tests crm '[1,1,0]' --to "sqlite:$work/main.db"

# dying N: a producer that is killed at its Nth send; leaks cannot be looked
# for in what is traced
dying() {
	(ASAN_OPTIONS=detect_leaks=0 as_daemon timeout "$deadline_secs" "$bin/killat" -t "$work/told" \
		sendto "$1" "$bin/sluice-producer") >>"$work/producer.log" 2>&1 || true
	cut -d' ' -f1 "$work/told"
}

# killed in the middle of a large answer
producer_stop
jq -cn '{status: "ok", purchases: [range(4000) | {id: ., customer_username: "c\(. % 9)",
	prices: {net_price: 1.25, gross_price: 1.5}}], more: [1, {"purchases": []}]}' >"$work/large.json"
touch "$work/told"
[ -z "$run_as" ] || chown "$run_as" "$work/told"
export SLUICE_CHUNK_RECORDS=100
drop "$work/large.json" crm/purchases
check "a producer is killed at its 20th send" "$(dying 20)" killed
check "and again at its 30th" "$(dying 30)" killed
producer_start
eventually "a large answer is loaded once, whoever died" \
	"select records, inserted + unchanged + updated from meta.source
	where name like '%large.json' and completed_at is not null" "4000|4000"
check "the sums are right" "$(q "select sum(total_net_price) from modelled.net_purchase_prices
	where customer_username ~ '^c[0-9]'")" 5000.00
check "every receipt holds" "$(receipts_hold)" HOLDS
check_invariants

# what the master lost comes back from the kept files
producer_stop
consumer_stop
q "delete from raw.users where user_id = 9"
consumer_start
reconcile_dry
check_has "a person that is gone is missed" "$dry" "ledger rows that lie"
reconcile >"$work/reconcile.log" || true
eventually "and comes back, by the name seen first" \
	"select user_name, user_login from raw.users where user_id = 9" "Web Flow|web-flow"
eventually "all that was sent again is loaded" \
	"select count(*) from meta.source where completed_at is null" 0
check_models github postgres
check_reconciled
scenario_end

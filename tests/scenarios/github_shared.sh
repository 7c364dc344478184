#!/usr/bin/env bash
# github_shared.sh - commits and issues of a real repository at two times, where
# the test data beside the project is there: the aggregates that are known, and
# the months that only issues have. The rows there are flat; they are put back
# into the shape of the API's answers first.
. "$(dirname "$0")/lib.sh"

hub=$shared/github
if [ ! -d "$hub" ]; then
	note "skipped: no test data at $hub"
	exit 77
fi

# load DATASET FILE...: what was loaded, without the broker
load() {
	local dataset=$1 files=() file
	shift
	for file; do files+=(--file "$file"); done
	"$bin/sluice" --json load github --dataset "$dataset" "${files[@]}" |
		jq -c '[.files, .records, .inserted, .rejected]'
	"$bin/sluice" load github --dataset "$dataset" "${files[@]}" \
		--to "sqlite:$work/$name.db" >>"$work/lite.log"
}

# same: models of the SQLite file against those of PostgreSQL
same() {
	local model
	for model; do
		check "$model is the same in SQLite" \
			"$(python3 "$top/tests/support/lite.py" "$work/$name.db" \
				"select * from modelled_$model" | tr '|' ',' | LC_ALL=C sort)" \
			"$(model "$model")"
	done
}

# another NAME: an empty database of this name, where all that follows goes
another() {
	owner_url=$server_url
	drop_database
	name=$1
	create_database
	export SLUICE_DATABASE_NAME=s_$name
	"$bin/sluice" apply >>"$work/apply.log" 2>&1
	owner_url=$(setting database_owner_url)
}

model() { # NAME [WHERE]
	q "copy (select * from modelled.$1 where ${2:-true}) to stdout (format csv)" |
		LC_ALL=C sort
}

rows() { # FILE: without its header
	tr -d '\r' <"$1" | tail -n +2 | LC_ALL=C sort
}

# what those who flattened the rows knew of a person
# shellcheck disable=SC2016
commits_of='
	($users[0] | map({ key: "\(.user_id)", value: . }) | from_entries) as $known
	| def person(id; date): $known["\(id)"] as $p
		| { name: $p.user_name, email: $p.user_email, date: date };
	def account(id): if id == null then null
		else { id: id, login: $known["\(id)"].user_login } end;
	[ .[] | { sha: .commit_id, url, commit: {
		message, comment_count, author: person(.author_id; .author_date),
		committer: person(.committer_id; .commit_date) },
		author: account(.author_id), committer: account(.committer_id) } ]'
issues_of='[ .[] | { id: .issue_id, user: { id: .user_id }, number: .issue_number,
	title, state, created_at, updated_at, closed_at, html_url: .url, comments,
	reactions: { total_count: .reactions } }
	+ if .url | contains("/pull/") then { pull_request: { html_url: .url } } else {} end ]'

scenario_begin github_shared
server_url=$owner_url

set=$hub/psf_requests_2024_08
jq --slurpfile users "$set/users.json" "$commits_of" "$set/commits.json" >"$work/commits.json"
jq "$issues_of" "$set/issues.json" >"$work/issues.json"
check "the commits of August 2024 load" "$(load commits "$work/commits.json")" "[1,30,30,0]"
check "and the issues" "$(load issues "$work/issues.json")" "[1,30,30,0]"
check "the months they have are right" \
	"$(model agg_commits_issues_by_month "commit_count > 0")" \
	"$(rows "$set/expected_agg_commits_users_by_month.csv")"
check "and those that have issues only are there" \
	"$(model agg_commits_issues_by_month "commit_count = 0")" "2024-02,0,1
2024-03,0,2
2024-06,0,5"
check "so are users with what they did" "$(model agg_commits_issues_by_user)" \
	"$(rows "$set/expected_agg_commits_issues_by_user.csv")"
check "users are those that were known" \
	"$(q "select jsonb_agg(to_jsonb(u) order by user_id) = (select jsonb_agg(k order by k -> 'user_id')
		from jsonb_array_elements('$(sed "s/'/''/g" "$set/users.json")') k)
	from (select user_id, user_name, user_login, user_email from raw.users) u")" t
check "half of the issues are pull requests" \
	"$(q 'select count(*) filter (where is_pull_request) from raw.issues')" 15
same agg_commits_issues_by_month agg_commits_issues_by_user agg_commits_by_month
check_invariants

another github_june
set=$hub/psf_requests_2024_06
jq '[.[] | { sha, commit: { message, author: { name: .author, date } }, author: null }]' \
	"$set/commits_rows.json" >"$work/commits.json"
check "the commits of June 2024 load" "$(load commits "$work/commits.json")" "[1,30,30,0]"
check "and the issues" "$(load issues "$set/issues_rows.json")" "[1,30,30,0]"
check "months of commits, by the author's date" "$(model agg_commits_by_month)" \
	"$(rows "$set/expected_aggregate_commits.csv")"
check "months of issues" "$(model agg_issues_by_month)" \
	"$(rows "$set/expected_aggregate_issues.csv")"
same agg_commits_by_month agg_issues_by_month
check_invariants

another github_pages
check "five pages of issues are 13" \
	"$(load issues "$hub"/octokit_paginated_issues/issues_page?.body.json)" "[5,13,13,0]"
check "numbered from 1" "$(q 'select min(issue_number), max(issue_number),
	count(distinct issue_number) from raw.issues')" "1|13|13"
scenario_end

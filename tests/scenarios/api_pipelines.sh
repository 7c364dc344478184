#!/usr/bin/env bash
# api_pipelines.sh - the pipelines github and crm from their APIs, recorded: all
# pages, nobody's commits, pull requests, what is new since the last time.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/support/api.sh
. "$top/tests/support/api.sh"

data=$top/tests/data/api
recorded=$shared/github/octokit_paginated_issues

scenario_undo() {
	api_stop
}

run() {
	timeout 100 "$bin/sluice" api run "$@" 2>&1 || true
}

# all PATTERN FILTER: what jq says of the recorded answers together
all() {
	# shellcheck disable=SC2086 # a pattern on purpose
	cat "$data"/$1 | jq -rs "$2"
}

# What was recorded elsewhere as a body and a file of headers, as a cassette.
convert() { # FROM TO
	local page
	mkdir -p "$2"
	for page in "$1"/*.body.json; do
		cp "$page" "$2/${page##*/}"
		jq -r '"GET https://api.github.com\(.path)\n\nHTTP/1.1 \(.status) OK",
			(.headers | to_entries[] | "\(.key): \(.value)")' \
			"${page%.body.json}.headers.json" >"$2/${page##*/}.http"
	done
}

# The producer asks where the variables say.
producer_asks() { # REPOSITORY
	producer_stop
	rm -f "$work/state/producer.db.control"
	export GITHUB_API=$api_url GITHUB_REPO=$1
	export CRM_API=$api_url CRM_KEY_FILE=$work/key
	producer_start
	until_true test -S "$work/state/producer.db.control"
}

scenario_begin api_pipelines
printf 'key-of-the-tests' >"$work/key"
chmod 600 "$work/key"
[ -z "$run_as" ] || chown "$run_as:$run_group" "$work/key"
api_start "$work/api" "$data"
api_rules '/crm auth=header:X-AUTH-KEY:key-of-the-tests'
consumer_start
producer_asks quietforge/lantern

check "all commits are asked for" "$(run github.commits)" \
	"3 requests, 3 pages (0 unchanged), 34 records"
check "all issues" "$(run github.issues)" \
	"3 requests, 3 pages (0 unchanged), 23 records"
check "customers, with the key" "$(run crm.customers)" \
	"1 request, 1 page (0 unchanged), 10 records"
check "purchases" "$(run crm.purchases)" \
	"1 request, 1 page (0 unchanged), 26 records"
eventually "each answer is a source" "$complete_sources" 8
check "tables hold what was recorded" "$(q "select
	(select count(*) from raw.commits), (select count(*) from raw.issues),
	(select count(*) from raw.customers), (select count(*) from raw.purchases)")" \
	"34|23|10|26"
check "nothing was refused" "$(q "select count(*) from meta.reject")" 0
check "commits of nobody GitHub knows" \
	"$(q "select count(*) from raw.commits where author_id is null")" \
	"$(all 'github/commits-*.json' 'add | map(select(.author == null)) | length')"
check "pull requests are told from issues" \
	"$(q "select count(*) from raw.issues where is_pull_request")" \
	"$(all 'github/issues-*.json' 'add | map(select(.pull_request)) | length')"
check "people, each once" "$(q "select string_agg(user_id::text, ' ' order by user_id) from raw.users")" \
	"$(all 'github/commits-*.json' 'add | [.[] | .author, .committer | select(.) | .id] | unique | join(" ")')"
check "commits by month" \
	"$(q "select month, commit_count from modelled.agg_commits_by_month order by 1")" \
	"$(all 'github/commits-*.json' 'add | group_by(.commit.author.date[:7])[] | "\(.[0].commit.author.date[:7])|\(length)"')"
check "issues by month" \
	"$(q "select month, issue_count from modelled.agg_issues_by_month order by 1")" \
	"$(all 'github/issues-*.json' 'add | group_by(.created_at[:7])[] | "\(.[0].created_at[:7])|\(length)"')"
check "what each customer bought" \
	"$(q "select customer_username, total_net_price::numeric(12,2) from modelled.net_purchase_prices order by customer_username collate \"C\"")" \
	"$(jq -r '.purchases | group_by(.customer_username)[] |
		"\(.[0].customer_username)|\(map(.prices.net_price * 100 | round) | add)"' \
		"$data/crm/purchases.json" | sed 's/\(..\)$/.\1/')"

# -- again
api_reset
api_rules '/crm auth=header:X-AUTH-KEY:key-of-the-tests'
run github.commits >/dev/null
check "the next run asks for what is newer" \
	"$(api_seen /repos/ | jq -r .target)" \
	"/repos/quietforge/lantern/commits?per_page=100&since=$(all 'github/commits-*.json' \
		'add | map(.commit.committer.date) | max | fromdate - 86400 | todate | gsub(":"; "%3A")')"
check "what the server says is unchanged stays" "$(run github.commits)" \
	"3 requests, 3 pages (3 unchanged), 0 records"
eventually "only the first page came again" "$complete_sources" 9
check "it said 304" "$(api_count '' 304)" 5
check "so does what is the same byte for byte" "$(run crm.customers)" \
	"1 request, 1 page (1 unchanged), 0 records"

# -- a real recording
if [ -d "$recorded" ]; then
	convert "$recorded" "$work/octokit"
	api_tell POST load -G -d "folder=$work/octokit"
	sed -i 's/per_page: 100/per_page: 3/' "$work/pipelines/github.yaml"
	producer_asks "$(jq -r .path "$recorded/issues_page1.headers.json" |
		sed 's|^/repos/\(.*\)/issues.*|\1|')"
	"$bin/sluice" api state reset github.issues >/dev/null
	check "five linked pages of a real repository" "$(run github.issues)" \
		"5 requests, 5 pages (0 unchanged), 13 records"
	eventually "hold 13 issues" "select count(*) from raw.issues
		where url like '%/octokit-fixture-org/%'" 13
fi
eventually "all is complete" \
	"select count(*) from meta.source where completed_at is null" 0
check_invariants
scenario_end

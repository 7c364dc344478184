-- materialized: view
-- grain: month
-- depends: commits_by_committer_month, agg_issues_by_month
-- description: Commits (by the committer's date) and issues of each month
--   that has one or the other.
select
	month,
	sum(commits) as commit_count,
	sum(issues) as issue_count
from (
	select month, commit_count as commits, 0 as issues
	from modelled.commits_by_committer_month
	union all
	select month, 0, issue_count
	from modelled.agg_issues_by_month
) m
group by month;

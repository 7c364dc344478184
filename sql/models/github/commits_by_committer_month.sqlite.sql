-- materialized: incremental
-- grain: month
-- rows: commit_count
-- depends: raw.commits
-- description: Commits of each month (UTC), by the committer's date.
select
	strftime('%Y-%m', commit_date) as month,
	count(*) as commit_count
from raw.commits
where commit_date is not null
group by 1;

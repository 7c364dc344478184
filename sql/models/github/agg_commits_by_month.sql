-- materialized: incremental
-- grain: month
-- rows: commit_count
-- depends: raw.commits
-- description: Commits of each month (UTC), by the author's date.
select
	to_char(author_date at time zone 'UTC', 'YYYY-MM') as month,
	count(*) as commit_count
from raw.commits
where author_date is not null
group by 1;

-- materialized: incremental
-- grain: month
-- rows: issue_count
-- depends: raw.issues
-- description: Issues opened in each month (UTC), pull requests included.
select
	strftime('%Y-%m', created_at) as month,
	count(*) as issue_count
from raw.issues
where created_at is not null
group by 1;

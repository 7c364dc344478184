-- materialized: incremental
-- grain: day, repo_name
-- rows: events
-- depends: raw.gharchive
-- description: Public events of each day (UTC) and repository.
select
	(created_at at time zone 'UTC')::date as day,
	repo_name,
	count(*) as events
from raw.gharchive
group by 1, 2;

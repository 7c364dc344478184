-- materialized: incremental
-- grain: day, repo_name
-- rows: events
-- depends: raw.gharchive
-- description: Public events of each day (UTC) and repository.
select
	date(created_at) as day,
	repo_name,
	count(*) as events
from raw.gharchive
group by 1, 2;

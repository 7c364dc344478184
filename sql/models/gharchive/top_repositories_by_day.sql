-- materialized: view
-- grain: day, repo_name
-- depends: repo_events_by_day
-- description: The ten repositories with the most events of each day; equal
--   ones share a rank.
select day, rank, repo_name, events
from (
	select
		day,
		rank() over (partition by day order by events desc) as rank,
		repo_name,
		events
	from modelled.repo_events_by_day
) r
where rank <= 10;

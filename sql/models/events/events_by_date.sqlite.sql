-- materialized: view
-- grain: date
-- depends: events_loaded, events_seen
-- description: Events and users of each day.
--   total_events counts rows as loaded, unique_events current ones.
select
	date,
	sum(loaded) as total_events,
	sum(seen) as unique_events,
	count(distinct username) as unique_users
from (
	select date, events as loaded, 0 as seen, null as username
	from modelled.events_loaded
	union all
	select date, 0, events, username
	from modelled.events_seen
) e
group by date;

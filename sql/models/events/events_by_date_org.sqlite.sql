-- materialized: view
-- grain: date, organization_name
-- depends: events_loaded, events_seen
-- description: Events and users of each day and organisation.
--   total_events counts rows as loaded, unique_events current ones.
select
	date,
	organization_name,
	sum(loaded) as total_events,
	sum(seen) as unique_events,
	count(distinct username) as unique_users
from (
	select date, organization_name, events as loaded, 0 as seen, null as username
	from modelled.events_loaded
	union all
	select date, organization_name, 0, events, username
	from modelled.events_seen
) e
group by date, organization_name;

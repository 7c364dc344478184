-- materialized: view
-- grain: date, user_type
-- depends: events_loaded, events_seen
-- description: Events and users of each day and type of user.
--   total_events counts rows as loaded, unique_events current ones.
select
	date,
	user_type,
	sum(loaded) as total_events,
	sum(seen) as unique_events,
	count(distinct username) as unique_users
from (
	select date, user_type, events as loaded, 0 as seen, null as username
	from modelled.events_loaded
	union all
	select date, user_type, 0, events, username
	from modelled.events_seen
) e
group by date, user_type;

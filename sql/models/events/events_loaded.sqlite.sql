-- materialized: incremental
-- grain: date, organization_name, user_type
-- rows: events
-- depends: raw.events_delta
-- description: Events as they were loaded, every time they were: one row a
--   day, organisation and type of user.
select
	date(received_at) as date,
	organization_name,
	user_type,
	count(*) as events
from raw.events_delta
group by 1, 2, 3;

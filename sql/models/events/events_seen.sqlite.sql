-- materialized: incremental
-- grain: date, username, user_type, organization_name
-- rows: events
-- depends: raw.events
-- description: Who did something on a day: one row a day, user, type and
--   organisation, with the number of current events behind it.
select
	date(received_at) as date,
	username,
	user_type,
	organization_name,
	count(*) as events
from raw.events
group by 1, 2, 3, 4;

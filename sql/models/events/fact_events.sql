-- materialized: view
-- depends: events_seen
-- description: One row for each user, type and organisation seen on a day
--   (the user is not shown), beside the day's totals.
select
	s.date as received_at,
	s.organization_name,
	s.user_type,
	count(*) over (partition by s.date) as total_events_by_date,
	u.users as total_events_by_date_unique_users,
	count(*) over (partition by s.date, s.organization_name)
		as total_events_by_date_by_org,
	count(*) over (partition by s.date, s.user_type)
		as total_events_by_date_by_usertype
from modelled.events_seen s
join (
	select date, count(distinct username) as users
	from modelled.events_seen
	group by date
) u on u.date = s.date;

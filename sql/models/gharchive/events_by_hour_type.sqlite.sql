-- materialized: incremental
-- grain: hour, type
-- rows: events
-- depends: raw.gharchive
-- description: Public events of each hour (UTC) and type.
select
	strftime('%Y-%m-%d %H:00:00', created_at) as hour,
	type,
	count(*) as events
from raw.gharchive
group by 1, 2;

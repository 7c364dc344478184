-- materialized: incremental
-- grain: hour, type
-- rows: events
-- depends: raw.gharchive
-- description: Public events of each hour (UTC) and type.
select
	date_trunc('hour', created_at at time zone 'UTC') as hour,
	type,
	count(*) as events
from raw.gharchive
group by 1, 2;

-- materialized: incremental
-- grain: user_id
-- rows: issue_count
-- depends: raw.issues
-- description: Issues of each user who opened one.
select user_id, count(*) as issue_count
from raw.issues
group by 1;

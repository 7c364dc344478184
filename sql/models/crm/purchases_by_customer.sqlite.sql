-- materialized: incremental
-- grain: customer_username
-- rows: purchases
-- depends: raw.purchases
-- description: What each customer bought.
select
	customer_username,
	count(*) as purchases,
	coalesce(decimal_sum(net_price), '0') as total_net_price
from raw.purchases
group by 1;

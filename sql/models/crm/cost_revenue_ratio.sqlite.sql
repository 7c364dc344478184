-- materialized: view
-- depends: net_purchase_prices, outreach_by_customer
-- description: What customers cost beside what they bring in; those with both.
--   By functions that every SQLite has; 1e-9 sends halves up, which as a
--   double are a little less.
select
	o.firstname,
	o.lastname,
	printf('%.0f', p.total_net_price + 1e-9) as revenue,
	printf('%.2f', o.sum_cost + 1e-9) as cost,
	case when p.total_net_price * 1.0 <> 0 then
		printf('%.2f', o.sum_cost * 1.0 / p.total_net_price + 1e-9)
		end as cost_revenue_ratio
from modelled.outreach_by_customer o
join modelled.net_purchase_prices p on p.customer_username = o.username;

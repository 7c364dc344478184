-- materialized: view
-- depends: net_purchase_prices, outreach_by_customer
-- description: What customers cost beside what they bring in; those with both.
select
	o.firstname,
	o.lastname,
	round(p.total_net_price) as revenue,
	round(o.sum_cost, 2) as cost,
	round(o.sum_cost / nullif(p.total_net_price, 0), 2)
		as cost_revenue_ratio
from modelled.outreach_by_customer o
join modelled.net_purchase_prices p on p.customer_username = o.username;

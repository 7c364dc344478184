-- materialized: view
-- grain: id
-- depends: raw.customers
-- description: What was spent on reaching each customer of a legal department.
--   Costs are texts with a decimal comma; what is no such number is left out
--   here and shown by the test unreadable_costs.
select
	c.id,
	c.firstname,
	c.lastname,
	c.username,
	coalesce(o.sum_cost, 0) as sum_cost
from raw.customers c
cross join lateral (
	select sum(replace(e ->> 'cost', ',', '.')::numeric) as sum_cost
	from jsonb_array_elements(case jsonb_typeof(c.outreaches)
		when 'array' then c.outreaches else '[]' end) e
	where e ->> 'cost' ~ '^-?[0-9]+([.,][0-9]+)?$'
) o
where c.company_department = 'Legal';

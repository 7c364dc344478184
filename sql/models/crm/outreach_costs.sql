-- materialized: incremental
-- grain: id, firstname, lastname, username
-- rows: customers
-- depends: raw.customers
-- description: What was spent on reaching each customer of a legal department.
--   Costs are texts with a decimal comma; what is no such number is left out
--   here and shown by the test unreadable_costs.
select
	id,
	firstname,
	lastname,
	username,
	count(*) as customers,
	coalesce(sum((
		select sum(replace(e ->> 'cost', ',', '.')::numeric)
		from jsonb_array_elements(case jsonb_typeof(outreaches)
			when 'array' then outreaches else '[]' end) e
		where e ->> 'cost' ~ '^-?(0|[1-9][0-9]*)([.,][0-9]+)?$'
	)), 0) as sum_cost
from raw.customers
where company_department = 'Legal'
group by 1, 2, 3, 4;

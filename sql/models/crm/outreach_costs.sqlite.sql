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
	coalesce(decimal_sum((
		select decimal_sum(replace(cost, ',', '.'))
		from (
			select case json_type(e.value, '$.cost')
				when 'text' then e.value ->> '$.cost'
				else e.value -> '$.cost' end as cost
			from json_each(case json_type(outreaches)
				when 'array' then outreaches else '[]' end) e
			where e.type = 'object'
		) o
		where cost not glob '*[^-0-9.,]*'
	)), '0') as sum_cost
from raw.customers
where company_department = 'Legal'
group by 1, 2, 3, 4;

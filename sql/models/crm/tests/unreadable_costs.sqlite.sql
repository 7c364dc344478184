-- Outreaches that outreach_by_customer cannot add up.
select id, coalesce(cost, outreaches) as cost
from (
	select c.id, c.outreaches, case e.type when 'object' then
		case json_type(e.value, '$.cost')
			when 'text' then e.value ->> '$.cost'
			else e.value -> '$.cost' end
		end as cost
	from raw.customers c
	left join json_each(case json_type(c.outreaches)
		when 'array' then c.outreaches else '[]' end) e
) o
where cost glob '*[^-0-9.,]*'
	or decimal_cmp(replace(cost, ',', '.'), '0') is null and cost is not null
	or json_type(outreaches) not in ('array', 'null')

-- Outreaches that outreach_by_customer cannot add up.
select c.id, coalesce(e -> 'cost', c.outreaches) as cost
from raw.customers c
left join lateral jsonb_array_elements(case jsonb_typeof(c.outreaches)
	when 'array' then c.outreaches else '[]' end) e on true
where e ->> 'cost' !~ '^-?(0|[1-9][0-9]*)([.,][0-9]+)?$'
	or jsonb_typeof(c.outreaches) not in ('array', 'null')

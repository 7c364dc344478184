-- verdict.sql - what is wrong when nothing is under way: a row a complaint, none
-- when every record that was issued (crash.issued) is accounted for.

with delta as (
	select
		s.name,
		_source,
		_offset,
		concat_ws('~', id, event_type, username, organization_name,
			to_char(received_at, 'YYYY-MM-DD HH24:MI:SS.US')) as payload
	from raw.events_delta
	join meta.source s on source_id = _source
),
master as (
	select
		concat_ws('~', id, event_type, username, organization_name,
			to_char(received_at, 'YYYY-MM-DD HH24:MI:SS.US')) as payload
	from raw.events
),
reject as (
	select
		s.name,
		convert_from(bytes, 'UTF8') as payload
	from meta.reject
	join meta.source s using (source_id)
),
range as (
	select
		drop_id,
		lo,
		hi,
		lag(hi, 1, 0::bigint) over (partition by drop_id order by lo, hi)
			as reached,
		lead(lo) over (partition by drop_id order by lo, hi) as next
	from meta.chunk
	where replay = 0
)

select format('%s came %s times', name, count(source_id))
from (select distinct name from crash.issued) as i
left join meta.source using (name)
group by name
having count(source_id) <> 1

union all
select format('%s is no file that was issued', name)
from meta.source
where name not in (select name from crash.issued)

union all
select format('%s is not complete', name)
from meta.source
where completed_at is null

union all
select format('%s does not conserve its records: %s of %s', name,
	inserted + updated + unchanged + rejected, manifest_records)
from meta.source
where manifest_records is distinct from
	inserted + updated + unchanged + rejected

union all
select format('%s: the ledger has a gap or an overlap at %s', name, lo)
from range
join meta.source using (drop_id)
where lo <> reached or (next is null and hi is distinct from size)

union all
select format('%s: rejected, but not in the ledger: %s', name, lo)
from meta.reject r
join meta.source s using (source_id)
where stage = 'reader' and not exists (select from meta.chunk c
	where c.drop_id = s.drop_id and c.kind = 'r' and c.lo <= r.lo
	and r.hi <= c.hi)

union all
select format('%s: both loaded and rejected at %s', name, _offset)
from delta d
join meta.reject r on r.source_id = d._source
	and d._offset >= r.lo and d._offset < r.hi

union all
select format('%s: loaded %s times at %s', name, count(*), _offset)
from delta
group by name, _offset
having count(*) > 1

union all
(select format('lost: %s %s', name, payload)
from crash.issued where fate <> 'bad'
except all
select format('lost: %s %s', name, payload) from delta)

union all
(select format('doubled or invented: %s %s', name, payload) from delta
except all
select format('doubled or invented: %s %s', name, payload)
from crash.issued where fate <> 'bad')

union all
(select format('not in the master: %s', payload)
from crash.issued where fate = 'wins'
except all
select format('not in the master: %s', payload) from master)

union all
(select format('in the master, but not issued so: %s', payload) from master
except all
select format('in the master, but not issued so: %s', payload)
from crash.issued where fate = 'wins')

union all
(select format('reject lost: %s %s', name, payload)
from crash.issued where fate = 'bad'
except all
select format('reject lost: %s %s', name, payload) from reject)

union all
(select format('reject doubled or invented: %s %s', name, payload)
from reject
except all
select format('reject doubled or invented: %s %s', name, payload)
from crash.issued where fate = 'bad')

union all
select format('an attempt of a message that is loaded stays: %s', message_key)
from meta.attempt

limit 20;

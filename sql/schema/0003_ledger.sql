-- 0003_ledger.sql - ranges that overlap are refused by a trigger. An exclusion
-- constraint did it, whose GiST index took nine tenths of the time that the
-- ledger took: more than all the rest of a load, when a message is one record.

alter table meta.chunk drop constraint chunk_overlap;

-- At the commit, so that nobody waits before. Whoever adds to a source's ledger
-- holds the source's row from here on, as loads do already: what others added
-- is seen by now, and what they will add sees this. All rows of a load are
-- looked at together, with the first of them.
--
-- Of what lies before the end of a range the last one tells: were it another
-- that reaches into the range, it would overlap that last one too.
create function meta.chunk_alone()
returns trigger
language plpgsql
as $$
declare
	other record;
begin
	if pg_catalog.current_setting('sluice.alone', true) = new.load_id::text then
		return null;
	end if;
	perform from meta.source
	where drop_id in (
		select n.drop_id from meta.chunk n
		where n.load_id = new.load_id
			and (new.kind <> 'w' or n.drop_id = new.drop_id))
	order by source_id
	for no key update;
	select n.drop_id, n.lo, n.hi into other
	from meta.chunk n
	cross join lateral (
		select c.hi from meta.chunk c
		where c.drop_id = n.drop_id and c.dataset = n.dataset
			and c.lo < n.hi and c.replay = 0 and c.lo < c.hi
			and (c.lo, c.hi) <> (n.lo, n.hi)
		order by c.lo desc, c.hi desc
		limit 1
	) c
	where n.load_id = new.load_id
		and (new.kind <> 'w' or n.drop_id = new.drop_id)
		and n.replay = 0 and n.lo < n.hi and n.lo < c.hi
	limit 1;
	if found then
		raise exclusion_violation using
			message = pg_catalog.format('bytes %s to %s of source %s '
				'overlap what is loaded', other.lo, other.hi,
				other.drop_id),
			schema = 'meta', table = 'chunk', constraint = 'chunk_overlap';
	end if;
	if new.kind <> 'w' then
		perform pg_catalog.set_config('sluice.alone', new.load_id::text, true);
	end if;
	return null;
end
$$;
revoke all on function meta.chunk_alone() from public;

create constraint trigger chunk_overlap
	after insert or update of lo, hi on meta.chunk
	deferrable initially deferred
	for each row when (new.replay = 0 and new.lo < new.hi)
	execute function meta.chunk_alone();

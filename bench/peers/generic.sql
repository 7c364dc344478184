-- generic.sql - the upsert for tools that can only insert. What they insert is
-- numbered as it comes, so that the last version of a key wins.
alter table raw.events_delta
	alter _source set default 1,
	alter _offset set default nextval('raw.seen'),
	alter _load set default 1;

-- For a tool that inserts many rows with one statement into the delta.
create function raw.upsert_new() returns trigger language plpgsql as $$
begin
	insert into raw.events as t
	select distinct on (d.id, d.event_type, d.received_at) d.*
	from new_rows d
	order by d.id, d.event_type, d.received_at, d._offset desc
	on conflict (id, event_type, received_at) do update set
		username = excluded.username,
		user_email = excluded.user_email,
		user_type = excluded.user_type,
		organization_name = excluded.organization_name,
		plan_name = excluded.plan_name,
		_source = excluded._source,
		_offset = excluded._offset,
		_load = excluded._load
	where excluded._offset > t._offset;
	return null;
end
$$;
create trigger upsert_new after insert on raw.events_delta
	referencing new table as new_rows
	for each statement execute function raw.upsert_new();

-- For a tool that inserts single rows: as if they were inserted here.
create view public.events_in as
	select id, event_type, username, user_email, user_type, organization_name,
		plan_name, received_at::text as received_at
	from raw.events;
create rule upsert as on insert to public.events_in do instead
	insert into raw.events as t
	values (new.id, new.event_type, new.username, new.user_email,
		new.user_type, new.organization_name, new.plan_name,
		new.received_at::timestamp, 1, nextval('raw.seen'), 1)
	on conflict (id, event_type, received_at) do update set
		username = excluded.username,
		user_email = excluded.user_email,
		user_type = excluded.user_type,
		organization_name = excluded.organization_name,
		plan_name = excluded.plan_name,
		_source = excluded._source,
		_offset = excluded._offset,
		_load = excluded._load
	where excluded._offset > t._offset;

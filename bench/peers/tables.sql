-- tables.sql - delta and master as `sluice apply` makes them for
-- pipelines/events.yaml, for the peers: the same columns, key and order of
-- text, and the same upsert, as a function that all of them call.
create schema raw;

create table raw.events (
	id text collate "C" not null,
	event_type text collate "C" not null,
	username text collate "C",
	user_email text collate "C",
	user_type text collate "C",
	organization_name text collate "C",
	plan_name text collate "C",
	received_at timestamp not null,
	_source bigint not null,
	_offset bigint not null,
	_load bigint not null,
	primary key (id, event_type, received_at)
);

create table raw.events_delta (
	id text collate "C",
	event_type text collate "C",
	username text collate "C",
	user_email text collate "C",
	user_type text collate "C",
	organization_name text collate "C",
	plan_name text collate "C",
	received_at timestamp,
	_source bigint not null,
	_offset bigint not null,
	_load bigint not null
);
create index on raw.events_delta (_load);

-- The batch that was copied into the delta under this number.
create function raw.upsert(load_id bigint) returns void language sql as $$
	insert into raw.events as t
	select distinct on (d.id, d.event_type, d.received_at) d.*
	from raw.events_delta d
	where d._load = load_id
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
	where excluded._offset > t._offset
$$;

-- Tools that only insert: what they insert is numbered here. The rest of their
-- upsert is in generic.sql.
create sequence raw.seen;

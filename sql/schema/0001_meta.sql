-- 0001_meta.sql - the bookkeeping: sources, ledger, loads, rejects, models.
-- Run by `sluice apply` as the owner, once, in one transaction. The roles
-- sluice_loader and sluice_reader exist by then.

create extension if not exists btree_gist;

create schema meta;
create schema raw;
create schema modelled;

-- One row a drop. Registered by the first message that names it; counters are
-- moved by the loads; complete when the manifest's numbers are reached.
create table meta.source (
	source_id         bigint generated always as identity primary key,
	drop_id           uuid not null unique,
	pipeline          text not null,
	dataset           text not null,
	kind              text not null check (kind in ('file', 'api', 'foreign')),
	name              text not null,       -- relative to raw_data, escaped
	claimed_at        timestamptz not null,
	first_seen        timestamptz not null default now(),
	format            text,                -- from the manifest, as the next ones
	file_size         bigint,
	size              bigint,              -- decompressed
	sha256            text,
	manifest_chunks   bigint,
	manifest_rejects  bigint,
	manifest_records  bigint,              -- in chunks and rejected
	remainder_failed  boolean,
	chunks            bigint not null default 0,
	reader_rejects    bigint not null default 0,
	records           bigint not null default 0,
	inserted          bigint not null default 0,
	updated           bigint not null default 0,
	unchanged         bigint not null default 0,
	rejected          bigint not null default 0,
	filtered          bigint not null default 0, -- by the dates of a direct load
	duplicate_of      uuid,
	replay_of         uuid,
	completed_at      timestamptz,
	collapsed         boolean not null default false, -- its ledger is one row
	constraint source_conserves check (records
		= inserted + updated + unchanged + rejected + filtered),
	constraint source_complete check (completed_at is null or (
		manifest_records = records and manifest_chunks = chunks
		and manifest_rejects = reader_rejects))
);
create index source_name on meta.source (name);
create index source_replay on meta.source (replay_of)
	where replay_of is not null;
create index source_to_collapse on meta.source (completed_at)
	where not collapsed and kind <> 'foreign' and completed_at is not null;
create index source_incomplete on meta.source (first_seen)
	where completed_at is null;

-- The same of the datasets made out of a source's records: values found in
-- them, as records of their own. meta.load does not count these.
create table meta.derived (
	source_id bigint not null references meta.source,
	dataset   text not null,
	records   bigint not null,
	inserted  bigint not null,
	updated   bigint not null,
	unchanged bigint not null,
	rejected  bigint not null,
	primary key (source_id, dataset),
	constraint derived_conserves
		check (records = inserted + updated + unchanged + rejected)
);

-- One row a transaction of the consumer.
create table meta.load (
	load_id      bigint generated always as identity primary key,
	started_at   timestamptz not null,
	committed_at timestamptz,              -- clock_timestamp() just before commit
	consumer     text not null,
	messages     bigint not null default 0, -- claimed by this load
	duplicates   bigint not null default 0, -- seen before, absorbed
	bytes        bigint not null default 0,
	records      bigint not null default 0,
	inserted     bigint not null default 0,
	updated      bigint not null default 0,
	unchanged    bigint not null default 0,
	rejected     bigint not null default 0,
	filtered     bigint not null default 0,
	constraint load_conserves check (records
		= inserted + updated + unchanged + rejected + filtered)
);

-- The ledger: what has been loaded, by name. The primary key makes a message
-- count once; the exclusion constraint refuses ranges that overlap. A chunk out
-- of whose records other datasets are made has a row for each of those, too;
-- records are the chunk's in all of them. The rows of a source that has been
-- complete for a while become one for each dataset, of kind w.
create table meta.chunk (
	drop_id  uuid not null,
	dataset  text not null,
	lo       bigint not null,
	hi       bigint not null,
	replay   integer not null default 0,
	kind     "char" not null check (kind in ('c', 'r', 'm', 'w')),
	         -- chunk, reject, manifest, whole
	records  bigint not null,
	load_id  bigint not null,              -- of a whole: the last
	first_load bigint,                     -- of a whole: the first
	primary key (drop_id, dataset, lo, hi, replay),
	check (lo >= 0 and hi >= lo),
	check ((kind = 'w') = (first_load is not null)),
	constraint chunk_overlap exclude using gist (
		drop_id with =, dataset with =, int8range(lo, hi) with &&)
		where (replay = 0)
);
create index chunk_load on meta.chunk (load_id);

create table meta.reject (
	reject_id   bigint generated always as identity primary key,
	source_id   bigint not null references meta.source,
	dataset     text not null,
	lo          bigint not null,           -- the refused bytes in the source
	hi          bigint not null,
	item        bigint not null default 0, -- derived: which of the record's
	                                       -- values, from 1; two pointers may
	                                       -- lead to the same bytes
	record_no   bigint not null,           -- from 1
	line        bigint not null,
	col         bigint not null,
	code        text not null,             -- reason code, see docs/OPERATIONS.md
	field       text,                      -- column of the dataset
	detail      text not null,
	stage       text not null check (stage in ('reader', 'consumer')),
	bytes       bytea not null,            -- the first 64 KiB
	load_id     bigint not null,
	rejected_at timestamptz not null default now(),
	resolved_by bigint,                    -- the load that took its replay
	unique (source_id, dataset, lo, hi, item)
);
create index reject_code on meta.reject (dataset, code);

-- Bodies of messages from foreign producers, for `why` and replay.
create table meta.message (
	source_id    bigint primary key references meta.source,
	app_id       text,
	message_id   text,
	routing_key  text not null,
	content_type text,
	received_at  timestamptz not null default now(),
	body         bytea not null
);

-- Deaths of the consumer while it held a redelivered message.
create table meta.attempt (
	message_key text primary key,
	together    integer not null default 0,
	alone       integer not null default 0,
	last_at     timestamptz not null default now()
);

create table meta.dataset (
	dataset     text primary key,          -- "<pipeline>.<dataset>"
	pipeline    text not null,
	master      text not null,             -- quoted, schema-qualified
	delta       text not null,
	unknown_keys bigint not null default 0 -- top-level keys ignored: drift
);

create table meta.model (
	model        text primary key,         -- "<pipeline>.<name>"
	pipeline     text not null,
	relation     text not null unique,     -- quoted, schema-qualified
	sources      text[] not null,          -- relations it reads, likewise
	materialized text not null
		check (materialized in ('incremental', 'table', 'view')),
	state        text not null default 'stale'
		check (state in ('fresh', 'stale')),
	sha256       text not null,            -- of its file
	error        text,                     -- why it is stale
	refreshes    bigint not null default 0,
	changed_rows bigint not null default 0,
	refresh_us   bigint not null default 0,
	refreshed_at timestamptz
) with (fillfactor = 50);

-- What incremental models that read a delta counted in partitions that were
-- dropped since: rows of the model. They hold for that select only.
create table meta.tally (
	model         text not null,
	select_sha256 text not null,
	counted       jsonb not null
);
create index tally_model on meta.tally (model, select_sha256);

-- Partitions of deltas that were dropped (delta_keep).
create table meta.delta_dropped (
	dataset    text not null,
	day        date not null,
	rows       bigint not null,
	first_load bigint,
	last_load  bigint,
	dropped_at timestamptz not null default now()
);
create index delta_dropped_dataset on meta.delta_dropped (dataset);

create table meta.model_run (
	run_id     bigint generated always as identity primary key,
	model      text not null,
	what       text not null check (what in ('build', 'verify', 'failed')),
	load_id    bigint,
	started_at timestamptz not null default clock_timestamp(),
	ms         bigint not null,
	rows       bigint not null,
	ok         boolean not null,
	detail     text
);

-- Data tests: one row a run, for good. failing is null for a broken one, error
-- for all others.
create table meta.test_result (
	result_id bigint generated always as identity primary key,
	pipeline  text not null,
	test      text not null,
	kind      text not null,
	severity  text not null check (severity in ('warn', 'error')),
	outcome   text not null
		check (outcome in ('pass', 'warn', 'fail', 'broken')),
	failing   bigint,
	error     text,
	ms        bigint not null,
	ran_at    timestamptz not null default clock_timestamp(),
	check ((outcome = 'broken') = (failing is null)),
	check ((outcome = 'broken') = (error is not null))
);
create index test_result_test
	on meta.test_result (pipeline, test, result_id desc);

-- The first 100 failing rows of each test's last run.
create table meta.test_failure (
	result_id bigint not null
		references meta.test_result on delete cascade,
	n         integer not null,
	row       jsonb not null,
	primary key (result_id, n)
);

-- What happened, for those who look after it: each row is written in the
-- transaction of its cause, and taken out by the first consumer that comes by.
create table meta.news (
	news_id   bigint generated always as identity primary key,
	kind      text not null check (kind in ('load', 'model', 'test')),
	pipeline  text not null,
	at        timestamptz not null default clock_timestamp(),
	sources   bigint not null default 0, -- that became complete
	records   bigint not null default 0,
	inserted  bigint not null default 0,
	updated   bigint not null default 0,
	unchanged bigint not null default 0,
	rejected  bigint not null default 0,
	filtered  bigint not null default 0,
	detail    text
);

-- How far a pipeline is looked after. changed counts loads, finished sources
-- that became complete; tested and reported are how far those had come when
-- tests and reports were last begun.
create table meta.care (
	pipeline      text primary key,
	changed       bigint not null default 0,
	tested        bigint not null default 0,
	tested_at     timestamptz,
	test_ms       bigint not null default 0, -- of all tests, the last time
	finished      bigint not null default 0,
	reported      bigint not null default 0,
	reported_at   timestamptz,
	report_ms     bigint not null default 0,
	rejects       bigint not null default 0, -- since rejects_since
	rejects_since timestamptz,
	rejects_told  timestamptz
) with (fillfactor = 50);

-- The last run of each report; rows and written_at are those of the last that
-- succeeded.
create table meta.report (
	pipeline   text not null,
	report     text not null,
	file       text not null,
	rows       bigint,
	ms         bigint not null,
	written_at timestamptz,
	tried_at   timestamptz not null,
	error      text,
	primary key (pipeline, report)
);

-- The outbox: made of meta.news in the transaction that takes it out, one row
-- for each target that wants to hear of it. What comes before the first try is
-- added to the row that waits, so there are never many. Sent at least once,
-- under its key.
create table meta.notification (
	notification_id bigint generated always as identity primary key,
	key       uuid not null unique default gen_random_uuid(),
	target    text not null,
	event     text not null
		check (event in ('load', 'model', 'test', 'rejects')),
	pipeline  text not null,
	first_at  timestamptz not null,
	last_at   timestamptz not null,
	times     bigint not null,
	sources   bigint not null,
	records   bigint not null,
	inserted  bigint not null,
	updated   bigint not null,
	unchanged bigint not null,
	rejected  bigint not null,
	filtered  bigint not null,
	items     jsonb not null,              -- the first 20 details
	state     text not null default 'queued'
		check (state in ('queued', 'sent', 'given_up')),
	attempts  integer not null default 0,
	due_at    timestamptz not null,
	tried_at  timestamptz,
	error     text,                        -- of the last try
	ended_at  timestamptz,
	check ((state = 'queued') = (ended_at is null))
);
create unique index notification_waits
	on meta.notification (target, event, pipeline)
	where state = 'queued' and attempts = 0;
create index notification_queued on meta.notification (due_at)
	where state = 'queued';
create index notification_ended
	on meta.notification (target, event, pipeline, ended_at)
	where state <> 'queued';

create table meta.schema_version (
	version    integer primary key,
	name       text not null,
	sha256     text not null,
	applied_at timestamptz not null default now()
);

-- The day's partition of a delta, made when the first row of the day comes.
-- Runs with the owner's rights: the loader may not create tables. Its _day has
-- the day as default, so that a COPY need not send it.
create function meta.delta_partition(dataset_name text, day date)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	parent text;
	nsp    text;
	rel    text;
	part   text;
begin
	select n.nspname, c.relname into nsp, rel
	from meta.dataset d
	join pg_class c on c.oid = d.delta::regclass
	join pg_namespace n on n.oid = c.relnamespace
	where d.dataset = dataset_name;
	if not found then
		raise exception 'no dataset %: run sluice apply', dataset_name
			using errcode = 'undefined_object';
	end if;
	parent := format('%I.%I', nsp, rel);
	part := format('%I.%I', nsp, rel || '_' || to_char(day, 'YYYYMMDD'));
	if to_regclass(part) is not null then
		return part;
	end if;
	perform pg_advisory_xact_lock(hashtextextended(part, 0));
	if to_regclass(part) is not null then
		return part;
	end if;
	-- made aside and attached: the parent stays open for readers and
	-- writers
	execute format('create table %s (like %s including all)', part, parent);
	execute format('alter table %s alter _day set default %L', part, day);
	execute format('grant select, insert on %s to sluice_loader', part);
	execute format('grant select on %s to sluice_reader', part);
	execute format(
		'alter table %s attach partition %s for values from (%L) to (%L)',
		parent, part, day, day + 1);
	return part;
end
$$;

-- The days of a delta that may go: older than so many days, or without one of
-- the last so many loads that brought rows. Never today.
create function meta.delta_due(dataset_name text, keep_days integer,
	keep_loads bigint)
returns setof date
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	parent regclass;
	oldest bigint;
	newest bigint;
	part   record;
begin
	select d.delta::regclass into parent
	from meta.dataset d where d.dataset = dataset_name;
	if keep_loads is not null then
		-- from load to load along the index
		execute format(
			'with recursive l (id, n) as ('
			'select max(_load), 1::bigint from %1$s union all '
			'select (select max(_load) from %1$s where _load < l.id), '
			'n + 1 from l where l.id is not null and n < %2$s) '
			'select id from l where n = %2$s',
			parent, keep_loads) into oldest;
	end if;
	for part in
		select c.oid::regclass as name,
			to_date(right(c.relname, 8), 'YYYYMMDD') as day
		from pg_inherits i
		join pg_class c on c.oid = i.inhrelid
		where i.inhparent = parent and c.relname ~ '_[0-9]{8}$'
		order by 2
	loop
		exit when part.day >= current_date;
		if keep_days is not null
			and part.day < current_date - least(keep_days, 1000000)
		then
			return next part.day;
		elsif oldest is not null then
			execute format('select coalesce(max(_load), 0) from %s',
				part.name) into newest;
			if newest < oldest then
				return next part.day;
			end if;
		end if;
	end loop;
end
$$;

-- A day's partition, held until the transaction ends: nobody writes to it, and
-- no model is built from the delta meanwhile. Null: it is gone.
create function meta.delta_hold(dataset_name text, day date)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	parent regclass;
	part   regclass;
begin
	select d.delta::regclass into parent
	from meta.dataset d where d.dataset = dataset_name;
	if parent is null or day >= current_date then
		raise exception 'the partition of % for % is not to be dropped',
			dataset_name, day using errcode = 'object_in_use';
	end if;
	perform pg_advisory_xact_lock(hashtextextended(
		'sluice delta ' || dataset_name, 0));
	select c.oid into part
	from pg_inherits i
	join pg_class c on c.oid = i.inhrelid
	where i.inhparent = parent and right(c.relname, 9) = to_char(day, '_YYYYMMDD');
	if part is null then
		return null;
	end if;
	execute format('lock table only %s in share row exclusive mode', parent);
	execute format('lock table %s in share row exclusive mode', part);
	return part;
end
$$;

-- Drops what delta_hold holds, and notes it. Returns the rows it had.
create function meta.delta_drop(dataset_name text, day date)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	part  text := meta.delta_hold(dataset_name, day);
	total bigint;
begin
	if part is null then
		return 0;
	end if;
	execute format('insert into meta.delta_dropped '
		'(dataset, day, rows, first_load, last_load) '
		'select $1, $2, count(*), min(_load), max(_load) from %s '
		'returning rows', part) into total using dataset_name, day;
	execute format('drop table %s', part);
	return total;
end
$$;

-- Marks fresh models that read one of the relations stale, and what reads
-- those in turn. Returns how many.
create function meta.models_stale(relations text[], why text)
returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
	with recursive hit as (
		select m.model, m.relation
		from meta.model m
		where m.sources && relations
		union
		select m.model, m.relation
		from hit h
		join meta.model m on h.relation = any (m.sources)
	), marked as (
		update meta.model m
		set state = 'stale', error = why
		from hit h
		where m.model = h.model and m.state = 'fresh'
		returning 1
	)
	select count(*) from marked
$$;

-- Statement trigger: rows changed where no load takes note of it.
create function meta.changed_by_hand()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	perform meta.models_stale(
		array[format('"%s"."%s"', tg_table_schema, tg_table_name)],
		format('%s of %s.%s outside of a load', lower(tg_op),
			tg_table_schema, tg_table_name));
	return null;
end
$$;

-- Whether source a was claimed after source b. A load that waited for a row of
-- another one has to know that one's source: a subselect of its own looks at
-- what was committed when it began, a volatile function at what is by now.
create function meta.claimed_after(a bigint, b bigint)
returns boolean
language plpgsql
as $$
begin
	return (select (n.claimed_at, n.drop_id) > (o.claimed_at, o.drop_id)
		from meta.source n, meta.source o
		where n.source_id = a and o.source_id = b);
end
$$;

-- Keeps loads away from the relations until the transaction ends, so that a
-- model can be built from them. The loader has not the rights to lock a delta
-- itself.
create function meta.models_lock(relations text[])
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	name text;
begin
	for name in select distinct r from unnest(relations) r order by r loop
		if not exists (select from meta.dataset d
			where name in (d.master, d.delta)) and not exists (
			select from meta.model m where name = m.relation) then
			raise exception '% is no table of Sluice', name
				using errcode = 'undefined_table';
		end if;
		execute format('lock table %s in share row exclusive mode', name);
	end loop;
end
$$;

-- What makes a fresh table a model: one row a grain, measures that add up.
-- Called once, by the owner.
create function meta.model_table(relation regclass, grain text[], counter text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	col  record;
	miss text;
begin
	select g into miss
	from unnest(grain || counter) g
	where not exists (select from pg_attribute a
		where a.attrelid = relation and a.attname = g and a.attnum > 0);
	if miss is not null then
		raise exception '% has no output column "%" (grain or rows)',
			relation, miss using errcode = 'undefined_column';
	end if;
	execute format('create unique index on %s (%s) nulls not distinct',
		relation, (select string_agg(format('%I', g), ', ' order by n)
			from unnest(grain) with ordinality u (g, n)));
	if counter is null then
		return;
	end if;
	for col in
		select a.attname, format_type(a.atttypid, null) as type
		from pg_attribute a
		where a.attrelid = relation and a.attnum > 0
			and a.attname <> all (grain)
	loop
		if col.type not in ('smallint', 'integer', 'bigint', 'numeric') then
			raise exception 'measure "%" is %: only whole numbers and '
				'numeric add up without a remainder',
				col.attname, col.type
				using errcode = 'datatype_mismatch';
		end if;
		execute format('alter table %s alter %I set not null',
			relation, col.attname);
	end loop;
end
$$;

-- Row triggers: what a human should hear of. A data test is news when it did not
-- fail the time before.
create function meta.model_news()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	insert into meta.news (kind, pipeline, detail)
	values ('model', split_part(new.model, '.', 1),
		format('%s: %s', new.model, coalesce(new.detail, new.what)));
	return null;
end
$$;

create function meta.test_news()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	if exists (select from (
		select r.outcome
		from meta.test_result r
		where r.pipeline = new.pipeline and r.test = new.test
			and r.result_id < new.result_id
		order by r.result_id desc
		limit 1) b where b.outcome in ('fail', 'broken'))
	then
		return null;
	end if;
	insert into meta.news (kind, pipeline, detail)
	values ('test', new.pipeline, case when new.outcome = 'broken'
		then format('%s is broken: %s', new.test, new.error)
		else format('%s: %s failing', new.test, new.failing) end);
	return null;
end
$$;

create trigger model_news after insert on meta.model_run
	for each row when (not new.ok) execute function meta.model_news();
create trigger test_news after insert on meta.test_result
	for each row when (new.outcome in ('fail', 'broken'))
	execute function meta.test_news();

revoke all on all functions in schema meta from public;

-- The loader registers, counts and keeps rejects; it makes no tables.
grant usage on schema meta, raw, modelled to sluice_loader;
grant select, insert, update, delete
	on meta.source, meta.derived, meta.load, meta.chunk, meta.reject,
	meta.message, meta.attempt, meta.tally, meta.model_run, meta.test_result,
	meta.test_failure, meta.news, meta.care, meta.report, meta.notification
	to sluice_loader;
grant usage on sequence meta.load_load_id_seq to sluice_loader;
grant select, update (unknown_keys) on meta.dataset to sluice_loader;
grant select, update (state, error, refreshes, changed_rows, refresh_us,
	refreshed_at) on meta.model to sluice_loader;
grant select on meta.schema_version, meta.delta_dropped to sluice_loader;
grant execute on function meta.delta_partition(text, date),
	meta.delta_due(text, integer, bigint), meta.delta_hold(text, date),
	meta.delta_drop(text, date), meta.models_stale(text[], text), meta.models_lock(text[])
	to sluice_loader;
grant execute on function meta.claimed_after(bigint, bigint)
	to sluice_loader, sluice_reader;

-- The reader sees everything but the bytes of rejects and foreign messages.
grant usage on schema meta, raw, modelled to sluice_reader;
grant select
	on meta.source, meta.derived, meta.load, meta.chunk, meta.attempt,
	meta.dataset, meta.delta_dropped, meta.tally, meta.model, meta.model_run, meta.test_result,
	meta.test_failure, meta.news, meta.care, meta.report, meta.notification,
	meta.schema_version
	to sluice_reader;
grant select (reject_id, source_id, dataset, lo, hi, item, record_no, line, col,
	code, field, detail, stage, load_id, rejected_at, resolved_by)
	on meta.reject to sluice_reader;
grant select (source_id, app_id, message_id, routing_key, content_type,
	received_at)
	on meta.message to sluice_reader;

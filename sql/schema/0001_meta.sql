-- 0001_meta.sql - the bookkeeping: sources, ledger, loads, rejects, models.
-- Run by `sluice apply` as the owner, once, in one transaction.

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
	duplicate_of      uuid,
	replay_of         uuid,
	completed_at      timestamptz,
	constraint source_conserves
		check (records = inserted + updated + unchanged + rejected),
	constraint source_complete check (completed_at is null or (
		manifest_records = records and manifest_chunks = chunks
		and manifest_rejects = reader_rejects))
);
create index source_name on meta.source (name);
create index source_incomplete on meta.source (first_seen)
	where completed_at is null;

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
	constraint load_conserves
		check (records = inserted + updated + unchanged + rejected)
);

-- The ledger: what has been loaded, by name. The primary key makes a message
-- count once; the exclusion constraint refuses ranges that overlap.
create table meta.chunk (
	drop_id  uuid not null,
	dataset  text not null,
	lo       bigint not null,
	hi       bigint not null,
	replay   integer not null default 0,
	kind     "char" not null check (kind in ('c', 'r', 'm')), -- chunk reject manifest
	records  integer not null,
	load_id  bigint not null,
	primary key (drop_id, dataset, lo, hi, replay),
	check (lo >= 0 and hi >= lo),
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
	unique (source_id, dataset, lo, hi)
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
	relation     text not null,            -- quoted, schema-qualified
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
);

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

create table meta.test_result (
	result_id bigint generated always as identity primary key,
	pipeline  text not null,
	test      text not null,
	severity  text not null check (severity in ('warn', 'error')),
	ok        boolean not null,
	failing   bigint not null,
	detail    text,
	ran_at    timestamptz not null default now()
);

create table meta.schema_version (
	version    integer primary key,
	name       text not null,
	sha256     text not null,
	applied_at timestamptz not null default now()
);

-- The day's partition of a delta, made when the first row of the day comes.
-- Runs with the owner's rights: the loader may not create tables.
create function meta.delta_partition(dataset_name text, day date)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	parent    text;
	nsp       text;
	rel       text;
	part      text;
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
	if to_regclass(part) is null then
		perform pg_advisory_xact_lock(hashtext(part));
		if to_regclass(part) is null then
			-- made aside and attached: the parent is not locked
			-- against readers and writers
			execute format(
				'create table %s (like %s including all)', part, parent);
			execute format(
				'grant select, insert on %s to sluice_loader', part);
			execute format('grant select on %s to sluice_reader', part);
			execute format(
				'alter table %s attach partition %s for values from (%L) to (%L)',
				parent, part, day, day + 1);
		end if;
	end if;
	return part;
end
$$;
revoke all on function meta.delta_partition(text, date) from public;

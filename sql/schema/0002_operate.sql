-- 0002_operate.sql - what an operator does to what runs: pauses, and sources
-- whose rows were taken back.

-- What is switched off, as long as it is. A consumer that starts reads it
-- before it takes the first message.
create table meta.pause (
	dataset   text primary key,            -- "<pipeline>.<dataset>"; '*': all
	paused_at timestamptz not null default now(),
	paused_by text not null,
	reason    text
);

-- Who did what and why; kept for good.
create table meta.operation (
	operation_id bigint generated always as identity primary key,
	done_at timestamptz not null default now(),
	done_by text not null,
	what    text not null check (what in ('pause', 'resume', 'undo')),
	target  text not null,                 -- dataset, '*', or source id
	reason  text,
	detail  jsonb
);

-- Statement trigger: consumers listen, whoever changed it.
create function meta.pause_changed()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	notify sluice_pause;
	return null;
end
$$;
revoke all on function meta.pause_changed() from public;

create trigger pause_changed
	after insert or update or delete or truncate on meta.pause
	for each statement execute function meta.pause_changed();

-- Its rows were taken back out of the tables. The counters and the ledger stay
-- what they were when it was loaded, so that none of its messages counts again.
alter table meta.source
	add column undone_at timestamptz,
	add column undone_by text,
	add column undone_reason text;

-- What that came to, for each dataset. Of the deleted rows some may have had an
-- earlier version in days of the delta that were dropped.
create table meta.undone (
	source_id  bigint not null references meta.source,
	dataset    text not null,
	delta_rows bigint not null,            -- taken out of the delta
	deleted    bigint not null,            -- out of the master
	restored   bigint not null,            -- in the master: what they replaced
	unsure     bigint not null,            -- of the deleted
	primary key (source_id, dataset)
);

grant select on meta.undone to sluice_loader, sluice_reader;
grant select, insert, update, delete on meta.pause to sluice_loader;
grant select, insert on meta.operation to sluice_loader;
grant select on meta.pause, meta.operation to sluice_reader;

/* bare_lite.c - the limit of an SQLite file: the same rows into the same
 * tables, by SQLite's own functions, with nothing else around. All is parsed
 * before the clock starts; then for each batch: begin, each row into the delta
 * and upserted into the master, commit. No models, no ledger.
 *
 * usage: bare_lite FILE DATABASE [BATCH_ROWS]
 * FILE has one event a line, as gen_events writes them. Prints
 * "rows SECONDS rate". */
#include "common/clock.h"
#include "common/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 8

static const char *const names[COLUMNS] = { "id", "event_type", "username",
	"user_email", "user_type", "organization_name", "plan_name",
	"received_at" };

struct row {
	const char *at[COLUMNS];
	size_t len[COLUMNS];
	int64_t offset;
};

struct bare {
	struct buf text;
	struct row *rows;
	size_t count, cap;
	struct sqlite *db;
	struct sqlite_stmt *delta, *master;
};

static const char tables[] =
	"create table raw_events (id text, event_type text, username text,"
	" user_email text, user_type text, organization_name text,"
	" plan_name text, received_at text, _source integer not null,"
	" _offset integer not null, _load integer not null,"
	" primary key (id, event_type, received_at)) strict, without rowid;"
	"create table raw_events_delta (id text, event_type text,"
	" username text, user_email text, user_type text,"
	" organization_name text, plan_name text, received_at text,"
	" _source integer not null, _offset integer not null,"
	" _load integer not null, _day text not null) strict";

static const char delta_sql[] =
	"insert into raw_events_delta values"
	" (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '2026-11-22')";

static const char master_sql[] =
	"insert into raw_events values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	" on conflict do update set username = excluded.username,"
	" user_email = excluded.user_email, user_type = excluded.user_type,"
	" organization_name = excluded.organization_name,"
	" plan_name = excluded.plan_name, _source = excluded._source,"
	" _offset = excluded._offset, _load = excluded._load"
	" where (excluded._source, excluded._offset)"
	" > (_source, _offset)";

static bool read_all(struct bare *bare, const char *name, struct err *err)
{
	FILE *file = fopen(name, "r");
	char *chunk = malloc(1 << 20);
	size_t got;
	bool ok = file != NULL && chunk != NULL;

	while (ok && (got = fread(chunk, 1, 1 << 20, file)) > 0)
		ok = buf_add(&bare->text, chunk, got, err);
	free(chunk);
	if (file != NULL)
		(void)fclose(file);
	return ok || err_set(err, ERR_STOP, "%s cannot be read", name);
}

/* gen_events writes no escapes. */
static bool take_row(struct bare *bare, const char *line)
{
	struct row *row = &bare->rows[bare->count];
	char key[40];

	row->offset = line - bare->text.data;
	for (size_t i = 0; i < COLUMNS; i++) {
		const char *at;

		(void)snprintf(key, sizeof(key), "\"%s\": \"", names[i]);
		at = strstr(line, key);
		if (at == NULL)
			return false;
		row->at[i] = at + strlen(key);
		row->len[i] = strcspn(row->at[i], "\"");
		line = row->at[i];
	}
	bare->count++;
	return true;
}

static bool parse(struct bare *bare, struct err *err)
{
	const char *at = bare->text.data;

	while (at != NULL && (at = strchr(at, '{')) != NULL) {
		if (bare->count == bare->cap) {
			bare->cap = bare->cap * 2 + 1024;
			bare->rows = realloc(bare->rows,
				bare->cap * sizeof(*bare->rows));
			if (bare->rows == NULL)
				return err_memory(err);
		}
		if (!take_row(bare, at))
			return err_set(err, ERR_STOP, "a line is no event");
		at = strchr(at, '\n');
	}
	return true;
}

static bool put(struct sqlite_stmt *stmt, const struct row *row, size_t batch,
	struct err *err)
{
	bool more, ok = true;

	for (int i = 0; ok && i < COLUMNS; i++)
		ok = sqlite_bind_view(stmt, i + 1, row->at[i], row->len[i],
			err);
	return ok && sqlite_bind_int(stmt, COLUMNS + 1, 1, err) &&
		sqlite_bind_int(stmt, COLUMNS + 2, row->offset, err) &&
		sqlite_bind_int(stmt, COLUMNS + 3, (int64_t)batch, err) &&
		sqlite_step_row(stmt, &more, err);
}

static bool load(struct bare *bare, size_t batch_rows, struct err *err)
{
	for (size_t i = 0; i < bare->count; i++) {
		const size_t batch = i / batch_rows + 1;

		if (i % batch_rows == 0 &&
			((i > 0 && !sqlite_run(bare->db, "commit", err)) ||
				!sqlite_run(bare->db, "begin immediate", err)))
			return false;
		if (!put(bare->delta, &bare->rows[i], batch, err) ||
			!put(bare->master, &bare->rows[i], batch, err))
			return false;
	}
	return sqlite_run(bare->db, "commit", err);
}

static bool run(struct bare *bare, char **argv, size_t batch_rows,
	struct err *err)
{
	const struct sqlite_options options = { .create = true,
		.busy_ms = 1000, .cache_kib = SQLITE_STORE_CACHE_KIB };
	int64_t started;
	double secs;

	if (!read_all(bare, argv[1], err) || !parse(bare, err))
		return false;
	bare->db = sqlite_open_store(argv[2], &options, err);
	if (bare->db == NULL || !sqlite_run(bare->db, tables, err))
		return false;
	bare->delta = sqlite_prepared(bare->db, delta_sql, err);
	bare->master = sqlite_prepared(bare->db, master_sql, err);
	if (bare->delta == NULL || bare->master == NULL)
		return false;
	started = clock_now_us();
	if (!load(bare, batch_rows, err))
		return false;
	sqlite_close_file(bare->db); /* the checkpoint is part of it */
	bare->db = NULL;
	secs = (double)(clock_now_us() - started) / 1e6;
	printf("%zu %.3f %.0f\n", bare->count, secs,
		(double)bare->count / secs);
	return true;
}

int main(int argc, char **argv)
{
	static struct bare bare;
	struct err err = { 0 };
	bool ok;

	if (argc < 3) {
		(void)fprintf(stderr, "usage: %s FILE DATABASE [BATCH_ROWS]\n",
			argv[0]);
		return 64;
	}
	ok = run(&bare, argv, argc > 3 ? strtoull(argv[3], NULL, 10) : 50000,
		&err);
	if (!ok)
		(void)fprintf(stderr, "bare_lite: %s\n", err.text);
	sqlite_close_file(bare.db);
	free(bare.rows);
	buf_clear(&bare.text);
	return ok ? 0 : err_exit_code(&err);
}

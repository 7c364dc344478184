/* state.c - what was claimed and sent, in SQLite. */
#include "producer/state.h"
#include "common/clock.h"
#include "common/sqlite.h"
#include "producer/api_state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_VERSION 4

struct state {
	struct sqlite *db;
	int lock;
	bool begun;
};

static const char schema[] =
	"begin;"
	"create table if not exists source ("
	" id integer primary key,"
	" drop_id text not null unique,"
	" pipeline text not null,"
	" dataset text not null,"
	" directory text not null,"
	" name blob not null,"
	" device integer not null,"
	" inode integer not null,"
	" size integer not null,"
	" mtime_ns integer not null,"
	" claimed_us integer not null,"
	" sha256 blob not null,"
	" chunk_records integer not null,"
	" chunk_bytes integer not null,"
	" max_record_bytes integer not null,"
	" reader_version integer not null,"
	" offset integer not null,"
	" records integer not null,"
	" lines integer not null,"
	" chunks integer not null,"
	" rejects integer not null,"
	" resync integer not null,"
	" state text not null check (state in"
	"  ('claimed', 'published', 'moved', 'lost')),"
	" failed integer not null,"
	" target blob,"
	" duplicate_of text,"
	" changed_us integer not null);"
	"create index if not exists source_open on source (id)"
	" where state in ('claimed', 'published');"
	"create index if not exists source_content on source (sha256);"
	"create index if not exists source_age on source (changed_us);"
	"commit;";

/* 2: where records stand inside of a file. */
static const char second[] =
	"begin;"
	"alter table source add column records_at text not null default '';"
	"pragma user_version = 2;"
	"commit;";

/* 4: what is loaded again, and what the object store keeps. */
static const char fourth[] =
	"begin;"
	"alter table source add column replay_of text;"
	"alter table source add column object text;"
	"pragma user_version = 4;"
	"commit;";

static const char columns[] =
	"id, drop_id, pipeline, dataset, directory, name, device, inode, size,"
	" mtime_ns, claimed_us, sha256, chunk_records, chunk_bytes,"
	" max_record_bytes, reader_version, offset, records, lines, chunks,"
	" rejects, resync, state, failed, target, duplicate_of, records_at,"
	" replay_of, object";

static const char *const state_names[] = {
	[SOURCE_CLAIMED] = "claimed",
	[SOURCE_PUBLISHED] = "published",
	[SOURCE_MOVED] = "moved",
	[SOURCE_LOST] = "lost",
};

/* -- opening ---------------------------------------------------------- */

static bool make_parents(const char *file, struct err *err)
{
	char *path = strdup(file);
	bool ok = path != NULL || err_memory(err);

	for (char *at = ok ? strchr(path + 1, '/') : NULL; ok && at != NULL;
		at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST) {
			ok = err_errno(err, ERR_STOP, "make folder %s", path);
			err->exit_code = EXIT_IO;
		}
		*at = '/';
	}
	free(path);
	return ok;
}

/* The lock is a file of its own: closing any descriptor of the state file
 * would drop the locks SQLite holds on it. */
static bool lock_file(struct state *state, const char *file, struct err *err)
{
	struct buf name = { 0 };
	bool ok = buf_printf(&name, err, "%s.lock", file);

	if (ok) {
		state->lock = open(name.data, O_RDWR | O_CREAT | O_CLOEXEC,
			0600);
		if (state->lock < 0) {
			ok = err_errno(err, ERR_STOP, "open %s", name.data);
			err->exit_code = EXIT_IO;
		}
	}
	if (ok && flock(state->lock, LOCK_EX | LOCK_NB) != 0)
		ok = err_stop(err, EXIT_IO, "another producer uses %s: stop "
			"it, or give this one a state_file and a raw_dir of "
			"its own", file);
	buf_clear(&name);
	return ok;
}

static bool one_int(struct state *state, const char *sql, int64_t *value,
	struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepared(state->db, sql, err);
	bool row = false;

	if (stmt == NULL || !sqlite_step_row(stmt, &row, err))
		return false;
	*value = row ? sqlite_int(stmt, 0) : 0;
	return !row || sqlite_step_row(stmt, &row, err);
}

static bool make_schema(struct state *state, const char *file, struct err *err)
{
	int64_t version = 0;

	if (!one_int(state, "pragma user_version", &version, err))
		return false;
	if (version > STATE_VERSION)
		return err_stop(err, EXIT_IO, "%s was written by a newer "
			"version of Sluice: run that one", file);
	if ((version < 1 && !sqlite_run(state->db, schema, err)) ||
		(version < 2 && !sqlite_run(state->db, second, err)))
		return false;
	if (version < 3 && !(sqlite_run(state->db, api_state_schema, err) &&
		sqlite_run(state->db, "pragma user_version = 3", err)))
		return false;
	return version >= 4 || sqlite_run(state->db, fourth, err);
}

struct state *state_open(const char *file, struct err *err)
{
	struct state *state = calloc(1, sizeof(*state));
	bool ok;

	if (state == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	state->lock = -1;
	ok = make_parents(file, err) && lock_file(state, file, err);
	if (ok) {
		state->db = sqlite_open_file(file, err);
		ok = state->db != NULL && make_schema(state, file, err);
	}
	if (ok)
		return state;
	state_close(state);
	return NULL;
}

struct state *state_open_beside(const char *file, struct err *err)
{
	struct state *state = calloc(1, sizeof(*state));

	if (state == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	state->lock = -1;
	state->db = sqlite_open_file(file, err);
	if (state->db != NULL)
		return state;
	state_close(state);
	return NULL;
}

struct sqlite *state_sqlite(struct state *state)
{
	return state->db;
}

/* One that was never written to by a producer has no version. */
static bool check_version(struct state *state, const char *file,
	struct err *err)
{
	int64_t version = 0;

	if (!one_int(state, "pragma user_version", &version, err))
		return false;
	return version == STATE_VERSION ||
		err_stop(err, EXIT_IO, "%s was written by another version of "
			"Sluice (%" PRId64 ", this one reads %d)", file,
			version, STATE_VERSION);
}

struct state *state_look(const char *file, struct err *err)
{
	struct state *state = calloc(1, sizeof(*state));

	if (state == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	state->lock = -1;
	if (access(file, F_OK) != 0 && errno == ENOENT) {
		(void)err_set(err, ERR_REJECT, "there is no state file %s",
			file);
		state_close(state);
		return NULL;
	}
	state->db = sqlite_open_reader(file, err);
	if (state->db != NULL && check_version(state, file, err))
		return state;
	state_close(state);
	return NULL;
}

void state_close(struct state *state)
{
	if (state == NULL)
		return;
	state_rollback(state);
	sqlite_close_file(state->db);
	if (state->lock >= 0)
		close(state->lock);
	free(state);
}

/* -- transactions ----------------------------------------------------- */

bool state_begin(struct state *state, struct err *err)
{
	state->begun = sqlite_run(state->db, "begin immediate", err);
	return state->begun;
}

bool state_commit(struct state *state, struct err *err)
{
	if (!sqlite_run(state->db, "commit", err))
		return false;
	state->begun = false;
	return true;
}

void state_rollback(struct state *state)
{
	struct err err = { 0 };

	if (state->begun && !sqlite_run(state->db, "rollback", &err))
		state->begun = false; /* SQLite had rolled back by itself */
	state->begun = false;
}

/* -- rows in ---------------------------------------------------------- */

/* Values with their places; the first failure makes the rest no-ops. */
struct binder {
	struct sqlite_stmt *stmt;
	int at;
	bool ok;
	struct err *err;
};

static struct binder bind(struct state *state, const char *sql,
	struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepared(state->db, sql, err);

	return (struct binder){ stmt, 0, stmt != NULL, err };
}

static void put_int(struct binder *b, int64_t value)
{
	b->ok = b->ok && sqlite_bind_int(b->stmt, ++b->at, value, b->err);
}

static void put_uint(struct binder *b, uint64_t value)
{
	put_int(b, (int64_t)value);
}

static void put_text(struct binder *b, const char *text)
{
	b->ok = b->ok && sqlite_bind_text(b->stmt, ++b->at, text, b->err);
}

static void put_blob(struct binder *b, const void *data, size_t len)
{
	b->ok = b->ok && sqlite_bind_blob(b->stmt, ++b->at, data, len, b->err);
}

static void put_path(struct binder *b, const char *path)
{
	if (path == NULL)
		put_text(b, NULL);
	else
		put_blob(b, path, strlen(path));
}

static void put_uuid(struct binder *b, const struct uuid *uuid)
{
	char text[UUID_TEXT];

	uuid_format(uuid, text);
	put_text(b, text);
}

static void put_position(struct binder *b, const struct reader_position *p)
{
	put_uint(b, p->offset);
	put_uint(b, p->records);
	put_uint(b, p->lines);
	put_uint(b, p->chunks);
	put_uint(b, p->rejects);
	put_uint(b, p->resync);
}

/* What may still change while a source is under way. */
static void put_facts(struct binder *b, const struct source *source)
{
	put_uint(b, source->device);
	put_uint(b, source->inode);
	put_uint(b, source->size);
	put_int(b, source->mtime_ns);
	put_blob(b, source->sha256, SHA256_BYTES);
	put_text(b, state_names[source->state]);
	put_int(b, source->failed);
	put_path(b, source->target);
	put_text(b, source->object);
	put_int(b, clock_wall_us());
}

static bool put_done(struct binder *b)
{
	bool row;

	return b->ok && sqlite_step_row(b->stmt, &row, b->err);
}

bool state_add(struct state *state, const struct source *source,
	struct err *err)
{
	struct binder b = bind(state,
		"insert into source (device, inode, size, mtime_ns, sha256,"
		" state, failed, target, object, changed_us,"
		" offset, records, lines, chunks, rejects, resync,"
		" drop_id, pipeline, dataset, directory, name, claimed_us,"
		" chunk_records, chunk_bytes, max_record_bytes,"
		" reader_version, records_at, replay_of, duplicate_of) values"
		" (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
		" ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		err);

	put_facts(&b, source);
	put_position(&b, &source->position);
	put_uuid(&b, &source->drop);
	put_text(&b, source->pipeline);
	put_text(&b, source->dataset);
	put_text(&b, source->directory);
	put_path(&b, source->name);
	put_int(&b, source->claimed_us);
	put_uint(&b, source->limits.chunk_records);
	put_uint(&b, source->limits.chunk_bytes);
	put_uint(&b, source->limits.max_record_bytes);
	put_uint(&b, source->reader_version);
	put_text(&b, source->limits.records);
	if (uuid_is_nil(&source->replay_of))
		put_text(&b, NULL);
	else
		put_uuid(&b, &source->replay_of);
	if (source->duplicate)
		put_uuid(&b, &source->duplicate_of);
	return put_done(&b);
}

bool state_update(struct state *state, const struct source *source,
	struct err *err)
{
	struct binder b = bind(state,
		"update source set device = ?, inode = ?, size = ?,"
		" mtime_ns = ?, sha256 = ?, state = ?, failed = ?,"
		" target = ?, object = ?, changed_us = ? where drop_id = ?",
		err);

	put_facts(&b, source);
	put_uuid(&b, &source->drop);
	return put_done(&b);
}

bool state_checkpoint(struct state *state, const struct uuid *drop,
	const struct reader_position *position, struct err *err)
{
	struct binder b = bind(state,
		"update source set offset = ?, records = ?, lines = ?,"
		" chunks = ?, rejects = ?, resync = ? where drop_id = ?", err);

	put_position(&b, position);
	put_uuid(&b, drop);
	return put_done(&b);
}

bool state_forget(struct state *state, const struct uuid *drop,
	struct err *err)
{
	struct binder b =
		bind(state, "delete from source where drop_id = ?", err);

	put_uuid(&b, drop);
	return put_done(&b);
}

bool state_prune(struct state *state, int64_t before_us, struct err *err)
{
	struct binder b = bind(state,
		"delete from source where changed_us < ?"
		" and state in ('moved', 'lost')", err);

	put_int(&b, before_us);
	return put_done(&b);
}

/* -- rows out --------------------------------------------------------- */

/* Columns one after the other, in the order of `columns`. */
struct row {
	struct sqlite_stmt *stmt;
	int at;
	bool ok; /* false once a value was not what we write */
};

static int64_t get_int(struct row *row)
{
	return sqlite_int(row->stmt, row->at++);
}

static uint64_t get_uint(struct row *row)
{
	return (uint64_t)get_int(row);
}

static bool get_bool(struct row *row)
{
	return get_int(row) != 0;
}

/* A null stays NULL; so does what memory does not suffice for. */
static char *get_bytes(struct row *row)
{
	size_t len;
	const void *data = sqlite_blob(row->stmt, row->at++, &len);
	char *copy = data == NULL ? NULL : strndup(data, len);

	row->ok = row->ok && (data == NULL || copy != NULL);
	return copy;
}

static bool get_uuid(struct row *row, struct uuid *uuid)
{
	const char *text = sqlite_text(row->stmt, row->at++);

	return text != NULL && uuid_parse(text, strlen(text), uuid);
}

static void get_digest(struct row *row, uint8_t *digest)
{
	size_t len;
	const void *data = sqlite_blob(row->stmt, row->at++, &len);

	row->ok = row->ok && len == SHA256_BYTES;
	if (row->ok)
		memcpy(digest, data, len);
}

static void get_pointer(struct row *row, char pointer[READER_POINTER_MAX + 1])
{
	const char *text = sqlite_text(row->stmt, row->at++);

	row->ok = row->ok && text != NULL &&
		strlen(text) <= READER_POINTER_MAX;
	if (row->ok)
		memcpy(pointer, text, strlen(text) + 1);
}

static enum source_state get_state(struct row *row)
{
	const char *text = sqlite_text(row->stmt, row->at++);

	for (int s = SOURCE_CLAIMED; text != NULL && s <= SOURCE_LOST; s++)
		if (strcmp(text, state_names[s]) == 0)
			return (enum source_state)s;
	row->ok = false;
	return SOURCE_LOST;
}

static void get_position(struct row *row, struct reader_position *p)
{
	p->offset = get_uint(row);
	p->records = get_uint(row);
	p->lines = get_uint(row);
	p->chunks = get_uint(row);
	p->rejects = get_uint(row);
	p->resync = get_uint(row);
}

static void get_source(struct row *row, struct source *source)
{
	row->ok = get_uuid(row, &source->drop);
	source->pipeline = get_bytes(row);
	source->dataset = get_bytes(row);
	source->directory = get_bytes(row);
	source->name = get_bytes(row);
	source->device = get_uint(row);
	source->inode = get_uint(row);
	source->size = get_uint(row);
	source->mtime_ns = get_int(row);
	source->claimed_us = get_int(row);
	get_digest(row, source->sha256);
	source->limits.chunk_records = get_uint(row);
	source->limits.chunk_bytes = get_uint(row);
	source->limits.max_record_bytes = get_uint(row);
	source->reader_version = get_uint(row);
	get_position(row, &source->position);
	source->state = get_state(row);
	source->failed = get_bool(row);
	source->target = get_bytes(row);
	source->duplicate = get_uuid(row, &source->duplicate_of);
	get_pointer(row, source->limits.records);
	(void)get_uuid(row, &source->replay_of);
	source->object = get_bytes(row);
}

/* Steps once: *source stays NULL at the end. */
static bool take_source(struct sqlite_stmt *stmt, int64_t *id,
	struct source **source, struct err *err)
{
	struct row row = { .stmt = stmt, .at = 1, .ok = true };
	bool found = false;

	*source = NULL;
	if (!sqlite_step_row(stmt, &found, err))
		return false;
	if (!found)
		return true;
	*source = calloc(1, sizeof(**source));
	if (*source == NULL)
		return err_memory(err);
	*id = sqlite_int(stmt, 0);
	get_source(&row, *source);
	row.ok = row.ok && (*source)->directory != NULL &&
		(*source)->name != NULL;
	/* to its end: an open read would keep the log from being folded in */
	if (!sqlite_step_row(stmt, &found, err))
		row.ok = false;
	else if (row.ok)
		return true;
	else
		(void)err_stop(err, EXIT_IO, "row %" PRId64 " of the state "
			"file cannot be read", *id);
	source_free(*source);
	*source = NULL;
	return false;
}

static bool select_one(struct state *state, const char *where,
	const char *drop, int64_t *id, struct source **source, struct err *err)
{
	struct buf sql = { 0 };
	struct sqlite_stmt *stmt = NULL;
	bool ok = buf_printf(&sql, err, "select %s from source where %s",
		columns, where);

	*source = NULL;
	if (ok)
		stmt = sqlite_prepared(state->db, sql.data, err);
	buf_clear(&sql);
	if (stmt == NULL)
		return false;
	ok = drop != NULL ? sqlite_bind_text(stmt, 1, drop, err)
			  : sqlite_bind_int(stmt, 1, *id, err);
	return ok && take_source(stmt, id, source, err);
}

bool state_get(struct state *state, const struct uuid *drop,
	struct source **source, struct err *err)
{
	char text[UUID_TEXT];
	int64_t id;

	uuid_format(drop, text);
	return select_one(state, "drop_id = ?", text, &id, source, err);
}

bool state_next(struct state *state, int64_t *after, struct source **source,
	struct err *err)
{
	return select_one(state, "id > ? and state in ('claimed', 'published')"
		" order by id limit 1", NULL, after, source, err);
}

bool state_after(struct state *state, int64_t *after,
	struct source **source, struct err *err)
{
	return select_one(state, "id > ? order by id limit 1", NULL, after,
		source, err);
}

bool state_same(struct state *state, const struct source *source, bool *found,
	struct uuid *same, struct err *err)
{
	struct binder b = bind(state,
		"select drop_id from source where sha256 = ? and size = ?"
		" and pipeline = ? and dataset = ? and state <> 'lost'"
		" and duplicate_of is null order by id limit 1", err);
	struct row row = { .stmt = b.stmt };

	put_blob(&b, source->sha256, SHA256_BYTES);
	put_uint(&b, source->size);
	put_text(&b, source->pipeline);
	put_text(&b, source->dataset);
	if (!b.ok || !sqlite_step_row(b.stmt, found, err))
		return false;
	if (!*found)
		return true;
	*found = get_uuid(&row, same);
	return sqlite_step_row(b.stmt, &(bool){ false }, err);
}

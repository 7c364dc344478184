/* api_state.c - how far each endpoint has got, in the state file. */
#include "producer/api_state.h"

#include "common/clock.h"
#include "common/sqlite.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char api_state_schema[] =
	"create table if not exists api_endpoint ("
	" endpoint text primary key,"
	" cursor text,"
	" most text,"
	" run integer not null,"
	" running integer not null,"
	" started_us integer not null,"
	" checked_us integer not null,"
	" changed_us integer not null,"
	" next_us integer not null,"
	" failures integer not null,"
	" error text,"
	" requests integer not null,"
	" unchanged integer not null,"
	" records integer not null,"
	" errors integer not null) without rowid;"
	"create table if not exists api_intent ("
	" endpoint text primary key,"
	" drop_id text not null unique,"
	" object text not null,"
	" url text not null,"
	" parent text,"
	" page integer not null,"
	" offset integer not null,"
	" page_url text,"
	" token text,"
	" made_us integer not null) without rowid;"
	"create table if not exists api_address ("
	" endpoint text not null,"
	" hash blob not null,"
	" etag text,"
	" modified text,"
	" sha256 blob,"
	" next_url text,"
	" next_token text,"
	" more integer not null,"
	" records integer not null,"
	" seen_us integer not null,"
	" primary key (endpoint, hash)) without rowid;"
	"create table if not exists api_parent ("
	" endpoint text not null,"
	" parent text not null,"
	" run integer not null,"
	" cursor text,"
	" primary key (endpoint, parent)) without rowid;"
	"create table if not exists api_host ("
	" host text primary key,"
	" day integer not null,"
	" used integer not null) without rowid;"
	"create table if not exists api_quiet ("
	" host text primary key,"
	" until_us integer not null) without rowid;"
	"create table if not exists api_object ("
	" object text primary key,"
	" noted_us integer not null) without rowid;";

/* -- small things -------------------------------------------------------- */

void api_row_clear(struct api_row *row)
{
	free(row->cursor);
	free(row->most);
	free(row->error);
	*row = (struct api_row){ .run = 0 };
}

void api_intent_clear(struct api_intent *intent)
{
	free(intent->object);
	free(intent->url);
	free(intent->parent);
	api_place_clear(&intent->place);
	*intent = (struct api_intent){ .object = NULL };
}

bool api_intent_follow(struct uuid *drop, struct err *err)
{
	uint8_t digest[SHA256_BYTES];

	if (!sha256_once(drop->bytes, sizeof(drop->bytes), digest, err))
		return false;
	*drop = uuid_from_digest(digest);
	drop->bytes[6] = (uint8_t)((drop->bytes[6] & 0x0f) | 0x40);
	return true; /* as the first one: version 8 is for messages */
}

void api_known_clear(struct api_known *known)
{
	free(known->etag);
	free(known->modified);
	free(known->next_url);
	free(known->next_token);
	*known = (struct api_known){ .etag = NULL };
}

/* A statement with its values bound: s text, i int64_t, b bytes (pointer and
 * size_t). NULL: *err. */
static struct sqlite_stmt *prepare(struct state *state, struct err *err,
	const char *sql, const char *kinds, ...)
{
	struct sqlite_stmt *stmt = sqlite_prepared(state_sqlite(state), sql,
		err);
	bool ok = stmt != NULL;
	const void *data;
	va_list args;

	va_start(args, kinds);
	for (int at = 1; ok && *kinds != '\0'; kinds++, at++)
		switch (*kinds) {
		case 's':
			ok = sqlite_bind_text(stmt, at,
				va_arg(args, const char *), err);
			break;
		case 'i':
			ok = sqlite_bind_int(stmt, at, va_arg(args, int64_t),
				err);
			break;
		default:
			data = va_arg(args, const void *);
			ok = data == NULL ?
				(void)va_arg(args, size_t),
				sqlite_bind_text(stmt, at, NULL, err) :
				sqlite_bind_blob(stmt, at, data,
					va_arg(args, size_t), err);
		}
	va_end(args);
	return ok ? stmt : NULL;
}

static bool done(struct sqlite_stmt *stmt, struct err *err)
{
	bool row;

	return stmt != NULL && sqlite_step_row(stmt, &row, err);
}

/* True when there is a row to read; end() behind it. */
static bool one(struct sqlite_stmt *stmt, bool *row, struct err *err)
{
	*row = false;
	return stmt != NULL && sqlite_step_row(stmt, row, err);
}

static bool end(struct sqlite_stmt *stmt, bool row, struct err *err)
{
	return !row || sqlite_step_row(stmt, &row, err);
}

static bool take(struct sqlite_stmt *stmt, int column, char **to,
	struct err *err)
{
	const char *text = sqlite_text(stmt, column);

	*to = text == NULL ? NULL : strdup(text);
	return text == NULL || *to != NULL || err_memory(err);
}

/* -- endpoints ----------------------------------------------------------------- */

bool api_state_row(struct state *state, const char *endpoint,
	struct api_row *row, struct err *err)
{
	struct sqlite_stmt *stmt = prepare(state, err,
		"select run, running, started_us, checked_us, changed_us,"
		" next_us, failures, requests, unchanged, records, errors,"
		" cursor, most, error from api_endpoint where endpoint = ?",
		"s", endpoint);
	bool found;
	bool ok = one(stmt, &found, err);

	*row = (struct api_row){ .run = 0 };
	if (!ok || !found)
		return ok;
	*row = (struct api_row){
		.run = sqlite_int(stmt, 0),
		.running = sqlite_int(stmt, 1) != 0,
		.started_us = sqlite_int(stmt, 2),
		.checked_us = sqlite_int(stmt, 3),
		.changed_us = sqlite_int(stmt, 4),
		.next_us = sqlite_int(stmt, 5),
		.failures = sqlite_int(stmt, 6),
		.requests = sqlite_int(stmt, 7),
		.unchanged = sqlite_int(stmt, 8),
		.records = sqlite_int(stmt, 9),
		.errors = sqlite_int(stmt, 10),
	};
	return take(stmt, 11, &row->cursor, err) &&
		take(stmt, 12, &row->most, err) &&
		take(stmt, 13, &row->error, err) && end(stmt, true, err);
}

bool api_state_put_row(struct state *state, const char *endpoint,
	const struct api_row *row, struct err *err)
{
	return done(prepare(state, err,
		"insert or replace into api_endpoint (endpoint, cursor, most,"
		" run, running, started_us, checked_us, changed_us, next_us,"
		" failures, error, requests, unchanged, records, errors)"
		" values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"sssiiiiiiisiiii", endpoint, row->cursor, row->most, row->run,
		(int64_t)row->running, row->started_us, row->checked_us,
		row->changed_us, row->next_us, row->failures, row->error,
		row->requests, row->unchanged, row->records, row->errors), err);
}

bool api_state_put_next(struct state *state, const char *endpoint,
	int64_t next_us, struct err *err)
{
	return done(prepare(state, err,
		"update api_endpoint set next_us = ? where endpoint = ?",
		"is", next_us, endpoint), err);
}

/* -- intents --------------------------------------------------------------------- */

static bool take_intent(struct sqlite_stmt *stmt, struct api_intent *intent,
	struct err *err)
{
	const char *drop = sqlite_text(stmt, 0);

	*intent = (struct api_intent){ .made_us = sqlite_int(stmt, 4) };
	intent->place.number = (uint64_t)sqlite_int(stmt, 5);
	intent->place.offset = (uint64_t)sqlite_int(stmt, 6);
	if (drop == NULL || !uuid_parse(drop, strlen(drop), &intent->drop))
		return err_stop(err, EXIT_IO, "a request in the state file "
			"cannot be read");
	return take(stmt, 1, &intent->object, err) &&
		take(stmt, 2, &intent->url, err) &&
		take(stmt, 3, &intent->parent, err) &&
		take(stmt, 7, &intent->place.url, err) &&
		take(stmt, 8, &intent->place.token, err);
}

bool api_state_intent(struct state *state, const char *endpoint, bool *found,
	struct api_intent *intent, struct err *err)
{
	struct sqlite_stmt *stmt = prepare(state, err,
		"select drop_id, object, url, parent, made_us, page, offset,"
		" page_url, token from api_intent where endpoint = ?",
		"s", endpoint);
	bool ok = one(stmt, found, err);

	*intent = (struct api_intent){ .object = NULL };
	if (ok && *found)
		ok = take_intent(stmt, intent, err) && end(stmt, true, err);
	return ok;
}

bool api_state_put_intent(struct state *state, const char *endpoint,
	const struct api_intent *intent, struct err *err)
{
	char drop[UUID_TEXT];

	if (intent == NULL)
		return done(prepare(state, err,
			"delete from api_intent where endpoint = ?", "s",
			endpoint), err);
	uuid_format(&intent->drop, drop);
	return done(prepare(state, err,
		"insert or replace into api_intent (endpoint, drop_id, object,"
		" url, parent, page, offset, page_url, token, made_us)"
		" values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "sssssiissi",
		endpoint, drop, intent->object, intent->url, intent->parent,
		(int64_t)intent->place.number, (int64_t)intent->place.offset,
		intent->place.url, intent->place.token, intent->made_us), err);
}

/* The drop, or one of those that follow it. */
static bool leads_to(struct uuid at, const struct uuid *drop, bool *found,
	struct err *err)
{
	bool ok = true;

	*found = uuid_equal(&at, drop);
	for (int i = 1; ok && !*found && i < API_AHEAD; i++) {
		ok = api_intent_follow(&at, err);
		*found = ok && uuid_equal(&at, drop);
	}
	return ok;
}

bool api_state_intends(struct state *state, const char *drop, bool *found,
	struct err *err)
{
	struct sqlite_stmt *stmt = prepare(state, err,
		"select drop_id from api_intent", "");
	struct uuid wanted, at;
	bool row, ok = one(stmt, &row, err);

	*found = false;
	if (!uuid_parse(drop, strlen(drop), &wanted))
		wanted = (struct uuid){ .bytes = { 0 } };
	while (ok && row) {
		const char *text = sqlite_text(stmt, 0);
		bool this = false;

		if (text != NULL && uuid_parse(text, strlen(text), &at))
			ok = leads_to(at, &wanted, &this, err);
		*found = *found || this;
		ok = ok && sqlite_step_row(stmt, &row, err);
	}
	return ok;
}

/* -- addresses --------------------------------------------------------------------- */

static bool digest(const char *address, uint8_t out[SHA256_BYTES],
	struct err *err)
{
	return sha256_once(address, strlen(address), out, err);
}

bool api_state_known(struct state *state, const char *endpoint,
	const char *address, struct api_known *known, struct err *err)
{
	uint8_t hash[SHA256_BYTES];
	struct sqlite_stmt *stmt;
	const void *data;
	size_t len;
	bool found;

	*known = (struct api_known){ .etag = NULL };
	if (!digest(address, hash, err))
		return false;
	stmt = prepare(state, err,
		"select etag, modified, sha256, next_url, next_token, more,"
		" records from api_address where endpoint = ? and hash = ?",
		"sb", endpoint, hash, sizeof(hash));
	if (!one(stmt, &found, err) || !found)
		return err->kind == ERR_NONE;
	data = sqlite_blob(stmt, 2, &len);
	known->hashed = data != NULL && len == SHA256_BYTES;
	if (known->hashed)
		memcpy(known->sha256, data, len);
	known->more = sqlite_int(stmt, 5) != 0;
	known->records = (uint64_t)sqlite_int(stmt, 6);
	return take(stmt, 0, &known->etag, err) &&
		take(stmt, 1, &known->modified, err) &&
		take(stmt, 3, &known->next_url, err) &&
		take(stmt, 4, &known->next_token, err) &&
		end(stmt, true, err);
}

bool api_state_put_known(struct state *state, const char *endpoint,
	const char *address, const struct api_known *known, struct err *err)
{
	uint8_t hash[SHA256_BYTES];

	return digest(address, hash, err) && done(prepare(state, err,
		"insert or replace into api_address (endpoint, hash, etag,"
		" modified, sha256, next_url, next_token, more, records,"
		" seen_us) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"sbssbssiii", endpoint, hash, sizeof(hash), known->etag,
		known->modified, known->hashed ? known->sha256 : NULL,
		(size_t)SHA256_BYTES, known->next_url, known->next_token,
		(int64_t)known->more, (int64_t)known->records,
		clock_wall_us()), err);
}

/* -- parents ------------------------------------------------------------------------- */

bool api_state_add_parent(struct state *state, const char *endpoint,
	const char *parent, struct err *err)
{
	return done(prepare(state, err,
		"insert or ignore into api_parent (endpoint, parent, run)"
		" values (?, ?, 0)", "ss", endpoint, parent), err);
}

bool api_state_next_parent(struct state *state, const char *endpoint,
	int64_t run, const char *after, char **parent, char **cursor,
	struct err *err)
{
	struct sqlite_stmt *stmt = prepare(state, err,
		"select parent, cursor from api_parent where endpoint = ?"
		" and run < ? and parent > ? order by parent limit 1", "sis",
		endpoint, run, after);
	bool found;

	*parent = *cursor = NULL;
	if (!one(stmt, &found, err) || !found)
		return err->kind == ERR_NONE;
	return take(stmt, 0, parent, err) && take(stmt, 1, cursor, err) &&
		end(stmt, true, err);
}

bool api_state_parent_done(struct state *state, const char *endpoint,
	const char *parent, int64_t run, const char *cursor, struct err *err)
{
	return done(prepare(state, err,
		"update api_parent set run = ?, cursor = ? where endpoint = ?"
		" and parent = ?", "isss", run, cursor, endpoint, parent), err);
}

bool api_state_parent_cursor(struct state *state, const char *endpoint,
	const char *parent, char **cursor, struct err *err)
{
	struct sqlite_stmt *stmt = prepare(state, err,
		"select cursor from api_parent where endpoint = ? and"
		" parent = ?", "ss", endpoint, parent);
	bool found;

	*cursor = NULL;
	if (!one(stmt, &found, err) || !found)
		return err->kind == ERR_NONE;
	return take(stmt, 0, cursor, err) && end(stmt, true, err);
}

/* -- hosts ------------------------------------------------------------------------------ */

bool api_state_used(struct state *state, const char *host, int64_t day,
	int64_t *used, struct err *err)
{
	struct sqlite_stmt *stmt = prepare(state, err,
		"select used from api_host where host = ? and day = ?", "si",
		host, day);
	bool found;

	*used = 0;
	if (!one(stmt, &found, err))
		return false;
	if (found)
		*used = sqlite_int(stmt, 0);
	return end(stmt, found, err);
}

bool api_state_put_used(struct state *state, const char *host, int64_t day,
	int64_t used, struct err *err)
{
	return done(prepare(state, err,
		"insert or replace into api_host (host, day, used)"
		" values (?, ?, ?)", "sii", host, day, used), err);
}

bool api_state_quiet(struct state *state, const char *host,
	int64_t *until_us, struct err *err)
{
	struct sqlite_stmt *stmt = prepare(state, err,
		"select until_us from api_quiet where host = ?", "s", host);
	bool found;

	*until_us = 0;
	if (!one(stmt, &found, err))
		return false;
	if (found)
		*until_us = sqlite_int(stmt, 0);
	return end(stmt, found, err);
}

bool api_state_put_quiet(struct state *state, const char *host,
	int64_t until_us, struct err *err)
{
	return done(prepare(state, err, "insert or replace into api_quiet"
		" (host, until_us) values (?, ?)", "si", host, until_us), err);
}

/* -- answers of which no source came -------------------------------------------------------- */

bool api_state_add_object(struct state *state, const char *object,
	struct err *err)
{
	return done(prepare(state, err,
		"insert or ignore into api_object (object, noted_us)"
		" values (?, ?)", "si", object, clock_wall_us()), err);
}

bool api_state_next_object(struct state *state, int64_t before_us,
	char **object, struct err *err)
{
	struct sqlite_stmt *stmt = prepare(state, err,
		"select object from api_object where noted_us < ?"
		" order by noted_us limit 1", "i", before_us);
	bool found;

	*object = NULL;
	if (!one(stmt, &found, err) || !found)
		return err->kind == ERR_NONE;
	return take(stmt, 0, object, err) && end(stmt, true, err);
}

bool api_state_put_off(struct state *state, const char *object,
	struct err *err)
{
	return done(prepare(state, err, "update api_object set noted_us = ?"
		" where object = ?", "is", clock_wall_us(), object), err);
}

bool api_state_drop_object(struct state *state, const char *object,
	struct err *err)
{
	return done(prepare(state, err,
		"delete from api_object where object = ?", "s", object), err);
}

/* -- the whole ----------------------------------------------------------------------------- */

bool api_state_reset(struct state *state, const char *endpoint,
	struct err *err)
{
	return done(prepare(state, err, "update api_endpoint set cursor = null,"
			" most = null, running = 0, failures = 0, next_us = 0,"
			" error = null where endpoint = ?", "s", endpoint),
		       err) &&
		done(prepare(state, err, "insert or ignore into api_object"
			" (object, noted_us) select object, ? from api_intent"
			" where endpoint = ?", "is", clock_wall_us(),
			endpoint), err) &&
		done(prepare(state, err, "delete from api_intent where"
			" endpoint = ?", "s", endpoint), err) &&
		done(prepare(state, err, "delete from api_address where"
			" endpoint = ?", "s", endpoint), err) &&
		done(prepare(state, err, "update api_parent set run = 0,"
			" cursor = null where endpoint = ?", "s", endpoint),
			err);
}

bool api_state_prune(struct state *state, int64_t before_us, struct err *err)
{
	return done(prepare(state, err,
		"delete from api_address where seen_us < ?", "i", before_us),
		err);
}

/* migrate.c - PostgreSQL as Sluice wants it: the numbered schema files, and
 * the order of it all. */
#include "cli/migrate.h"
#include "cli/connect.h"
#include "common/hash.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES ((size_t)4 << 20)

bool migration_run(struct migration *migration, const char *sql,
	struct err *err)
{
	return db_exec(migration->db, sql, err) &&
		buf_printf(migration->sql, err, "%s%s\n", sql,
			strrchr(sql, ';') != NULL ? "" : ";");
}

bool migration_say(struct migration *migration, const char *fmt, ...)
{
	char line[512];
	struct err err = { 0 };
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	return buf_printf(migration->said, &err, "%s\n", line);
}

/* -- schema files ------------------------------------------------------- */

static int is_migration(const struct dirent *entry)
{
	const char *name = entry->d_name;
	const size_t len = strlen(name);

	return strspn(name, "0123456789") == 4 && name[4] == '_' && len > 9 &&
		strcmp(name + len - 4, ".sql") == 0;
}

static bool read_file(const char *path, struct buf *out, struct err *err)
{
	FILE *file = fopen(path, "rb");
	char piece[8192];
	size_t got;
	bool ok = true;

	if (file == NULL)
		return err_errno(err, ERR_STOP, "open %s", path);
	while (ok && (got = fread(piece, 1, sizeof(piece), file)) > 0)
		ok = buf_add(out, piece, got, err);
	if (ok && ferror(file))
		ok = err_errno(err, ERR_STOP, "read %s", path);
	(void)fclose(file);
	return ok;
}

static bool digest_text(const struct buf *text, char out[SHA256_TEXT],
	struct err *err)
{
	uint8_t digest[SHA256_BYTES];

	if (!sha256_once(text->data, text->len, digest, err))
		return false;
	sha256_format(digest, out);
	return true;
}

/* *known: empty when the file has not been run here. */
static bool recorded_digest(struct db *db, const char *version,
	char known[SHA256_TEXT], struct err *err)
{
	struct db_result *result = NULL;

	known[0] = '\0';
	if (!db_query(db, "select to_regclass('meta.schema_version') is null",
		    0, NULL, &result, err))
		return false;
	if (strcmp(db_value(result, 0, 0), "t") == 0) {
		db_result_free(result);
		return true;
	}
	db_result_free(result);
	if (!db_query(db,
		    "select sha256 from meta.schema_version"
		    " where version = $1::integer",
		    1, &version, &result, err))
		return false;
	if (db_rows(result) > 0)
		(void)snprintf(known, SHA256_TEXT, "%s", db_value(result, 0, 0));
	db_result_free(result);
	return true;
}

static bool run_file(struct migration *migration, const char *name,
	const struct buf *text, const char *digest, struct err *err)
{
	const char *values[] = { name, name, digest };

	if (!migration_run(migration, text->data, err))
		return err_wrap(err, "%s/%s", migration->config->schema_dir,
			name);
	migration_say(migration, "schema: %s run", name);
	return db_query(migration->db,
		"insert into meta.schema_version (version, name, sha256)"
		" values (left($1, 4)::integer, $2, $3)",
		3, values, NULL, err);
}

static bool apply_file(struct migration *migration, const char *name,
	struct err *err)
{
	char path[4096], digest[SHA256_TEXT], known[SHA256_TEXT];
	char version[5] = { name[0], name[1], name[2], name[3], '\0' };
	struct buf text = { .max = FILE_MAX_BYTES };
	bool ok;

	(void)snprintf(path, sizeof(path), "%s/%s",
		migration->config->schema_dir, name);
	ok = read_file(path, &text, err) && digest_text(&text, digest, err) &&
		recorded_digest(migration->db, version, known, err);
	if (ok && known[0] == '\0')
		ok = run_file(migration, name, &text, digest, err);
	else if (ok && strcmp(known, digest) != 0)
		ok = err_stop(err, EXIT_CONFIG,
			"%s is not the file that was run in this database: "
			"schema files are never edited, a change is a new "
			"number; put the old file back", path);
	buf_clear(&text);
	return ok;
}

static bool apply_files(struct migration *migration, struct err *err)
{
	struct dirent **entries = NULL;
	const int count = scandir(migration->config->schema_dir, &entries,
		is_migration, alphasort);
	bool ok = count >= 0;

	if (!ok)
		err_errno(err, ERR_STOP, "open folder %s",
			migration->config->schema_dir);
	else if (count == 0)
		ok = err_stop(err, EXIT_CONFIG,
			"no NNNN_name.sql in %s: check schema_dir",
			migration->config->schema_dir);
	for (int i = 0; i < count; i++) {
		ok = ok && apply_file(migration, entries[i]->d_name, err);
		free(entries[i]);
	}
	free(entries);
	return ok;
}

/* -- models ------------------------------------------------------------- */

/* Each step of the models' SQL starts with a line "--- what it does". */
static void say_steps(struct migration *migration, const char *sql)
{
	const char *line = strncmp(sql, "--- ", 4) == 0 ? sql :
							  strstr(sql, "\n--- ");

	for (; line != NULL; line = strstr(line, "\n--- ")) {
		line += line[0] == '\n' ? 5 : 4;
		migration_say(migration, "models: %.*s",
			(int)strcspn(line, "\n"), line);
	}
}

static bool apply_models(struct migration *migration, struct err *err)
{
	struct buf sql = { 0 };
	bool ok = models_apply_sql(migration->models, migration->db, &sql, err);

	if (ok && sql.len > 0) {
		ok = migration_run(migration, sql.data, err);
		ok = ok || models_explain(migration->models, migration->db,
			sql.data, err);
		say_steps(migration, sql.data);
	}
	buf_clear(&sql);
	return ok || err_wrap(err, "models");
}

/* -- all ---------------------------------------------------------------- */

static bool apply_parts(struct migration *migration, struct err *err)
{
	return db_exec(migration->db,
		       "select pg_advisory_xact_lock(hashtext('sluice apply'))",
		       err) &&
		roles_apply(migration, err) && apply_files(migration, err) &&
		adapt_tables(migration, err) && apply_models(migration, err);
}

bool migrate(struct migration *migration, bool dry_run, struct err *err)
{
	bool ok;

	migration->db = connect_db(migration->config,
		&migration->config->owner, false, 0, err);
	if (migration->db == NULL)
		return false;
	ok = db_begin(migration->db, err) && apply_parts(migration, err);
	if (ok && !dry_run)
		ok = db_commit(migration->db, err);
	db_rollback(migration->db);
	db_close(migration->db);
	migration->db = NULL;
	return ok;
}

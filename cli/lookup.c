/* lookup.c - a source by any of its names. */
#include "cli/lookup.h"
#include "common/hash.h"

#include <stdlib.h>
#include <string.h>

/* $1 name, $2 drop id, $3 source id; null: not what was given. A source id
 * that is also a file's name finds the id first. */
static const char find_sql[] =
	"select source_id\n"
	"from meta.source\n"
	"where name = $1 or right(name, length($1) + 1) = '/' || $1\n"
	"   or drop_id = $2::uuid or source_id = $3::bigint\n"
	"order by source_id = $3::bigint desc nulls last, source_id desc\n"
	"limit 10000";

static char *real_path(const char *path)
{
	return path != NULL ? realpath(path, NULL) : NULL;
}

/* The part of path behind folder, NULL when it does not lie there. */
static const char *behind(const char *path, const char *folder)
{
	const size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && path[len] == '/' ?
		path + len + 1 : NULL;
}

/* The file may be gone from there: only its folder is asked for. */
static bool real_file(const char *given, struct buf *out, struct err *err)
{
	const char *slash = strrchr(given, '/');
	char *folder, *real;
	bool ok;

	if (slash == NULL)
		return buf_add_str(out, given, err);
	folder = strndup(given, (size_t)(slash - given) + 1);
	if (folder == NULL)
		return err_memory(err);
	real = real_path(folder);
	ok = real != NULL ? buf_printf(out, err, "%s%s", real, slash) :
		buf_add_str(out, given, err);
	free(real);
	free(folder);
	return ok;
}

bool lookup_name(const struct config *config, const char *given,
	struct buf *name, struct err *err)
{
	char *raw = real_path(config->raw_dir);
	struct buf path = { 0 };
	const char *rest = NULL;
	bool ok = real_file(given, &path, err);

	if (ok && path.data != NULL && raw != NULL)
		rest = behind(path.data, raw);
	if (rest == NULL)
		rest = given;
	ok = ok && buf_add_escaped(name, rest, strlen(rest), err);
	free(raw);
	buf_clear(&path);
	return ok;
}

static bool is_number(const char *text)
{
	return text[0] != '\0' && strlen(text) < 19 &&
		strspn(text, "0123456789") == strlen(text);
}

bool lookup_all(struct db *db, const struct config *config,
	const char *given, int64_t **ids, size_t *count, struct err *err)
{
	struct buf name = { 0 };
	struct uuid uuid;
	const bool drop = uuid_parse(given, strlen(given), &uuid);
	const char *values[] = { NULL, drop ? given : NULL,
		is_number(given) ? given : NULL };
	struct db_result *result = NULL;
	bool ok = lookup_name(config, given, &name, err);

	*ids = NULL;
	*count = 0;
	values[0] = name.data != NULL ? name.data : "";
	ok = ok && db_query(db, find_sql, 3, values, &result, err);
	if (ok && db_rows(result) > 0) {
		*ids = calloc(db_rows(result), sizeof(**ids));
		ok = *ids != NULL || err_memory(err);
	}
	for (; ok && *count < db_rows(result); (*count)++)
		(*ids)[*count] = db_int(result, *count, 0);
	db_result_free(result);
	buf_clear(&name);
	return ok;
}

bool lookup_one(struct db *db, const struct config *config,
	const char *given, int64_t *id, struct err *err)
{
	int64_t *ids;
	size_t count;

	if (!lookup_all(db, config, given, &ids, &count, err))
		return false;
	if (count > 0)
		*id = ids[0];
	free(ids);
	return count > 0 || err_set(err, ERR_REJECT, "no source is named %s",
		given);
}

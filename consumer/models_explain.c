/* models_explain.c - whose fault it is: a model's file, its line, the SQLSTATE;
 * and what follows for the model. */
#include "consumer/model.h"

#include <stdio.h>
#include <string.h>

/* The byte at which the server's position (characters, from 1) lies. */
static size_t byte_at(const char *sql, int position)
{
	size_t at = 0;

	for (int left = position - 1; left > 0 && sql[at] != '\0'; left--)
		do
			at++;
		while (((unsigned char)sql[at] & 0xc0) == 0x80);
	return at;
}

static int lines_between(const char *from, const char *to)
{
	int lines = 0;

	for (; from < to; from++)
		lines += *from == '\n';
	return lines;
}

/* The line of the model's file that stands at `at`; 0: it is not of it. Its
 * select is found by its first line: in a refresh what it reads was replaced,
 * but no line was added. */
static int line_of(const struct model *model, const char *sql, const char *at)
{
	const size_t first = strcspn(model->select, "\n");
	const int count = lines_between(model->select,
		model->select + strlen(model->select));
	const char *found = sql;

	for (; *found != '\0' && found <= at; found++) {
		int lines;

		if (strncmp(found, model->select, first) != 0 ||
			found[first] != '\n')
			continue;
		lines = lines_between(found, at);
		if (lines <= count)
			return model->select_line + lines;
	}
	return 0;
}

static bool explain(const struct model *model, int line, struct err *err)
{
	char code[sizeof(err->code) + 16] = "";
	const size_t used = strlen(err->text);

	if (err->code[0] != '\0')
		(void)snprintf(code, sizeof(code), " (SQLSTATE %s)", err->code);
	if (used + strlen(code) < sizeof(err->text))
		(void)snprintf(err->text + used, sizeof(err->text) - used,
			"%s", code);
	if (err->code[0] != '\0' && err->kind == ERR_STOP)
		err->exit_code = EXIT_CONFIG; /* the file's fault, not ours */
	return err_wrap(err, "%s:%d", model->file, line);
}

bool model_explain(const struct model *model, const struct db *db,
	const char *sql, struct err *err)
{
	const int position = db_error_position(db);
	int line = position > 0 && sql != NULL ?
		line_of(model, sql, sql + byte_at(sql, position)) : 0;

	return explain(model, line > 0 ? line : model->select_line, err);
}

bool models_explain(const struct models *models, const struct db *db,
	const char *sql, struct err *err)
{
	const int position = db_error_position(db);
	const char *at = sql + byte_at(sql, position);

	for (size_t i = 0; position > 0 && i < models->count; i++) {
		const struct model *model = &models->items[i];
		const char *whole = strstr(sql, model->select);

		if (whole != NULL && at >= whole &&
			at <= whole + strlen(model->select))
			return explain(model,
				model->select_line + lines_between(whole, at),
				err);
	}
	return false;
}

static const char stale_sql[] =
	"with s as (\n"
	"update meta.model set state = 'stale', error = $2 where model = $1\n"
	"returning relation\n"
	"), d as (\n"
	"select meta.models_stale(array_agg(relation), 'stale with ' || $1)\n"
	"from s\n"
	")\n"
	"insert into meta.model_run (model, what, load_id, ms, rows, ok, detail)\n"
	"select $1, 'failed', nullif($3::bigint, 0), $4::bigint, 0, false, $2\n"
	"from d";

bool model_set_stale(struct db *db, const struct model *model,
	const char *why, int64_t load_id, int64_t ms, struct err *err)
{
	char load[24], ms_text[24];
	const char *values[] = { model->key, why, load, ms_text };

	(void)snprintf(load, sizeof(load), "%lld", (long long)load_id);
	(void)snprintf(ms_text, sizeof(ms_text), "%lld", (long long)ms);
	return db_query(db, stale_sql, 4, values, NULL, err);
}

/* lite_sql.c - what tables are called in an SQLite file. Pure. */
#include "consumer/lite.h"
#include "consumer/sqltext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool lite_add_relation(const char *schema, const char *table, struct buf *sql,
	struct err *err)
{
	struct buf name = { 0 };
	bool ok;

	ok = buf_printf(&name, err, "%s_%s", schema, table) &&
		sqlite_add_name(sql, name.data, err);
	buf_clear(&name);
	return ok;
}

static bool is_dataset(const struct pipeline_set *set,
	const struct sql_token *schema, const struct sql_token *table,
	char *out, size_t room)
{
	for (size_t i = 0; i < set->count; i++)
		for (size_t k = 0; k < set->pipelines[i].dataset_count; k++) {
			const struct dataset *dataset =
				&set->pipelines[i].datasets[k];

			if (!sql_is_name(schema, dataset->schema))
				continue;
			(void)snprintf(out, room, "%s", dataset->table);
			if (sql_is_name(table, out))
				return true;
			(void)snprintf(out, room, "%s_delta", dataset->table);
			if (sql_is_name(table, out))
				return true;
		}
	return false;
}

/* Our tables have names of small letters, digits and _ alone. */
static void plain_name(const struct sql_token *token, char *out, size_t room)
{
	const bool quoted = token->kind == SQL_NAME;
	const size_t len = token->len - (quoted ? 2 : 0);

	(void)snprintf(out, room, "%.*s", (int)(len < room ? len : room - 1),
		token->start + quoted);
	for (char *at = out; *at != '\0'; at++)
		*at = !quoted && *at >= 'A' && *at <= 'Z' ?
			(char)(*at - 'A' + 'a') : *at;
}

static bool rename_ours(void *context, const struct sql_token *schema,
	const struct sql_token *table, struct buf *out, bool *known,
	struct err *err)
{
	const struct plan *plan = context;
	char schema_name[64], table_name[64];

	plain_name(schema, schema_name, sizeof(schema_name));
	if (is_dataset(&plan->set, schema, table, table_name,
		    sizeof(table_name)))
		return lite_add_relation(schema_name, table_name, out, err);
	plain_name(table, table_name, sizeof(table_name));
	*known = sql_is_name(schema, "modelled") || sql_is_name(schema, "meta");
	return !*known ||
		lite_add_relation(schema_name, table_name, out, err);
}

bool lite_add_sql(const struct plan *plan, const char *text, struct buf *sql,
	struct err *err)
{
	struct plan copy = *plan;

	return sql_rename(text, strlen(text), rename_ours, &copy, sql, err);
}

/* -- names that meet ---------------------------------------------------- */

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool add_name(char **names, size_t *count, const char *schema,
	const char *table, const char *suffix, struct err *err)
{
	struct buf name = { 0 };
	const bool ok = buf_printf(&name, err, "%s_%s%s", schema, table,
		suffix);

	names[(*count)++] = buf_take(&name);
	return ok;
}

static bool add_datasets(const struct pipeline *pipeline, char **names,
	size_t *count, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < pipeline->dataset_count; i++) {
		const struct dataset *dataset = &pipeline->datasets[i];

		ok = add_name(names, count, dataset->schema, dataset->table,
			     "", err) &&
			add_name(names, count, dataset->schema,
				dataset->table, "_delta", err);
	}
	return ok;
}

static bool find_twins(char **names, size_t count, struct err *err)
{
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 1; i < count; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			return err_stop(err, EXIT_CONFIG, "two tables would "
				"both be called %s in an SQLite file: rename "
				"one", names[i]);
	return true;
}

bool lite_check_names(const struct plan *plan, struct err *err)
{
	size_t count = 0, room = plan->models->count + 1;
	char **names;
	bool ok;

	for (size_t i = 0; i < plan->set.count; i++)
		room += 2 * plan->set.pipelines[i].dataset_count;
	names = calloc(room, sizeof(*names));
	ok = names != NULL || err_memory(err);
	for (size_t i = 0; ok && i < plan->set.count; i++)
		ok = add_datasets(&plan->set.pipelines[i], names, &count, err);
	for (size_t i = 0; ok && i < plan->models->count; i++)
		ok = add_name(names, &count, "modelled",
			plan->models->items[i].name, "", err);
	ok = ok && find_twins(names, count, err);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return ok;
}

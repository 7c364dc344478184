/* trace_rows.c - which rows are meant by a table and a key. */
#include "cli/trace.h"
#include "consumer/tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 32

/* COLUMN=VALUE pairs; with a key the names may be left out. */
struct given {
	char *columns[WORDS_MAX];
	const char *values[WORDS_MAX + 1];
	size_t count;
};

static void given_clear(struct given *given)
{
	for (size_t i = 0; i < given->count; i++)
		free(given->columns[i]);
}

/* -- which table ----------------------------------------------------------- */

static bool is_pair(const char *text, const char *first, const char *second)
{
	const size_t len = strlen(first);

	return strncmp(text, first, len) == 0 && text[len] == '.' &&
		strcmp(text + len + 1, second) == 0;
}

static bool is_called(const struct dataset *dataset, const char *name)
{
	return is_pair(name, dataset->schema, dataset->table) ||
		strcmp(name, dataset->table) == 0 ||
		is_pair(name, dataset->pipeline->name, dataset->name) ||
		strcmp(name, dataset->name) == 0;
}

static const struct dataset *find_dataset(const struct pipeline_set *set,
	const char *name)
{
	for (size_t p = 0; p < set->count; p++)
		for (size_t d = 0; d < set->pipelines[p].dataset_count; d++)
			if (is_called(&set->pipelines[p].datasets[d], name))
				return &set->pipelines[p].datasets[d];
	return NULL;
}

static bool refuse_table(const struct plan *plan, const char *name,
	struct err *err)
{
	struct buf all = { 0 };
	bool ok = true;

	for (size_t p = 0; ok && p < plan->set.count; p++)
		for (size_t d = 0; ok &&
			d < plan->set.pipelines[p].dataset_count; d++)
			ok = buf_printf(&all, err, " %s.%s",
				plan->set.pipelines[p].datasets[d].schema,
				plan->set.pipelines[p].datasets[d].table);
	for (size_t i = 0; ok && i < models_count(plan->models); i++)
		ok = buf_printf(&all, err, " modelled.%s",
			models_info(plan->models, i).name);
	if (ok)
		(void)err_stop(err, EXIT_USAGE, "no table %s; there is:%.900s",
			name, all.data != NULL ? all.data : " none");
	buf_clear(&all);
	return false;
}

/* -- the words ------------------------------------------------------------- */

static bool add(struct given *given, const char *column, size_t len,
	const char *value, struct err *err)
{
	char *copy;

	if (given->count == WORDS_MAX)
		return err_stop(err, EXIT_USAGE, "more than %d values",
			WORDS_MAX);
	copy = strndup(column, len);
	if (copy == NULL)
		return err_memory(err);
	given->columns[given->count] = copy;
	given->values[given->count++] = value;
	return true;
}

static const char *key_name(const struct dataset *dataset, size_t at)
{
	return dataset->columns[dataset->keys[at]].name;
}

static bool names_key(const struct dataset *dataset, const char *word,
	size_t *len)
{
	for (size_t i = 0; i < dataset->key_count; i++) {
		*len = strlen(key_name(dataset, i));
		if (strncmp(word, key_name(dataset, i), *len) == 0 &&
			word[*len] == '=')
			return true;
	}
	return false;
}

/* All of the key, in order or by name. */
static bool take_key(const struct trace_ask *ask, const struct dataset *dataset,
	struct given *given, struct err *err)
{
	struct buf names = { 0 };
	bool ok = ask->count == dataset->key_count;

	for (size_t i = 0; ok && i < ask->count; i++) {
		const char *word = ask->words[i];
		size_t len;

		ok = names_key(dataset, word, &len) ?
			add(given, word, len, word + len + 1, err) :
			add(given, key_name(dataset, i),
				strlen(key_name(dataset, i)), word, err);
	}
	if (ok || err->kind != ERR_NONE)
		return ok;
	ok = true;
	for (size_t i = 0; ok && i < dataset->key_count; i++)
		ok = buf_printf(&names, err, " %s", key_name(dataset, i));
	if (ok)
		(void)err_stop(err, EXIT_USAGE, "the key of %s.%s has %zu "
			"column%s:%s", dataset->schema, dataset->table,
			dataset->key_count, dataset->key_count == 1 ? "" : "s",
			names.data);
	buf_clear(&names);
	return false;
}

static bool take_pairs(const struct trace_ask *ask, struct given *given,
	struct err *err)
{
	for (size_t i = 0; i < ask->count; i++) {
		const char *equals = strchr(ask->words[i], '=');

		if (equals == NULL || equals == ask->words[i])
			return err_stop(err, EXIT_USAGE, "of a model COLUMN="
				"VALUE is wanted, not %s", ask->words[i]);
		if (!add(given, ask->words[i],
			    (size_t)(equals - ask->words[i]), equals + 1, err))
			return false;
	}
	return true;
}

/* -- asking ---------------------------------------------------------------- */

static bool master_sql(const struct dataset *dataset,
	const struct given *given, struct buf *sql, struct err *err)
{
	bool ok = buf_printf(sql, err, "select _source, _offset, _load, %s\n"
			"from ", dataset->from != NULL ? "_item" : "0") &&
		tables_master_name(dataset, sql, err);

	for (size_t i = 0; ok && i < given->count; i++)
		ok = buf_add_str(sql, i == 0 ? "\nwhere " : " and ", err) &&
			sql_add_ident(sql, given->columns[i], err) &&
			buf_printf(sql, err, " = $%zu", i + 1);
	return ok && buf_add_char(sql, '\n', err);
}

static bool ask_rows(struct db *db, const struct trace_ask *ask,
	struct given *given, struct buf *sql, struct db_result **rows,
	struct err *err)
{
	if (!buf_printf(sql, err, "order by 1 desc, 2, 4\nlimit %" PRId64,
		    ask->limit))
		return false;
	if (db_query(db, sql->data, given->count, given->values, rows, err))
		return true;
	/* no such value, or no such column: the words' fault */
	if (strncmp(err->code, "22", 2) == 0 || strcmp(err->code, "42703") == 0)
		err->exit_code = EXIT_USAGE;
	return false;
}

bool trace_rows(struct db *db, const struct trace_ask *ask,
	struct db_result **rows, const struct dataset **dataset,
	struct err *err)
{
	const bool modelled = strncmp(ask->table, "modelled.", 9) == 0;
	struct given given = { .count = 0 };
	struct buf sql = { 0 };
	bool ok;

	*dataset = modelled ? NULL : find_dataset(&ask->plan->set, ask->table);
	if (*dataset != NULL)
		ok = take_key(ask, *dataset, &given, err) &&
			master_sql(*dataset, &given, &sql, err);
	else
		ok = take_pairs(ask, &given, err) &&
			models_trace_sql(ask->plan->models,
				ask->table + (modelled ? 9 : 0), given.columns,
				given.count, &sql, dataset, err);
	if (ok && *dataset == NULL)
		ok = refuse_table(ask->plan, ask->table, err);
	ok = ok && ask_rows(db, ask, &given, &sql, rows, err);
	given_clear(&given);
	buf_clear(&sql);
	return ok;
}

/* rejects_show.c - rejects as people and programs read them. */
#include "cli/rejects.h"
#include "cli/output.h"

#include <inttypes.h>
#include <stdio.h>

/* Columns of groups_sql and each_sql, and the keys they have in JSON. */
struct field {
	const char *key;
	bool number;
};

static const struct field group_fields[] = {
	{ "dataset", false }, { "code", false }, { "field", false },
	{ "rejects", true }, { "sources", true }, { "first_at", false },
	{ "last_at", false }, { "example_id", true },
	{ "example_source", false }, { "example_line", true },
	{ "example_detail", false }, { NULL, false },
};

static const struct field each_fields[] = {
	{ "reject_id", true }, { "dataset", false }, { "code", false },
	{ "field", false }, { "source", false }, { "record", true },
	{ "line", true }, { "column", true }, { "lo", true }, { "hi", true },
	{ "stage", false }, { "rejected_at", false }, { "detail", false },
	{ "source_id", true }, { "resolved_by", false }, { NULL, false },
};

static void put_row(struct json *object, const struct grid *grid,
	size_t row, const struct field *fields)
{
	for (size_t i = 0; fields[i].key != NULL; i++) {
		const char *value = grid_text(grid, row, i);

		if (fields[i].number)
			json_put_int(object, fields[i].key,
				grid_int(grid, row, i));
		else if (value[0] != '\0')
			json_put_text(object, fields[i].key, value);
		else
			json_put_null(object, fields[i].key);
	}
}

static bool list_json(const struct grid *grid, const char *key,
	const struct field *fields, struct err *err)
{
	struct json *root = json_object();
	struct json *array = json_put_array(root, key);

	for (size_t i = 0; i < grid->rows; i++)
		put_row(json_add_object(array), grid, i, fields);
	return output_json(root, err);
}

/* Shows the columns at[] of the result under the heads. */
static bool list_table(const struct grid *grid,
	const char *const *heads, const size_t *at, struct err *err)
{
	struct table table;
	bool ok;

	if (grid->rows == 0) {
		output_line("no rejects");
		return true;
	}
	table_init(&table, heads);
	for (size_t i = 0; i < grid->rows; i++)
		for (size_t c = 0; c < table.columns; c++) {
			const char *value = grid_text(grid, i, at[c]);

			table_add(&table, value[0] != '\0' ? value : NULL);
		}
	ok = table_print(&table, 0, err);
	table_clear(&table);
	return ok;
}

static bool show_groups(const struct grid *grid, struct err *err)
{
	static const char *const heads[] = { "dataset", "code", "field",
		">rejects", ">sources", "first at", "last at", ">example",
		"in", ">line", "because", NULL };
	static const size_t at[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

	return list_table(grid, heads, at, err);
}

static bool show_each(const struct grid *grid, struct err *err)
{
	static const char *const heads[] = { ">id", "dataset", "code", "field",
		"source", ">record", ">line", "because", NULL };
	static const size_t at[] = { 0, 1, 2, 3, 4, 5, 6, 12 };

	return list_table(grid, heads, at, err);
}

static void show_one(const struct grid *grid, const struct buf *shown,
	size_t bytes)
{
	struct buf text = { 0 };
	const int64_t length = grid_int(grid, 0, 9) - grid_int(grid, 0, 8);

	for (size_t i = 0; each_fields[i].key != NULL; i++) {
		const char *value = grid_text(grid, 0, i);

		if (value[0] != '\0')
			output_line("%-12s %s", each_fields[i].key,
				output_escape(&text, value));
	}
	output_line("%-12s %zu of %" PRId64, "bytes", bytes, length);
	output_line("\n%s", shown->len > 0 ? shown->data : "");
	buf_clear(&text);
}

bool rejects_show_bytes(const struct cmd_context *context, bool raw,
	const struct grid *grid, const struct buf *bytes,
	struct err *err)
{
	struct buf shown = { 0 };
	struct json *root;
	bool ok = true;

	if (raw) {
		(void)fwrite(bytes->data, 1, bytes->len, stdout);
		return true;
	}
	/* backslashes doubled: what was shown can be read back */
	ok = output_add_shown(&shown, bytes->data, bytes->len, "\"", err);
	if (ok && context->json) {
		root = json_object();
		put_row(root, grid, 0, each_fields);
		json_put_int(root, "bytes_kept", (int64_t)bytes->len);
		json_put_text(root, "bytes_escaped",
			shown.len > 0 ? shown.data : "");
		ok = output_json(root, err);
	} else if (ok) {
		show_one(grid, &shown, bytes->len);
	}
	buf_clear(&shown);
	return ok;
}

bool rejects_show_list(const struct cmd_context *context,
	const struct grid *grid, bool each, struct err *err)
{
	if (context->json)
		return each ? list_json(grid, "rejects", each_fields, err) :
			      list_json(grid, "groups", group_fields, err);
	return each ? show_each(grid, err) : show_groups(grid, err);
}

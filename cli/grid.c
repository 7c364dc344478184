/* grid.c - rows of text, wherever they were asked for. */
#include "cli/grid.h"

#include <stdlib.h>

static bool add_cell(struct grid *grid, size_t at, const char *text, size_t len,
	struct err *err)
{
	if (at == grid->cap) {
		const size_t cap = grid->cap * 2 + 64;
		size_t *more = realloc(grid->starts, cap * sizeof(*more));

		if (more == NULL)
			return err_memory(err);
		grid->starts = more;
		grid->cap = cap;
	}
	grid->starts[at] = grid->text.len;
	return buf_add(&grid->text, text, len, err) &&
		buf_add_char(&grid->text, '\0', err);
}

bool grid_of_db(struct grid *grid, const struct db_result *result,
	struct err *err)
{
	bool ok = true;

	grid->columns = db_columns(result);
	for (; ok && grid->rows < db_rows(result); grid->rows++)
		for (size_t i = 0; ok && i < grid->columns; i++)
			ok = add_cell(grid, grid->rows * grid->columns + i,
				db_value(result, grid->rows, i),
				db_value_len(result, grid->rows, i), err);
	return ok;
}

static bool take_row(struct grid *grid, struct sqlite_stmt *stmt,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < grid->columns; i++) {
		size_t len;
		const char *text = sqlite_text_len(stmt, (int)i, &len);

		ok = add_cell(grid, grid->rows * grid->columns + i, text, len,
			err);
	}
	grid->rows++;
	return ok;
}

bool grid_of_lite(struct grid *grid, struct sqlite *db, const char *sql,
	size_t count, const char *const *values, struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepare(db, sql, err);
	bool row = true, ok = stmt != NULL;

	for (size_t i = 0; ok && i < count; i++)
		ok = sqlite_bind_text(stmt, (int)i + 1, values[i], err);
	if (ok)
		grid->columns = (size_t)sqlite_columns(stmt);
	while (ok && (ok = sqlite_step_row(stmt, &row, err)) && row)
		ok = take_row(grid, stmt, err);
	sqlite_finish(stmt);
	return ok;
}

void grid_clear(struct grid *grid)
{
	free(grid->starts);
	buf_clear(&grid->text);
	*grid = (struct grid){ 0 };
}

const char *grid_text(const struct grid *grid, size_t row, size_t column)
{
	return row < grid->rows && column < grid->columns ? grid->text.data +
		grid->starts[row * grid->columns + column] : "";
}

int64_t grid_int(const struct grid *grid, size_t row, size_t column)
{
	return strtoll(grid_text(grid, row, column), NULL, 10);
}

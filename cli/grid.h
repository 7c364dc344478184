/* grid.h - rows of text, wherever they were asked for. */
#ifndef SLUICE_GRID_H
#define SLUICE_GRID_H

#include "common/db.h"
#include "common/sqlite.h"

struct grid {
	size_t rows, columns;
	size_t *starts; /* of each cell in text */
	size_t cap;
	struct buf text;
};

/* Takes all rows over, into a zeroed grid. */
bool grid_of_db(struct grid *grid, const struct db_result *result,
	struct err *err) MUST_CHECK;
/* The same of a query of an SQLite file, its parameters being texts. */
bool grid_of_lite(struct grid *grid, struct sqlite *db, const char *sql,
	size_t count, const char *const *values, struct err *err) MUST_CHECK;
void grid_clear(struct grid *grid);
/* "" for null, and beyond the grid. */
const char *grid_text(const struct grid *grid, size_t row, size_t column);
int64_t grid_int(const struct grid *grid, size_t row, size_t column);

#endif

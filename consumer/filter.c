/* filter.c - the days a direct load is about. */
#include "consumer/filter.h"

#define DAY_US ((int64_t)86400 * 1000000)

bool date_filter_takes(const struct date_filter *filter,
	const struct dataset *dataset, const struct cell *cells)
{
	const struct cell *cell;
	int64_t unit;

	if (filter == NULL || dataset->date == COLUMN_NONE)
		return true;
	cell = &cells[dataset->date];
	unit = cell->type == COLUMN_DATE ? 1 : DAY_US;
	return !cell->null && cell->v.i >= filter->from * unit &&
		cell->v.i < filter->to * unit;
}

/* filter.h - the days a direct load is about. Pure. */
#ifndef SLUICE_FILTER_H
#define SLUICE_FILTER_H

#include "common/rowmap.h"

/* Days since 2000-01-01: rows whose `date` column lies in [from, to) are
 * meant. Datasets without one are meant in full. */
struct date_filter {
	int64_t from, to;
};

/* Whether a row is meant (filter NULL: every row is); one without a date is on
 * no day. */
bool date_filter_takes(const struct date_filter *filter,
	const struct dataset *dataset, const struct cell *cells);

#endif

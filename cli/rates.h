/* rates.h - how much a second, from two overviews. Pure. */
#ifndef SLUICE_RATES_H
#define SLUICE_RATES_H

#include "cli/overview.h"

/* Each in a second; -1: not known. */
struct rates {
	double files, published, loaded, rejected;
};

/* From one count to a later one, so many microseconds apart; no time, or a
 * count that became smaller, gives 0. */
struct rates rates_between(const struct overview_counts *before,
	const struct overview_counts *after, int64_t us);
/* Of the overviews, or of one dataset of both (NULL for one that was not
 * there); all -1 where one of them could not ask the database. */
struct rates rates_overview(const struct overview *before,
	const struct overview *after);
struct rates rates_dataset(const struct overview *before,
	const struct overview *after, const struct overview_dataset *dataset);

/* "0", "0.4", "12.3", "45678", "1.2M"; "-" for what is not known. */
#define RATES_TEXT 16
const char *rates_text(double rate, char out[RATES_TEXT]);
/* The same of a count: "45678", "1.2M", "3.4G". */
const char *rates_count(int64_t count, char out[RATES_TEXT]);

#endif

/* news.h - what loads, models and data tests left in meta.news is taken out
 * and becomes work: for the care thread, and for whom should be told. */
#ifndef SLUICE_NEWS_H
#define SLUICE_NEWS_H

#include "common/config.h"
#include "common/db.h"

/* Takes all there is at the moment, in transactions of its own: moves
 * meta.care, fills meta.notification. *some tells whether there was any.
 * Several may do this at once: each piece of news is taken once, in the order
 * in which it was left, one taker waiting for the other. */
bool news_take(struct db *db, const struct config *config, bool *some,
	struct err *err) MUST_CHECK;

#endif

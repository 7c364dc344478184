/* items.h - what a dataset gets out of a message: its records one after the
 * other, or the values inside them that a derived dataset is made of. Private
 * to the load. */
#ifndef SLUICE_ITEMS_H
#define SLUICE_ITEMS_H

#include "consumer/derive.h"
#include "consumer/session.h"
#include "consumer/work.h"

/* One on its way into a row. */
struct item {
	struct record record;
	uint64_t offset;  /* of the source's record it is, or stands in */
	uint64_t ordinal; /* of the values in that one, from 1; 0: itself */
	/* derived: columns it takes from that one, or NULL */
	const struct rowmap_outside *outside;
};

struct items {
	struct watchdog *watchdog;
	const struct work *work;
	const struct dataset *derived; /* NULL: the message's own records */
	struct derive *derive;
	struct walk walk;
};

/* The work and derive must outlive the walk. */
void items_open(struct items *items, const struct session *session,
	const struct work *work, const struct dataset *derived,
	struct derive *derive);
/* The next one; values of records that were refused are left out. False when
 * out of memory. From one step to the next the thread is at bytes: the
 * watchdog watches. */
bool items_next(struct items *items, struct item *item, enum walk_step *step,
	struct json_fault *fault, struct err *err) MUST_CHECK;
void items_close(struct items *items);

/* Maps it into table->cells. */
enum row_status item_map(struct table *table, const struct item *item,
	struct row_fault *fault, struct err *err) MUST_CHECK;

#endif

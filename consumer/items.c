/* items.c - what a dataset gets out of a message, one after the other. */
#include "consumer/items.h"

#include <stdlib.h>

/* The tests' consumer dies of some records, and is stuck at others. */
#ifdef SLUICE_TEST_POISON
#define POISON(text, len) test_poison((text), (len))
void test_poison(const char *text, size_t len);
#else
#define POISON(text, len) ((void)0)
#endif

static int compare_numbers(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left;
	const uint64_t b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* What was refused is not loaded in part: its replay will give the rest. */
static bool is_refused(const struct work *work, uint64_t number)
{
	return work->refused.len > 0 && bsearch(&number, work->refused.data,
		work->refused.len / sizeof(number), sizeof(number),
		compare_numbers) != NULL;
}

void items_open(struct items *items, const struct session *session,
	const struct work *work, const struct dataset *derived,
	struct derive *derive)
{
	*items = (struct items){ .watchdog = session->watchdog, .work = work,
		.derived = derived, .derive = derive };
	derive_close(derive);
	work_walk(work, &items->walk);
}

static bool next_derived(struct items *items, struct item *item,
	enum walk_step *step, struct json_fault *fault, struct err *err)
{
	bool found = false;
	struct record parent;

	*step = WALK_RECORD;
	while (derive_next(items->derive, &item->record, &found, err)) {
		item->offset = items->derive->parent.offset;
		item->ordinal = items->derive->ordinal;
		item->outside = derive_outside(items->derive);
		if (found)
			return true;
		do {
			*step = walk_next(&items->walk, &parent, fault);
			if (*step == WALK_RECORD)
				continue;
			*step = WALK_END; /* a fault is not ours */
			return true;
		} while (is_refused(items->work, parent.number));
		if (!derive_open(items->derive, items->derived, &parent, err))
			return false;
	}
	return false;
}

/* From one step to the next the thread is at bytes. */
void items_close(struct items *items)
{
	watchdog_leave(items->watchdog);
}

/* False when out of memory. */
bool items_next(struct items *items, struct item *item,
	enum walk_step *step, struct json_fault *fault, struct err *err)
{
	watchdog_enter(items->watchdog);
	if (items->derived != NULL)
		return next_derived(items, item, step, fault, err);
	*step = walk_next(&items->walk, &item->record, fault);
	item->offset = item->record.offset;
	item->ordinal = 0;
	item->outside = NULL;
	return true;
}

enum row_status item_map(struct table *table, const struct item *item,
	struct row_fault *fault, struct err *err)
{
	POISON(item->record.text, item->record.len);
	return rowmap_found(table->map, item->record.text, item->record.len,
		item->outside, table->cells, fault, err);
}

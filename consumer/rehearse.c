/* rehearse.c - what a load does in this process, without the database. */
#include "consumer/copybin.h"
#include "consumer/items.h"
#include "consumer/load.h"

static bool rehearse_item(struct table *table, const struct item *item,
	struct buf *row, struct err *err)
{
	struct row_fault fault;

	buf_reset(row);
	switch (item_map(table, item, &fault, err)) {
	case ROW_OK:
		return copybin_row(row, table->cells, table->width, NULL, 0,
			err);
	case ROW_REJECT:
		return true;
	case ROW_FAILED:
		break;
	}
	return false;
}

static bool rehearse(struct session *session, const struct work *work,
	const struct dataset *derived, struct derive *derive, struct err *err)
{
	struct table *table = session_table(session,
		derived != NULL ? derived : work->dataset, err);
	enum walk_step step = WALK_RECORD;
	struct json_fault fault;
	struct buf row = { 0 };
	struct items items;
	struct item item;
	bool ok = table != NULL;

	items_open(&items, session, work, derived, derive);
	while (ok && items_next(&items, &item, &step, &fault, err) &&
		step == WALK_RECORD)
		ok = rehearse_item(table, &item, &row, err);
	items_close(&items);
	buf_clear(&row);
	return ok && step != WALK_RECORD;
}

bool load_rehearse(struct session *session, const struct work *work,
	struct err *err)
{
	const struct dataset *derived = NULL;
	struct derive derive = { 0 };
	bool ok = true;

	if (!work_has_rows(work))
		return true;
	do {
		ok = rehearse(session, work, derived, &derive, err);
		derived = derive_dataset(work->dataset, derived);
	} while (ok && derived != NULL);
	derive_clear(&derive);
	return ok;
}

/* A record, and what is derived from it. */
static bool try_record(struct session *session, const struct work *work,
	const struct item *item, struct derive *derive, struct buf *row,
	struct err *err)
{
	struct table *table = session_table(session, work->dataset, err);
	const struct dataset *dataset = NULL;
	struct item value = { 0 };
	bool found = true;
	bool ok = table != NULL && rehearse_item(table, item, row, err);

	while (ok && (dataset = derive_dataset(work->dataset, dataset)) !=
		NULL) {
		table = session_table(session, dataset, err);
		ok = table != NULL &&
			derive_open(derive, dataset, &item->record, err);
		for (found = ok; ok && found;) {
			ok = derive_next(derive, &value.record, &found, err);
			value.outside = derive_outside(derive);
			if (ok && found)
				ok = rehearse_item(table, &value, row, err);
		}
		derive_close(derive);
	}
	return ok;
}

bool load_try_records(struct session *session, struct work *work,
	bool (*note)(struct db *db, struct work *work, uint64_t number,
		struct err *err),
	struct err *err)
{
	enum walk_step step = WALK_RECORD;
	struct derive derive = { 0 }, values = { 0 };
	struct json_fault fault;
	struct buf row = { 0 };
	struct items items;
	struct item item;
	bool ok = true;

	items_open(&items, session, work, NULL, &derive);
	while (ok && items_next(&items, &item, &step, &fault, err) &&
		step == WALK_RECORD) {
		if (item.record.number <= work->passed)
			continue;
		watchdog_leave(session->watchdog); /* the note may wait */
		ok = note(session->db, work, item.record.number, err);
		watchdog_enter(session->watchdog);
		ok = ok && try_record(session, work, &item, &values, &row,
			err);
	}
	items_close(&items);
	buf_clear(&row);
	derive_clear(&derive);
	derive_clear(&values);
	return ok && step != WALK_RECORD && note(session->db, work, 0, err);
}

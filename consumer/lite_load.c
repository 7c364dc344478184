/* lite_load.c - one transaction on an SQLite file: a batch of messages becomes
 * rows, or nothing. */
#include "consumer/lite.h"

#include <stdlib.h>
#include <string.h>

/* -- statements --------------------------------------------------------- */

bool lite_run(struct lite *lite, const char *sql, size_t count,
	const char *const *values, struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db, sql, err);
	bool row, ok = stmt != NULL;

	for (size_t i = 0; ok && i < count; i++)
		ok = sqlite_bind_text(stmt, (int)i + 1, values[i], err);
	ok = ok && sqlite_step_row(stmt, &row, err);
	if (stmt != NULL)
		sqlite_again(stmt);
	return ok;
}

bool lite_number(struct lite *lite, const char *sql, int64_t *number,
	struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepare(lite->db, sql, err);
	bool row, ok = stmt != NULL && sqlite_step_row(stmt, &row, err);

	*number = ok && row ? sqlite_int(stmt, 0) : 0;
	sqlite_finish(stmt);
	return ok;
}

/* Whoever begins is the only writer until the end. */
bool lite_begin(struct lite *lite, struct err *err)
{
	lite->now_us = clock_wall_us();
	clock_format_date(lite->now_us, lite->day);
	memset(lite->claims, 0, sizeof(lite->claims));
	return sqlite_run(lite->db, "begin immediate", err);
}

bool lite_commit(struct lite *lite, struct err *err)
{
	return sqlite_run(lite->db, "commit", err);
}

/* Some failures have rolled back already. */
void lite_rollback(struct lite *lite)
{
	struct err err;

	if (lite->db != NULL && sqlite_begun(lite->db))
		(void)!sqlite_run(lite->db, "rollback", &err);
}

/* -- a load ------------------------------------------------------------- */

/* Numbers of loads that were rolled back are given again: nobody has seen
 * them. */
static bool begin(struct load *load, struct err *err)
{
	struct lite *lite = load->target;

	return lite_begin(lite, err) &&
		lite_number(lite, "select coalesce(max(load_id), 0) + 1"
			" from meta_load", &load->totals.load_id, err);
}

static bool run_steps(struct load *load, struct err *err)
{
	struct lite *lite = load->target;

	return begin(load, err) && lite_claim(load, err) &&
		(load->totals.messages == 0 ||
			(load_datasets(load, err) &&
				reject_messages(load, err) &&
				lite_refresh(load, err))) &&
		lite_count(load, err) && lite_commit(lite, err);
}

bool lite_load(struct store *store, struct work **works, size_t count,
	bool careful, struct load_totals *totals, struct err *err)
{
	struct lite *lite = (struct lite *)store;
	struct load load = {
		.sink = &lite_sink,
		.target = lite,
		.session = &lite->session,
	};
	bool ok;

	(void)careful; /* what rowmap accepts SQLite accepts */
	ok = batch_build(&load.batch, works, count, err) &&
		run_steps(&load, err);
	if (!ok)
		lite_rollback(lite);
	*totals = load.totals;
	batch_clear(&load.batch);
	clear_derived(&load);
	derive_clear(&load.derive);
	buf_clear(&load.scratch);
	free(load.deltas);
	return ok;
}

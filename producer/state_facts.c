/* state_facts.c - what the state file tells those who only watch. */
#include "producer/state_facts.h"
#include "common/sqlite.h"

#include <stdlib.h>
#include <string.h>

static const char facts_sql[] =
	"select drop_id, pipeline, dataset, name, state, size, offset, records,"
	" claimed_us from ("
	"select * from source where state in ('claimed', 'published') union "
	"select * from (select * from source where state = 'moved'"
	" order by id desc limit ?)"
	") order by claimed_us, id limit ?";

static const char sums_sql[] =
	"select pipeline, dataset, count(*), sum(records) from source"
	" where state <> 'lost' group by 1, 2";

/* Makes room for one more, zeroed. */
static void *add_one(void **items, size_t *count, size_t size, struct err *err)
{
	char *more = realloc(*items, (*count + 1) * size);

	if (more == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	*items = more;
	more += *count * size;
	memset(more, 0, size);
	(*count)++;
	return more;
}

static bool copy_text(struct sqlite_stmt *stmt, int column, char **text,
	struct err *err)
{
	size_t len;
	const void *data = sqlite_blob(stmt, column, &len);

	*text = strndup(data != NULL ? data : "", data != NULL ? len : 0);
	return *text != NULL || err_memory(err);
}

static bool read_fact(struct sqlite_stmt *stmt, struct state_fact *fact,
	struct err *err)
{
	const char *drop = sqlite_text(stmt, 0);
	const char *state = sqlite_text(stmt, 4);

	if (drop == NULL || !uuid_parse(drop, strlen(drop), &fact->drop))
		return err_stop(err, EXIT_IO, "the state file has a drop "
			"without an id");
	fact->state = state == NULL || strcmp(state, "moved") == 0 ?
		SOURCE_MOVED : strcmp(state, "claimed") == 0 ?
		SOURCE_CLAIMED : SOURCE_PUBLISHED;
	fact->size = sqlite_int(stmt, 5);
	fact->offset = sqlite_int(stmt, 6);
	fact->records = sqlite_int(stmt, 7);
	fact->claimed_us = sqlite_int(stmt, 8);
	return copy_text(stmt, 1, &fact->pipeline, err) &&
		copy_text(stmt, 2, &fact->dataset, err) &&
		copy_text(stmt, 3, &fact->name, err);
}

bool state_facts(struct state *state, size_t latest, size_t max,
	struct state_fact **facts, size_t *count, struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepare(state_sqlite(state),
		facts_sql, err);
	void *items = NULL;
	bool row = true;
	bool ok = stmt != NULL &&
		sqlite_bind_int(stmt, 1, (int64_t)latest, err) &&
		sqlite_bind_int(stmt, 2, (int64_t)max, err);

	*count = 0;
	while (ok && (ok = sqlite_step_row(stmt, &row, err)) && row) {
		struct state_fact *fact = add_one(&items, count, sizeof(*fact),
			err);

		ok = fact != NULL && read_fact(stmt, fact, err);
	}
	sqlite_finish(stmt);
	*facts = items;
	return ok;
}

void state_facts_free(struct state_fact *facts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(facts[i].pipeline);
		free(facts[i].dataset);
		free(facts[i].name);
	}
	free(facts);
}

bool state_sums(struct state *state, struct state_sum **sums, size_t *count,
	struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepare(state_sqlite(state),
		sums_sql, err);
	void *items = NULL;
	bool ok = stmt != NULL, row = true;

	*count = 0;
	while (ok && (ok = sqlite_step_row(stmt, &row, err)) && row) {
		struct state_sum *sum = add_one(&items, count, sizeof(*sum),
			err);

		ok = sum != NULL && copy_text(stmt, 0, &sum->pipeline, err) &&
			copy_text(stmt, 1, &sum->dataset, err);
		if (!ok)
			break;
		sum->files = sqlite_int(stmt, 2);
		sum->records = sqlite_int(stmt, 3);
	}
	sqlite_finish(stmt);
	*sums = items;
	return ok;
}

void state_sums_free(struct state_sum *sums, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(sums[i].pipeline);
		free(sums[i].dataset);
	}
	free(sums);
}

/* overview_sources.c - sources that are under way: what the producer has sent
 * of them, and what the consumer has committed. */
#include "cli/overview.h"
#include "producer/state_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRIVING 200 /* rows of the database, the oldest ones */

/* Places (from 0) of those that are not complete in the database. */
static const char open_sql[] =
	"select u.n - 1\n"
	"from unnest($1::uuid[]) with ordinality u (drop_id, n)\n"
	"where not exists (select from meta.source s\n"
	"    where s.drop_id = u.drop_id and s.completed_at is not null)\n"
	"order by u.n";

/* The last range of the ledger tells how far it is. */
static const char arriving_sql[] =
	"select s.drop_id, s.name, s.pipeline || '.' || s.dataset,\n"
	"       coalesce(s.size, -1), coalesce(s.manifest_records, -1),\n"
	"       s.records, s.rejected,\n"
	"       greatest(extract(epoch from now() - s.claimed_at)::bigint, 0),\n"
	"       coalesce((select c.hi from meta.chunk c\n"
	"           where c.drop_id = s.drop_id and c.dataset = s.dataset\n"
	"           order by c.lo desc limit 1), 0)\n"
	"from meta.source s\n"
	"where s.completed_at is null\n"
	"order by s.claimed_at, s.source_id\n"
	"limit $1";

/* -- what the state file says ------------------------------------------------ */

static bool packed(const char *name, int64_t offset, int64_t size)
{
	static const char *const ends[] = { ".gz", ".zst", ".zstd" };
	const size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (len > strlen(ends[i]) && strcmp(name + len -
			strlen(ends[i]), ends[i]) == 0)
			return true;
	return offset > size;
}

static bool take_fact(struct overview *overview, const struct state_fact *fact,
	struct err *err)
{
	struct overview_source *at =
		&overview->sources[overview->source_count];
	const int64_t age = (overview->at_us - fact->claimed_us) / 1000000;
	const bool reading = fact->state == SOURCE_CLAIMED;
	struct buf name = { 0 };

	if (!buf_add_escaped(&name, fact->name, strlen(fact->name), err)) {
		buf_clear(&name);
		return false;
	}
	overview->source_count++;
	uuid_format(&fact->drop, at->drop);
	at->name = buf_take(&name);
	(void)snprintf(at->dataset, sizeof(at->dataset), "%s.%s",
		fact->pipeline, fact->dataset);
	at->reading = reading;
	at->size = !reading ? fact->offset :
		packed(fact->name, fact->offset, fact->size) ? -1 : fact->size;
	at->bytes_sent = fact->offset;
	at->records = reading ? -1 : fact->records;
	at->records_sent = fact->records;
	at->age_secs = age > 0 ? age : 0;
	return true;
}

static bool take_open(struct db *db, struct overview *overview,
	const struct state_fact *facts, size_t count, struct err *err)
{
	struct buf drops = { 0 };
	struct db_result *rows = NULL;
	const char *values[1];
	bool ok = buf_add_str(&drops, count == 0 ? "{}" : "", err);

	for (size_t i = 0; ok && i < count; i++) {
		char drop[UUID_TEXT];

		uuid_format(&facts[i].drop, drop);
		ok = sql_add_array_item(&drops, drop, strlen(drop), err);
	}
	values[0] = drops.data;
	ok = ok && db_query(db, open_sql, 1, values, &rows, err);
	for (size_t i = 0; ok && i < db_rows(rows); i++)
		ok = take_fact(overview, &facts[db_int(rows, i, 0)], err);
	db_result_free(rows);
	buf_clear(&drops);
	return ok;
}

/* -- what the database says --------------------------------------------------- */

static struct overview_source *find(struct overview *overview,
	const char *drop)
{
	for (size_t i = 0; i < overview->source_count; i++)
		if (strcmp(overview->sources[i].drop, drop) == 0)
			return &overview->sources[i];
	return NULL;
}

/* Not of this producer's state file, or that cannot be read. */
static struct overview_source *add(struct overview *overview,
	const struct db_result *rows, size_t row, struct err *err)
{
	struct overview_source *at =
		&overview->sources[overview->source_count];

	at->name = strdup(db_value(rows, row, 1));
	if (at->name == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	overview->source_count++;
	(void)snprintf(at->drop, sizeof(at->drop), "%s",
		db_value(rows, row, 0));
	(void)snprintf(at->dataset, sizeof(at->dataset), "%s",
		db_value(rows, row, 2));
	at->size = at->records = at->bytes_sent = at->records_sent = -1;
	at->age_secs = db_int(rows, row, 7);
	return at;
}

static bool take_arriving(struct overview *overview,
	const struct db_result *rows, struct err *err)
{
	for (size_t i = 0; i < db_rows(rows); i++) {
		struct overview_source *at = find(overview,
			db_value(rows, i, 0));

		if (at == NULL)
			at = add(overview, rows, i, err);
		if (at == NULL)
			return false;
		if (db_int(rows, i, 3) >= 0)
			at->size = db_int(rows, i, 3);
		if (db_int(rows, i, 4) >= 0)
			at->records = db_int(rows, i, 4);
		at->records_done = db_int(rows, i, 5);
		at->rejected = db_int(rows, i, 6);
		at->bytes_done = db_int(rows, i, 8);
	}
	return true;
}

static int by_age(const void *a, const void *b)
{
	const struct overview_source *left = a, *right = b;

	return (left->age_secs < right->age_secs) -
		(left->age_secs > right->age_secs);
}

/* Each counts for the lag; only the oldest are kept. */
static void settle(struct overview *overview)
{
	for (size_t i = 0; i < overview->source_count; i++) {
		const struct overview_source *at = &overview->sources[i];
		struct overview_dataset *dataset = overview_dataset(overview,
			at->dataset);

		if (dataset != NULL && dataset->lag_secs < at->age_secs)
			dataset->lag_secs = at->age_secs;
		if (overview->lag_secs < at->age_secs)
			overview->lag_secs = at->age_secs;
	}
	if (overview->source_count > 1)
		qsort(overview->sources, overview->source_count,
			sizeof(*overview->sources), by_age);
	while (overview->source_count > OVERVIEW_SOURCES)
		free(overview->sources[--overview->source_count].name);
}

bool overview_take_facts(struct overview *overview,
	const struct state_fact *facts, size_t count, struct err *err)
{
	bool ok = true;

	if (overview->sources != NULL)
		return true; /* the database could tell that much */
	overview->sources = calloc(count + 1, sizeof(*overview->sources));
	if (overview->sources == NULL)
		return err_memory(err);
	for (size_t i = 0; ok && i < count; i++)
		if (facts[i].state != SOURCE_MOVED)
			ok = take_fact(overview, &facts[i], err);
	settle(overview);
	return ok;
}

bool overview_ask_sources(struct db *db, struct overview *overview,
	const struct state_fact *facts, size_t count, struct err *err)
{
	char limit[16];
	const char *values[] = { limit };
	struct db_result *rows = NULL;
	bool ok;

	(void)snprintf(limit, sizeof(limit), "%d", ARRIVING);
	overview->sources = calloc(count + ARRIVING + 1,
		sizeof(*overview->sources));
	ok = (overview->sources != NULL || err_memory(err)) &&
		take_open(db, overview, facts, count, err) &&
		db_query(db, arriving_sql, 1, values, &rows, err) &&
		take_arriving(overview, rows, err);
	settle(overview);
	db_result_free(rows);
	return ok;
}

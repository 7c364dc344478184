/* reconcile_find.c - what was confirmed and is not loaded. */
#include "cli/reconcile.h"
#include "cli/connect.h"
#include "common/clock.h"
#include "producer/limits.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 500     /* drops asked for at once */
#define LOOK_MS 1000  /* between two looks */

/* -- what the database knows of drops ----------------------------------- */

enum { F_ORD, F_ID, F_COMPLETE, F_KIND, F_PIPELINE, F_DATASET, F_NAME,
	F_CLAIMED_US, F_FILE_SIZE, F_SHA256, F_DAY, F_FAILED, F_FILTERED,
	F_THERE };

static const char facts_sql[] =
	"select w.ord, s.source_id, s.completed_at is not null, s.kind,\n"
	"       s.pipeline, s.dataset, s.name,\n"
	"       (extract(epoch from s.claimed_at) * 1000000)::bigint,\n"
	"       coalesce(s.file_size, -1), coalesce(s.sha256, ''),\n"
	"       to_char(s.claimed_at at time zone 'UTC', 'YYYY-MM-DD'),\n"
	"       s.remainder_failed, s.filtered, (\n"
	"           select count(*)\n"
	"           from meta.chunk c\n"
	"           where c.drop_id = w.drop_id and c.dataset = s.dataset\n"
	"             and c.replay = 0)\n"
	"from unnest($1::uuid[]) with ordinality as w (drop_id, ord)\n"
	"left join meta.source s using (drop_id)\n"
	"order by w.ord";

/* Drops to be asked for, with what the state file says of them, if it does. */
struct batch {
	struct uuid drops[BATCH];
	struct source *sources[BATCH];
	const struct dataset *dataset; /* of a .claimed folder; or NULL */
	size_t count;
};

static void batch_clear(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		source_free(batch->sources[i]);
	batch->count = 0;
}

static bool ask_facts(struct reconcile *r, const struct batch *batch,
	struct db_result **facts, struct err *err)
{
	struct buf drops = { 0 };
	char text[UUID_TEXT];
	bool ok = true;

	for (size_t i = 0; ok && i < batch->count; i++) {
		uuid_format(&batch->drops[i], text);
		ok = sql_add_array_item(&drops, text, strlen(text), err);
	}
	ok = ok && db_query(r->db, facts_sql, 1,
		(const char *const[]){ drops.data }, facts, err);
	buf_clear(&drops);
	return ok;
}

/* -- sources nobody remembers ------------------------------------------- */

static const struct dataset *dataset_of(const struct reconcile *r,
	const char *pipeline, const char *dataset)
{
	const struct pipeline *p = pipeline_find(&r->set, pipeline);

	return p == NULL ? NULL : dataset_find(p, dataset);
}

/* Names of the database are escaped; one that would lead elsewhere is not
 * taken for a file's. */
static bool is_plain_name(const char *name, const char *directory)
{
	const size_t len = strlen(directory);

	return strncmp(name, directory, len) == 0 && name[len] == '/' &&
		strstr(name, "/../") == NULL && name[len + 1] != '\0' &&
		strcmp(name + strlen(name) - 1, "/") != 0 &&
		strstr(name, "/./") == NULL;
}

static struct source *make_up(const struct reconcile *r,
	const struct uuid *drop, const struct db_result *facts, size_t row,
	const struct dataset *claimed_in, struct err *err)
{
	static const struct dataset none = { .name = NULL };
	const bool there = !db_is_null(facts, row, F_ID);
	const struct dataset *dataset = there ? dataset_of(r,
		db_value(facts, row, F_PIPELINE),
		db_value(facts, row, F_DATASET)) : claimed_in;
	const char *directory = dataset != NULL && dataset->directory != NULL ?
		dataset->directory : "";
	const char *name = there ? db_value(facts, row, F_NAME) : "";
	const bool named = is_plain_name(name, directory) || (there &&
		(directory[0] == '\0' ||
		strcmp(db_value(facts, row, F_KIND), "foreign") == 0));
	char text[UUID_TEXT];
	struct buf made = { 0 };
	struct source *source = NULL;

	uuid_format(drop, text);
	if (buf_printf(&made, err, "%s/%s", directory, text))
		source = source_new(
			there ? db_value(facts, row, F_PIPELINE) :
				dataset->pipeline->name,
			there ? db_value(facts, row, F_DATASET) : dataset->name,
			directory, named ? name : made.data, err);
	buf_clear(&made);
	if (source == NULL)
		return NULL;
	source->drop = *drop;
	/* what the settings say now stands for what they said at the claim */
	source->limits = limits_of(r->config,
		dataset != NULL ? dataset : &none);
	source->reader_version = READER_VERSION;
	source->claimed_us = there ? db_int(facts, row, F_CLAIMED_US) : 0;
	source->failed = there && db_value(facts, row, F_FAILED)[0] == 't';
	source->state = SOURCE_MOVED;
	return source;
}

/* -- one drop ------------------------------------------------------------ */

static void note_facts(struct amiss *amiss, const struct db_result *facts,
	size_t row)
{
	const struct source *source = amiss->source;

	if (db_is_null(facts, row, F_ID)) {
		amiss->kind = AMISS_MISSING;
	} else {
		amiss->kind = AMISS_PARTLY;
		amiss->source_id = db_int(facts, row, F_ID);
		amiss->complete = db_value(facts, row, F_COMPLETE)[0] == 't';
		amiss->foreign =
			strcmp(db_value(facts, row, F_KIND), "foreign") == 0;
		amiss->file_size = db_int(facts, row, F_FILE_SIZE);
		amiss->filtered = db_int(facts, row, F_FILTERED);
		(void)snprintf(amiss->sha256, sizeof(amiss->sha256), "%s",
			db_value(facts, row, F_SHA256));
		(void)snprintf(amiss->day, sizeof(amiss->day), "%s",
			db_value(facts, row, F_DAY));
	}
	amiss->there = db_int(facts, row, F_THERE);
	if (!amiss->known)
		return;
	amiss->under_way = source->state == SOURCE_CLAIMED ||
		source->state == SOURCE_PUBLISHED;
	amiss->missing = (int64_t)(source->position.chunks +
		source->position.rejects) + 1 - amiss->there;
}

/* A file that was lost before anything of it was sent is not missing here. */
static bool never_sent(const struct source *source,
	const struct db_result *facts, size_t row)
{
	return source->state == SOURCE_LOST && source->position.offset == 0 &&
		db_is_null(facts, row, F_ID);
}

/* Takes the source of the batch when it is amiss and wanted. */
static bool consider(struct reconcile *r, struct batch *batch, size_t i,
	const struct db_result *facts, bool even_complete, struct err *err)
{
	struct source *source = batch->sources[i];
	const bool known = source != NULL;
	const bool complete = db_value(facts, i, F_COMPLETE)[0] == 't';
	struct amiss *amiss;

	if ((complete && !even_complete) ||
		(known && never_sent(source, facts, i)) ||
		reconcile_find(r, &batch->drops[i]) != NULL)
		return true;
	batch->sources[i] = NULL;
	if (!known)
		source = make_up(r, &batch->drops[i], facts, i, batch->dataset,
			err);
	if (source == NULL)
		return false;
	if (!reconcile_wants(r, source->name, source,
		db_int(facts, i, F_ID))) {
		source_free(source);
		return true;
	}
	amiss = reconcile_add(r, source, err);
	if (amiss == NULL)
		return false;
	amiss->known = known;
	amiss->stray = batch->dataset != NULL;
	note_facts(amiss, facts, i);
	return true;
}

static bool flush(struct reconcile *r, struct batch *batch,
	bool even_complete, struct err *err)
{
	struct db_result *facts = NULL;
	bool ok = batch->count == 0 || ask_facts(r, batch, &facts, err);

	for (size_t i = 0; ok && i < batch->count; i++)
		ok = consider(r, batch, i, facts, even_complete, err);
	db_result_free(facts);
	batch_clear(batch);
	return ok;
}

/* source may be NULL; it is the batch's. */
static bool put(struct reconcile *r, struct batch *batch,
	const struct uuid *drop, struct source *source, bool even_complete,
	struct err *err)
{
	batch->drops[batch->count] = *drop;
	batch->sources[batch->count++] = source;
	return batch->count < BATCH || flush(r, batch, even_complete, err);
}

bool reconcile_lies(struct reconcile *r, const struct uuid *drop,
	struct amiss **amiss, struct err *err)
{
	struct batch batch = { .count = 0 };
	struct source *source = NULL;
	bool ok = r->state == NULL || state_get(r->state, drop, &source, err);

	ok = ok && put(r, &batch, drop, source, true, err) &&
		flush(r, &batch, true, err);
	*amiss = ok ? reconcile_find(r, drop) : NULL;
	return ok;
}

/* -- the state file ------------------------------------------------------ */

/* Duplicates that are skipped were never sent. */
static bool look_at_state(struct reconcile *r, struct err *err)
{
	struct batch batch = { .count = 0 };
	struct source *source = NULL;
	int64_t after = 0;
	bool ok = true;

	while (ok && r->state != NULL &&
		(ok = state_after(r->state, &after, &source, err)) &&
		source != NULL) {
		const struct uuid drop = source->drop;

		if (source->duplicate)
			source_free(source);
		else
			ok = put(r, &batch, &drop, source, false, err);
	}
	ok = ok && flush(r, &batch, false, err);
	batch_clear(&batch);
	return ok;
}

/* True in *known when a row of the state file has it. */
static bool is_known(struct reconcile *r, const struct uuid *drop,
	bool *known, struct err *err)
{
	struct source *source = NULL;

	if (r->state != NULL && !state_get(r->state, drop, &source, err))
		return false;
	*known = source != NULL;
	source_free(source);
	return true;
}

/* -- incomplete sources that the state file does not have ---------------- */

static bool look_at_incomplete(struct reconcile *r, struct err *err)
{
	static const char sql[] =
		"select drop_id\n"
		"from meta.source\n"
		"where completed_at is null and kind <> 'foreign'\n"
		"order by source_id";
	struct batch batch = { .count = 0 };
	struct db_result *result = NULL;
	bool ok = db_query(r->db, sql, 0, NULL, &result, err);

	for (size_t i = 0; ok && i < db_rows(result); i++) {
		struct uuid drop;
		bool known = true;

		ok = uuid_parse(db_value(result, i, 0),
			db_value_len(result, i, 0), &drop) &&
			is_known(r, &drop, &known, err);
		if (ok && !known)
			ok = put(r, &batch, &drop, NULL, false, err);
	}
	ok = ok && flush(r, &batch, false, err);
	batch_clear(&batch);
	db_result_free(result);
	return ok;
}

/* -- files in .claimed that the state file does not have ------------------ */

static bool look_at_stray(struct reconcile *r, struct batch *batch,
	const char *name, struct err *err)
{
	struct uuid drop;
	struct amiss *amiss;
	bool known = true;

	if (!uuid_parse(name, strlen(name), &drop))
		return true;
	if (!is_known(r, &drop, &known, err))
		return false;
	amiss = reconcile_find(r, &drop);
	if (amiss != NULL)
		amiss->stray = !known;
	return known || amiss != NULL ||
		put(r, batch, &drop, NULL, true, err);
}

static bool look_into(struct reconcile *r, const struct dataset *dataset,
	struct err *err)
{
	struct batch batch = { .dataset = dataset };
	const struct dirent *entry;
	struct buf path = { 0 };
	DIR *dir = NULL;
	bool ok = buf_printf(&path, err, "%s/%s/" CLAIMED_FOLDER,
		r->config->raw_dir, dataset->directory);

	if (ok)
		dir = opendir(path.data);
	if (ok && dir == NULL && errno != ENOENT) {
		ok = err_errno(err, ERR_STOP, "look into %s (run this as the "
			"user of the daemons, or as root)", path.data);
		err->exit_code = EXIT_IO;
	}
	while (ok && dir != NULL && (entry = readdir(dir)) != NULL)
		ok = look_at_stray(r, &batch, entry->d_name, err);
	ok = ok && flush(r, &batch, true, err);
	batch_clear(&batch);
	if (dir != NULL)
		(void)closedir(dir);
	buf_clear(&path);
	return ok;
}

static bool look_at_strays(struct reconcile *r, struct err *err)
{
	bool ok = true;

	for (size_t p = 0; ok && p < r->set.count; p++)
		for (size_t d = 0; ok && d < r->set.pipelines[p].dataset_count;
			d++)
			if (r->set.pipelines[p].datasets[d].directory != NULL)
				ok = look_into(r,
					&r->set.pipelines[p].datasets[d], err);
	return ok;
}

static bool look_once(struct reconcile *r, struct err *err)
{
	reconcile_forget(r);
	return look_at_state(r, err) && look_at_incomplete(r, err) &&
		look_at_strays(r, err);
}

/* -- what is on its way --------------------------------------------------- */

static bool count_queue(struct reconcile *r, struct broker *broker,
	const char *pipeline, const char *suffix, struct err *err)
{
	uint32_t ready = 0, consumers;
	char queue[160];
	bool found = false;

	(void)snprintf(queue, sizeof(queue), "sluice.%s%s", pipeline, suffix);
	if (!broker_inspect(broker, queue, &found, &ready, &consumers, err))
		return false;
	r->waiting += ready;
	return found || err_stop(err, EXIT_CONFIG, "there is no queue %s: run "
		"`sluice apply`", queue);
}

static bool count_waiting(struct reconcile *r, struct err *err)
{
	struct broker *broker = connect_broker(r->config, &r->config->tap, err);
	bool ok = broker != NULL;

	r->waiting = 0;
	for (size_t p = 0; ok && p < r->set.count; p++)
		ok = count_queue(r, broker, r->set.pipelines[p].name, "",
			     err) &&
			count_queue(r, broker, r->set.pipelines[p].name,
				".dead", err);
	broker_close(broker);
	if (!ok && err->kind == ERR_RETRY)
		err->exit_code = EXIT_SERVER;
	return ok;
}

/* Moves with every message that is loaded. */
static int64_t signature(const struct reconcile *r)
{
	int64_t sum = 0;

	for (const struct amiss *amiss = r->first; amiss != NULL;
		amiss = amiss->next)
		if (!amiss->under_way)
			sum += 1000003 + amiss->there;
	return sum;
}

bool reconcile_look(struct reconcile *r, int64_t wait_ms, struct err *err)
{
	const int64_t due = clock_now_ms() + wait_ms;
	int64_t before = -1, now = 0;

	if (!count_waiting(r, err) || !look_once(r, err))
		return false;
	while ((now = signature(r)) > 0 && (r->waiting > 0 || now != before) &&
		clock_now_ms() < due) {
		before = now;
		(void)poll(NULL, 0, LOOK_MS);
		if (!count_waiting(r, err) || !look_once(r, err))
			return false;
	}
	for (struct amiss *amiss = r->first; amiss != NULL;
		amiss = amiss->next)
		amiss->under_way = amiss->under_way ||
			(r->waiting > 0 && !amiss->complete);
	return true;
}

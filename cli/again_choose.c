/* again_choose.c - which sources are meant to be loaded again. */
#include "cli/again.h"
#include "cli/connect.h"
#include "cli/lookup.h"
#include "common/datetime.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { R_ID, R_ORIGIN, R_PIPELINE, R_DATASET, R_KIND, R_NAME, R_BYTES,
	R_SHA256, R_CLAIMED };

/* What was loaded again has no bytes of its own: its original has. $1 ids;
 * $2, $3 first and last day; $4 pipeline. A range means the originals alone. */
static const char find_sql[] =
	"select s.source_id, coalesce(o.drop_id, s.drop_id), s.pipeline,\n"
	"       s.dataset, s.kind, s.name, coalesce(s.file_size, -1),\n"
	"       s.sha256, (extract(epoch from\n"
	"         coalesce(o.claimed_at, s.claimed_at)) * 1000000)::bigint\n"
	"from meta.source s\n"
	"left join meta.source o on o.drop_id = s.replay_of\n"
	"where ($1::bigint[] is null or s.source_id = any($1))\n"
	"  and ($2::date is null or (s.replay_of is null\n"
	"       and s.kind <> 'foreign' and s.duplicate_of is null\n"
	"       and s.undone_at is null\n"
	"       and s.claimed_at >= $2::date::timestamp at time zone 'UTC'\n"
	"       and s.claimed_at <\n"
	"         ($3::date + 1)::timestamp at time zone 'UTC'))\n"
	"  and ($4::text is null or s.pipeline = $4)\n"
	"  and ($5::text is null or s.completed_at is not null)\n"
	"order by s.claimed_at, s.drop_id";

static bool check_date(const char *flag, const char *text, struct err *err)
{
	int64_t days;

	return datetime_date(text, strlen(text), &days) ||
		err_stop(err, EXIT_USAGE, "%s wants a day such as 2024-04-01",
			flag);
}

bool again_check_words(const struct again_words *words, struct err *err)
{
	const bool range = words->from != NULL || words->to != NULL;

	if (range && (words->from == NULL || words->to == NULL))
		return err_stop(err, EXIT_USAGE, "--from and --to go together");
	if (range == (words->count > 0))
		return err_stop(err, EXIT_USAGE, range ?
			"either sources or --from and --to" :
			"which source? or --from D --to D");
	if (!range)
		return true;
	if (!check_date("--from", words->from, err) ||
		!check_date("--to", words->to, err))
		return false;
	return strcmp(words->from, words->to) <= 0 || err_stop(err,
		EXIT_USAGE, "--from %s lies behind --to %s", words->from,
		words->to);
}

/* "{1,2}" of those that were named. */
static bool add_ids(struct db *db, const struct config *config,
	const struct again_words *words, struct buf *ids, struct err *err)
{
	bool ok = buf_add_char(ids, '{', err);

	for (size_t i = 0; ok && i < words->count; i++) {
		int64_t id = 0;

		ok = lookup_one(db, config, words->given[i], &id, err) &&
			buf_printf(ids, err, "%s%" PRId64, i > 0 ? "," : "",
				id);
	}
	return ok && buf_add_char(ids, '}', err);
}

static bool ask(struct db *db, const struct config *config,
	const struct again_words *words, struct db_result **rows, struct err *err)
{
	struct buf ids = { 0 };
	const char *values[] = { NULL, words->from, words->to,
		words->pipeline, words->complete ? "t" : NULL };
	bool ok = words->count == 0 || add_ids(db, config, words, &ids, err);

	if (words->count > 0)
		values[0] = ids.data;
	ok = ok && db_query(db, find_sql, 5, values, rows, err);
	buf_clear(&ids);
	return ok;
}

static const struct dataset *dataset_of(const struct pipeline_set *set,
	const char *pipeline, const char *name)
{
	const struct pipeline *found = pipeline_find(set, pipeline);

	for (size_t i = 0; found != NULL && i < found->dataset_count; i++)
		if (strcmp(found->datasets[i].name, name) == 0)
			return &found->datasets[i];
	return NULL;
}

static char *copy(const char *text, struct err *err)
{
	char *made = strdup(text);

	if (made == NULL)
		(void)err_memory(err);
	return made;
}

static bool take_row(struct again_list *r, struct db_result *rows, size_t row,
	struct err *err)
{
	struct again_source *source = &r->sources[r->count++];
	struct replay_order *order = &source->order;
	const char *drop = db_value(rows, row, R_ORIGIN);

	source->id = db_int(rows, row, R_ID);
	source->bytes = db_int(rows, row, R_BYTES);
	source->claimed_us = db_int(rows, row, R_CLAIMED);
	order->pipeline = copy(db_value(rows, row, R_PIPELINE), err);
	order->dataset = copy(db_value(rows, row, R_DATASET), err);
	order->name = copy(db_value(rows, row, R_NAME), err);
	if (!db_is_null(rows, row, R_SHA256))
		source->sha256 = copy(db_value(rows, row, R_SHA256), err);
	if (err->kind != ERR_NONE || !uuid_random(&order->drop, err))
		return false;
	if (!uuid_parse(drop, strlen(drop), &order->replay_of))
		return err_stop(err, EXIT_BUG, "a drop id is none");
	source->dataset = dataset_of(&r->set, order->pipeline, order->dataset);
	return true;
}

/* Where the bytes are; what cannot be loaded again is said so, and left out. */
static bool find_one(struct again_list *r, struct db_result *rows, size_t row,
	struct err *err)
{
	struct again_source *source = &r->sources[r->count];
	struct err why = { 0 };
	bool found;

	if (!take_row(r, rows, row, err))
		return false;
	if (strcmp(db_value(rows, row, R_KIND), "foreign") == 0)
		found = err_set(&why, ERR_REJECT, "a message of another "
			"program: only files and answers are kept");
	else if (source->dataset == NULL || source->dataset->directory == NULL)
		found = err_set(&why, ERR_REJECT, "there is no dataset %s.%s "
			"any more", source->order.pipeline,
			source->order.dataset);
	else
		found = again_find(&r->places, source, &why);
	if (!found && why.kind == ERR_REJECT) {
		(void)snprintf(r->why, sizeof(r->why),
			"source %" PRId64 ", %.500s: %.500s", source->id,
			source->order.name, why.text);
		if (r->say != NULL)
			r->say(r->why);
		again_source_clear(source);
		r->count--;
		r->missing++;
		found = true;
	} else if (!found) {
		*err = why;
	}
	return found;
}

bool again_choose(const struct config *config, const struct again_words *words,
	struct again_list *list, struct err *err)
{
	struct db_result *rows = NULL;
	struct db *db;
	bool ok = pipeline_set_read(config->pipelines_dir, &list->set, err);

	list->places.config = config;
	db = ok ? connect_db(config, &config->reader, true, 0, err) : NULL;
	ok = db != NULL && ask(db, config, words, &rows, err);
	if (ok) {
		list->sources = calloc(db_rows(rows) + 1,
			sizeof(*list->sources));
		ok = list->sources != NULL || err_memory(err);
	}
	for (size_t i = 0; ok && i < db_rows(rows); i++)
		ok = find_one(list, rows, i, err);
	db_result_free(rows);
	db_close(db);
	return ok;
}

void again_list_clear(struct again_list *list)
{
	for (size_t i = 0; list->sources != NULL && i < list->count; i++)
		again_source_clear(&list->sources[i]);
	free(list->sources);
	again_places_clear(&list->places);
	pipeline_set_clear(&list->set);
}

/* cmd_replay.c - `sluice replay`: kept files and answers, loaded once more. */
#include "cli/again.h"
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/lookup.h"
#include "cli/output.h"
#include "common/datetime.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIVEN_MAX 256

struct words {
	const char *given[GIVEN_MAX];
	size_t count;
	const char *from, *to, *pipeline;
	bool dry_run;
};

struct replaying {
	const struct cmd_context *context;
	struct pipeline_set set;
	struct again_places places;
	struct again_source *sources;
	size_t count;
	size_t missing; /* whose bytes are nowhere */
};

/* -- which ------------------------------------------------------------------- */

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
	"       and s.claimed_at >= $2::date::timestamp at time zone 'UTC'\n"
	"       and s.claimed_at <\n"
	"         ($3::date + 1)::timestamp at time zone 'UTC'))\n"
	"  and ($4::text is null or s.pipeline = $4)\n"
	"order by s.claimed_at, s.drop_id";

static bool check_date(const char *flag, const char *text, struct err *err)
{
	int64_t days;

	return datetime_date(text, strlen(text), &days) ||
		err_stop(err, EXIT_USAGE, "%s wants a day such as 2024-04-01",
			flag);
}

static bool check_words(const struct words *words, struct err *err)
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
	const struct words *words, struct buf *ids, struct err *err)
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
	const struct words *words, struct db_result **rows, struct err *err)
{
	struct buf ids = { 0 };
	const char *values[] = { NULL, words->from, words->to,
		words->pipeline };
	bool ok = words->count == 0 || add_ids(db, config, words, &ids, err);

	if (words->count > 0)
		values[0] = ids.data;
	ok = ok && db_query(db, find_sql, 4, values, rows, err);
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

static bool take_row(struct replaying *r, struct db_result *rows, size_t row,
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
static bool find_one(struct replaying *r, struct db_result *rows, size_t row,
	struct err *err)
{
	struct again_source *source = &r->sources[r->count];
	struct err why = { 0 };
	struct buf shown = { 0 };
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
		(void)fprintf(stderr, "sluice: source %" PRId64 ", %s: %s\n",
			source->id, source->order.name,
			output_escape(&shown, why.text));
		again_source_clear(source);
		r->count--;
		r->missing++;
		found = true;
	} else if (!found) {
		*err = why;
	}
	buf_clear(&shown);
	return found;
}

static bool find_all(struct replaying *r, const struct words *words,
	struct err *err)
{
	const struct config *config = r->context->config;
	struct db_result *rows = NULL;
	struct db *db;
	bool ok = pipeline_set_read(config->pipelines_dir, &r->set, err);

	db = ok ? connect_db(config, &config->reader, true, 0, err) : NULL;
	ok = db != NULL && ask(db, config, words, &rows, err);
	if (ok) {
		r->sources = calloc(db_rows(rows) + 1, sizeof(*r->sources));
		ok = r->sources != NULL || err_memory(err);
	}
	for (size_t i = 0; ok && i < db_rows(rows); i++)
		ok = find_one(r, rows, i, err);
	db_result_free(rows);
	db_close(db);
	return ok;
}

/* -- saying ------------------------------------------------------------------ */

static bool show_json(const struct replaying *r, bool dry_run, struct err *err)
{
	struct json *root = json_object();
	struct json *list = json_put_array(root, "replays");

	for (size_t i = 0; i < r->count; i++) {
		const struct again_source *source = &r->sources[i];
		struct json *one = json_add_object(list);
		char drop[UUID_TEXT];

		uuid_format(&source->order.drop, drop);
		json_put_int(one, "source_id", source->id);
		json_put_text(one, "name", source->order.name);
		json_put_int(one, "bytes", source->bytes);
		json_put_text(one, "from", source->path != NULL ?
			source->path : source->order.object);
		if (!dry_run)
			json_put_text(one, "drop_id", drop);
	}
	json_put_int(root, "not_found", (int64_t)r->missing);
	return output_json(root, err);
}

static bool show_table(const struct replaying *r, bool dry_run,
	struct err *err)
{
	static const char *const heads[] = { ">source", "name", ">bytes",
		"kept in", "new drop", NULL };
	struct table table;

	table_init(&table, heads);
	for (size_t i = 0; i < r->count; i++) {
		const struct again_source *source = &r->sources[i];
		char drop[UUID_TEXT];

		uuid_format(&source->order.drop, drop);
		table_add_int(&table, source->id);
		table_add(&table, source->order.name);
		table_add_int(&table, source->bytes);
		table_add(&table, source->path != NULL ? source->path :
			source->order.object);
		table_add(&table, dry_run ? NULL : drop);
	}
	return table_print(&table, 0, err);
}

static bool show(const struct replaying *r, bool dry_run, struct err *err)
{
	if (r->context->json)
		return show_json(r, dry_run, err);
	if (r->count > 0 && !show_table(r, dry_run, err))
		return false;
	output_line("%s%zu %s%s", r->count > 0 ? "\n" : "", r->count,
		dry_run ? "would be loaded again" :
			"handed to the producer, to be loaded again",
		r->missing > 0 ? "; for the others see above" : "");
	return true;
}

static int run(const struct cmd_context *context)
{
	struct words words = { .count = 0 };
	const struct arg table[] = {
		{ .name = "--from", .text = &words.from },
		{ .name = "--to", .text = &words.to },
		{ .name = "--pipeline", .text = &words.pipeline },
		{ .name = "--dry-run", .flag = &words.dry_run },
		{ .name = NULL },
	};
	struct replaying r = { .context = context,
		.places.config = context->config };
	struct err err = { 0 };
	int code;

	if (!args_parse(context, table, words.given, GIVEN_MAX, &words.count,
		&err) || !check_words(&words, &err))
		return cmd_usage(&cmd_replay, "%s", err.text);
	if (find_all(&r, &words, &err) &&
		(words.dry_run || r.count == 0 || again_stage(&r.places,
			r.sources, r.count, &err)) &&
		show(&r, words.dry_run, &err))
		code = r.missing > 0 ? EXIT_DATA : EXIT_FINE;
	else
		code = cmd_fail(&err);
	for (size_t i = 0; r.sources != NULL && i < r.count; i++)
		again_source_clear(&r.sources[i]);
	free(r.sources);
	again_places_clear(&r.places);
	pipeline_set_clear(&r.set);
	return code;
}

const struct cmd cmd_replay = {
	.name = "replay",
	.usage = "SOURCE... | --from D --to D [--pipeline P] [--dry-run]",
	.summary = "load kept files and answers once more",
	.help =
"Loads sources again from the bytes that were kept: loaded files in\n"
"processed_dir (or failed_dir), files and answers in the object store. Each\n"
"becomes a new source with an id of its own; its receipt says of which it is a\n"
"replay. Nothing is sent to a server that was asked before.\n"
"\n"
"A record counts as one that came now: with `newest` in the dataset an older\n"
"version still loses, without it what is loaded again wins over what came in\n"
"between. Several sources come in the order in which they came first.\n"
"\n"
"  SOURCE          a number or a drop id (`sluice receipt`), or a file's name:\n"
"                  its latest source\n"
"  --from D --to D all sources of these days (UTC, both meant) but replays\n"
"  --pipeline P    of this pipeline only\n"
"  --dry-run       show which, and where their bytes are; do nothing\n"
"\n"
"All of them are handed to the producer in one step, or none: what was broken\n"
"off can be said again. A running producer takes them within rescan_secs; one\n"
"that is not running, when it starts. The copy needs as much room in raw_dir\n"
"as the files have, until they are loaded; the originals stay.\n"
"\n"
"  sluice replay 17\n"
"  sluice replay 2024-04-02.ndjson.gz --dry-run\n"
"  sluice replay --from 2024-04-01 --to 2024-04-30 --pipeline gharchive\n"
"\n"
"Exits 0 when all were handed over, 1 when the bytes of some are nowhere (they\n"
"are named, the others go), 64 when no source is meant, 69 when a server is\n"
"away, 74 when a file or folder could not be used (none is handed over then).",
	.run = run,
};

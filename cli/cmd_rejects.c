/* cmd_rejects.c - `sluice rejects`: what was refused, why, and the bytes. */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/rejects.h"
#include "cli/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MAX 100000
#define IDS_MAX 1000 /* in words */
#define WAIT_SECS 30
#define UTC(what) "to_char(" what \
	" at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/* WHERE_SQL, and $10 limit. The example is the latest. */
static const char groups_sql[] =
	"select g.dataset, g.code, coalesce(g.field, ''), g.rejects,\n"
	"       g.sources, " UTC("g.first_at") ", " UTC("g.last_at") ",\n"
	"       g.example, x.name, e.line, e.detail\n"
	"from (\n"
	"    select s.pipeline || '.' || r.dataset as dataset, r.code,\n"
	"           r.field, count(*) as rejects,\n"
	"           count(distinct r.source_id) as sources,\n"
	"           min(r.rejected_at) as first_at,\n"
	"           max(r.rejected_at) as last_at,\n"
	"           max(r.reject_id) as example\n"
	"    from meta.reject r\n"
	"    join meta.source s using (source_id)\n"
	"    where r.resolved_by is null and s.undone_at is null\n"
	"      and " WHERE_SQL
	"    group by 1, 2, 3\n"
	") g\n"
	"join meta.reject e on e.reject_id = g.example\n"
	"join meta.source x on x.source_id = e.source_id\n"
	"order by g.rejects desc, 1, 2, 3\n"
	"limit $10::bigint";

static const char each_sql[] =
	"select r.reject_id, s.pipeline || '.' || r.dataset, r.code,\n"
	"       coalesce(r.field, ''), s.name, r.record_no, r.line, r.col,\n"
	"       r.lo, r.hi, r.stage, " UTC("r.rejected_at") ", r.detail,\n"
	"       r.source_id, coalesce(r.resolved_by::text, '')\n"
	"from meta.reject r\n"
	"join meta.source s using (source_id)\n"
	"where " WHERE_SQL
	"order by r.reject_id desc\n"
	"limit $10::bigint";

static const char bytes_sql[] =
	"select encode(bytes, 'hex'), length(bytes)\n"
	"from meta.reject\n"
	"where reject_id = $1";

/* -- list --------------------------------------------------- */

struct filter {
	struct where where;
	int64_t limit;
	bool each;
	const char *file; /* of SQLite; NULL: PostgreSQL */
};

static bool fetch(struct db *db, const struct filter *filter,
	struct grid *grid, struct err *err)
{
	const char *values[WHERE_PARAMETERS + 1];
	struct db_result *result = NULL;
	char limit[32];
	bool ok;

	where_values(&filter->where, values);
	values[WHERE_PARAMETERS] = limit;
	(void)snprintf(limit, sizeof(limit), "%" PRId64, filter->limit);
	ok = (db_query(db, filter->each ? each_sql : groups_sql,
		      WHERE_PARAMETERS + 1, values, &result, err) ||
		     where_blame(err)) &&
		grid_of_db(grid, result, err);
	db_result_free(result);
	return ok;
}

static bool fetch_lite(const char *file, const struct filter *filter,
	struct grid *grid, struct err *err)
{
	const struct rejects_query query = { file, &filter->where,
		filter->limit, filter->each };

	return rejects_lite(&query, grid, err);
}

static bool fetch_any(const struct cmd_context *context, struct filter *filter,
	struct grid *grid, struct err *err)
{
	const struct config *config = context->config;
	struct db *db;
	bool ok;

	if (filter->file != NULL)
		return fetch_lite(filter->file, filter, grid, err);
	db = connect_db(config, &config->reader, true,
		config->statement_timeout_ms, err);
	ok = db != NULL && where_resolve(&filter->where, db, config, err) &&
		fetch(db, filter, grid, err);
	db_close(db);
	return ok;
}

static bool list(const struct cmd_context *context, struct filter *filter,
	struct err *err)
{
	struct grid grid = { 0 };
	const bool ok = fetch_any(context, filter, &grid, err) &&
		rejects_show_list(context, &grid, filter->each, err);

	grid_clear(&grid);
	return ok;
}

/* -- show --------------------------------------------------- */

/* The loader's account: readers may not see the bytes, which can be anything
 * people put into files. */
static bool fetch_bytes(const struct cmd_context *context,
	const struct filter *filter, const char *id, struct grid *grid,
	struct grid *hex, struct err *err)
{
	const struct config *config = context->config;
	struct db *db = connect_db(config, &config->loader, true,
		config->statement_timeout_ms, err);
	struct db_result *result = NULL;
	const bool ok = db != NULL && fetch(db, filter, grid, err) &&
		(grid->rows == 0 ||
			(db_query(db, bytes_sql, 1, &id, &result, err) &&
				grid_of_db(hex, result, err)));

	db_result_free(result);
	db_close(db);
	return ok;
}

static bool show(const struct cmd_context *context, const char *id, bool raw,
	const char *file, struct err *err)
{
	struct filter filter = { .limit = 1, .each = true, .file = file };
	struct grid grid = { 0 }, hex = { 0 };
	struct buf bytes = { 0 };
	bool ok = where_add_id(&filter.where, id, err);

	if (ok && file != NULL)
		ok = fetch_lite(file, &filter, &grid, err) &&
			rejects_lite_bytes(file, id, &hex, err);
	else
		ok = ok && fetch_bytes(context, &filter, id, &grid, &hex, err);
	if (ok && grid.rows == 0)
		ok = err_set(err, ERR_REJECT, "there is no reject %s", id);
	ok = ok && buf_add_unhexed(&bytes, grid_text(&hex, 0, 0),
		strlen(grid_text(&hex, 0, 0)), err) &&
		rejects_show_bytes(context, raw, &grid, &bytes, err);
	grid_clear(&grid);
	grid_clear(&hex);
	where_clear(&filter.where);
	buf_clear(&bytes);
	return ok;
}

/* -- the verb ----------------------------------------------- */

struct words {
	const char *items[IDS_MAX + 1];
	size_t count;
};

static int run_list(const struct cmd_context *context, struct filter *filter)
{
	struct err err = { 0 };

	filter->each = filter->each || filter->where.code != NULL ||
		filter->where.source != NULL;
	return list(context, filter, &err) ? EXIT_FINE : cmd_fail(&err);
}

static int run_show(const struct cmd_context *context,
	const struct words *words, bool raw, const char *file)
{
	struct where where = { 0 };
	struct err err = { 0 };
	const bool one = words->count == 2 &&
		where_add_id(&where, words->items[1], &err);

	where_clear(&where);
	if (!one)
		return cmd_usage(&cmd_rejects,
			"show wants the number of a reject");
	return show(context, words->items[1], raw, file, &err) ? EXIT_FINE :
		cmd_fail(&err);
}

static int run_replay(const struct cmd_context *context,
	const struct words *words, struct where *where,
	const struct replay_request *request)
{
	struct err err = { 0 };
	bool settled = false;

	for (size_t i = 1; i < words->count; i++)
		if (!where_add_id(where, words->items[i], &err))
			return cmd_usage(&cmd_rejects, "%s", err.text);
	if (request->file != NULL && (where->id_count != 1 ||
		request->filter != NULL))
		return cmd_usage(&cmd_rejects, "--file has the record of one "
			"reject: give its number, and no --filter");
	if (!rejects_replay(context, request, where, &settled, &err))
		return cmd_fail(&err);
	return settled || request->dry_run ? EXIT_FINE : EXIT_DATA;
}

/* The flags that belong to one of the words only. */
static const char *misplaced(const char *verb, const struct filter *filter,
	bool raw, const struct replay_request *request)
{
	if (filter->each && strcmp(verb, "list") != 0)
		return "--each is for list";
	if (raw && strcmp(verb, "show") != 0)
		return "--raw is for show";
	if ((request->file != NULL || request->filter != NULL ||
		request->dry_run || request->wait_secs >= 0) &&
		strcmp(verb, "replay") != 0)
		return "--file, --filter, --dry-run and --wait are for replay";
	if (filter->file != NULL && strcmp(verb, "replay") == 0)
		return "replay goes through the broker: mend the file, and "
		       "load it again";
	if (strcmp(verb, "show") == 0 && where_any(&filter->where))
		return "show wants the number of a reject, and no conditions";
	return NULL;
}

static int dispatch(const struct cmd_context *context,
	const struct words *words, struct filter *filter, bool raw,
	struct replay_request *request)
{
	const char *verb = words->items[0];
	const char *wrong = misplaced(verb, filter, raw, request);

	if (wrong != NULL)
		return cmd_usage(&cmd_rejects, "%s", wrong);
	if (strcmp(verb, "list") == 0 && words->count < 2) {
		filter->limit = filter->limit == 0 ? 20 : filter->limit;
		return run_list(context, filter);
	}
	if (strcmp(verb, "show") == 0)
		return run_show(context, words, raw, filter->file);
	if (strcmp(verb, "replay") == 0) {
		request->limit =
			filter->limit == 0 ? LIMIT_MAX : filter->limit;
		request->wait_secs =
			request->wait_secs < 0 ? WAIT_SECS : request->wait_secs;
		return run_replay(context, words, &filter->where, request);
	}
	return cmd_usage(&cmd_rejects, "list, show ID or replay?");
}

static bool take_terms(struct where *where, const struct arg_list *terms,
	struct err *err)
{
	for (size_t i = 0; i < terms->count; i++)
		if (!where_take(where, terms->items[i], err))
			return false;
	return true;
}

static int run(const struct cmd_context *context)
{
	struct replay_request request = { .wait_secs = -1 };
	struct filter filter = { 0 };
	struct arg_list terms = { 0 };
	const char *to = "postgres";
	bool raw = false;
	const struct arg table[] = {
		{ .name = "--to", .text = &to },
		{ .name = "--where", .list = &terms },
		{ .name = "--code", .text = &filter.where.code },
		{ .name = "--source", .text = &filter.where.source },
		{ .name = "--limit", .count = &filter.limit,
			.min = 1, .max = LIMIT_MAX },
		{ .name = "--each", .flag = &filter.each },
		{ .name = "--raw", .flag = &raw },
		{ .name = "--filter", .text = &request.filter },
		{ .name = "--file", .text = &request.file },
		{ .name = "--dry-run", .flag = &request.dry_run },
		{ .name = "--wait", .count = &request.wait_secs, .min = 0,
			.max = 86400 },
		{ .name = NULL },
	};
	struct words words = { .items = { "list" } };
	struct err err = { 0 };
	int code;

	if (args_parse(context, table, words.items, IDS_MAX + 1, &words.count,
		    &err) && take_terms(&filter.where, &terms, &err) &&
		target_read(to, &filter.file, &err))
		code = dispatch(context, &words, &filter, raw, &request);
	else
		code = cmd_usage(&cmd_rejects, "%s", err.text);
	where_clear(&filter.where);
	return code;
}

const struct cmd cmd_rejects = {
	.name = "rejects",
	.usage = "list [--each] [--where KEY=VALUE ...] [--limit N] |\n"
		 "                      show ID [--raw] |\n"
		 "                      replay [ID ...] [--where KEY=VALUE ...] "
		 "[--dry-run]\n"
		 "                             [--filter COMMAND | --file FILE] "
		 "[--limit N] [--wait SECS]\n"
		 "                      (list and show also: --to sqlite:FILE)",
	.summary = "records that were refused: causes, bytes, another try",
	.help =
"list    what is refused and not resolved, grouped by dataset, code and field,\n"
"        the most frequent first: how many, since when, until when, and the\n"
"        latest of each as an example.\n"
"  --each             single rejects, the latest first, resolved ones included\n"
"  --limit N          at most N lines, default 20\n"
"show    one reject: where it lies (file, record, line, column, byte range),\n"
"        why, and its bytes, escaped; at most the first 64 KiB are kept.\n"
"  --raw              the bytes as they were and nothing else\n"
"replay  puts open rejects through again: those numbers, those that --where\n"
"        means, or all. As they are, when the pipeline file was changed or the\n"
"        program mended; or repaired. A record that loads resolves its reject\n"
"        in the same transaction; one that is refused again keeps it open with\n"
"        the new reason. Replaying twice loads once. Bytes beyond the 64 KiB\n"
"        that are kept come from the file in processed or failed.\n"
"  --filter COMMAND   each record goes through `sh -c COMMAND`; one for which\n"
"                     it fails or prints nothing is not sent\n"
"  --file FILE        FILE (- is standard input) has the record for the one\n"
"                     reject whose number is given\n"
"  --dry-run          only shows what would be sent\n"
"  --wait SECS        how long to wait for the consumer while nothing moves,\n"
"                     default 30\n"
"\n"
"--where KEY=VALUE, several times, all must hold: id, code, field (a column),\n"
"dataset (events or events.events), source (file name, drop id or source id:\n"
"the latest such), file (a pattern: *.json), stage (reader or consumer), since\n"
"and until (2026-11-22, 2026-11-22T10:00Z, or 2h, 3d ago). --code CODE and\n"
"--source SOURCE are short for two of them; with list they imply --each.\n"
"\n"
"--to sqlite:FILE  list and show: of that file, made by `sluice load`; since\n"
"and until want a time there, and there is no replay\n"
"\n"
"list reads as the reader. The bytes are not for every reader, so show and\n"
"replay use the account of the loader, and replay publishes as the producer's\n"
"user: their password files must be yours to read.\n"
"docs/OPERATIONS.md lists the codes.\n"
"--json: groups[] (dataset, code, field, rejects, sources, first_at, last_at,\n"
"example_id, example_source, example_line, example_detail), or rejects[]\n"
"(reject_id, dataset, code, field, source, record, line, column, lo, hi,\n"
"stage, rejected_at, detail, source_id, resolved_by); show gives one such\n"
"object with bytes_kept and bytes_escaped; replay gives dry_run, sent,\n"
"not_sent, loaded, refused_again, under_way and replays[] (reject_id, dataset,\n"
"code, message_id, bytes, from, repaired, problem).\n"
"\n"
"  sluice rejects\n"
"  sluice rejects list --code timestamp --limit 100\n"
"  sluice rejects show 17\n"
"  sluice rejects replay --where code=too_long --dry-run\n"
"  sluice rejects replay --where field=total --where since=2d \\\n"
"      --filter \"jq -c '.total |= tonumber'\"\n"
"  sluice rejects replay 17 --file mended.json\n"
"\n"
"Exits 0, 1 when there is no such reject or source, or one that was to be\n"
"replayed was not sent or was refused again, 69 when a server is not there, 74\n"
"when the SQLite file is not.",
	.run = run,
};

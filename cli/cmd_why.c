/* cmd_why.c - `sluice why`: where does this row come from? */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/trace.h"
#include "consumer/derive.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 33
#define LIMIT 10

struct asking {
	const struct cmd_context *context;
	struct db *db;
	struct plan *plan;
	struct trace trace;
	const struct dataset *dataset;
	struct json *array; /* NULL: lines for people */
	struct err changed; /* bytes that are not there any more */
};

/* One row and what is known of it. */
struct origin {
	int64_t source, offset, load, item;
	struct db_result *ledger; /* columns L_* */
	struct buf record;
	int64_t line;
	struct err missing;
};

enum { L_LOW, L_HIGH, L_REPLAY, L_KIND, L_LOAD, L_FIRST, L_AT, L_ROW_AT };

/* The message that brought it; of a mended record its latest try. $4 is the
 * load that changed the row last. */
static const char ledger_sql[] =
	"select c.lo, c.hi, c.replay, c.kind, c.load_id,\n"
	"       coalesce(c.first_load, c.load_id),\n"
	"       to_char(l.committed_at at time zone 'UTC',\n"
	"           'YYYY-MM-DD HH24:MI:SS \"UTC\"'),\n"
	"       to_char(r.committed_at at time zone 'UTC',\n"
	"           'YYYY-MM-DD HH24:MI:SS \"UTC\"')\n"
	"from meta.source s\n"
	"join meta.chunk c using (drop_id)\n"
	"left join meta.load l on l.load_id = c.load_id\n"
	"left join meta.load r on r.load_id = $4::bigint\n"
	"where s.source_id = $1::bigint and c.dataset = $2\n"
	"  and c.lo <= $3::bigint and c.hi > $3::bigint\n"
	"  and (c.replay = 0 or c.lo = $3::bigint)\n"
	"order by c.replay desc\n"
	"limit 1";

static bool ask_ledger(struct asking *asking, struct origin *origin,
	struct err *err)
{
	char source[24], offset[24], load[24];
	const char *values[] = { source, asking->dataset->name, offset, load };

	(void)snprintf(source, sizeof(source), "%" PRId64, origin->source);
	(void)snprintf(offset, sizeof(offset), "%" PRId64, origin->offset);
	(void)snprintf(load, sizeof(load), "%" PRId64, origin->load);
	return db_query(asking->db, ledger_sql, 4, values, &origin->ledger,
		err);
}

static bool is_mended(const struct origin *origin)
{
	return db_rows(origin->ledger) > 0 &&
		db_int(origin->ledger, 0, L_REPLAY) > 0;
}

static bool gather(struct asking *asking, struct origin *origin,
	struct err *err)
{
	if (!trace_open(&asking->trace, asking->db, origin->source, err) ||
		!ask_ledger(asking, origin, err))
		return false;
	if (!trace_record(&asking->trace, origin->offset, &origin->record,
		    &origin->line, &origin->missing) &&
		origin->missing.kind == ERR_STOP) {
		*err = origin->missing;
		return false;
	}
	if (origin->missing.kind != ERR_NONE)
		asking->changed = origin->missing;
	return true;
}

/* -- for people ------------------------------------------------------------ */

static void show_load(const struct origin *origin)
{
	const struct db_result *ledger = origin->ledger;

	if (db_rows(ledger) == 0)
		output_line("load        %" PRId64, origin->load);
	else if (db_value(ledger, 0, L_KIND)[0] == 'w')
		output_line("load        %" PRId64 ", at %s (its source came "
			"with loads %" PRId64 " to %" PRId64 ")", origin->load,
			db_value(ledger, 0, L_ROW_AT),
			db_int(ledger, 0, L_FIRST), db_int(ledger, 0, L_LOAD));
	else
		output_line("load        %" PRId64 ", at %s",
			db_int(ledger, 0, L_LOAD), db_value(ledger, 0, L_AT));
	if (db_rows(ledger) > 0 && db_value(ledger, 0, L_KIND)[0] != 'w' &&
		db_int(ledger, 0, L_LOAD) != origin->load)
		output_line("            the row says the same since load %"
			PRId64 ", at %s", origin->load,
			db_value(ledger, 0, L_ROW_AT));
}

static void show_message(const struct trace *trace,
	const struct origin *origin)
{
	const struct db_result *ledger = origin->ledger;
	const int64_t replay = is_mended(origin) ?
		db_int(ledger, 0, L_REPLAY) : 0;
	const char *drop = db_value(trace->source, 0, TRACE_DROP);

	if (db_rows(ledger) == 0)
		return;
	if (db_value(ledger, 0, L_KIND)[0] == 'w')
		output_line("message     one of drop %s", drop);
	else if (replay > 0)
		output_line("message     %s:%" PRId64 "-%" PRId64 "#r%" PRId64,
			drop, db_int(ledger, 0, L_LOW),
			db_int(ledger, 0, L_HIGH), replay);
	else
		output_line("message     %s:%" PRId64 "-%" PRId64, drop,
			db_int(ledger, 0, L_LOW), db_int(ledger, 0, L_HIGH));
}

static bool show(struct asking *asking, struct origin *origin,
	struct err *err)
{
	const struct trace *trace = &asking->trace;
	const struct db_result *source = trace->source;
	struct buf shown = { 0 };
	bool ok = true;

	output_line("row of      %s.%s", asking->dataset->schema,
		asking->dataset->table);
	output_line("source      %" PRId64 ", %s %s, claimed at %s",
		origin->source, db_value(source, 0, TRACE_KIND),
		db_value(source, 0, TRACE_NAME), /* kept escaped */
		db_value(source, 0, TRACE_CLAIMED_AT));
	show_load(origin);
	show_message(trace, origin);
	if (origin->missing.kind == ERR_NONE) {
		output_line("file        %s", output_escape(&shown,
			trace->place.data));
		output_line("line        %" PRId64, origin->line);
	}
	output_line("offset      %" PRId64, origin->offset);
	if (origin->item > 0)
		output_line("value       %" PRId64 " of those found in the "
			"record", origin->item);
	if (is_mended(origin))
		output_line("            the row was made of a mended record; "
			"below is what was refused");
	if (origin->missing.kind != ERR_NONE) {
		output_line("bytes       %s%s%s", output_paint(PAINT_YELLOW),
			output_escape(&shown, origin->missing.text),
			output_paint(PAINT_NONE));
	} else {
		buf_reset(&shown);
		ok = output_add_shown(&shown, origin->record.data,
			origin->record.len, "\"\\\n\t", err);
		if (ok)
			output_line("\n%s", shown.data);
	}
	buf_clear(&shown);
	return ok;
}

/* -- for programs ---------------------------------------------------------- */

static void put(struct asking *asking, const struct origin *origin)
{
	const struct trace *trace = &asking->trace;
	struct json *one = json_add_object(asking->array);

	json_put_int(one, "source_id", origin->source);
	json_put_text(one, "drop_id", db_value(trace->source, 0, TRACE_DROP));
	json_put_text(one, "kind", db_value(trace->source, 0, TRACE_KIND));
	json_put_text(one, "name", db_value(trace->source, 0, TRACE_NAME));
	json_put_int(one, "offset", origin->offset);
	json_put_int(one, "item", origin->item);
	json_put_int(one, "load_id", db_rows(origin->ledger) > 0 &&
		db_value(origin->ledger, 0, L_KIND)[0] != 'w' ?
		db_int(origin->ledger, 0, L_LOAD) : origin->load);
	json_put_int(one, "row_load_id", origin->load);
	if (db_rows(origin->ledger) > 0) {
		json_put_int(one, "lo", db_int(origin->ledger, 0, L_LOW));
		json_put_int(one, "hi", db_int(origin->ledger, 0, L_HIGH));
		json_put_int(one, "try", db_int(origin->ledger, 0, L_REPLAY));
	}
	if (origin->missing.kind == ERR_NONE) {
		json_put_text(one, "file", trace->place.data);
		json_put_int(one, "line", origin->line);
		json_put_text(one, "record", origin->record.data);
	} else {
		json_put_null(one, "record");
		json_put_text(one, "missing", origin->missing.text);
	}
}

/* -- the verb -------------------------------------------------------------- */

static bool answer(struct asking *asking, const struct db_result *rows,
	size_t row, struct err *err)
{
	struct origin origin = {
		.source = db_int(rows, row, ROW_SOURCE),
		.offset = db_int(rows, row, ROW_OFFSET),
		.load = db_int(rows, row, ROW_LOAD),
		.item = db_int(rows, row, ROW_ITEM),
	};
	bool ok = gather(asking, &origin, err);

	if (ok && asking->array != NULL)
		put(asking, &origin);
	else if (ok) {
		if (row > 0)
			output_line("%s", "");
		ok = show(asking, &origin, err);
	}
	db_result_free(origin.ledger);
	buf_clear(&origin.record);
	return ok;
}

static bool answer_all(struct asking *asking, const struct trace_ask *ask,
	size_t *found, struct err *err)
{
	struct json *root = asking->context->json ? json_object() : NULL;
	struct db_result *rows = NULL;
	bool ok = trace_rows(asking->db, ask, &rows, &asking->dataset, err);

	if (root != NULL)
		asking->array = json_put_array(root, "rows");
	*found = ok ? db_rows(rows) : 0;
	for (size_t i = 0; ok && i < db_rows(rows); i++)
		ok = answer(asking, rows, i, err);
	if (ok && root != NULL)
		ok = output_json(root, err);
	else
		json_free(root);
	if (ok && root == NULL && *found > 1 &&
		(int64_t)*found == ask->limit)
		output_line("\n(the latest %zu; --limit shows more)", *found);
	db_result_free(rows);
	return ok;
}

static int run(const struct cmd_context *context)
{
	const struct config *config = context->config;
	const char *words[WORDS_MAX];
	struct trace_ask ask = { .words = words + 1, .limit = LIMIT };
	const struct arg table[] = {
		{ .name = "--limit", .count = &ask.limit, .min = 1,
			.max = 100000 },
		{ .name = NULL },
	};
	struct asking asking = { .context = context,
		.trace = { .config = config } };
	struct err err = { 0 };
	size_t count, found = 0;
	int code = EXIT_FINE;
	bool ok;

	if (!args_parse(context, table, words, WORDS_MAX, &count, &err))
		return cmd_usage(&cmd_why, "%s", err.text);
	if (count < 2)
		return cmd_usage(&cmd_why, "%s", "which table, and which key?");
	ask.table = words[0];
	ask.count = count - 1;
	asking.plan = plan_read(config, &err);
	asking.trace.plan = ask.plan = asking.plan;
	/* the loader: it may read the bodies of messages */
	if (asking.plan != NULL)
		asking.db = connect_db(config, &config->loader, true, 0, &err);
	ok = asking.db != NULL && answer_all(&asking, &ask, &found, &err);
	if (ok && found == 0)
		ok = err_set(&err, ERR_REJECT, "no row of %s has that key",
			ask.table);
	if (!ok)
		code = cmd_fail(&err);
	else if (asking.changed.kind != ERR_NONE)
		code = EXIT_DATA;
	trace_close(&asking.trace);
	db_close(asking.db);
	plan_free(asking.plan);
	return code;
}

const struct cmd cmd_why = {
	.name = "why",
	.usage = "TABLE KEY... [--limit N]",
	.summary = "where a row comes from: load, message, file, line, bytes",
	.help =
"Names the source, the load, the message, the file, the line and the offset of a\n"
"row, and prints the record as it was in there.\n"
"\n"
"  TABLE  a master (\"raw.events\", \"events\") with the value of each column of\n"
"         its key, in the order of the pipeline file, or COLUMN=VALUE\n"
"         a model (\"fact_events\", \"modelled.events_by_date\") with COLUMN=VALUE\n"
"         for some of its columns (\"COLUMN=\": null): the rows behind such rows.\n"
"         Columns that are computed (counts, sums) tell nothing\n"
"  --limit N  of several rows the latest; 10 when not said\n"
"\n"
"The bytes come from processed_dir or failed_dir, from the object store, from\n"
"where `sluice load` had the file, or from the kept message of another program;\n"
"compressed files are unpacked. They are compared with the SHA-256 of what was\n"
"loaded: a file that was changed or removed since is told so. Of a dataset made\n"
"out of another one's records the whole record is shown. offset counts bytes of\n"
"the unpacked source, from 0.\n"
"\n"
"--json: rows[] {source_id, drop_id, kind, name, offset, item, load_id,\n"
"row_load_id, lo, hi, try, file, line, record | missing}.\n"
"\n"
"  sluice why orgs 6f1ed002ab5595859014ebf0951522d9\n"
"  sluice why fact_events received_at=2024-03-01 'organization_name=Lantern Post'\n"
"\n"
"Asks as the loader, which may read messages. Exits 0, 1 when there is no such\n"
"row or its bytes are gone or changed, 64 when there is no such table or column,\n"
"69 when a server is not there.",
	.run = run,
};

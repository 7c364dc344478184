/* cmd_rejects.c - `sluice rejects`: what was refused, why, and the bytes. */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/lookup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MAX 100000
#define UTC(what) "to_char(" what \
	" at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/* $1 code, $2 source_id, null: all; $3 limit. The example is the latest. */
static const char groups_sql[] =
	"select g.dataset, g.code, coalesce(g.field, ''), g.rejects,\n"
	"       g.sources, " UTC("g.first_at") ", " UTC("g.last_at") ",\n"
	"       g.example, s.name, r.line, r.detail\n"
	"from (\n"
	"    select x.pipeline || '.' || j.dataset as dataset, j.code,\n"
	"           j.field, count(*) as rejects,\n"
	"           count(distinct j.source_id) as sources,\n"
	"           min(j.rejected_at) as first_at,\n"
	"           max(j.rejected_at) as last_at,\n"
	"           max(j.reject_id) as example\n"
	"    from meta.reject j\n"
	"    join meta.source x using (source_id)\n"
	"    where j.resolved_by is null\n"
	"      and ($1::text is null or j.code = $1)\n"
	"      and ($2::bigint is null or j.source_id = $2)\n"
	"    group by 1, 2, 3\n"
	") g\n"
	"join meta.reject r on r.reject_id = g.example\n"
	"join meta.source s on s.source_id = r.source_id\n"
	"order by g.rejects desc, 1, 2, 3\n"
	"limit $3::bigint";

static const char each_sql[] =
	"select r.reject_id, s.pipeline || '.' || r.dataset, r.code,\n"
	"       coalesce(r.field, ''), s.name, r.record_no, r.line, r.col,\n"
	"       r.lo, r.hi, r.stage, " UTC("r.rejected_at") ", r.detail,\n"
	"       r.source_id, coalesce(r.resolved_by::text, '')\n"
	"from meta.reject r\n"
	"join meta.source s using (source_id)\n"
	"where ($1::text is null or r.code = $1)\n"
	"  and ($2::bigint is null or r.source_id = $2)\n"
	"  and ($4::bigint is null or r.reject_id = $4)\n"
	"order by r.reject_id desc\n"
	"limit $3::bigint";

static const char bytes_sql[] =
	"select encode(bytes, 'hex'), length(bytes)\n"
	"from meta.reject\n"
	"where reject_id = $1";

/* Columns of groups_sql and each_sql, and the keys they have in JSON. */
struct field {
	const char *key;
	bool number;
};

static const struct field group_fields[] = {
	{ "dataset", false }, { "code", false }, { "field", false },
	{ "rejects", true }, { "sources", true }, { "first_at", false },
	{ "last_at", false }, { "example_id", true },
	{ "example_source", false }, { "example_line", true },
	{ "example_detail", false }, { NULL, false },
};

static const struct field each_fields[] = {
	{ "reject_id", true }, { "dataset", false }, { "code", false },
	{ "field", false }, { "source", false }, { "record", true },
	{ "line", true }, { "column", true }, { "lo", true }, { "hi", true },
	{ "stage", false }, { "rejected_at", false }, { "detail", false },
	{ "source_id", true }, { "resolved_by", false }, { NULL, false },
};

static void put_row(struct json *object, const struct db_result *result,
	size_t row, const struct field *fields)
{
	for (size_t i = 0; fields[i].key != NULL; i++) {
		const char *value = db_value(result, row, i);

		if (fields[i].number)
			json_put_int(object, fields[i].key,
				db_int(result, row, i));
		else if (value[0] != '\0')
			json_put_text(object, fields[i].key, value);
		else
			json_put_null(object, fields[i].key);
	}
}

static bool list_json(const struct db_result *result, const char *key,
	const struct field *fields, struct err *err)
{
	struct json *root = json_object();
	struct json *array = json_put_array(root, key);

	for (size_t i = 0; i < db_rows(result); i++)
		put_row(json_add_object(array), result, i, fields);
	return output_json(root, err);
}

/* Shows the columns at[] of the result under the heads. */
static bool list_table(const struct db_result *result,
	const char *const *heads, const size_t *at, struct err *err)
{
	struct table table;
	bool ok;

	if (db_rows(result) == 0) {
		output_line("no rejects");
		return true;
	}
	table_init(&table, heads);
	for (size_t i = 0; i < db_rows(result); i++)
		for (size_t c = 0; c < table.columns; c++) {
			const char *value = db_value(result, i, at[c]);

			table_add(&table, value[0] != '\0' ? value : NULL);
		}
	ok = table_print(&table, 0, err);
	table_clear(&table);
	return ok;
}

static bool show_groups(const struct db_result *result, struct err *err)
{
	static const char *const heads[] = { "dataset", "code", "field",
		">rejects", ">sources", "last at", ">example", "in",
		">line", "because", NULL };
	static const size_t at[] = { 0, 1, 2, 3, 4, 6, 7, 8, 9, 10 };

	return list_table(result, heads, at, err);
}

static bool show_each(const struct db_result *result, struct err *err)
{
	static const char *const heads[] = { ">id", "dataset", "code", "field",
		"source", ">record", ">line", "because", NULL };
	static const size_t at[] = { 0, 1, 2, 3, 4, 5, 6, 12 };

	return list_table(result, heads, at, err);
}

/* -- list --------------------------------------------------- */

struct filter {
	const char *code;
	const char *source; /* as the user named it */
	int64_t limit;
	bool each;
};

static bool fetch(struct db *db, const struct filter *filter,
	const char *source_id, struct db_result **result, struct err *err)
{
	char limit[32];
	const char *values[] = { filter->code, source_id, limit, NULL };

	(void)snprintf(limit, sizeof(limit), "%" PRId64, filter->limit);
	return filter->each ? db_query(db, each_sql, 4, values, result, err) :
		db_query(db, groups_sql, 3, values, result, err);
}

static bool list(const struct cmd_context *context, const struct filter *filter,
	struct err *err)
{
	const struct config *config = context->config;
	struct db *db = connect_db(config, &config->reader, true,
		config->statement_timeout_ms, err);
	struct db_result *result = NULL;
	char source_id[32];
	int64_t id = 0;
	bool ok = db != NULL;

	if (ok && filter->source != NULL)
		ok = lookup_one(db, config, filter->source, &id, err);
	(void)snprintf(source_id, sizeof(source_id), "%" PRId64, id);
	ok = ok && fetch(db, filter, filter->source != NULL ? source_id : NULL,
		&result, err);
	if (ok && context->json)
		ok = filter->each ?
			list_json(result, "rejects", each_fields, err) :
			list_json(result, "groups", group_fields, err);
	else if (ok)
		ok = filter->each ? show_each(result, err) :
			show_groups(result, err);
	db_result_free(result);
	db_close(db);
	return ok;
}

/* -- show --------------------------------------------------- */

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* encode(..., 'hex') back into bytes. */
static bool unhex(const char *hex, size_t len, struct buf *out, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i + 1 < len; i += 2)
		ok = buf_add_char(out,
			(char)(digit(hex[i]) << 4 | digit(hex[i + 1])), err);
	return ok;
}

static void show_one(const struct db_result *result, const struct buf *shown,
	size_t bytes)
{
	struct buf text = { 0 };
	const int64_t length = db_int(result, 0, 9) - db_int(result, 0, 8);

	for (size_t i = 0; each_fields[i].key != NULL; i++) {
		const char *value = db_value(result, 0, i);

		if (value[0] != '\0')
			output_line("%-12s %s", each_fields[i].key,
				output_escape(&text, value));
	}
	output_line("%-12s %zu of %" PRId64, "bytes", bytes, length);
	output_line("\n%s", shown->len > 0 ? shown->data : "");
	buf_clear(&text);
}

static bool show_bytes(const struct cmd_context *context, bool raw,
	const struct db_result *result, const struct buf *bytes,
	struct err *err)
{
	struct buf shown = { 0 };
	struct json *root;
	bool ok = true;

	if (raw) {
		(void)fwrite(bytes->data, 1, bytes->len, stdout);
		return true;
	}
	/* backslashes doubled: what was shown can be read back */
	ok = output_add_shown(&shown, bytes->data, bytes->len, "\"", err);
	if (ok && context->json) {
		root = json_object();
		put_row(root, result, 0, each_fields);
		json_put_int(root, "bytes_kept", (int64_t)bytes->len);
		json_put_text(root, "bytes_escaped",
			shown.len > 0 ? shown.data : "");
		ok = output_json(root, err);
	} else if (ok) {
		show_one(result, &shown, bytes->len);
	}
	buf_clear(&shown);
	return ok;
}

/* The loader's account: readers may not see the bytes, which can be anything
 * people put into files. */
static bool show(const struct cmd_context *context, const char *id, bool raw,
	struct err *err)
{
	const struct config *config = context->config;
	const char *values[] = { NULL, NULL, "1", id };
	struct db *db = connect_db(config, &config->loader, true,
		config->statement_timeout_ms, err);
	struct db_result *result = NULL, *hex = NULL;
	struct buf bytes = { 0 };
	bool ok = db != NULL && db_query(db, each_sql, 4, values, &result, err);

	if (ok && db_rows(result) == 0)
		ok = err_set(err, ERR_REJECT, "there is no reject %s", id);
	ok = ok && db_query(db, bytes_sql, 1, &id, &hex, err);
	ok = ok && unhex(db_value(hex, 0, 0), db_value_len(hex, 0, 0), &bytes,
		err);
	ok = ok && show_bytes(context, raw, result, &bytes, err);
	db_result_free(result);
	db_result_free(hex);
	db_close(db);
	buf_clear(&bytes);
	return ok;
}

static bool is_id(const char *text)
{
	return text[0] != '\0' && strlen(text) < 19 &&
		strspn(text, "0123456789") == strlen(text);
}

static int run(const struct cmd_context *context)
{
	struct filter filter = { .limit = 20 };
	bool raw = false, ok;
	const struct arg table[] = {
		{ .name = "--code", .text = &filter.code },
		{ .name = "--source", .text = &filter.source },
		{ .name = "--limit", .count = &filter.limit,
			.min = 1, .max = LIMIT_MAX },
		{ .name = "--each", .flag = &filter.each },
		{ .name = "--raw", .flag = &raw },
		{ .name = NULL },
	};
	const char *words[2] = { "list", NULL };
	struct err err = { 0 };
	size_t count;

	if (!args_parse(context, table, words, 2, &count, &err))
		return cmd_usage(&cmd_rejects, "%s", err.text);
	if (strcmp(words[0], "show") == 0) {
		if (count < 2 || !is_id(words[1]))
			return cmd_usage(&cmd_rejects,
				"show wants the number of a reject");
		ok = show(context, words[1], raw, &err);
	} else if (strcmp(words[0], "list") == 0 && count < 2) {
		filter.each = filter.each || filter.code != NULL ||
			filter.source != NULL;
		ok = list(context, &filter, &err);
	} else {
		return cmd_usage(&cmd_rejects, "list or show ID?");
	}
	return ok ? EXIT_FINE : cmd_fail(&err);
}

const struct cmd cmd_rejects = {
	.name = "rejects",
	.usage = "list [--each] [--code CODE] [--source FILE|SOURCE] "
		 "[--limit N] | show ID [--raw]",
	.summary = "records that were refused: causes, places, bytes",
	.help =
"list  what is refused and not yet resolved, grouped by dataset, code and\n"
"      field, the most frequent first, with the latest of each as an example.\n"
"  --each           single rejects, the latest first, resolved ones included\n"
"  --code CODE      only these (implies --each)\n"
"  --source SOURCE  only of this file name, drop id or source id (implies\n"
"                   --each)\n"
"  --limit N        at most N lines, default 20\n"
"show  one reject: where it lies (file, record, line, column, byte range),\n"
"      why, and its bytes, escaped; at most the first 64 KiB are kept.\n"
"  --raw            the bytes as they were and nothing else\n"
"\n"
"list reads as the reader. The bytes are not for every reader, so show uses\n"
"the account of the loader: its password file must be yours to read.\n"
"docs/OPERATIONS.md lists the codes.\n"
"--json: groups[] (dataset, code, field, rejects, sources, first_at, last_at,\n"
"example_id, example_source, example_line, example_detail), or rejects[]\n"
"(reject_id, dataset, code, field, source, record, line, column, lo, hi,\n"
"stage, rejected_at, detail, source_id, resolved_by); show gives one such\n"
"object with bytes_kept and bytes_escaped.\n"
"\n"
"  sluice rejects\n"
"  sluice rejects list --code timestamp --limit 100\n"
"  sluice rejects show 17\n"
"\n"
"Exits 0, 1 when there is no such reject or source, 69 when PostgreSQL is\n"
"not there.",
	.run = run,
};

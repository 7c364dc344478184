/* cmd_load.c - `sluice load`: files straight into the database, no broker. */
#include "cli/args.h"
#include "cli/direct.h"
#include "cli/files.h"
#include "cli/follow.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/target.h"
#include "common/clock.h"
#include "common/datetime.h"
#include "common/log.h"
#include "consumer/care.h"
#include "consumer/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct load_words {
	const char *pipeline; /* NULL: the only one, or all of them */
	const char *dataset, *directory, *date, *from;
	struct arg_list files, to;
	bool all, follow, dry_run;
};

/* -- what is asked for -------------------------------------------------- */

static bool read_date(const char *flag, const char *text, int64_t *days,
	struct err *err)
{
	return datetime_date(text, strlen(text), days) ||
		err_stop(err, EXIT_USAGE, "%s wants a day such as 2024-02-29, "
			"not \"%s\"", flag, text);
}

/* --to names the last day, or where it goes: a day starts with a digit. */
static bool read_to(const struct load_words *words, const char **day,
	const char **file, struct err *err)
{
	*day = *file = NULL;
	for (size_t i = 0; i < words->to.count; i++) {
		const char *value = words->to.items[i];

		if (value[0] >= '0' && value[0] <= '9' && *day == NULL)
			*day = value;
		else if (!target_read(value, file, err))
			return err_wrap(err, "--to wants a day such as "
				"2024-02-29, or where it goes");
	}
	return true;
}

/* *given is false when everything is meant. */
static bool read_filter(const struct load_words *words,
	struct date_filter *filter, bool *given, const char **file,
	struct err *err)
{
	const char *to;

	*given = false;
	if (!read_to(words, &to, file, err))
		return false;
	if ((words->date != NULL) + (words->from != NULL || to != NULL) +
		words->all > 1)
		return err_stop(err, EXIT_USAGE,
			"one of --date, --from with --to, and --all");
	*given = words->date != NULL || words->from != NULL || to != NULL;
	if (words->date != NULL)
		return read_date("--date", words->date, &filter->from, err) &&
			(filter->to = filter->from + 1, true);
	if (!*given)
		return true;
	if (words->from == NULL || to == NULL)
		return err_stop(err, EXIT_USAGE, "--from and --to go together");
	if (!read_date("--from", words->from, &filter->from, err) ||
		!read_date("--to", to, &filter->to, err))
		return false;
	filter->to++; /* the last day is meant as well */
	return filter->from < filter->to || err_stop(err, EXIT_USAGE,
		"--from %s lies behind --to %s", words->from, to);
}

/* -- saying ------------------------------------------------------------- */

static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
	{ "files", offsetof(struct direct_totals, sources) },
	{ "records", offsetof(struct direct_totals, records) },
	{ "inserted", offsetof(struct direct_totals, inserted) },
	{ "updated", offsetof(struct direct_totals, updated) },
	{ "unchanged", offsetof(struct direct_totals, unchanged) },
	{ "rejected", offsetof(struct direct_totals, rejected) },
	{ "filtered", offsetof(struct direct_totals, filtered) },
	{ "loaded_before", offsetof(struct direct_totals, before) },
};

struct loading {
	const struct config *config;
	const struct load_words *words;
	struct target target;
	struct date_filter filter;
	struct files files;
	struct direct *direct;
	struct progress progress;
	int64_t started_ms;
	int stop_fd;
};

/* The tables of the pipelines that files were loaded for. */
struct tables {
	struct json *array; /* NULL: lines for people */
	struct table table;
};

static bool add_table(void *context, const struct store_table *given,
	struct err *err)
{
	struct tables *tables = context;
	struct json *object;

	(void)err;
	if (tables->array == NULL) {
		table_add(&tables->table, given->name);
		table_add(&tables->table, given->what);
		table_add_int(&tables->table, given->rows);
		if (given->keys >= 0)
			table_add_int(&tables->table, given->keys);
		else
			table_add(&tables->table, "");
		return true;
	}
	object = json_add_object(tables->array);
	json_put_text(object, "name", given->name);
	json_put_text(object, "kind", given->what);
	json_put_int(object, "rows", given->rows);
	if (given->keys >= 0)
		json_put_int(object, "distinct_keys", given->keys);
	else
		json_put_null(object, "distinct_keys");
	return true;
}

static bool was_before(const struct files *files, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (files->items[i].dataset->pipeline ==
			files->items[at].dataset->pipeline)
			return true;
	return false;
}

/* root NULL: lines for people. */
static bool say_tables(const struct loading *loading, struct json *root,
	struct err *err)
{
	static const char *const heads[] = { "table", "kind", ">rows",
		">distinct keys", NULL };
	struct tables tables = { .array = root == NULL ? NULL :
		json_put_array(root, "tables") };
	bool ok = true;

	table_init(&tables.table, heads);
	for (size_t i = 0; ok && i < loading->files.count; i++)
		if (!loading->words->dry_run &&
			!was_before(&loading->files, i))
			ok = store_tables(loading->target.store,
				loading->files.items[i].dataset->pipeline,
				add_table, &tables, err);
	if (ok && tables.table.cells > 0)
		ok = (output_line("%s", ""),
			table_print(&tables.table, 0, err));
	table_clear(&tables.table);
	return ok;
}

static bool summary(const struct loading *loading, bool json, int64_t ms,
	struct err *err)
{
	const struct direct_totals *totals = direct_totals(loading->direct);
	const bool dry_run = loading->words->dry_run;
	struct json *root = json ? json_object() : NULL;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		int64_t number;

		memcpy(&number, (const char *)totals +
			numbers[i].offset, sizeof(number));
		if (json)
			json_put_int(root, numbers[i].key, number);
		else
			output_line("%12" PRId64 " %s", number,
				strcmp(numbers[i].key, "loaded_before") == 0 ?
					"loaded before" : numbers[i].key);
	}
	if (json) {
		json_put_bool(root, "dry_run", dry_run);
		json_put_int(root, "ms", ms);
		if (say_tables(loading, root, err))
			return output_json(root, err);
		json_free(root);
		return false;
	}
	output_line("%s in %" PRId64 ".%" PRId64 " s", dry_run ?
		"nothing was written: a dry run" : "done", ms / 1000,
		ms % 1000 / 100);
	return say_tables(loading, NULL, err);
}

/* -- the verb ----------------------------------------------------------- */

/* Who follows finds them later. */
static bool find_files(struct loading *loading, struct err *err)
{
	const struct load_words *words = loading->words;

	if (!words->follow)
		return files_find(&loading->files, words->files.items,
			words->files.count, words->directory, err);
	if (words->files.count > 0 || words->dry_run)
		return err_stop(err, EXIT_USAGE, "--follow goes neither with "
			"--file nor with --dry-run");
	if (words->directory != NULL &&
		!files_need_one(&loading->files, words->directory, err))
		return false;
	loading->stop_fd = follow_stop_fd(err);
	return loading->stop_fd >= 0;
}

static bool prepare(struct loading *loading, struct err *err)
{
	const struct load_words *words = loading->words;
	const struct config *config = loading->config;
	const char *file;
	bool filtered;

	if (!read_filter(words, &loading->filter, &filtered, &file, err) ||
		!target_open(&loading->target, &(struct target_options){
			.config = config, .name = "sluice load",
			.file = file, .create = true,
			.filter = filtered ? &loading->filter : NULL }, err) ||
		!files_choose(&loading->files, config,
			&loading->target.plan.set, words->pipeline,
			words->dataset, filtered, err) ||
		!find_files(loading, err))
		return false;
	loading->target.store->options.stop_fd = loading->stop_fd;
	loading->started_ms = clock_now_ms();
	progress_init(&loading->progress, files_bytes(&loading->files));
	loading->direct = direct_new(&(struct direct_options){
		.config = config,
		.store = loading->target.store,
		.dry_run = words->dry_run,
		.stop_fd = loading->stop_fd,
		.say = progress_say,
		.context = &loading->progress,
	}, err);
	return loading->direct != NULL;
}

static bool load_files(struct loading *loading, struct err *err)
{
	bool ok = true;

	if (loading->words->follow)
		return follow_run(&(struct follow_options){
			.config = loading->config,
			.files = &loading->files,
			.directory = loading->words->directory,
			.direct = loading->direct,
			.progress = &loading->progress,
			.stop_fd = loading->stop_fd,
		}, err);
	for (size_t i = 0; ok && i < loading->files.count; i++)
		ok = direct_load(loading->direct,
			loading->files.items[i].dataset,
			loading->files.items[i].path, err);
	progress_wipe(&loading->progress);
	return ok;
}

/* What the consumer does behind its loads is done behind ours; the loads are
 * done whatever becomes of it. */
static bool load_looked_after(struct loading *loading, struct err *err)
{
	struct care *care = NULL;
	struct err behind = { 0 };
	int64_t sent, failed;
	struct fate fate;
	bool ok;

	if (loading->words->dry_run ||
		loading->target.store->options.file != NULL)
		return load_files(loading, err); /* an SQLite file is asked
						  * by `sluice test-data` */
	if (!fate_init(&fate, err))
		return false;
	if (loading->words->follow)
		care = care_start(loading->config, &fate, err);
	ok = err->kind == ERR_NONE && load_files(loading, err);
	fate_leave(&fate);
	care_join(care);
	fate_clear(&fate);
	if (ok && !care_once(loading->config, &behind))
		log_err(LOG_WARN, "care_waits", &behind);
	behind = (struct err){ 0 };
	if (ok && loading->config->notify.count > 0 &&
		!notify_once(loading->config, &sent, &failed, &behind))
		log_err(LOG_WARN, "notify_waits", &behind);
	return ok;
}

static int finish(struct loading *loading, bool json, struct err *err)
{
	const struct direct_totals *totals = direct_totals(loading->direct);
	const int64_t ms = clock_now_ms() - loading->started_ms;

	if (loading->files.count == 0 && !loading->words->follow && !json)
		output_line("no file to load: see `sluice help load`");
	else if (!summary(loading, json, ms, err))
		return cmd_fail(err);
	return totals->rejected == 0 ? EXIT_FINE : EXIT_DATA;
}

static int act(const struct cmd_context *context,
	const struct load_words *words)
{
	struct loading loading = { .config = context->config, .words = words };
	struct err err = { 0 };
	int code;

	if (prepare(&loading, &err) && load_looked_after(&loading, &err))
		code = finish(&loading, context->json, &err);
	else
		code = cmd_fail(&err);
	direct_free(loading.direct);
	files_clear(&loading.files);
	target_close(&loading.target);
	return code;
}

static int run(const struct cmd_context *context)
{
	static struct load_words words;
	const struct arg table[] = {
		{ .name = "--file", .list = &words.files },
		{ .name = "--dataset", .text = &words.dataset },
		{ .name = "--directory", .text = &words.directory },
		{ .name = "--date", .text = &words.date },
		{ .name = "--from", .text = &words.from },
		{ .name = "--to", .list = &words.to },
		{ .name = "--all", .flag = &words.all },
		{ .name = "--follow", .flag = &words.follow },
		{ .name = "--dry-run", .flag = &words.dry_run },
		{ .name = NULL },
	};
	struct err err = { 0 };
	size_t count;

	words = (struct load_words){ 0 };
	if (!args_parse(context, table, &words.pipeline, 1, &count, &err))
		return cmd_usage(&cmd_load, "%s", err.text);
	return act(context, &words);
}

const struct cmd cmd_load = {
	.name = "load",
	.usage = "[PIPELINE] [--file FILE]... [--directory DIR] "
		"[--dataset NAME] [--date D | --from D --to D | --all] "
		"[--to sqlite:FILE] [--follow] [--dry-run]",
	.summary = "files straight into PostgreSQL or SQLite, no broker",
	.help =
"Reads, maps and loads files in this process, by the same code as producer\n"
"and consumer: same formats, checks, rejects, ledger, tables and models. No\n"
"broker and no daemon is needed; files stay where they are.\n"
"\n"
"Without --file the files that lie in the folders of the pipeline's datasets\n"
"(below raw_dir) are loaded, by name. Do not let a producer watch the same\n"
"folders: it would take them away.\n"
"\n"
"--file FILE      this one; may be given again. Its dataset is the only one of\n"
"                 the pipeline, the one whose folder it lies in, the one it\n"
"                 is called after (commits.json), or\n"
"--dataset NAME   that one\n"
"--directory DIR  the files in there that fit the dataset's pattern, instead of\n"
"                 those in the dataset's own folder\n"
"--date D         only records of that day (UTC) by the dataset's `date`\n"
"                 column; the others are counted as filtered. Datasets without\n"
"                 such a column are loaded in full\n"
"--from D --to D  the days from the first to the last, both meant\n"
"--all            every record, which is the default\n"
"--to WHERE       sqlite:FILE, made when missing: tables, ledger, rejects,\n"
"                 models, all in that one file, and no server is asked; or\n"
"                 postgres, which is the default\n"
"--follow         goes on: loads what is there, then each file as it is\n"
"                 completed (closed, renamed into the folder, or unchanged for\n"
"                 settle_secs), until INT or TERM; then the summary. Files stay\n"
"                 where they are: started again it finds that they are loaded.\n"
"                 One that changes is another file and loads as a whole\n"
"--dry-run        reads, maps and counts, and writes nothing\n"
"--json           files, records, inserted, updated, unchanged, rejected,\n"
"                 filtered, loaded_before, dry_run, ms; for SQLite tables[]\n"
"                 with name, kind, rows, distinct_keys\n"
"\n"
"A file counts once for its path, its bytes and the dates asked for: a load\n"
"that was interrupted goes on where it was, one that was done does nothing\n"
"(\"loaded before\"), another date takes what it is about. Reports of the\n"
"pipelines are written at the end (`sluice help report`), and who should hear of\n"
"it is told (`sluice help notify`).\n"
"\n"
"  sluice load events\n"
"  sluice load events --date 2024-03-05\n"
"  sluice load events --follow\n"
"  sluice load --file more.json.gz --dataset events\n"
"  sluice load gharchive --file hour.json.gz --to sqlite:main.db\n"
"  sluice load github --file commits.json --to sqlite:main.db\n"
"\n"
"Exits 0 when all is loaded, 1 when records were rejected (see `sluice\n"
"rejects`), 64 for wrong words, 69 when PostgreSQL is not there or went away\n"
"(run it again), 74 when a file cannot be read, or the SQLite file is another\n"
"program's, damaged, a folder, not to be written to, or its disk is full.",
	.run = run,
};

/* cmd_status.c - `sluice status`: everything at a glance. */
#include "cli/api.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/overview.h"
#include "cli/serve.h"

#include <inttypes.h>
#include <stdio.h>

/* -- for people --------------------------------------------------- */

static void show_server(const char *name, const struct overview_server *server)
{
	struct buf shown = { 0 };

	(void)printf("%-11s ", name);
	if (server->reachable)
		(void)printf("%s at ", server->version);
	(void)printf("%s", output_escape(&shown, server->address));
	if (server->err.kind != ERR_NONE)
		(void)printf("\n            %s%s%s", output_paint(PAINT_RED),
			output_escape(&shown, server->err.text),
			output_paint(PAINT_NONE));
	(void)putchar('\n');
	buf_clear(&shown);
}

static void show_daemon(const char *name, const struct overview_daemon *daemon)
{
	struct buf line = { 0 }, shown = { 0 };
	struct err err = { 0 };
	const char *says;
	size_t at = 0, len;
	bool is_note;

	(void)printf("%-11s ", name);
	if (!daemon->there)
		output_line("%snot known: %s%s", output_paint(PAINT_YELLOW),
			output_escape(&shown, daemon->err.text),
			output_paint(PAINT_NONE));
	else
		output_line("%s at %s", daemon->ready ? "ready" : "waits,",
			output_escape(&shown, daemon->address));
	while ((says = overview_says(daemon, &at, &len, &is_note)) != NULL) {
		buf_reset(&line);
		if (buf_add(&line, says, len, &err))
			output_line("            %s%s%s", output_paint(is_note ?
					PAINT_YELLOW : PAINT_RED),
				output_escape(&shown, line.data),
				output_paint(PAINT_NONE));
	}
	buf_clear(&line);
	buf_clear(&shown);
}

static bool show_queues(const struct overview *overview, struct err *err)
{
	static const char *const heads[] = { "queue", ">ready", ">consumers",
		"", NULL };
	struct table table;
	bool ok;

	table_init(&table, heads);
	for (size_t i = 0; i < overview->queue_count; i++) {
		const struct overview_queue *queue = &overview->queues[i];

		table_add(&table, queue->name);
		if (!queue->found) {
			table_add(&table, NULL);
			table_add(&table, NULL);
			table_add(&table, queue->known ?
				"missing: run `sluice apply`" : "not known");
			continue;
		}
		table_add_int(&table, queue->ready);
		table_add_int(&table, queue->consumers);
		table_add(&table, queue->consumers == 0 ?
			"nobody consumes it" : "");
	}
	ok = table_print(&table, 0, err);
	table_clear(&table);
	return ok;
}

static void add_rows(struct table *table, const struct overview_dataset *at)
{
	if (!at->known) {
		table_add(table, NULL);
		table_add(table, NULL);
		table_add(table, NULL);
		return;
	}
	table_add_int(table, at->master_rows);
	table_add_int(table, at->delta_rows);
	table_add_int(table, at->unknown_keys);
}

/* Dashes are numbers nobody could be asked for. */
static bool show_datasets(const struct overview *overview, struct err *err)
{
	static const char *const heads[] = { "dataset", ">waiting", ">ignored",
		">claimed", ">master rows", ">delta rows", ">unknown keys",
		"", NULL };
	struct table table;
	bool ok;

	table_init(&table, heads);
	for (size_t i = 0; i < overview->dataset_count; i++) {
		const struct overview_dataset *at = &overview->datasets[i];
		const struct folder_count *files = &at->files;

		table_add(&table, at->name);
		table_add_int(&table, files->waiting);
		table_add_int(&table, files->ignored);
		if (files->claimed < 0)
			table_add(&table, NULL);
		else
			table_add_int(&table, files->claimed);
		add_rows(&table, at);
		table_add(&table, at->dataset->directory != NULL &&
			!files->there ? "its folder is not there" : "");
	}
	ok = table_print(&table, 0, err);
	table_clear(&table);
	return ok;
}

static void show_lag(const struct overview *overview)
{
	char age[OUTPUT_TEXT];

	if (overview->claimed_secs < 0 && overview->arriving == 0)
		output_line("lag         nothing under way");
	if (overview->claimed_secs >= 0)
		output_line("lag         oldest claimed file: %s",
			output_age(overview->claimed_secs, age));
	if (overview->arriving > 0)
		output_line("lag         oldest source arriving: %s",
			output_age(overview->arriving_secs, age));
}

static void show_rejects(const struct overview *overview)
{
	struct buf shown = { 0 };

	(void)printf("rejects     %" PRId64 "; last hour:",
		overview->rejects);
	for (size_t i = 0; i < overview->code_count; i++)
		(void)printf(" %s %" PRId64, output_escape(&shown,
			overview->codes[i].code), overview->codes[i].count);
	output_line("%s", overview->code_count == 0 ? " none" : "");
	buf_clear(&shown);
}

static void show_models(const struct overview *overview)
{
	struct buf name = { 0 }, why = { 0 };
	bool fresh = true;

	for (size_t i = 0; i < overview->model_count; i++) {
		const struct overview_model *model = &overview->models[i];

		if (model->fresh)
			continue;
		fresh = false;
		output_line("models      %s%s is stale%s: %s",
			output_paint(PAINT_YELLOW),
			output_escape(&name, model->model),
			output_paint(PAINT_NONE),
			output_escape(&why, model->error));
	}
	if (fresh)
		output_line("models      all fresh");
	buf_clear(&name);
	buf_clear(&why);
}

/* Nothing is said where all is well: most have no target. */
static void show_failing(const struct overview *overview)
{
	struct buf name = { 0 }, why = { 0 };

	for (size_t i = 0; i < db_rows(overview->failing); i++) {
		const int64_t waiting = db_int(overview->failing, i, 1);
		const int64_t given_up = db_int(overview->failing, i, 4);

		(void)printf("notify      %s%s does not take them%s:",
			output_paint(PAINT_YELLOW),
			output_escape(&name, db_value(overview->failing, i, 0)),
			output_paint(PAINT_NONE));
		if (waiting > 0)
			(void)printf(" %" PRId64 " wait%s, tried %" PRId64
				" time%s,", waiting, waiting == 1 ? "s" : "",
				db_int(overview->failing, i, 2),
				db_int(overview->failing, i, 2) == 1 ? "" : "s");
		if (given_up > 0)
			(void)printf(" %" PRId64 " given up in the last day,",
				given_up);
		output_line(" %s", output_escape(&why,
			db_value(overview->failing, i, 3)));
	}
	buf_clear(&name);
	buf_clear(&why);
}

static void show_load(const struct overview *overview)
{
	const struct overview_load *load = overview->loads;
	char age[OUTPUT_TEXT];

	if (overview->load_count == 0) {
		output_line("last load   none yet");
		return;
	}
	output_line("last load   %s ago, %" PRId64 " record%s in %" PRId64
		" ms: %" PRId64 " inserted, %" PRId64 " updated, %" PRId64
		" unchanged, %" PRId64 " rejected",
		output_age(load->age_secs, age), load->records,
		load->records == 1 ? "" : "s", load->ms, load->inserted,
		load->updated, load->unchanged, load->rejected);
}

/* Where there is no page there is no line. */
static void show_page(const struct config *config)
{
	struct buf shown = { 0 };

	if (serve_answers(config))
		output_line("page        http://%s/",
			output_escape(&shown, config->serve_http));
	buf_clear(&shown);
}

static bool show(const struct config *config, struct overview *overview,
	struct err *err)
{
	show_server("PostgreSQL", &overview->database);
	if (overview->has_broker) {
		show_server("RabbitMQ", &overview->broker);
		show_daemon("producer", &overview->producer);
		show_daemon("consumer", &overview->consumer);
	} else {
		output_line("RabbitMQ    none here (broker: false)");
	}
	show_page(config);
	output_line("%s", "");
	if (overview->has_broker) {
		if (!show_queues(overview, err))
			return false;
		output_line("%s", "");
	}
	if (!show_datasets(overview, err))
		return false;
	output_line("%s", "");
	if (overview->endpoint_count > 0) {
		if (!api_facts_print(overview->endpoints,
			    overview->endpoint_count, err))
			return false;
		output_line("%s", "");
	}
	if (!overview->asked)
		return true;
	output_line("sources     %" PRId64 " complete, %" PRId64 " arriving",
		overview->complete, overview->arriving);
	output_line("records     %" PRId64 " loaded in the last minute, "
		"%" PRId64 " in the last 10 minutes",
		overview->last_minute, overview->last_ten_minutes);
	show_lag(overview);
	show_rejects(overview);
	show_models(overview);
	show_failing(overview);
	show_load(overview);
	return true;
}

/* -- the verb --------------------------------------------------- */

static bool print_json(const struct config *config,
	const struct overview *overview, struct err *err)
{
	struct json *root = json_object(), *page;

	overview_json(overview, root);
	page = json_put_object(root, "page");
	json_put_text(page, "http", config->serve_http);
	json_put_bool(page, "answers", serve_answers(config));
	return output_json(root, err);
}

static bool show_why(const struct overview *overview, bool json,
	struct err *err)
{
	struct buf why = { 0 }, shown = { 0 };
	bool ok = overview_why(overview, &why, err);
	struct json *root;

	if (ok && json) {
		root = json_object();
		json_put_text(root, "why", why.data);
		ok = output_json(root, err);
	} else if (ok) {
		output_line("%s", output_escape(&shown, why.data));
	}
	buf_clear(&why);
	buf_clear(&shown);
	return ok;
}

static int run(const struct cmd_context *context)
{
	bool why = false;
	const struct arg table[] = {
		{ .name = "--why", .flag = &why },
		{ .name = NULL },
	};
	struct overview_asker *asker;
	struct overview overview = { 0 };
	struct err err = { 0 };
	size_t count;
	bool ok;
	int code;

	if (!args_parse(context, table, NULL, 0, &count, &err))
		return cmd_usage(&cmd_status, "%s", err.text);
	asker = overview_asker_new(context->config, 0, &err);
	ok = asker != NULL && overview_gather(asker, &overview, &err);
	ok = ok && (why ? show_why(&overview, context->json, &err) :
		context->json ?
		print_json(context->config, &overview, &err) :
		show(context->config, &overview, &err));
	code = ok ? overview_code(&overview) : cmd_fail(&err);
	overview_clear(&overview);
	overview_asker_free(asker);
	return code;
}

const struct cmd cmd_status = {
	.name = "status",
	.usage = "[--why]",
	.summary = "servers, queues, files, rates, lag, rejects, models",
	.help =
"With --why one sentence instead: what is it waiting for? Else one screen:\n"
"  servers    reachable or why not, version, address\n"
"  producer,  whether each does its work, or what keeps it from it: a server\n"
"  consumer   that is away, a full queue or disk, a dataset whose table takes\n"
"             nothing (asked at producer_http and consumer_http)\n"
"  queues     of each pipeline and of its dead letters: messages ready, who\n"
"             consumes\n"
"  datasets   files waiting in the folder, files there whose names are not\n"
"             taken (ignored), files claimed by the producer; rows of master\n"
"             and delta as the loads counted them (what was removed since is\n"
"             not seen); keys of records that no column takes\n"
"  endpoints  HTTP APIs that have a schedule or were asked: last check, last\n"
"             change, next run, calls left today, records, errors, the last\n"
"             error (see `sluice help api`)\n"
"  sources    complete: every record accounted for; arriving: chunks or the\n"
"             manifest are still to come\n"
"  records    loaded in the last minute and the last ten\n"
"  lag        age of the oldest claimed file and of the oldest source that is\n"
"             not complete\n"
"  rejects    not resolved, in all; by code for the last hour\n"
"  models     stale ones and why\n"
"  notify     targets that do not take their notifications; absent when all do\n"
"  last load  the consumer's latest transaction that had records\n"
"\n"
"--json: time; database and broker {reachable, address, version, error}\n"
"(broker is null where the settings say there is none); producer and\n"
"consumer {http, answers, ready, reasons[], notes[]}; page {http, answers} of\n"
"`sluice serve`; unreachable[] {what, why}; queues[] {queue, pipeline, dead,\n"
"exists, ready, consumers}; datasets[] {pipeline, dataset, folder, waiting,\n"
"ignored, claimed (-1: may not be read), lag_seconds, master_rows, delta_rows,\n"
"unknown_keys, counts}; endpoints[] as\n"
"`sluice --json api list` has them; sources {waiting, claimed, arriving,\n"
"complete}; lag {oldest_claimed_seconds, oldest_arriving_seconds,\n"
"oldest_seconds: of any record known to be not yet committed}; in_progress[]\n"
"{drop_id, name, dataset, reading, bytes, bytes_published, bytes_committed,\n"
"records, records_published, records_committed, rejected, age_seconds};\n"
"records {last_minute, last_10_minutes}; counts {files, published, records,\n"
"loaded, rejected, filtered}, which only grow; rejects {total, last_hour\n"
"{CODE: n}, causes[] {dataset, code, count, last_hour, age_seconds, latest}};\n"
"stale_models[] {model, error}; models[] {model, materialized, state,\n"
"refreshes, changed_rows, refresh_us, age_seconds}; tests[] {pipeline, test,\n"
"severity, outcome (null: never asked), failing, error, ms, age_seconds};\n"
"failing_notifications[] {target, waiting, attempts, error, given_up};\n"
"last_load and loads[] {load_id, committed_at, age_seconds, ms, messages,\n"
"duplicates, records, inserted, updated, unchanged, rejected, filtered}.\n"
"What only the database knows is absent when it cannot be asked; null is what\n"
"is not known, or no age where nothing is under way.\n"
"\n"
"  sluice status\n"
"  sluice status --why\n"
"  sluice --json status | jq .sources\n"
"\n"
"Asks PostgreSQL as the reader and RabbitMQ as the tap. Exits 0, 69 when a\n"
"server is not there (the rest is shown all the same), 78 when one refuses\n"
"the account or lacks what `sluice apply` makes.",
	.run = run,
};

/* cmd_notify.c - `sluice notify`: is everybody told? */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "common/clock.h"
#include "common/hash.h"
#include "consumer/notice.h"
#include "consumer/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* -- list --------------------------------------------------------------- */

static const char target_sql[] =
	"select count(*) filter (where state = 'queued'),\n"
	"       coalesce(max(attempts) filter (where state = 'queued'), 0),\n"
	"       to_char(max(ended_at) filter (where state = 'sent')\n"
	"           at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),\n"
	"       coalesce((array_agg(error order by tried_at desc nulls last)\n"
	"           filter (where error is not null and state <> 'sent'))[1],\n"
	"           '')\n"
	"from meta.notification\n"
	"where target = $1";

static bool list_events(const struct listener *target, struct buf *out,
	struct err *err)
{
	buf_reset(out);
	for (int i = 0; i < NOTICE_EVENTS; i++)
		if ((target->events & 1u << i) != 0 &&
			!buf_printf(out, err, "%s%s", out->len > 0 ? " " : "",
				notice_event_name((enum notice_event)i)))
			return false;
	return true;
}

static void put_target(struct json *array, const struct listener *target,
	const char *events, const struct db_result *row)
{
	struct json *object = json_add_object(array);

	json_put_text(object, "target", target->name);
	json_put_text(object, "kind", target->mail ? "mail" : "webhook");
	json_put_text(object, "events", events);
	json_put_int(object, "waiting", db_int(row, 0, 0));
	json_put_int(object, "attempts", db_int(row, 0, 1));
	if (db_is_null(row, 0, 2))
		json_put_null(object, "last_sent_at");
	else
		json_put_text(object, "last_sent_at", db_value(row, 0, 2));
	json_put_text(object, "error", db_value(row, 0, 3));
}

static bool add_target(struct db *db, const struct listener *target,
	struct table *table, struct json *array, struct err *err)
{
	const char *values[] = { target->name };
	struct db_result *row = NULL;
	struct buf events = { 0 };
	bool ok;

	ok = list_events(target, &events, err) &&
		db_query(db, target_sql, 1, values, &row, err);
	if (ok && array != NULL) {
		put_target(array, target, events.data, row);
	} else if (ok) {
		table_add(table, target->name);
		table_add(table, target->mail ? "mail" : "webhook");
		table_add(table, events.data);
		table_add_int(table, db_int(row, 0, 0));
		table_add_int(table, db_int(row, 0, 1));
		table_add(table, db_is_null(row, 0, 2) ? NULL :
			db_value(row, 0, 2));
		table_add(table, db_value(row, 0, 3));
	}
	db_result_free(row);
	buf_clear(&events);
	return ok;
}

static bool list(const struct cmd_context *context, struct err *err)
{
	static const char *const heads[] = { "target", "kind", "hears of",
		">waiting", ">tries", "last sent", "", NULL };
	const struct config *config = context->config;
	struct json *root = context->json ? json_object() : NULL;
	struct json *array = root != NULL ? json_put_array(root, "targets") :
					    NULL;
	struct db *db = connect_db(config, &config->reader, true, 0, err);
	struct table table;
	bool ok = db != NULL;

	table_init(&table, heads);
	for (size_t i = 0; ok && i < config->notify.count; i++)
		ok = add_target(db, &config->notify.items[i], &table, array,
			err);
	db_close(db);
	if (ok && root != NULL) {
		ok = output_json(root, err);
	} else {
		json_free(root);
		if (ok && config->notify.count == 0)
			output_line("nobody is told: see "
				"`sluice help notify`");
		else
			ok = ok && table_print(&table, 0, err);
	}
	table_clear(&table);
	return ok;
}

/* -- send and test ------------------------------------------------------ */

static int send(const struct config *config)
{
	struct err err = { 0 };
	int64_t sent, failed;

	if (!notify_once(config, &sent, &failed, &err))
		return cmd_fail(&err);
	output_line("%" PRId64 " sent, %" PRId64 " not: see "
		"`sluice notify list`", sent, failed);
	return failed == 0 ? EXIT_FINE : EXIT_SERVER;
}

static bool probe(const struct config *config, const struct listener *target,
	struct err *err)
{
	char key[UUID_TEXT], now[CLOCK_TEXT];
	struct uuid id;

	if (!uuid_random(&id, err))
		return false;
	uuid_format(&id, key);
	clock_format_us(clock_wall_us(), now);
	return notice_send(&(struct notice){
		.key = key, .event = "probe", .pipeline = "",
		.first_at = now, .last_at = now,
		.database = config->database_name, .items = "[]",
	}, target, 0, err);
}

static int test(const struct config *config, const char *name)
{
	const struct listener *target = listener_find(&config->notify, name);
	struct err err = { 0 };

	if (target == NULL) {
		(void)err_stop(&err, EXIT_USAGE, "no target %s under `notify:`"
			" in %s", name, config->config_file != NULL ?
				config->config_file : "sluice.yaml");
		return cmd_fail(&err);
	}
	if (probe(config, target, &err)) {
		output_line("%s took it", target->name);
		return EXIT_FINE;
	}
	if (err.kind != ERR_STOP)
		err.exit_code = EXIT_SERVER;
	return cmd_fail(&err);
}

static int run(const struct cmd_context *context)
{
	static const struct arg none[] = { { .name = NULL } };
	const char *words[2] = { "list", NULL };
	struct err err = { 0 };
	size_t count;

	if (!args_parse(context, none, words, 2, &count, &err))
		return cmd_usage(&cmd_notify, "%s", err.text);
	if (count == 0)
		words[0] = "list";
	if (strcmp(words[0], "test") == 0 && count == 2)
		return test(context->config, words[1]);
	if (strcmp(words[0], "send") == 0 && count == 1)
		return send(context->config);
	if (strcmp(words[0], "list") != 0 || count > 1)
		return cmd_usage(&cmd_notify, "list, send, or test TARGET");
	return list(context, &err) ? EXIT_FINE : cmd_fail(&err);
}

const struct cmd cmd_notify = {
	.name = "notify",
	.usage = "[list] | send | test TARGET",
	.summary = "who is told when something happened, and whether they are",
	.help =
"list    the targets of sluice.yaml: what waits for each, how often it was\n"
"        tried, when one was sent last, what the target answered\n"
"send    tries each that waits once, now\n"
"test    sends a test notification to one target and says what came of it\n"
"\n"
"The consumer tells them, and `sluice load` at its end. In sluice.yaml:\n"
"\n"
"  notify:\n"
"    ops:\n"
"      webhook: https://example.org/hook     # a POST of JSON\n"
"      token_file: secrets/hook              # Authorization: Bearer ...\n"
"      events: [load, model, test, rejects]  # unless said: all but load\n"
"      pipelines: [events]                   # unless said: all\n"
"    chat:\n"
"      webhook_file: secrets/chat            # the address itself is a secret\n"
"      form: slack                           # {\"text\": \"...\"}\n"
"    mail:\n"
"      smtp: smtps://mail.example.org        # TLS at once; smtp:// STARTTLS\n"
"      from: sluice@example.org\n"
"      to: [ops@example.org]\n"
"      user: sluice\n"
"      password_file: secrets/mail\n"
"\n"
"load     what was dropped is loaded: sources and records, added up\n"
"model    a model failed and is stale, or verify found it wrong\n"
"test     a data test fails that did not before\n"
"rejects  reject_burst records of a pipeline rejected within a minute\n"
"\n"
"--json: targets[] {target, kind, events, waiting, attempts, last_sent_at,\n"
"error}.\n"
"\n"
"  sluice notify test ops\n"
"\n"
"Exits 0, 64 for wrong words or no such target, 69 when PostgreSQL or a target\n"
"is not there or refuses, 78 when a secret's file cannot be read.",
	.run = run,
};

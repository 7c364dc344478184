/* cmd_apply.c - `sluice apply`: schema and topology as the files say. */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/migrate.h"
#include "cli/output.h"
#include "cli/topology.h"

#include <stdio.h>
#include <string.h>

#define NO_BROKER "none here (broker: false)"

struct apply {
	const struct config *config;
	struct pipeline_set set;
	struct models *models;
	struct buf sql;      /* dry run: what would be run */
	struct buf topology; /* dry run: what RabbitMQ would be asked for */
	struct buf said;
	int64_t amiss; /* models that could not be built */
};

static void say_built(void *context, const struct build_report *report)
{
	static const char *const words[] = {
		[BUILD_DONE] = "built",
		[BUILD_FAILED] = "FAILED, stale: ",
		[BUILD_SKIPPED] = "skipped, stale: it reads ",
	};
	struct migration say = { .said = context };

	migration_say(&say, "model %s.%s: %s%s", report->model.pipeline,
		report->model.name, words[report->outcome],
		report->why != NULL ? report->why : "");
}

/* Models without contents yet, or whose file changed: built from what is
 * there, one by one. */
static bool build_new(struct apply *apply, struct err *err)
{
	struct db *db = connect_db(apply->config, &apply->config->owner, false,
		0, err);
	const struct build_choice unbuilt = { .unbuilt = true };
	const bool ok = db != NULL &&
		models_build(apply->models, db, &unbuilt, say_built,
			&apply->said, &apply->amiss, err);

	db_close(db);
	return ok;
}

static bool apply_all(struct apply *apply, bool dry_run, struct err *err)
{
	struct migration migration = {
		.config = apply->config,
		.set = &apply->set,
		.models = apply->models,
		.sql = &apply->sql,
		.said = &apply->said,
	};

	if (!migrate(&migration, dry_run, err))
		return false;
	if (dry_run)
		return !apply->config->broker || topology_plan(apply->config, &apply->set,
			&apply->topology, err);
	return build_new(apply, err) &&
		(!apply->config->broker ||
			topology_apply(apply->config, &apply->set, err));
}

static bool prepare(struct apply *apply, struct err *err)
{
	if (!pipeline_set_read(apply->config->pipelines_dir, &apply->set, err))
		return false;
	apply->models =
		models_read(apply->config->models_dir, &apply->set, err);
	return apply->models != NULL;
}

static void clear(struct apply *apply)
{
	buf_clear(&apply->sql);
	buf_clear(&apply->topology);
	buf_clear(&apply->said);
	models_free(apply->models);
	pipeline_set_clear(&apply->set);
}

static const char *text_of(const struct buf *buf)
{
	return buf->data != NULL ? buf->data : "";
}

static void add_lines(struct json *array, const struct buf *text)
{
	const char *from = text_of(text);

	while (*from != '\0') {
		const size_t len = strcspn(from, "\n");
		char line[600];

		(void)snprintf(line, sizeof(line), "%.*s", (int)len, from);
		json_add_text(array, line);
		from += len + (from[len] == '\n');
	}
}

static bool show_json(const struct apply *apply, bool dry_run, struct err *err)
{
	struct json *root = json_object();

	json_put_bool(root, "dry_run", dry_run);
	json_put_bool(root, "changed", apply->said.len > 0);
	add_lines(json_put_array(root, "changes"), &apply->said);
	if (dry_run) {
		json_put_text(root, "sql", text_of(&apply->sql));
		add_lines(json_put_array(root, "amqp"), &apply->topology);
	}
	return output_json(root, err);
}

static void show(const struct apply *apply, bool dry_run)
{
	if (dry_run) {
		printf("-- PostgreSQL%s\n%s\n",
			apply->sql.len > 0 ? "" : ": nothing to change",
			text_of(&apply->sql));
		printf("-- RabbitMQ: %s\n%s", apply->config->broker ?
			"what has to be there" : NO_BROKER,
			text_of(&apply->topology));
		return;
	}
	(void)fputs(apply->said.len > 0 ? text_of(&apply->said) :
					  "PostgreSQL: nothing to change\n",
		stdout);
	output_line("RabbitMQ: %s", apply->config->broker ?
		"virtual host, users, exchanges and queues are in place" :
		NO_BROKER);
}

static int run(const struct cmd_context *context)
{
	struct apply apply = { .config = context->config };
	bool dry_run = false, ok;
	const struct arg table[] = {
		{ .name = "--dry-run", .flag = &dry_run },
		{ .name = NULL },
	};
	struct err err = { 0 };
	size_t count;

	if (!args_parse(context, table, NULL, 0, &count, &err))
		return cmd_usage(&cmd_apply, "%s", err.text);
	ok = prepare(&apply, &err) && apply_all(&apply, dry_run, &err);
	if (ok && context->json)
		ok = show_json(&apply, dry_run, &err);
	else if (ok)
		show(&apply, dry_run);
	clear(&apply);
	if (!ok)
		return cmd_fail(&err);
	return apply.amiss == 0 ? EXIT_FINE : EXIT_DATA;
}

const struct cmd cmd_apply = {
	.name = "apply",
	.usage = "[--dry-run]",
	.summary = "make or mend schema, roles, models, queues and users",
	.help =
"Brings both servers to what the files say: in PostgreSQL the roles, the\n"
"numbered files of schema_dir, the tables of the pipelines' datasets and the\n"
"models, all in one transaction; in RabbitMQ the virtual host, the users with\n"
"their permissions, exchanges and queues. What is there already stays. Run it\n"
"after a pipeline or model file has changed; it can be repeated at any time,\n"
"and the daemons may go on meanwhile.\n"
"\n"
"A new column that is not required is added to its tables. A type or key that\n"
"changed, a column that vanished from the file or a table altered by hand is\n"
"refused with what to do about it, and nothing is changed.\n"
"\n"
"--dry-run  shows the SQL and what RabbitMQ must have, and changes nothing\n"
"--json     gives dry_run, changed, changes[] and, dry, sql and amqp[]\n"
"\n"
"Works as the owner and the broker's administrator, which nobody else does.\n"
"\n"
"  sluice apply --dry-run\n"
"  sluice apply\n"
"\n"
"Exits 0 when all is in place, 1 when a model could not be built, 69 when a server is not there, 78 when files\n"
"and tables do not fit or a login is refused.",
	.run = run,
};

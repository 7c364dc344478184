/* cmd_config.c - `sluice config`: what is in force, and is it usable? */
#include "cli/args.h"
#include "cli/output.h"
#include "cli/urls.h"
#include "common/pipeline.h"
#include "consumer/models.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Every account: its place in the settings, and the URL it gives. */
static const struct address {
	const char *key; /* of the JSON document */
	const char *whose;
	size_t account; /* offset in struct config */
	bool (*format)(const struct config *config, const char *user,
		const char *password, struct buf *out, struct err *err);
} addresses[] = {
	{ "amqp_url", "foreign producers", offsetof(struct config, foreign),
		urls_amqp },
	{ "amqp_admin_url", "the administrator",
		offsetof(struct config, admin), urls_amqp },
	{ "amqp_producer_url", "sluice-producer",
		offsetof(struct config, producer), urls_amqp },
	{ "amqp_consumer_url", "sluice-consumer",
		offsetof(struct config, consumer), urls_amqp },
	{ "amqp_tap_url", "onlookers", offsetof(struct config, tap),
		urls_amqp },
	{ "database_url", "the reader", offsetof(struct config, reader),
		urls_database },
	{ "database_owner_url", "the owner", offsetof(struct config, owner),
		urls_database },
	{ "database_loader_url", "sluice-consumer",
		offsetof(struct config, loader), urls_database },
};

#define ADDRESSES (sizeof(addresses) / sizeof(*addresses))

static const struct account *account_at(const struct config *config,
	const struct address *address)
{
	return (const struct account *)((const char *)config +
		address->account);
}

static bool address_text(const struct config *config,
	const struct address *address, bool secrets, struct buf *out,
	struct err *err)
{
	const struct account *account = account_at(config, address);
	struct buf password = { 0 };
	bool ok = true;

	buf_reset(out);
	if (secrets)
		ok = config_password(account, &password, err);
	ok = ok && address->format(config, account->user,
		password.len > 0 ? password.data : NULL, out, err);
	buf_clear(&password);
	return ok;
}

/* -- show --------------------------------------------------- */

static bool show_json(const struct config *config, bool secrets,
	struct err *err)
{
	struct json *root = json_object();
	struct json *values = json_put_object(root, "settings");
	struct json *sources = json_put_object(root, "sources");
	struct buf text = { 0 };
	size_t count;
	const struct setting *settings = config_settings(&count);
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++) {
		const char *source = "";

		buf_reset(&text);
		ok = config_value(config, i, &text, &source, err);
		json_put_text(values, settings[i].name,
			text.data != NULL ? text.data : "");
		json_put_text(sources, settings[i].name, source);
	}
	for (size_t i = 0; ok && i < ADDRESSES; i++) {
		ok = address_text(config, &addresses[i], secrets, &text, err);
		if (ok)
			json_put_text(root, addresses[i].key, text.data);
	}
	buf_clear(&text);
	if (ok)
		return output_json(root, err);
	json_free(root);
	return false;
}

static bool show_settings(const struct config *config, struct err *err)
{
	static const char *const heads[] = { "setting", "value", "from", NULL };
	struct table table;
	struct buf text = { 0 };
	size_t count;
	const struct setting *settings = config_settings(&count);
	bool ok = true;

	table_init(&table, heads);
	for (size_t i = 0; ok && i < count; i++) {
		const char *source = "";

		buf_reset(&text);
		ok = config_value(config, i, &text, &source, err);
		table_add(&table, settings[i].name);
		table_add(&table, text.len > 0 ? text.data : "-");
		table_add(&table, source);
	}
	ok = ok && table_print(&table, 0, err);
	table_clear(&table);
	buf_clear(&text);
	return ok;
}

static bool show_addresses(const struct config *config, bool secrets,
	struct err *err)
{
	static const char *const heads[] = { "address", "of", "", NULL };
	struct table table;
	struct buf text = { 0 };
	bool ok = true;

	table_init(&table, heads);
	for (size_t i = 0; ok && i < ADDRESSES; i++) {
		ok = address_text(config, &addresses[i], secrets, &text, err);
		table_add(&table, addresses[i].key);
		table_add(&table, addresses[i].whose);
		table_add(&table, ok ? text.data : "");
	}
	output_line("%s", "");
	ok = ok && table_print(&table, 0, err);
	table_clear(&table);
	buf_clear(&text);
	return ok;
}

static int show(const struct cmd_context *context, bool secrets)
{
	const struct config *config = context->config;
	struct err err = { 0 };
	bool ok;

	if (context->json)
		ok = show_json(config, secrets, &err);
	else
		ok = show_settings(config, &err) &&
			show_addresses(config, secrets, &err);
	return ok ? EXIT_FINE : cmd_fail(&err);
}

/* -- check --------------------------------------------------- */

struct check {
	const char *what;
	bool (*run)(const struct config *config, struct err *err);
};

static bool need(const char *path, int how, const char *setting,
	struct err *err)
{
	if (access(path, how) == 0)
		return true;
	return err_stop(err, EXIT_CONFIG, "%s: %s: %s", setting, path,
		strerror(errno));
}

static bool check_folders(const struct config *config, struct err *err)
{
	/* the producer makes raw_dir when it is not there */
	return (access(config->raw_dir, F_OK) != 0 ||
		       need(config->raw_dir, R_OK | X_OK, "raw_dir", err)) &&
		need(config->schema_dir, R_OK | X_OK, "schema_dir", err) &&
		need(config->models_dir, R_OK | X_OK, "models_dir", err) &&
		need(config->sample_file, R_OK, "sample_file", err);
}

static bool check_passwords(const struct config *config, struct err *err)
{
	struct buf text = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < ADDRESSES; i++)
		ok = address_text(config, &addresses[i], true, &text, err) ||
			err_wrap(err, "password of %s",
				addresses[i].whose);
	if (text.data != NULL)
		explicit_bzero(text.data, text.cap);
	buf_clear(&text);
	return ok;
}

static bool check_pipelines(const struct config *config, struct err *err)
{
	struct pipeline_set set = { 0 };
	struct models *models = NULL;
	bool ok = pipeline_set_read(config->pipelines_dir, &set, err);

	if (ok) {
		models = models_read(config->models_dir, &set, err);
		ok = models != NULL;
	}
	models_free(models);
	pipeline_set_clear(&set);
	return ok;
}

static int check(const struct cmd_context *context)
{
	static const struct check checks[] = {
		{ "folders and files", check_folders },
		{ "passwords", check_passwords },
		{ "pipelines and models", check_pipelines },
	};
	const char *file = context->config->config_file;
	struct buf shown = { 0 };
	int code = EXIT_FINE;

	output_line("settings: fine (%s)", file != NULL ?
		output_escape(&shown, file) : "no sluice.yaml");
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		struct err err = { 0 };

		if (checks[i].run(context->config, &err)) {
			output_line("%s: fine", checks[i].what);
			continue;
		}
		(void)cmd_fail(&err);
		code = EXIT_CONFIG;
	}
	buf_clear(&shown);
	return code;
}

/* -- the verb --------------------------------------------------- */

static int run(const struct cmd_context *context)
{
	bool secrets = false;
	const struct arg table[] = {
		{ .name = "--show-secrets", .flag = &secrets },
		{ .name = NULL },
	};
	const char *word = "show";
	struct err err = { 0 };
	size_t count;

	if (!args_parse(context, table, &word, 1, &count, &err))
		return cmd_usage(&cmd_config, "%s", err.text);
	if (strcmp(word, "show") == 0)
		return show(context, secrets);
	if (strcmp(word, "check") == 0)
		return check(context);
	return cmd_usage(&cmd_config, "show or check, not \"%s\"", word);
}

const struct cmd cmd_config = {
	.name = "config",
	.usage = "show [--show-secrets] | check",
	.summary = "the settings in force and the addresses, or check them",
	.help =
"show   every setting with its value and where it comes from: default,\n"
"       sluice.yaml:LINE, environment or flag; then the servers' addresses,\n"
"       one for each account. Passwords only with --show-secrets.\n"
"check  reads what the daemons read: folders, password files, pipeline and\n"
"       model files, and says what is wrong with them. It connects to\n"
"       nothing; `sluice status` does.\n"
"\n"
"--json: settings {NAME: value}, sources {NAME: where from}; amqp_url (the\n"
"account for foreign producers), amqp_admin_url, amqp_producer_url,\n"
"amqp_consumer_url, amqp_tap_url; database_url (the reader),\n"
"database_owner_url, database_loader_url. Paths are absolute.\n"
"\n"
"  sluice config show\n"
"  sluice --json config show | jq -r .settings.raw_dir\n"
"  psql \"$(sluice --json config show --show-secrets | jq -r .database_url)\"\n"
"\n"
"docs/CONFIG.md explains each setting. Exits 0 when all is fine, 78 when a\n"
"setting, a file or a folder is not.",
	.run = run,
};

/* connect.c - the servers, as one of the accounts of the settings. */
#include "cli/connect.h"
#include "common/login.h"

#include <string.h>

static const char *text_of(const struct buf *buf)
{
	return buf->data != NULL ? buf->data : "";
}

/* What an operator can do about a server that does not let us in. */
static void add_remedy(const struct config *config,
	const struct account *account, struct err *err)
{
	const bool refused = strncmp(err->code, "28", 2) == 0;

	if (refused)
		(void)err_wrap(err, "PostgreSQL refuses %s (check its password "
			"file, or run `sluice apply`)", account->user);
	else if (err->kind == ERR_RETRY)
		(void)err_wrap(err, "PostgreSQL at %s:%lld is not there (is it "
			"running, are database_host and database_port right?)",
			config->database_host,
			(long long)config->database_port);
}

struct db *connect_db(const struct config *config,
	const struct account *account, bool read_only,
	int64_t statement_timeout_ms, struct err *err)
{
	return connect_db_until(config, account, read_only,
		statement_timeout_ms, 0, err);
}

struct db *connect_db_until(const struct config *config,
	const struct account *account, bool read_only,
	int64_t statement_timeout_ms, int stop_fd, struct err *err)
{
	struct db *db = login_open(&(struct login){
		.config = config,
		.account = account,
		.application = "sluice",
		.read_only = read_only,
		.statement_timeout_ms = statement_timeout_ms,
		.stop_fd = stop_fd,
	}, err);

	if (db == NULL)
		add_remedy(config, account, err);
	return db;
}

bool connect_blame_schema(struct err *err)
{
	static const char *const codes[] = { "42P01", "42703", "42883",
		"3F000" };
	const struct err was = *err;

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		if (strcmp(was.code, codes[i]) != 0)
			continue;
		(void)err_stop(err, EXIT_CONFIG, "the database's schema is "
			"older than this program: run `sluice apply` (%.500s)",
			was.text);
		memcpy(err->code, was.code, sizeof(err->code));
	}
	return false;
}

struct broker *connect_broker(const struct config *config,
	const struct account *account, struct err *err)
{
	struct buf password = { 0 };
	struct broker *broker = NULL;

	if (config_need_broker(config, err) &&
		config_password(account, &password, err)) {
		const struct broker_options options = {
			.host = config->broker_host,
			.port = (int)config->broker_port,
			.vhost = config->broker_vhost,
			.user = account->user,
			.password = text_of(&password),
			.name = "sluice",
			.heartbeat_secs = (int)config->heartbeat_secs,
			.tls = config->broker_tls,
			.cacert = config->broker_cacert,
			.max_message_bytes = (size_t)config->max_message_bytes,
		};
		broker = broker_open(&options, err);
	}
	buf_clear(&password);
	return broker;
}

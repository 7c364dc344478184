/* login.c - a session of PostgreSQL as one of the accounts of the settings. */
#include "common/login.h"

#include <string.h>

struct db *login_open(const struct login *login, struct err *err)
{
	const struct config *config = login->config;
	struct buf password = { 0 };
	struct db_options options = {
		.host = config->database_host,
		.port = (int)config->database_port,
		.name = config->database_name,
		.user = login->account->user,
		.sslmode = config->database_sslmode,
		.sslrootcert = config->database_sslrootcert,
		.application = login->application,
		.connect_timeout_secs = (int)config->connect_timeout_secs,
		.heartbeat_secs = (int)config->heartbeat_secs,
		.lock_timeout_ms = config->lock_timeout_ms,
		.statement_timeout_ms = login->statement_timeout_ms,
		.read_only = login->read_only,
		.stop_fd = login->stop_fd,
	};
	struct db *db = NULL;

	if (config_password(login->account, &password, err)) {
		options.password = password.data;
		db = db_open(&options, err);
	}
	if (password.data != NULL)
		explicit_bzero(password.data, password.len);
	buf_clear(&password);
	return db;
}

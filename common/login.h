/* login.h - a session of PostgreSQL as one of the accounts of the settings. */
#ifndef SLUICE_LOGIN_H
#define SLUICE_LOGIN_H

#include "common/config.h"
#include "common/db.h"

struct login {
	const struct config *config;
	const struct account *account;
	const char *application;      /* as pg_stat_activity shows it */
	bool read_only;               /* any server will do, no writing */
	int64_t statement_timeout_ms; /* 0: none */
	int stop_fd;                  /* see db_set_stop_fd; 0: none */
};

/* NULL: *err; "28" in its code when the account was refused. */
struct db *login_open(const struct login *login, struct err *err);

#endif

/* connect.h - the servers, as one of the accounts of the settings. */
#ifndef SLUICE_CONNECT_H
#define SLUICE_CONNECT_H

#include "common/broker.h"
#include "common/config.h"
#include "common/db.h"

/* A session of PostgreSQL; read_only ones cannot write. statement_timeout 0:
 * none, for work that takes its time. */
struct db *connect_db(const struct config *config,
	const struct account *account, bool read_only,
	int64_t statement_timeout_ms, struct err *err);

/* After a statement failed: a table, column or function of ours that is not
 * there becomes EXIT_CONFIG with the remedy. Returns false. */
bool connect_blame_schema(struct err *err);

/* The same; readable, stop_fd makes it and its calls give up soon; 0: none. */
struct db *connect_db_until(const struct config *config,
	const struct account *account, bool read_only,
	int64_t statement_timeout_ms, int stop_fd, struct err *err);

/* A connection to RabbitMQ. */
struct broker *connect_broker(const struct config *config,
	const struct account *account, struct err *err);

#endif

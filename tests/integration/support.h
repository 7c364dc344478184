/* support.h - the servers the integration tests run against. */
#ifndef SLUICE_TESTS_SUPPORT_H
#define SLUICE_TESTS_SUPPORT_H

#include "common/broker.h"
#include "common/config.h"

/* Reads the settings file $SLUICE_TEST_CONFIG names. */
bool test_servers_find(struct err *err) MUST_CHECK;
/* Removes what the tests made in the broker. */
void test_servers_forget(void);

const struct config *test_config(void);
/* The account's password, borrowed until the next call. */
const char *test_password(const struct account *account);

/* A request to RabbitMQ's management API as its administrator, path below
 * /api; false unless the status is 2xx. answer may be NULL. */
bool test_api(const char *method, const char *path, const char *body,
	struct buf *answer);

/* A vhost of this process's own. */
const char *test_vhost(void);
/* A user of this process's own with these permissions in the vhost. */
const char *test_user(const char *password, const char *configure,
	const char *write, const char *read);
/* Deletes such a user, and with it the connections. */
bool test_user_remove(const char *user);
/* The administrator in test_vhost(), heartbeat of 5 s. */
struct broker_options test_broker_options(void);

#endif

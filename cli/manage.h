/* manage.h - RabbitMQ's management API, as the administrator. */
#ifndef SLUICE_MANAGE_H
#define SLUICE_MANAGE_H

#include "common/buf.h"
#include "common/config.h"
#include "common/json.h"

struct manage {
	const struct config *config;
	int timeout_secs;    /* of a request; 0: 30 */
	struct buf password;
	struct buf answer;   /* of the last request */
};

/* Reads the password; connects to nothing. Clear it in any case. */
bool manage_init(struct manage *manage, const struct config *config,
	struct err *err) MUST_CHECK;
void manage_clear(struct manage *manage);

/* <broker_api>/api/<words, encoded, with slashes between>. body NULL: none.
 * *found tells 404 from success; anything else fails, refused credentials
 * with EXIT_CONFIG. */
bool manage_ask(struct manage *manage, const char *method,
	const char *const *words, const char *body, bool *found,
	struct err *err) MUST_CHECK;
/* GET. *root is the answer, NULL when there is no such thing; the caller
 * frees it. */
bool manage_get(struct manage *manage, const char *const *words,
	struct json **root, struct err *err) MUST_CHECK;

#endif

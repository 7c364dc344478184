/* topology.h - RabbitMQ as Sluice wants it: vhost, users, permissions,
 * exchanges, queues, bindings. The AMQP half of `sluice apply`. */
#ifndef SLUICE_TOPOLOGY_H
#define SLUICE_TOPOLOGY_H

#include "common/config.h"
#include "common/pipeline.h"

enum step_kind {
	STEP_VHOST,
	STEP_USER,         /* the account's, with its password */
	STEP_PERMISSION,   /* configure, write, read */
	STEP_TOPIC,        /* write, by routing key */
	STEP_REMOVE_GUEST, /* the user every new node has */
	STEP_EXCHANGE,     /* other: its alternate exchange, or NULL */
	STEP_QUEUE,        /* other: its dead letter exchange, or NULL */
	STEP_BINDING,      /* other: the exchange; key */
};

struct step {
	enum step_kind kind;
	const char *name; /* vhost, user, exchange or queue */
	const struct account *account;
	const char *configure, *write, *read; /* regular expressions */
	const char *other;
	const char *key;
	int64_t max_bytes;
};

/* Calls visit for each step in the order in which they can be done, until it
 * fails. Steps are borrowed for the call. Users without a password in the
 * settings are left out, but producer and consumer must have one. */
bool topology_steps(const struct config *config,
	const struct pipeline_set *pipelines,
	bool (*visit)(void *arg, const struct step *step, struct err *err),
	void *arg, struct err *err) MUST_CHECK;

/* One line a step: what `sluice apply --dry-run` shows. */
bool topology_plan(const struct config *config,
	const struct pipeline_set *pipelines, struct buf *text,
	struct err *err) MUST_CHECK;

/* Does them all, through the management API and AMQP as the administrator;
 * what is there already stays. Waits until each queue has a leader. */
bool topology_apply(const struct config *config,
	const struct pipeline_set *pipelines, struct err *err) MUST_CHECK;

#endif

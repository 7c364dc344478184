/* topology.c - the steps that make RabbitMQ as Sluice wants it. */
#include "cli/topology.h"
#include "common/envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES 128
#define NOTHING "^$"
#define TAP "sluice\\.tap\\.[0-9a-f-]{36}" /* a queue of one `sluice tap` */

/* Who is visited, so that steps are one argument to make. */
struct visitor {
	bool (*visit)(void *arg, const struct step *step, struct err *err);
	void *arg;
	struct err *err;
};

static bool tell(const struct visitor *visitor, struct step step)
{
	return visitor->visit(visitor->arg, &step, visitor->err);
}

/* -- users -------------------------------------------------------------- */

/* What each account may do; the administrator everything in our vhost. Topics
 * limits the routing keys to those of the pipelines. */
static const struct role {
	const char *setting;
	size_t offset;
	const char *configure, *write, *read;
	bool needed, topics;
} roles[] = {
	{ "producer", offsetof(struct config, producer), NOTHING, "^sluice$",
		NOTHING, true, false },
	{ "consumer", offsetof(struct config, consumer), NOTHING, NOTHING,
		"^sluice\\..*", true, false },
	{ "foreign", offsetof(struct config, foreign), NOTHING, "^sluice$",
		NOTHING, false, true },
	{ "tap", offsetof(struct config, tap), "^" TAP "$", "^" TAP "$",
		"^(sluice|" TAP ")$", false, false },
};

#define ROLE_COUNT (sizeof(roles) / sizeof(*roles))

static const struct account *account_of(const struct config *config,
	const struct role *role)
{
	const char *at = (const char *)config + role->offset;

	return (const struct account *)(const void *)at;
}

static bool is_text(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static bool has_password(const struct account *account)
{
	return is_text(account->password) || is_text(account->password_file);
}

/* ^(crm|events)\. - names of pipelines need no escapes. */
static bool topic_pattern(const struct pipeline_set *pipelines,
	struct buf *out, struct err *err)
{
	bool ok;

	if (pipelines->count == 0)
		return buf_add_str(out, NOTHING, err);
	ok = buf_add_str(out, "^(", err);
	for (size_t i = 0; ok && i < pipelines->count; i++)
		ok = buf_printf(out, err, "%s%s", i > 0 ? "|" : "",
			pipelines->pipelines[i].name);
	return ok && buf_add_str(out, ")\\..*", err);
}

static bool user_steps(const struct visitor *visitor, const struct role *role,
	const struct account *account, const char *topics)
{
	const char *user = account->user;
	bool ok;

	ok = tell(visitor,
		(struct step){ .kind = STEP_USER, .name = user,
			.account = account });
	ok = ok && tell(visitor,
		(struct step){ .kind = STEP_PERMISSION, .name = user,
			.configure = role->configure,
			.write = role->write, .read = role->read });
	if (ok && role->topics)
		ok = tell(visitor,
			(struct step){ .kind = STEP_TOPIC, .name = user,
				.other = EXCHANGE, .write = topics,
				.read = NOTHING });
	return ok;
}

static bool all_users(const struct visitor *visitor,
	const struct config *config, const char *topics)
{
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		const struct account *account = account_of(config, &roles[i]);

		if (!has_password(account) && roles[i].needed)
			return err_stop(visitor->err, EXIT_CONFIG,
				"user '%s' has no password: set %s_password "
				"or %s_password_file",
				account->user, roles[i].setting,
				roles[i].setting);
		if (has_password(account) &&
			!user_steps(visitor, &roles[i], account, topics))
			return false;
	}
	return true;
}

/* guest has a password that everybody knows. */
static bool remove_guest(const struct visitor *visitor,
	const struct config *config)
{
	return strcmp(config->admin.user, "guest") == 0 ||
		tell(visitor,
			(struct step){ .kind = STEP_REMOVE_GUEST,
				.name = "guest" });
}

/* -- queues ------------------------------------------------------------- */

/* The alternate exchange takes what no pipeline's queue is bound for. */
static bool exchanges(const struct visitor *visitor)
{
	return tell(visitor,
		       (struct step){ .kind = STEP_EXCHANGE,
			       .name = EXCHANGE_DEAD }) &&
		tell(visitor,
			(struct step){ .kind = STEP_EXCHANGE,
				.name = EXCHANGE, .other = EXCHANGE_DEAD });
}

static bool queue(const struct visitor *visitor, const char *name,
	const char *exchange, const char *key, const char *dead,
	int64_t max_bytes)
{
	return tell(visitor,
		       (struct step){ .kind = STEP_QUEUE, .name = name,
			       .other = dead, .max_bytes = max_bytes }) &&
		tell(visitor,
			(struct step){ .kind = STEP_BINDING, .name = name,
				.other = exchange, .key = key });
}

static bool pipeline_queues(const struct visitor *visitor, const char *name,
	int64_t max_bytes)
{
	char main_name[NAME_BYTES], dead_name[NAME_BYTES], key[NAME_BYTES];

	(void)snprintf(main_name, sizeof(main_name), "sluice.%s", name);
	(void)snprintf(dead_name, sizeof(dead_name), "sluice.%s.dead", name);
	(void)snprintf(key, sizeof(key), "%s.#", name);
	return queue(visitor, dead_name, EXCHANGE_DEAD, key, NULL,
		       max_bytes) &&
		queue(visitor, main_name, EXCHANGE, key, EXCHANGE_DEAD,
			max_bytes);
}

static bool all_queues(const struct visitor *visitor,
	const struct config *config, const struct pipeline_set *pipelines)
{
	for (size_t i = 0; i < pipelines->count; i++)
		if (!pipeline_queues(visitor, pipelines->pipelines[i].name,
			    config->queue_max_bytes))
			return false;
	return true;
}

/* -- all ---------------------------------------------------------------- */

bool topology_steps(const struct config *config,
	const struct pipeline_set *pipelines,
	bool (*visit)(void *arg, const struct step *step, struct err *err),
	void *arg, struct err *err)
{
	const struct visitor visitor = { visit, arg, err };
	struct buf topics = { 0 };
	bool ok;

	ok = topic_pattern(pipelines, &topics, err);
	ok = ok && tell(&visitor,
		(struct step){ .kind = STEP_VHOST,
			.name = config->broker_vhost });
	ok = ok && tell(&visitor,
		(struct step){ .kind = STEP_PERMISSION,
			.name = config->admin.user, .configure = ".*",
			.write = ".*", .read = ".*" });
	ok = ok && all_users(&visitor, config, topics.data);
	ok = ok && remove_guest(&visitor, config);
	ok = ok && exchanges(&visitor);
	ok = ok && all_queues(&visitor, config, pipelines);
	buf_clear(&topics);
	return ok;
}

struct plan {
	struct buf *text;
	const char *vhost;
};

static bool print_step(void *arg, const struct step *step, struct err *err)
{
	const struct plan *plan = arg;
	struct buf *text = plan->text;

	switch (step->kind) {
	case STEP_VHOST:
		return buf_printf(text, err, "vhost %s\n", step->name);
	case STEP_USER:
		return buf_printf(text, err, "user %s\n", step->name);
	case STEP_PERMISSION:
		return buf_printf(text, err,
			"permission %s on vhost %s: configure %s write %s "
			"read %s\n",
			step->name, plan->vhost, step->configure, step->write,
			step->read);
	case STEP_TOPIC:
		return buf_printf(text, err,
			"topic permission %s on exchange %s: write %s read "
			"%s\n",
			step->name, step->other, step->write, step->read);
	case STEP_REMOVE_GUEST:
		return buf_printf(text, err, "no user %s\n", step->name);
	case STEP_EXCHANGE:
		return buf_printf(text, err, "exchange %s topic durable%s%s\n",
			step->name,
			step->other != NULL ? " alternate " : "",
			step->other != NULL ? step->other : "");
	case STEP_QUEUE:
		return buf_printf(text, err,
			"queue %s quorum max %" PRId64
			" bytes then reject-publish%s%s%s\n",
			step->name, step->max_bytes,
			step->other != NULL ? ", dead letters to " : "",
			step->other != NULL ? step->other : "",
			step->other != NULL ? " at-least-once" : "");
	case STEP_BINDING:
		break;
	}
	return buf_printf(text, err, "binding %s to exchange %s by %s\n",
		step->name, step->other, step->key);
}

bool topology_plan(const struct config *config,
	const struct pipeline_set *pipelines, struct buf *text,
	struct err *err)
{
	struct plan plan = { text, config->broker_vhost };

	return topology_steps(config, pipelines, print_step, &plan, err);
}

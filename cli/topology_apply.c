/* topology_apply.c - makes RabbitMQ so: users by its management API, queues
 * by AMQP. */
#include "cli/connect.h"
#include "cli/manage.h"
#include "cli/topology.h"
#include "common/clock.h"

#include <string.h>

#define LEADER_MS 30000
#define LEADER_LOOK_MS 200

struct apply {
	const struct config *config;
	struct manage manage;
	struct broker *broker; /* opened at the first step that needs it */
};

/* -- the management API --------------------------------------------------- */

/* PUT with the object as body; the object is freed. */
static bool put(struct apply *apply, const char *const *words,
	struct json *body, struct err *err)
{
	struct buf text = { 0 };
	bool found = true;
	bool ok;

	ok = json_print(body, false, &text, err) &&
		manage_ask(&apply->manage, "PUT", words, text.data, &found, err);
	if (ok && !found)
		ok = err_set(err, ERR_STOP,
			"RabbitMQ at %s has no such path: is broker_api the "
			"management plugin's address?",
			apply->config->broker_api);
	json_free(body);
	buf_clear(&text);
	return ok;
}

static bool put_user(struct apply *apply, const struct step *step,
	struct err *err)
{
	const char *words[] = { "users", step->name, NULL };
	struct buf password = { 0 };
	struct json *body;
	bool ok = config_password(step->account, &password, err);

	if (ok && password.len == 0)
		ok = err_stop(err, EXIT_CONFIG, "user '%s' has no password",
			step->name);
	if (ok) {
		body = json_object();
		json_put_text(body, "password", password.data);
		json_put_text(body, "tags", "");
		ok = put(apply, words, body, err);
	}
	buf_clear(&password);
	return ok;
}

static bool put_permission(struct apply *apply, const struct step *step,
	struct err *err)
{
	const char *words[] = { "permissions", apply->config->broker_vhost,
		step->name, NULL };
	struct json *body = json_object();

	json_put_text(body, "configure", step->configure);
	json_put_text(body, "write", step->write);
	json_put_text(body, "read", step->read);
	return put(apply, words, body, err);
}

static bool put_topic(struct apply *apply, const struct step *step,
	struct err *err)
{
	const char *words[] = { "topic-permissions",
		apply->config->broker_vhost, step->name, NULL };
	struct json *body = json_object();

	json_put_text(body, "exchange", step->other);
	json_put_text(body, "write", step->write);
	json_put_text(body, "read", step->read);
	return put(apply, words, body, err);
}

static bool remove_user(struct apply *apply, const struct step *step,
	struct err *err)
{
	const char *words[] = { "users", step->name, NULL };
	bool found;

	return manage_ask(&apply->manage, "DELETE", words, NULL, &found, err);
}

/* -- AMQP ----------------------------------------------------------------- */

static bool need_broker(struct apply *apply, struct err *err)
{
	if (apply->broker == NULL)
		apply->broker = connect_broker(apply->config,
			&apply->config->admin, err);
	return apply->broker != NULL;
}

/* Waits, and keeps the connection's heartbeats going. */
static bool pause_ms(struct broker *broker, int ms, struct err *err)
{
	struct broker_event event;
	const int64_t until = clock_now_ms() + ms;

	while (clock_now_ms() < until) {
		if (!broker_wait(broker, -1, ms, &event, err))
			return false;
		delivery_free(event.delivery);
	}
	return true;
}

static bool has_leader(const struct apply *apply)
{
	struct err ignored;
	struct json *root = json_read(apply->manage.answer.data, apply->manage.answer.len,
		&ignored);
	const char *leader = json_text(json_get(root, "leader"));
	const struct json *online = json_get(root, "online");
	bool has = false;

	for (size_t i = 0; leader != NULL && i < json_size(online); i++) {
		const char *node = json_text(json_at(online, i));

		has = has || (node != NULL && strcmp(node, leader) == 0);
	}
	json_free(root);
	return has;
}

/* A quorum queue takes messages only once it has elected a leader. */
static bool wait_for_leader(struct apply *apply, const char *queue,
	struct err *err)
{
	const char *words[] = { "queues", apply->config->broker_vhost, queue,
		NULL };
	const int64_t until = clock_now_ms() + LEADER_MS;
	bool found;

	do {
		if (!manage_ask(&apply->manage, "GET", words, NULL, &found, err))
			return false;
		if (found && has_leader(apply))
			return true;
		if (!pause_ms(apply->broker, LEADER_LOOK_MS, err))
			return false;
	} while (clock_now_ms() < until);
	return err_set(err, ERR_RETRY,
		"queue '%s' has no leader: is a majority of the RabbitMQ "
		"nodes running?",
		queue);
}

static bool declare_queue(struct apply *apply, const struct step *step,
	struct err *err)
{
	return broker_declare_queue(apply->broker, step->name,
		       step->max_bytes, step->other, err) &&
		wait_for_leader(apply, step->name, err);
}

/* -- all ------------------------------------------------------------------ */

static bool do_step(void *arg, const struct step *step, struct err *err)
{
	struct apply *apply = arg;

	switch (step->kind) {
	case STEP_VHOST:
		return put(apply,
			(const char *[]){ "vhosts", step->name, NULL },
			json_object(), err);
	case STEP_USER:
		return put_user(apply, step, err);
	case STEP_PERMISSION:
		return put_permission(apply, step, err);
	case STEP_TOPIC:
		return put_topic(apply, step, err);
	case STEP_REMOVE_GUEST:
		return remove_user(apply, step, err);
	case STEP_EXCHANGE:
		return need_broker(apply, err) &&
			broker_declare_exchange(apply->broker, step->name,
				step->other, err);
	case STEP_QUEUE:
		return need_broker(apply, err) &&
			declare_queue(apply, step, err);
	case STEP_BINDING:
		break;
	}
	return need_broker(apply, err) &&
		broker_bind(apply->broker, step->name, step->other, step->key,
			err);
}

bool topology_apply(const struct config *config,
	const struct pipeline_set *pipelines, struct err *err)
{
	struct apply apply = { .config = config };
	bool ok;

	ok = manage_init(&apply.manage, config, err) &&
		topology_steps(config, pipelines, do_step, &apply, err);
	broker_close(apply.broker);
	manage_clear(&apply.manage);
	return ok;
}

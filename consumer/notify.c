/* notify.c - the thread that tells people. */
#include "consumer/notify.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/login.h"
#include "consumer/news.h"
#include "consumer/outbox.h"

#include <pthread.h>
#include <stdlib.h>

#define LOOK_MS (60 * 1000)   /* between two looks when nobody calls */
#define TOGETHER_MS 100       /* from a call to the look, and between two */
#define SWEEP_MS (60 * 60 * 1000)

struct notify {
	const struct config *config;
	const struct fate *fate;
	struct bell bell;
	struct bell *care;
	struct outbox outbox;
	int64_t sweep_ms; /* when to sweep next */
	pthread_t thread;
	struct log_repeat trouble;
};

static bool keep_open(struct outbox *outbox, struct err *err)
{
	if (outbox->db != NULL && db_alive(outbox->db))
		return true;
	db_close(outbox->db);
	outbox->db = login_open(&(struct login){
		.config = outbox->config,
		.account = &outbox->config->loader,
		.application = "sluice-consumer-notify",
		.statement_timeout_ms = outbox->config->statement_timeout_ms,
		.stop_fd = outbox->stop_fd,
	}, err);
	return outbox->db != NULL;
}

static bool sweep(struct notify *notify, struct err *err)
{
	if (clock_now_ms() < notify->sweep_ms)
		return true;
	notify->sweep_ms = clock_now_ms() + SWEEP_MS;
	return outbox_sweep(&notify->outbox, err);
}

/* False: we are to leave, or *err. */
static bool send_all(const struct fate *fate, struct outbox *outbox,
	struct err *err)
{
	bool did = true;

	while (did && (fate == NULL || fate_wait(fate, 0)))
		if (!outbox_send_one(outbox, &did, err))
			return false;
	return !did;
}

/* The care thread may have looked before what we took was there to be seen. */
static bool take_news(struct notify *notify, struct err *err)
{
	bool some;

	if (!news_take(notify->outbox.db, notify->config, &some, err))
		return false;
	if (some)
		bell_ring(notify->care);
	return true;
}

static bool look_after(struct notify *notify, int64_t *wait_ms,
	struct err *err)
{
	struct outbox *outbox = &notify->outbox;

	return keep_open(outbox, err) && take_news(notify, err) &&
		sweep(notify, err) && send_all(notify->fate, outbox, err) &&
		outbox_wait_ms(outbox, LOOK_MS, wait_ms, err);
}

static bool is_leaving(const struct notify *notify)
{
	return !fate_wait(notify->fate, 0);
}

static int64_t look(struct notify *notify)
{
	int64_t wait_ms = LOOK_MS;
	struct err err = { 0 };

	if (look_after(notify, &wait_ms, &err)) {
		(void)log_repeat_clear(&notify->trouble);
		return wait_ms > TOGETHER_MS ? wait_ms : TOGETHER_MS;
	}
	if (!is_leaving(notify) &&
		log_repeat_due_for(&notify->trouble, err.text))
		log_err(LOG_WARN, "notify_waits", &err);
	return 5000;
}

static void *run(void *context)
{
	struct notify *notify = context;
	int64_t wait_ms = 0;

	while (!is_leaving(notify)) {
		bell_wait(&notify->bell, notify->fate, wait_ms, TOGETHER_MS);
		if (!is_leaving(notify))
			wait_ms = look(notify);
	}
	db_close(notify->outbox.db);
	return NULL;
}

struct notify *notify_start(const struct config *config,
	const struct fate *fate, struct bell *care, struct err *err)
{
	struct notify *notify;

	if (config->notify.count == 0)
		return NULL;
	notify = calloc(1, sizeof(*notify));
	if (notify == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	notify->config = config;
	notify->fate = fate;
	notify->care = care;
	notify->outbox = (struct outbox){ .config = config,
		.stop_fd = fate->leave_fd };
	if (bell_init(&notify->bell, err)) {
		if (pthread_create(&notify->thread, NULL, run, notify) == 0)
			return notify;
		(void)err_errno(err, ERR_STOP, "start a thread");
		bell_clear(&notify->bell);
	}
	free(notify);
	return NULL;
}

void notify_wake(struct notify *notify)
{
	if (notify != NULL)
		bell_ring(&notify->bell);
}

void notify_join(struct notify *notify)
{
	if (notify == NULL)
		return;
	(void)pthread_join(notify->thread, NULL);
	bell_clear(&notify->bell);
	free(notify);
}

bool notify_once(const struct config *config, int64_t *sent, int64_t *failed,
	struct err *err)
{
	struct outbox outbox = { .config = config,
		.since_us = clock_wall_us() };
	bool some;
	bool ok;

	ok = keep_open(&outbox, err) &&
		news_take(outbox.db, config, &some, err) &&
		outbox_sweep(&outbox, err) && send_all(NULL, &outbox, err);
	*sent = outbox.sent;
	*failed = outbox.failed;
	db_close(outbox.db);
	return ok;
}

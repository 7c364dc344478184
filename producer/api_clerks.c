/* api_clerks.c - threads that make answers durable. */
#include "producer/api_clerks.h"

#include "common/queue.h"
#include "producer/api_spool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CLERKS_MAX 8
#define WORK_MAX 4096 /* more than all endpoints may have under way */

struct api_clerks {
	const struct config *config;
	struct queue *todo, *done;
	int stop_fd; /* readable: break off */
	_Atomic int idle;
	int count;
	int out; /* given and not taken back */
	pthread_t threads[CLERKS_MAX];
};

/* -- a clerk --------------------------------------------------------------- */

/* Each has a store of its own, opened when it is needed; one that is away is
 * tried again with the next work. */
static bool open_store(const struct api_clerks *clerks,
	struct object_store **store, struct err *err)
{
	if (*store != NULL)
		return true;
	*store = object_store_open(clerks->config, err);
	if (*store != NULL)
		object_store_heed(*store, clerks->stop_fd);
	return *store != NULL;
}

static bool keep(const struct api_clerks *clerks, struct object_store *store,
	struct api_work *work, struct err *err)
{
	const struct object_note note = { OBJECT_HTTP, work->note };
	const char *slash = strrchr(work->object, '/');

	if (!work->stored && !object_put(store, work->object, work->body,
			work->len, &note, err))
		return false;
	work->stored = true;
	if (work->spool == NULL)
		return true;
	work->source = api_spool(clerks->config->raw_dir, work->rules,
		&work->drop, slash == NULL ? work->object : slash + 1,
		work->claimed_us, work->spool, work->spool_len, err);
	return work->source != NULL;
}

/* The note's first line: "GET https://..." */
static bool fits(const struct api_work *work)
{
	const size_t len = work->line == NULL ? 0 : strlen(work->line);

	return work->line == NULL ||
		(strncmp(work->found_note->data, work->line, len) == 0 &&
			work->found_note->data[len] == '\n');
}

static bool look(struct object_store *store, struct api_work *work,
	struct err *err)
{
	bool there = false;

	work->found = false;
	buf_reset(work->found_note);
	buf_reset(work->found_body);
	return object_get_note(store, work->object, OBJECT_HTTP,
		       work->found_note, &there, err) &&
		(!there || !fits(work) || object_get(store, work->object,
			work->found_body, &work->found, err));
}

static bool work_on(const struct api_clerks *clerks,
	struct object_store *store, struct api_work *work, struct err *err)
{
	switch (work->task) {
	case API_KEEP:
		return keep(clerks, store, work, err);
	case API_LOOK:
		return look(store, work, err);
	case API_DROP:
		break;
	}
	return object_delete(store, work->object, err);
}

static void *clerk_main(void *arg)
{
	struct api_clerks *clerks = arg;
	struct object_store *store = NULL;
	struct api_work *work;

	while ((work = queue_pop(clerks->todo, -1)) != NULL &&
		!queue_closed(clerks->todo)) {
		clerks->idle--;
		work->err = (struct err){ 0 };
		if (open_store(clerks, &store, &work->err) &&
			work_on(clerks, store, work, &work->err))
			work->err = (struct err){ 0 };
		clerks->idle++;
		if (!queue_push(clerks->done, work, 1, 0))
			break; /* cannot be: it has room for all */
	}
	object_store_close(store);
	return NULL;
}

/* -- the outside ----------------------------------------------------------- */

struct api_clerks *api_clerks_open(const struct config *config,
	struct err *err)
{
	struct api_clerks *clerks = calloc(1, sizeof(*clerks));

	if (clerks == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	clerks->config = config;
	clerks->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (clerks->stop_fd < 0)
		(void)err_errno(err, ERR_STOP, "eventfd");
	else if ((clerks->todo = queue_new(WORK_MAX, SIZE_MAX, err)) != NULL &&
		(clerks->done = queue_new(WORK_MAX, SIZE_MAX, err)) != NULL)
		return clerks;
	api_clerks_close(clerks);
	return NULL;
}

void api_clerks_close(struct api_clerks *clerks)
{
	const uint64_t one = 1;

	if (clerks == NULL)
		return;
	if (clerks->todo != NULL)
		queue_close(clerks->todo);
	if (clerks->count > 0 && write(clerks->stop_fd, &one, sizeof(one)) < 0)
		clerks->count += 0; /* readable already */
	for (int i = 0; i < clerks->count; i++)
		(void)pthread_join(clerks->threads[i], NULL);
	queue_free(clerks->todo);
	queue_free(clerks->done);
	if (clerks->stop_fd >= 0)
		(void)close(clerks->stop_fd);
	free(clerks);
}

/* One more when all are at work. */
static bool staff(struct api_clerks *clerks, struct err *err)
{
	const int idle = clerks->idle;

	if (clerks->count == CLERKS_MAX ||
		(idle > 0 && (size_t)idle > queue_len(clerks->todo)))
		return true;
	clerks->idle++;
	errno = pthread_create(&clerks->threads[clerks->count], NULL,
		clerk_main, clerks);
	if (errno == 0)
		clerks->count++;
	else
		clerks->idle--;
	return clerks->count > 0 ||
		err_errno(err, ERR_RETRY, "start a thread");
}

bool api_clerks_give(struct api_clerks *clerks, struct api_work *work,
	struct err *err)
{
	if (!staff(clerks, err))
		return false;
	if (clerks->out >= WORK_MAX ||
		!queue_push(clerks->todo, work, 1, 0))
		return err_set(err, ERR_RETRY, "too many answers wait to be "
			"kept");
	clerks->out++;
	return true;
}

struct api_work *api_clerks_take(struct api_clerks *clerks)
{
	struct api_work *work = queue_pop(clerks->done, 0);

	clerks->out -= work != NULL ? 1 : 0;
	return work;
}

int api_clerks_fd(const struct api_clerks *clerks)
{
	return queue_fd(clerks->done);
}

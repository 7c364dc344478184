/* console_job.c - what the console does behind the screen. */
#include "cli/console_job.h"
#include "cli/operate.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct console_job {
	const struct config *config;
	int done_fd;
	const char *name; /* NULL: nothing is under way */
	pthread_t thread;
	console_work *work;
	char *word;
	bool ok;
	struct buf said;
	struct err err;
};

struct console_job *console_job_new(const struct config *config,
	struct err *err)
{
	struct console_job *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	job->config = config;
	job->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (job->done_fd >= 0)
		return job;
	(void)err_errno(err, ERR_STOP, "eventfd");
	free(job);
	return NULL;
}

static void join(struct console_job *job)
{
	if (job->name != NULL)
		(void)pthread_join(job->thread, NULL);
	job->name = NULL;
	free(job->word);
	job->word = NULL;
}

void console_job_free(struct console_job *job)
{
	if (job == NULL)
		return;
	join(job);
	close(job->done_fd);
	buf_clear(&job->said);
	free(job);
}

const char *console_job_name(const struct console_job *job)
{
	return job->name;
}

int console_job_fd(const struct console_job *job)
{
	return job->done_fd;
}

static void *run(void *context)
{
	struct console_job *job = context;
	const uint64_t one = 1;

	job->ok = job->work(job->config, job->word, &job->said, &job->err);
	if (write(job->done_fd, &one, sizeof(one)) < 0)
		return NULL; /* cannot be: nobody else raises it */
	return NULL;
}

/* Signals are the screen's. */
bool console_job_start(struct console_job *job, const char *name,
	console_work *work, const char *word, struct err *err)
{
	sigset_t all, before;

	if (job->name != NULL)
		return err_set(err, ERR_REJECT, "not now: %s", job->name);
	job->word = strdup(word);
	if (job->word == NULL)
		return err_memory(err);
	job->work = work;
	job->err = (struct err){ 0 };
	buf_reset(&job->said);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	errno = pthread_create(&job->thread, NULL, run, job);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (errno != 0)
		return err_errno(err, ERR_STOP, "start a thread");
	job->name = name;
	return true;
}

bool console_job_take(struct console_job *job, bool *ok, struct buf *line)
{
	struct err err = { 0 };
	uint64_t raised;

	if (read(job->done_fd, &raised, sizeof(raised)) < 0)
		return false;
	join(job);
	*ok = job->ok;
	buf_reset(line);
	if (!buf_add_str(line, !job->ok ? job->err.text :
		job->said.len > 0 ? job->said.data : "done", &err))
		*ok = false;
	return true;
}

/* -- what there is to do --------------------------------------------------------- */

typedef bool operate_switch(const struct config *config,
	const struct operate_order *order, struct buf *name, bool *changed,
	struct err *err);

static bool turn(const struct config *config, operate_switch *operate,
	const char *done, const char *before, struct buf *said,
	struct err *err)
{
	char who[OPERATE_WHO];
	const struct operate_order order = { .by = operate_who(who),
		.reason = NULL };
	struct buf name = { 0 };
	bool changed = false;
	const bool ok = operate(config, &order, &name, &changed, err) &&
		buf_add_str(said, changed ? done : before, err);

	buf_clear(&name);
	return ok;
}

bool console_pause(const struct config *config, const char *word,
	struct buf *said, struct err *err)
{
	(void)word;
	return turn(config, operate_pause, "paused: files and messages wait",
		"it was paused before", said, err);
}

bool console_resume(const struct config *config, const char *word,
	struct buf *said, struct err *err)
{
	(void)word;
	return turn(config, operate_resume, "resumed", "it was not paused",
		said, err);
}

bool console_replay(const struct config *config, const char *word,
	struct buf *said, struct err *err)
{
	struct again_list list = { 0 };
	const bool ok = operate_replay(config, word, &list, err) &&
		buf_printf(said, err, "replay: handed to the producer: %s",
			word);

	again_list_clear(&list);
	return ok;
}

/* The first that failed is told. */
struct built {
	size_t count;
	struct buf failed;
};

static void hear(void *context, const struct build_report *report)
{
	struct built *built = context;
	struct err err = { 0 };

	if (report->why == NULL)
		built->count++;
	else if (built->failed.len == 0 && !buf_printf(&built->failed, &err,
		"%s: %s", report->model.name, report->why))
		buf_reset(&built->failed); /* the count is told anyway */
}

bool console_models(const struct config *config, const char *word,
	struct buf *said, struct err *err)
{
	const struct build_choice stale = { 0 };
	struct built built = { 0 };
	int64_t amiss = 0;
	bool ok = operate_models(config, &stale, hear, &built, &amiss, err);

	(void)word;
	if (ok && amiss > 0)
		ok = err_set(err, ERR_REJECT, "%lld models could not be "
			"built: %s", (long long)amiss, built.failed.len > 0 ?
			built.failed.data : "see `sluice models`");
	else if (ok)
		ok = built.count == 0 ?
			buf_add_str(said, "models: none is stale", err) :
			buf_printf(said, err, "models: %zu built",
				built.count);
	buf_clear(&built.failed);
	return ok;
}

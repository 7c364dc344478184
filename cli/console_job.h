/* console_job.h - what the console does and may last, behind the screen: one
 * thing at a time. */
#ifndef SLUICE_CONSOLE_JOB_H
#define SLUICE_CONSOLE_JOB_H

#include "common/config.h"

struct console_job;

/* Does it and says in a line what came of it. */
typedef bool console_work(const struct config *config, const char *word,
	struct buf *said, struct err *err);

/* The config is borrowed. */
struct console_job *console_job_new(const struct config *config,
	struct err *err);
/* Waits for what is under way; NULL is fine. */
void console_job_free(struct console_job *job);

/* "pausing": what is under way; NULL: nothing. Borrowed. */
const char *console_job_name(const struct console_job *job);
/* Begins; name must outlive it, word is copied. False: one is under way, or
 * *err. */
bool console_job_start(struct console_job *job, const char *name,
	console_work *work, const char *word, struct err *err) MUST_CHECK;

/* Readable when it is through. */
int console_job_fd(const struct console_job *job);
/* True once: it is through; *ok and what it said, or its error, as a line. */
bool console_job_take(struct console_job *job, bool *ok, struct buf *line);

/* What there is to do: word is "" where none is said. */
bool console_pause(const struct config *config, const char *word,
	struct buf *said, struct err *err);
bool console_resume(const struct config *config, const char *word,
	struct buf *said, struct err *err);
/* word: the source. */
bool console_replay(const struct config *config, const char *word,
	struct buf *said, struct err *err);
/* The stale ones. */
bool console_models(const struct config *config, const char *word,
	struct buf *said, struct err *err);

#endif

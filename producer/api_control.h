/* api_control.h - how `sluice api` reaches the daemon that owns the state: a
 * Unix socket beside the state file, for the daemon's user alone.
 *
 * One line asks, of words between tabs; lines answer. The last begins with
 * "ok" or "error <exit code>", a tab, and a text. */
#ifndef SLUICE_API_CONTROL_H
#define SLUICE_API_CONTROL_H

#include "producer/api_private.h"

#define API_CONTROL_WORDS 8

/* -- the daemon's side ---------------------------------------------------- */

struct api_control;

struct api_control *api_control_open(const char *state_file, struct err *err);
void api_control_close(struct api_control *control); /* NULL is fine */
/* Descriptors to wait for, at most max of them. */
unsigned api_control_fds(const struct api_control *control,
	struct pollfd *fds, unsigned max);
/* Takes what has come. False: the daemon cannot go on. */
bool api_control_serve(struct api_control *control, struct api_desk *desk,
	struct err *err) MUST_CHECK;
/* Tells those who wait for a run that has ended. */
void api_control_answer(struct api_control *control);

/* -- what is asked, by whomever ------------------------------------------------ */

/* run NAME [once] | set NAME CURSOR | reset NAME | count NAME. ERR_REJECT:
 * cannot be done. A run is only begun: e->told says when it has ended. count is
 * for a request that the asker makes: *wait_ms 0, and it counts in the host's
 * budget, or it may go then. */
bool api_order(struct api_desk *desk, char *const *words, size_t count,
	struct api_endpoint **e, int64_t *wait_ms, struct err *err) MUST_CHECK;
/* "12 requests, 11 pages, ..." of the run that has ended. */
bool api_tally_text(const struct api_tally *tally, struct buf *out,
	struct err *err) MUST_CHECK;

/* -- the other side ----------------------------------------------------------- */

/* *answered false: no daemon listens there. The answer's last line goes to
 * *text without its first word; an error is *err with its exit code. */
bool api_control_ask(const char *state_file, const char *const *words,
	size_t count, bool *answered, struct buf *text, struct err *err)
	MUST_CHECK;

#endif

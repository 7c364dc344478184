/* console_watch.h - gathers overviews behind the screen, so that a slow server
 * keeps no key waiting. */
#ifndef SLUICE_CONSOLE_WATCH_H
#define SLUICE_CONSOLE_WATCH_H

#include "cli/overview.h"

struct console_watch;

/* A thread of its own that looks once a second, less often when a look takes
 * long. The config is borrowed. */
struct console_watch *console_watch_start(const struct config *config,
	struct err *err);
/* Waits for what is under way, a few seconds at most; NULL is fine. */
void console_watch_stop(struct console_watch *watch);

/* Readable when there is something to take. */
int console_watch_fd(const struct console_watch *watch);
/* The latest overview, now the caller's; or why there is none: *err. False:
 * nothing new. */
bool console_watch_take(struct console_watch *watch, struct overview *overview,
	struct err *err);
/* Look now: something was done. */
void console_watch_poke(struct console_watch *watch);

#endif

/* process.h - other programs, started by this one. */
#ifndef SLUICE_PROCESS_H
#define SLUICE_PROCESS_H

#include "common/err.h"

#include <sys/types.h>

/* Starts argv (found by PATH, ended by NULL) in a process group of its own,
 * with nothing to read and with our environment; what it says is appended to
 * the file `log`. */
bool process_start(const char *const *argv, const char *log, pid_t *pid,
	struct err *err) MUST_CHECK;

/* A child of ours that has ended: true with its id and status (of waitpid),
 * false when there is none now. */
bool process_reap(pid_t *pid, int *status);

/* Whether a process of that id is there and not a zombie. */
bool process_alive(pid_t pid);

/* The status of waitpid in words: "ended with code 1", "killed by signal 9". */
void process_describe(int status, char *out, size_t size);

#endif

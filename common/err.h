/* err.h - what went wrong, and how to react to it. */
#ifndef SLUICE_ERR_H
#define SLUICE_ERR_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_kind {
	ERR_NONE,   /* a zeroed err is "no error" */
	ERR_RETRY,  /* transient: back off, then try the same work again */
	ERR_REJECT, /* bad input: set this one item aside and go on */
	ERR_STOP,   /* cannot continue: say why and exit */
};

/* Exit codes of all programs (docs/OPERATIONS.md). */
enum exit_code {
	EXIT_FINE = 0,
	EXIT_DATA = 1,     /* the data has a problem */
	EXIT_USAGE = 64,   /* wrong words on the command line */
	EXIT_SERVER = 69,  /* a server is not there */
	EXIT_BUG = 70,     /* our bug, or out of memory */
	EXIT_IO = 74,      /* input or output failed */
	EXIT_CONFIG = 78,  /* bad configuration */
};

struct err {
	enum err_kind kind;
	int exit_code;   /* what a program should exit with; 0: by kind */
	char code[8];    /* SQLSTATE, AMQP or HTTP code where there is one */
	char text[1024]; /* one line; may hold hostile bytes: escape to show */
};

/* Each setter returns false, so the first witness writes
 * `return err_set(...)`. Text beyond the buffer is cut. */
bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* Like err_set with ERR_STOP and an exit code of its own. */
bool err_stop(struct err *err, enum exit_code code, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* Like err_set; appends ": " and strerror(errno). Exit code EXIT_IO. */
bool err_errno(struct err *err, enum err_kind kind, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* Out of memory: ERR_STOP, EXIT_BUG. */
bool err_memory(struct err *err);

/* Puts "<fmt>: " before the text; keeps kind and codes. Returns false. */
bool err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The exit code for this error: its own, or one that follows its kind. */
int err_exit_code(const struct err *err);

#endif

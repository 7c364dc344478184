/* err.c - what went wrong, and how to react to it. */
#include "common/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static bool set(struct err *err,
	enum err_kind kind, int exit_code, const char *fmt, va_list args)
{
	err->kind = kind;
	err->exit_code = exit_code;
	err->code[0] = '\0';
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	return false;
}

bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set(err, kind, 0, fmt, args);
	va_end(args);
	return false;
}

bool err_stop(struct err *err, enum exit_code code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set(err, ERR_STOP, (int)code, fmt, args);
	va_end(args);
	return false;
}

bool err_errno(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	const int saved = errno;
	va_list args;
	size_t used;

	va_start(args, fmt);
	set(err, kind, EXIT_IO, fmt, args);
	va_end(args);
	used = strlen(err->text);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s",
		strerror(saved));
	errno = saved;
	return false;
}

bool err_memory(struct err *err)
{
	return err_stop(err, EXIT_BUG, "out of memory");
}

bool err_wrap(struct err *err, const char *fmt, ...)
{
	char inner[sizeof(err->text)];
	va_list args;
	size_t used;

	memcpy(inner, err->text, sizeof(inner));
	va_start(args, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	used = strlen(err->text);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %.*s",
		(int)sizeof(inner) - 1, inner);
	return false;
}

int err_exit_code(const struct err *err)
{
	if (err->exit_code != 0)
		return err->exit_code;
	switch (err->kind) {
	case ERR_NONE:
		return EXIT_FINE;
	case ERR_RETRY:
		return EXIT_SERVER;
	case ERR_REJECT:
		return EXIT_DATA;
	case ERR_STOP:
		break;
	}
	return EXIT_BUG;
}

/* log.h - one line per event on stderr, logfmt or JSON. */
#ifndef SLUICE_LOG_H
#define SLUICE_LOG_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_ERROR, /* a human must act */
	LOG_WARN,  /* we coped */
	LOG_INFO,  /* state changed, or a batch landed */
	LOG_DEBUG, /* the rest */
};

enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_field {
	const char *key; /* NULL ends the list */
	enum { LOG_IS_STR, LOG_IS_INT, LOG_IS_UINT } type;
	const char *str;
	int64_t i;
	uint64_t u;
};

#define LOG_S(k, v) { .key = (k), .type = LOG_IS_STR, .str = (v) }
#define LOG_I(k, v) { .key = (k), .type = LOG_IS_INT, .i = (int64_t)(v) }
#define LOG_U(k, v) { .key = (k), .type = LOG_IS_UINT, .u = (uint64_t)(v) }

/* LOG(LOG_INFO, "load", LOG_S("table", name), LOG_U("rows", n)); at least one
 * field. */
#define LOG(level, event, ...)                       \
	log_write((level), (event),                  \
		(const struct log_field[]){          \
			__VA_ARGS__, { .key = NULL } })

void log_setup(enum log_level level, enum log_format format);
bool log_level_parse(const char *name, enum log_level *level) MUST_CHECK;
bool log_enabled(enum log_level level);

/* Writes one line; control bytes are escaped; errno survives; a NULL str is
 * shown as empty. Safe from several threads. Never put record values or
 * secrets in. */
void log_write(enum log_level level, const char *event,
	const struct log_field *fields);

/* An err as a line: event, the fields' text as err=..., code where known. */
void log_err(enum log_level level, const char *event, const struct err *err);

#define LOG_REPEAT_TEXTS 4

/* A complaint that may repeat: logged once, then at growing intervals (1, 2,
 * 4 ... minutes, at most hourly), then once more when it clears. Zeroed is
 * "all well". One thread at a time. */
struct log_repeat {
	uint64_t times;
	int64_t next_ms;
	int64_t gap_ms;
	uint64_t said[LOG_REPEAT_TEXTS];
};

/* True when this occurrence should be logged. */
bool log_repeat_due(struct log_repeat *repeat);
/* The same, but the first texts that differ (their numbers do not count) are
 * each logged at once: a new cause must not hide behind an old one. */
bool log_repeat_due_for(struct log_repeat *repeat, const char *text);
/* Returns how often it had happened, and forgets; 0 when all was well. */
uint64_t log_repeat_clear(struct log_repeat *repeat);

#endif

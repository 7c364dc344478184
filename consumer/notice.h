/* notice.h - one notification: what it says, and how it is sent. */
#ifndef SLUICE_NOTICE_H
#define SLUICE_NOTICE_H

#include "common/config.h"

/* What happened, for one target; texts are borrowed. */
struct notice {
	const char *key;      /* a UUID: the same each time it is sent */
	const char *event;    /* a word of enum notice_event, or "probe" */
	const char *pipeline; /* "": none */
	const char *first_at, *last_at;
	const char *database;
	int64_t times;
	int64_t sources, records, inserted, updated, unchanged, rejected,
		filtered;
	const char *items; /* a JSON array of texts: what failed */
};

/* "events: 2 files loaded, 36 records". Appended. */
bool notice_title(const struct notice *notice, struct buf *out,
	struct err *err) MUST_CHECK;
/* A few lines: the title, the numbers, the items. Appended. */
bool notice_text(const struct notice *notice, struct buf *out,
	struct err *err) MUST_CHECK;
/* The body of a webhook, as JSON or in Slack's form. Appended. Pure. */
bool notice_body(const struct notice *notice, bool slack, struct buf *out,
	struct err *err) MUST_CHECK;
/* The mail, RFC 5322, at that time. Appended. Pure. */
bool notice_mail(const struct notice *notice, const struct listener *target,
	int64_t wall_us, struct buf *out, struct err *err) MUST_CHECK;

/* Sends it, once: takes ten seconds at most. stop_fd (0: none) readable: gives
 * up. ERR_RETRY: not now; ERR_REJECT: the target refuses; ERR_STOP: a secret's
 * file cannot be read, an address is wrong. No secret is in the error. */
bool notice_send(const struct notice *notice, const struct listener *target,
	int stop_fd, struct err *err) MUST_CHECK;

#endif

/* journal.h - which requests came: the last 20,000 of them, and counts. */
#ifndef SLUICE_TEST_API_JOURNAL_H
#define SLUICE_TEST_API_JOURNAL_H

#include "tests/support/api_server/message.h"

struct journal;

struct journal *journal_new(void);
/* Around each request; now and peak count those between. */
void journal_enter(struct journal *journal);
void journal_leave(struct journal *journal);
/* Once per request, when its status is known. */
void journal_note(struct journal *journal, const struct request *request,
	unsigned status);
void journal_forget(struct journal *journal);

/* A JSON object a line, of the requests kept whose target begins so and, when
 * status > 0, were answered so: n, ms (since the start), method, target,
 * status, headers (names in small letters), body. */
void journal_show(struct journal *journal, const char *target, unsigned status,
	struct buf *out);
int64_t journal_count(struct journal *journal, const char *target,
	unsigned status);
/* {"requests": N, "now": N, "peak": N, "by_status": {...}} */
void journal_stats(struct journal *journal, struct buf *out);

#endif

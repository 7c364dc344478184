/* rules.h - how the test server behaves where. A rule is one line,
 *
 *   PATH[?NAME=VALUE&...] WORD=VALUE ...
 *
 * for requests to PATH or below it whose query holds the named values. The
 * words of all rules that match count; of the same word, the later one's. A
 * value is percent-decoded. The words are listed in behave.c, and these two:
 * times=N, after so many matches the rule is gone; after=N, the first N
 * matches are spared. */
#ifndef SLUICE_TEST_API_RULES_H
#define SLUICE_TEST_API_RULES_H

#include "tests/support/api_server/message.h"

struct rules;

struct rules *rules_new(void);
/* Adds the lines of text; # begins a comment. False: see err, and the lines
 * before the bad one are in. Fixed rules outlive rules_forget. */
bool rules_add(struct rules *rules, const char *text, bool fixed,
	struct err *err) MUST_CHECK;
void rules_forget(struct rules *rules);
/* Adds to words what the rules say of this request, and uses up their times.
 * Of rate=N/SECONDS, the budget of the rule that set it: rate-limit, rate-left
 * (-1: this request is too much), rate-reset (seconds). */
void rules_match(struct rules *rules, const struct request *request,
	struct pairs *words);
void rules_show(struct rules *rules, struct buf *out);

#endif

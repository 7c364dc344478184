/* fuzz_sqltext.c - tokens tile any text, and replacing a relation leaves
 * everything else as it was. */
#include "consumer/sqltext.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool claim)
{
	if (!claim)
		abort();
}

static void check_tokens(const char *sql, size_t len)
{
	struct sql_token token;
	size_t pos = 0, end = 0;

	while (sql_next(sql, len, &pos, &token)) {
		expect(token.len > 0 && token.start >= sql + end);
		end = (size_t)(token.start - sql) + token.len;
		expect(end == pos && end <= len);
		expect(token.kind != SQL_BROKEN || end == len);
	}
	expect(pos == len);
}

static size_t count_tokens(const char *sql, size_t len)
{
	struct sql_token token;
	size_t pos = 0, count = 0;

	while (sql_next(sql, len, &pos, &token))
		count++;
	return count;
}

/* Three tokens (a . b) became one, or three with the alias; and no mention is
 * left. */
static void check_replace(const char *sql, size_t len)
{
	struct buf out = { 0 }, again = { 0 };
	struct err err = { 0 };

	if (sql_replace_relation(sql, len, "a", "b", "\"x\"", &out, &err)) {
		const size_t before = count_tokens(sql, len);
		const size_t after = count_tokens(out.data, out.len);

		expect(after == before || after + 2 == before);
		expect(!sql_replace_relation(out.data, out.len, "a", "b", "x",
			&again, &err));
	}
	buf_clear(&out);
	buf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of the exact size, so that one step beyond shows */
	char *sql = malloc(size > 0 ? size : 1);

	if (sql == NULL)
		return 0;
	if (size > 0)
		memcpy(sql, data, size);
	check_tokens(sql, size);
	check_replace(sql, size);
	(void)sql_may_use(sql, size, "c");
	free(sql);
	return 0;
}

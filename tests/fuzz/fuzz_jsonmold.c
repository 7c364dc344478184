/* fuzz_jsonmold.c - what fits a mold is what the scanner takes, node by node.
 *
 * Input: the first byte tells how much of the rest is learned. What is asked
 * is what was learned, the rest, and what was learned with the rest's bytes in
 * the place of its own. */
#include "tests/support/mold.h"

#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool ask(struct json_mold *mold, const char *text, size_t len)
{
	bool fitted;
	const char *wrong = mold_check(mold, text, len, &fitted);

	if (wrong == NULL)
		return fitted;
	(void)fprintf(stderr, "%s\n", wrong);
	abort();
}

/* The learned text, from each place on with another end. */
static void ask_mixed(struct json_mold *mold, const char *known, size_t len,
	const char *rest, size_t rest_len)
{
	char *mixed = malloc(len + rest_len + 1);

	if (mixed == NULL)
		abort();
	for (size_t at = 0; at < len; at += 1 + len / 16) {
		const size_t behind = len - at < 3 ? len - at : 3;

		memcpy(mixed, known, at);
		memcpy(mixed + at, rest, rest_len);
		memcpy(mixed + at + rest_len, known + at + behind,
			len - at - behind);
		(void)ask(mold, mixed, len + rest_len - behind);
	}
	free(mixed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *known = (const char *)data + 1;
	struct json_mold mold = { .known = false };
	size_t len;

	if (size == 0)
		return 0;
	len = data[0] < size - 1 ? data[0] : size - 1;
	if (mold_learned(&mold, known, len)) {
		/* blanks around an object are not part of its form */
		if (known[0] == '{' && !ask(&mold, known, len) &&
			json_blanks(known + len - 1, 1) == 0)
			abort();
		(void)ask(&mold, known + len, size - 1 - len);
		if (size - 1 - len < 64)
			ask_mixed(&mold, known, len, known + len,
				size - 1 - len);
	}
	json_mold_clear(&mold);
	return 0;
}

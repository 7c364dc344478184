/* mold.h - what must hold of a mold, whatever it learned and is asked. */
#ifndef SLUICE_TESTS_MOLD_H
#define SLUICE_TESTS_MOLD_H

#include "common/jsonmold.h"

#include <stdlib.h>
#include <string.h>

/* Memory of just that size, so that a sanitizer sees what reads beyond. */
static inline char *mold_exact(const char *text, size_t len)
{
	char *exact = malloc(len > 0 ? len : 1);

	if (exact == NULL)
		abort();
	if (len > 0)
		memcpy(exact, text, len);
	return exact;
}

/* False: it is no object. */
static inline bool mold_learned(struct json_mold *mold, const char *text,
	size_t len)
{
	struct json_tape tape = { .nodes = NULL };
	struct json_fault fault;
	const bool ok = json_parse(text, len, &tape, &fault) == JSON_OK &&
		tape.nodes[0].type == JSON_OBJECT;

	if (ok && !json_mold_learn(mold, text, &tape))
		abort();
	json_tape_clear(&tape);
	return ok;
}

static inline const char *mold_compare(const struct json_mold *mold,
	const struct json_tape *tape)
{
	bool escaped = false;

	if (mold->tape.count != tape->count)
		return "another count of nodes";
	for (size_t i = 0; i < tape->count; i++) {
		const struct json_node *a = &mold->tape.nodes[i];
		const struct json_node *b = &tape->nodes[i];

		if (a->start != b->start || a->len != b->len ||
			a->next != b->next || a->type != b->type ||
			a->escaped != b->escaped)
			return "another node";
		escaped |= b->escaped && mold->before[i + 1] != mold->before[i];
	}
	return mold->escaped == escaped ? NULL : "escapes overlooked";
}

/* What a mold says fits is right, of that length, and of that tape; both walks
 * say the same. NULL, or what is wrong. *fitted: it said so. */
static inline const char *mold_check(struct json_mold *mold, const char *bytes,
	size_t len, bool *fitted)
{
	char *text = mold_exact(bytes, len);
	struct json_tape tape = { .nodes = NULL };
	struct json_fault fault;
	const char *wrong = NULL;
	size_t end = 0, any = 0, scanned;

	*fitted = json_mold_fits(mold, text, len, &end);
	if (*fitted) {
		json_mold_whole(mold);
		if (json_scan(text, len, false, &scanned, &fault) != JSON_OK)
			wrong = "a wrong value fitted";
		else if (end != scanned)
			wrong = "another length";
		else if (json_parse(text, end, &tape, &fault) != JSON_OK)
			wrong = "it cannot be parsed";
		else
			wrong = mold_compare(mold, &tape);
	}
	for (int taping = 0; wrong == NULL && mold->known && taping < 2;
		taping++)
		if (json_mold_walk_any(mold, text, len, &any, taping) !=
				*fitted || (*fitted && any != end))
			wrong = "the walks disagree";
	if (wrong == NULL && mold->known && mold->misses == 0 &&
		(!json_mold_measures(mold, text, len, &any) || any != end))
		wrong = "it is measured otherwise";
	json_tape_clear(&tape);
	free(text);
	return wrong;
}

#endif

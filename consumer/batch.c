/* batch.c - what one transaction holds: its messages and their sources. */
#include "consumer/batch.h"

#include <stdlib.h>
#include <string.h>

static void add_up(const struct work *work, int64_t guess, int64_t *rows,
	int64_t *bytes)
{
	*rows += work->kind == WORK_UNREAD ? guess : (int64_t)work->records;
	*bytes += (int64_t)work->delivery->message.body.len;
}

/* How many come before the first that is too many. */
static size_t cut(struct work *const *works, size_t count, int64_t max_rows,
	int64_t max_bytes, int64_t guess)
{
	int64_t rows = 0;
	int64_t bytes = 0;
	size_t n = 0;

	for (; n < count; n++) {
		add_up(works[n], guess, &rows, &bytes);
		if (n > 0 && (rows > max_rows || bytes > max_bytes))
			break;
	}
	return n;
}

size_t batch_cut(struct work *const *works, size_t count, int64_t max_rows,
	int64_t max_bytes, int64_t guess)
{
	const size_t more = cut(works, count, max_rows + max_rows / 4,
		max_bytes + max_bytes / 4, guess);

	return more == count ? count :
		cut(works, count, max_rows, max_bytes, guess);
}

bool batch_fills(struct work *const *works, size_t count, int64_t rows,
	int64_t bytes, int64_t guess)
{
	int64_t has_rows = 0;
	int64_t has_bytes = 0;

	for (size_t i = 0; i < count; i++)
		add_up(works[i], guess, &has_rows, &has_bytes);
	return has_rows >= rows || has_bytes >= bytes;
}

static bool same_dataset(const struct work *a, const struct work *b)
{
	return strcmp(a->delivery->message.routing_key,
		       b->delivery->message.routing_key) == 0;
}

/* One of the dataset with more than half of the bytes; where none has as much,
 * of any. */
static const struct work *most_bytes(struct work *const *works, size_t count)
{
	const struct work *most = NULL;
	size_t lead = 0;

	for (size_t i = 0; i < count; i++) {
		const size_t weight = works[i]->delivery->weight;

		if (most != NULL && same_dataset(most, works[i])) {
			lead += weight;
		} else if (weight < lead) {
			lead -= weight;
		} else {
			most = works[i];
			lead = weight - lead;
		}
	}
	return most;
}

size_t batch_others_first(struct work **works, size_t count)
{
	const struct work *most = most_bytes(works, count);
	struct work **rest = calloc(count + 1, sizeof(*rest));
	size_t others = 0;
	size_t kept = 0;

	if (rest == NULL)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (same_dataset(most, works[i]))
			rest[kept++] = works[i];
		else
			works[others++] = works[i];
	if (kept > 0)
		memcpy(works + others, rest, kept * sizeof(*rest));
	free(rest);
	return others;
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* The ledger's key. */
static int compare_works(const void *left, const void *right)
{
	const struct work *a = *(struct work *const *)left;
	const struct work *b = *(struct work *const *)right;
	int order = memcmp(&a->drop, &b->drop, sizeof(a->drop));

	if (order == 0)
		order = strcmp(a->dataset_name, b->dataset_name);
	if (order == 0)
		order = compare_u64(a->lo, b->lo);
	if (order == 0)
		order = compare_u64(a->hi, b->hi);
	if (order == 0)
		order = compare_u64(a->replay, b->replay);
	return order;
}


static void add_to_source(struct batch *batch, struct work *work)
{
	struct source *source = batch->source_count == 0 ? NULL :
		&batch->sources[batch->source_count - 1];

	if (source == NULL || !uuid_equal(&source->drop, &work->drop)) {
		source = &batch->sources[batch->source_count++];
		source->drop = work->drop;
		source->named_by = work;
	}
	work->source = (size_t)(source - batch->sources);
}

bool batch_build(struct batch *batch, struct work **works, size_t count,
	struct err *err)
{
	*batch = (struct batch){ .works = works, .count = count };
	batch->sources = calloc(count + 1, sizeof(*batch->sources));
	if (batch->sources == NULL)
		return err_memory(err);
	qsort(works, count, sizeof(*works), compare_works);
	for (size_t i = 0; i < count; i++) {
		works[i]->fresh = false;
		buf_reset(&works[i]->refused);
		add_to_source(batch, works[i]);
	}
	return true;
}

void batch_clear(struct batch *batch)
{
	free(batch->sources);
	*batch = (struct batch){ 0 };
}

struct source *batch_source(const struct batch *batch, int64_t id)
{
	for (size_t i = 0; i < batch->source_count; i++)
		if (batch->sources[i].id == id)
			return &batch->sources[i];
	return NULL;
}

/* infer_key.c - which columns name a record, and which say when it was. */
#include "cli/infer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANDIDATES_MAX 14 /* whose combinations are tried */
#define KEY_TEXT_MAX 300  /* characters of a text in a key, as seen */
#define TIME_DEPTH_MAX 3
#define LIKE_ID 2         /* ranks up to here are names of keys */

/* -- candidates --------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
	const size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static bool has_end(const char *text, const char *const *ends)
{
	for (; *ends != NULL; ends++)
		if (ends_with(text, *ends))
			return true;
	return false;
}

/* "order_id" or "orders_id" of the dataset orders. */
static bool is_own_id(const struct infer *infer, const char *name)
{
	static const char *const ends[] = { "_id", "_key", "_uuid", "_no",
		"_number", "_code", NULL };
	size_t same = 0;

	while (name[same] != '\0' && name[same] == infer->name[same])
		same++;
	return same >= 3 && has_end(name, ends);
}

/* The lower, the more it looks like a key. */
static unsigned rank_of(const struct infer *infer,
	const struct infer_column *column)
{
	static const char *const ids[] = { "id", "uuid", "guid", "key", "sha",
		"node_id", NULL };
	static const char *const ends[] = { "_id", "_key", "_uuid", "_guid",
		"_no", "_number", "_code", "_sha", "number", NULL };
	static const char *const kinds[] = { "type", "kind", "name", "login",
		"username", "email", "slug", "url", "code", "date_code",
		"event_type", "state", "county", "country", "version", NULL };
	const struct sample_field *field =
		&infer->sample->fields[column->field];
	unsigned rank = 5;

	if (is_one_of(column->name, ids))
		rank = 0;
	else if (is_own_id(infer, column->name))
		rank = 1;
	else if (has_end(column->name, ends))
		rank = LIKE_ID;
	else if (is_one_of(column->name, kinds) ||
		ends_with(column->name, "_type"))
		rank = 3;
	else if (column->type == COLUMN_TIMESTAMP ||
		column->type == COLUMN_TIMESTAMPTZ ||
		column->type == COLUMN_DATE)
		rank = 4;
	return rank + 2 * (unsigned)(field->depth - 1);
}

/* It stood in every record, as something an index can hold. */
static bool may_be_key(const struct infer *infer,
	const struct infer_column *column)
{
	const struct sample_field *field =
		&infer->sample->fields[column->field];

	if (!field->hashed || field->lacking.line != 0)
		return false;
	switch (column->type) {
	case COLUMN_JSON:
	case COLUMN_DOUBLE:
	case COLUMN_BOOLEAN:
		return false;
	case COLUMN_TEXT:
		return column->max_length > 0 &&
			field->longest <= KEY_TEXT_MAX;
	default:
		return column->required;
	}
}

struct candidate {
	size_t column;
	unsigned rank;
};

static int by_rank(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return a->column < b->column ? -1 : a->column > b->column;
}

struct search {
	struct infer *infer;
	struct candidate *all;
	size_t count;
	uint32_t *slots; /* record + 1 */
	size_t mask;
	uint64_t twins;  /* records that are there twice */
};

static bool collect(struct search *search, struct err *err)
{
	const struct infer *infer = search->infer;

	search->all = calloc(infer->count + 1, sizeof(*search->all));
	if (search->all == NULL)
		return err_memory(err);
	for (size_t i = 0; i < infer->count; i++)
		if (may_be_key(infer, &infer->columns[i]))
			search->all[search->count++] = (struct candidate){ i,
				rank_of(infer, &infer->columns[i]) };
	qsort(search->all, search->count, sizeof(*search->all), by_rank);
	return true;
}

/* -- are they unique ---------------------------------------------------- */

static uint64_t key_hash(const struct search *search, const size_t *columns,
	size_t count, size_t record)
{
	const struct infer *infer = search->infer;
	uint64_t hash = count;

	for (size_t i = 0; i < count; i++) {
		const struct infer_column *column =
			&infer->columns[columns[i]];

		hash ^= infer->sample->fields[column->field].hashes[record] +
			(hash << 6) + (hash >> 2);
		hash *= UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 31;
	}
	return hash;
}

/* Two records with one key are none too many when they are the same. */
static bool are_unique(struct search *search, const size_t *columns,
	size_t count)
{
	const struct sample *sample = search->infer->sample;

	memset(search->slots, 0, (search->mask + 1) * sizeof(*search->slots));
	search->twins = 0;
	for (size_t record = 0; record < sample->hashed; record++) {
		const uint64_t hash = key_hash(search, columns, count, record);
		size_t at = (size_t)hash & search->mask;

		for (; search->slots[at] != 0; at = (at + 1) & search->mask) {
			const size_t other = search->slots[at] - 1;

			if (key_hash(search, columns, count, other) != hash)
				continue;
			if (sample->whole[other] != sample->whole[record])
				return false;
			search->twins++;
			break;
		}
		if (search->slots[at] == 0)
			search->slots[at] = (uint32_t)record + 1;
	}
	return true;
}

static bool make_slots(struct search *search, struct err *err)
{
	size_t slots = 1024;

	while (slots < search->infer->sample->hashed * 2)
		slots *= 2;
	search->mask = slots - 1;
	search->slots = calloc(slots, sizeof(*search->slots));
	return search->slots != NULL || err_memory(err);
}

/* -- the search --------------------------------------------------------- */

static bool try_columns(struct search *search, const size_t *picks,
	size_t count)
{
	size_t columns[INFER_KEYS_MAX];

	for (size_t i = 0; i < count; i++)
		columns[i] = search->all[picks[i]].column;
	if (!are_unique(search, columns, count))
		return false;
	memcpy(search->infer->keys, columns, count * sizeof(*columns));
	search->infer->key_count = count;
	return true;
}

/* The next combination of `count` out of `from`, in their order. */
static bool next_picks(size_t *picks, size_t count, size_t from)
{
	for (size_t i = count; i-- > 0;) {
		if (picks[i] + (count - i) >= from)
			continue;
		picks[i]++;
		for (size_t k = i + 1; k < count; k++)
			picks[k] = picks[k - 1] + 1;
		return true;
	}
	return false;
}

/* Combinations that hold one that looks like a key (like_id), or none. */
static bool try_size(struct search *search, size_t count, bool like_id)
{
	const size_t from = search->count < CANDIDATES_MAX ? search->count :
							     CANDIDATES_MAX;
	size_t picks[INFER_KEYS_MAX];

	if (from < count)
		return false;
	for (size_t i = 0; i < count; i++)
		picks[i] = i;
	do {
		const bool has_id =
			search->all[picks[0]].rank <= LIKE_ID;

		if (has_id == like_id && try_columns(search, picks, count))
			return true;
	} while (next_picks(picks, count, from));
	return false;
}

static bool find_key(struct search *search)
{
	if (try_size(search, 1, true))
		return true;
	for (size_t count = 2; count <= INFER_KEYS_MAX; count++)
		if (try_size(search, count, true))
			return true;
	for (size_t count = 1; count <= INFER_KEYS_MAX; count++)
		if (try_size(search, count, false))
			return true;
	return false;
}

/* -- what is said of it ------------------------------------------------- */

/* Names that promise a key, and are none alone. */
static void say_alone(struct search *search)
{
	struct infer *infer = search->infer;
	const size_t first = search->all[0].column;
	const size_t used = strlen(infer->key_note);

	if (infer->key_count > 1 && search->all[0].rank <= 1)
		(void)snprintf(infer->key_note + used,
			sizeof(infer->key_note) - used, "; %s alone is not",
			infer->columns[first].name);
}

static void say_found(struct search *search)
{
	struct infer *infer = search->infer;
	const struct sample *sample = infer->sample;
	int used;

	used = snprintf(infer->key_note, sizeof(infer->key_note), sample->full ?
		"unique in the first %" PRIu64 " records; the others were not "
		"compared" : "unique in %" PRIu64 " records",
		sample->hashed);
	if (search->twins > 0 && (size_t)used < sizeof(infer->key_note))
		(void)snprintf(infer->key_note + used,
			sizeof(infer->key_note) - (size_t)used,
			"; %" PRIu64 " of them repeat%s another to the letter",
			search->twins, search->twins == 1 ? "s" : "");
	if (sample->records == 1)
		(void)snprintf(infer->key_note, sizeof(infer->key_note),
			"a guess: there is one record only");
	say_alone(search);
}

/* Records that have a key in the column; "" is one for text only. */
static uint64_t keyed(const struct infer *infer,
	const struct infer_column *column)
{
	const struct sample_field *field =
		&infer->sample->fields[column->field];

	return sample_values(field) - field->counts[SHAPE_UNSTORABLE] -
		(column->type == COLUMN_TEXT ? 0 :
			field->counts[SHAPE_EMPTY]);
}

/* The column that is there most often. */
static size_t most_present(const struct infer *infer)
{
	size_t best = COLUMN_NONE;
	uint64_t most = 0;

	for (size_t i = 0; i < infer->count; i++) {
		const struct infer_column *column = &infer->columns[i];

		if (column->type != COLUMN_JSON &&
			column->type != COLUMN_DOUBLE &&
			column->type != COLUMN_BOOLEAN &&
			(column->type != COLUMN_TEXT ||
				column->max_length > 0) &&
			keyed(infer, column) > most) {
			most = keyed(infer, column);
			best = i;
		}
	}
	return best;
}

static bool make_do(struct search *search, struct err *err)
{
	struct infer *infer = search->infer;
	const struct sample *sample = infer->sample;
	size_t best = search->count > 0 ? search->all[0].column :
					  most_present(infer);
	uint64_t without;

	if (best == COLUMN_NONE)
		return err_stop(err, EXIT_DATA, "no member of the records is a "
			"text, a number or a time: nothing could be their key");
	infer->keys[0] = best;
	infer->key_count = 1;
	without = sample->records - keyed(infer, &infer->columns[best]);
	if (without > 0)
		(void)snprintf(infer->key_note, sizeof(infer->key_note),
			"nothing is in every record: %" PRIu64 " of %" PRIu64
			" would be rejects", without, sample->records);
	else
		(void)snprintf(infer->key_note, sizeof(infer->key_note),
			"not unique in %" PRIu64 " records, and no combination "
			"is: of those with one key one stays", sample->records);
	return true;
}

/* Key columns hold a value always, "" being one. */
static void mark_keys(struct infer *infer)
{
	for (size_t i = 0; i < infer->key_count; i++) {
		struct infer_column *column = &infer->columns[infer->keys[i]];

		column->required = true;
		if (column->type == COLUMN_TEXT)
			column->empty_as_null = false;
	}
}

bool infer_key(struct infer *infer, struct err *err)
{
	struct search search = { .infer = infer };
	bool ok = collect(&search, err) && make_slots(&search, err);

	if (ok && infer->sample->hashed > 0 && find_key(&search))
		say_found(&search);
	else if (ok)
		ok = make_do(&search, err);
	if (ok)
		mark_keys(infer);
	free(search.slots);
	free(search.all);
	return ok;
}

/* -- newest and date ---------------------------------------------------- */

/* Parts of names, the best first. */
static const char *const newest_names[] = { "updated_at", "modified_at",
	"changed_at", "last_modified", "last_updated", "update", "modif",
	"changed", "received_at", NULL };
static const char *const date_names[] = { "created_at", "received_at",
	"occurred_at", "event_time", "timestamp", "created", "date", "time",
	"published", "updated_at", "_at", NULL };

static bool is_time(const struct infer *infer, size_t at, size_t depth)
{
	const struct infer_column *column = &infer->columns[at];

	return infer->sample->fields[column->field].depth == depth &&
		(column->type == COLUMN_TIMESTAMP ||
			column->type == COLUMN_TIMESTAMPTZ ||
			column->type == COLUMN_DATE);
}

/* Of times; the record's own members before those deeper down. */
static size_t find_time(const struct infer *infer, const char *const *names)
{
	for (size_t depth = 1; depth <= TIME_DEPTH_MAX; depth++)
		for (size_t n = 0; names[n] != NULL; n++)
			for (size_t i = 0; i < infer->count; i++)
				if (is_time(infer, i, depth) &&
					strstr(infer->columns[i].name,
						names[n]) != NULL)
					return i;
	return COLUMN_NONE;
}

static void note_gaps(const struct infer *infer, size_t column, char *note,
	size_t size, const char *consequence)
{
	const struct sample *sample = infer->sample;
	uint64_t without;

	if (column == COLUMN_NONE)
		return;
	without = sample->records -
		sample_values(&sample->fields[infer->columns[column].field]);
	if (without > 0)
		(void)snprintf(note, size, "null in %" PRIu64 " of %" PRIu64
			" records: %s", without, sample->records, consequence);
}

void infer_times(struct infer *infer)
{
	infer->newest = find_time(infer, newest_names);
	infer->date = find_time(infer, date_names);
	note_gaps(infer, infer->newest, infer->newest_note,
		sizeof(infer->newest_note), "null loses");
	note_gaps(infer, infer->date, infer->date_note,
		sizeof(infer->date_note), "those are of no day");
}

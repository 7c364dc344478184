/* metrics.c - what this process counts and measures. */
#include "common/metrics_private.h"

#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000)
#define SEC INT64_C(1000000)

const int64_t metric_buckets[METRIC_BUCKETS] = { 1 * MS, 2500, 5 * MS,
	10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, 1 * SEC,
	2500 * MS, 5 * SEC, 10 * SEC, 30 * SEC, 60 * SEC, 300 * SEC,
	1800 * SEC };

struct metrics metrics = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* -- series ------------------------------------------------------------- */

/* As much as fits, in whole characters; what is none becomes '?'. */
static void copy_label(char *out, const char *value)
{
	size_t left = value != NULL ? strlen(value) : 0;
	size_t len = 0;

	while (left > 0) {
		const size_t step = utf8_length(value, left);

		if (len + (step > 0 ? step : 1) >= METRIC_LABEL_BYTES)
			break;
		if (step > 0)
			memcpy(out + len, value, step);
		else
			out[len] = '?';
		len += step > 0 ? step : 1;
		value += step > 0 ? step : 1;
		left -= step > 0 ? step : 1;
	}
	memset(out + len, 0, METRIC_LABEL_BYTES - len);
}

/* FNV-1a; the NUL between the two counts. */
static uint64_t hash_labels(const char *const values[METRIC_LABELS])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < METRIC_LABELS; i++)
		for (const char *at = values[i] != NULL ? values[i] : "";;
			at++) {
			hash ^= (unsigned char)*at;
			hash *= UINT64_C(0x100000001b3);
			if (*at == '\0')
				break;
		}
	return hash;
}

/* By hash alone: a name made to collide with another only misleads whoever
 * made it. */
static struct metric_series *find(const struct metric_list *list,
	uint64_t hash)
{
	struct metric_series *series = list->first;

	while (series != NULL && series->hash != hash)
		series = series->next;
	return series;
}

static struct metric_series *add_series(struct metric_list *list,
	const char *const values[METRIC_LABELS], uint64_t hash)
{
	struct metric_series *series = calloc(1, sizeof(*series));

	if (series == NULL)
		return NULL;
	series->hash = hash;
	for (size_t i = 0; i < METRIC_LABELS; i++)
		copy_label(series->labels[i], values[i]);
	if (list->last != NULL)
		list->last->next = series;
	else
		list->first = series;
	list->last = series;
	list->count++;
	return series;
}

/* The series of these labels; the common one for all that come too late.
 * NULL: out of memory, and it is not counted. */
static struct metric_series *series_of(enum metric metric, const char *first,
	const char *second)
{
	const struct metric_row *row = metric_row(metric);
	struct metric_list *list = &metrics.lists[metric];
	const char *values[METRIC_LABELS] = {
		row->labels[0] != NULL ? first : NULL,
		row->labels[1] != NULL ? second : NULL };
	uint64_t hash = hash_labels(values);
	struct metric_series *series = find(list, hash);

	if (series == NULL && list->count >= METRIC_SERIES) {
		for (size_t i = 0; i < METRIC_LABELS; i++)
			values[i] = row->labels[i] != NULL ? "other" : NULL;
		hash = hash_labels(values);
		series = find(list, hash);
	}
	return series != NULL ? series : add_series(list, values, hash);
}

static void enter(void)
{
	(void)pthread_mutex_lock(&metrics.lock);
}

static void leave(void)
{
	(void)pthread_mutex_unlock(&metrics.lock);
}

/* -- moving them -------------------------------------------------------- */

void metrics_begin(unsigned whose)
{
	enter();
	metrics.whose = whose;
	for (size_t i = 0; i < METRIC_COUNT; i++)
		if (metric_row((enum metric)i)->labels[0] == NULL)
			(void)series_of((enum metric)i, NULL, NULL);
	leave();
}

void metrics_add(enum metric metric, int64_t more, const char *first,
	const char *second)
{
	struct metric_series *series;

	enter();
	series = series_of(metric, first, second);
	if (series != NULL && more > 0)
		series->count += more;
	leave();
}

void metrics_set(enum metric metric, double value, const char *first,
	const char *second)
{
	struct metric_series *series;

	enter();
	series = series_of(metric, first, second);
	if (series != NULL)
		series->value = value;
	leave();
}

void metrics_since(enum metric metric, int64_t wall_us)
{
	metrics_set(metric, (double)wall_us, NULL, NULL);
}

void metrics_took(enum metric metric, int64_t us, const char *first)
{
	struct metric_series *series;
	size_t i = 0;

	if (us < 0)
		us = 0;
	while (i < METRIC_BUCKETS && us > metric_buckets[i])
		i++;
	enter();
	series = series_of(metric, first, NULL);
	if (series != NULL) {
		series->count++;
		series->sum_us += us;
		if (i < METRIC_BUCKETS)
			series->buckets[i]++;
	}
	leave();
}

void metrics_forget(enum metric metric)
{
	struct metric_list *list = &metrics.lists[metric];

	enter();
	while (list->first != NULL) {
		struct metric_series *series = list->first;

		list->first = series->next;
		free(series);
	}
	*list = (struct metric_list){ 0 };
	leave();
}

int64_t metrics_count(enum metric metric, const char *first,
	const char *second)
{
	const char *values[METRIC_LABELS] = { first, second };
	const struct metric_series *series;
	int64_t count;

	enter();
	series = find(&metrics.lists[metric], hash_labels(values));
	count = series != NULL ? series->count : 0;
	leave();
	return count;
}

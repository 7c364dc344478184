/* held.c - datasets whose tables take nothing just now, and their messages. */
#include "consumer/held.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY_MS 250       /* at first between two tries */
#define TRY_LAST_MS 1800 /* and at last: "within two seconds" */
#define PAUSED_MS 500    /* between two looks whether a pause has ended */

static bool is_of(const struct held *held, const struct dataset *dataset)
{
	const char *pipeline = dataset->pipeline->name;
	const size_t len = strlen(pipeline);

	return strncmp(held->name, pipeline, len) == 0 &&
		held->name[len] == '.' &&
		strcmp(held->name + len + 1, dataset->name) == 0;
}

struct held *held_find(const struct held_set *set,
	const struct dataset *dataset)
{
	for (size_t i = 0; dataset != NULL && i < set->count; i++)
		if (is_of(&set->items[i], dataset))
			return &set->items[i];
	return NULL;
}

struct held *held_add(struct held_set *set, const struct dataset *dataset,
	struct err *err)
{
	struct held *held = held_find(set, dataset);
	struct buf name = { 0 };
	struct held *more;

	if (held != NULL)
		return held;
	if (!buf_printf(&name, err, "%s.%s", dataset->pipeline->name,
		dataset->name))
		return NULL;
	more = realloc(set->items, (set->count + 1) * sizeof(*more));
	if (more == NULL) {
		buf_clear(&name);
		err_memory(err);
		return NULL;
	}
	set->items = more;
	held = &more[set->count++];
	*held = (struct held){ .name = name.data,
		.backoff = { .base_ms = TRY_MS, .ceiling_ms = TRY_LAST_MS } };
	return held;
}

static void free_works(struct held *held)
{
	for (size_t i = 0; i < held->count; i++)
		work_free(held->works[i]);
	free(held->works);
	free(held->name);
}

void held_remove(struct held_set *set, struct held *held)
{
	free_works(held);
	*held = set->items[--set->count];
}

void held_clear(struct held_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		free_works(&set->items[i]);
	free(set->items);
	*set = (struct held_set){ 0 };
}

/* -- works -------------------------------------------------------------- */

static bool is_passable(const struct work *work)
{
	return !work_queue_is_dead(work->delivery->queue);
}

bool held_push(struct held *held, struct work *work, int64_t now_ms,
	struct err *err)
{
	if (held->count == held->cap) {
		const size_t cap = held->cap * 2 + 16;
		struct work **more =
			realloc(held->works, cap * sizeof(*more));

		if (more == NULL)
			return err_memory(err);
		held->works = more;
		held->cap = cap;
	}
	if (held->count == 0)
		held->since_ms = now_ms;
	held->works[held->count++] = work;
	held->bytes += (int64_t)work->delivery->weight;
	held->passable += is_passable(work);
	return true;
}

struct work *held_take(struct held *held, size_t at)
{
	struct work *work = held->works[at];

	held->count--;
	memmove(held->works + at, held->works + at + 1,
		(held->count - at) * sizeof(*held->works));
	held->bytes -= (int64_t)work->delivery->weight;
	held->passable -= is_passable(work);
	return work;
}

/* -- when --------------------------------------------------------------- */

struct held *held_due(const struct held_set *set, int64_t now_ms)
{
	struct held *due = NULL;

	for (size_t i = 0; i < set->count; i++) {
		struct held *held = &set->items[i];

		if (!held->paused && held->count > 0 &&
			held->try_ms <= now_ms &&
			(due == NULL || held->try_ms < due->try_ms))
			due = held;
	}
	return due;
}

int held_wait_ms(const struct held_set *set, int64_t now_ms)
{
	int64_t wait = -1;

	for (size_t i = 0; i < set->count; i++) {
		const int64_t left = set->items[i].paused ? PAUSED_MS :
			set->items[i].try_ms > now_ms ?
			set->items[i].try_ms - now_ms : 0;

		if (set->items[i].count > 0 && (wait < 0 || left < wait))
			wait = left;
	}
	return (int)wait;
}

void held_hurry(struct held_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		set->items[i].try_ms = 0;
}

int64_t held_bytes(const struct held_set *set)
{
	int64_t bytes = 0;

	for (size_t i = 0; i < set->count; i++)
		bytes += set->items[i].bytes;
	return bytes;
}

/* window.c - messages sent and not yet confirmed. */
#include "producer/window.h"
#include "common/mutation.h"

#include <assert.h>
#include <stdlib.h>

struct window {
	struct window_item **ring; /* by tag, modulo size */
	size_t size;
	uint64_t low;  /* oldest tag that may be in flight */
	uint64_t high; /* next tag */
	size_t items;
	size_t flying;
	size_t bytes;
	size_t max_items;
	size_t max_bytes;
};

static size_t power_of_two(size_t at_least)
{
	size_t n = 1;

	while (n < at_least)
		n *= 2;
	return n;
}

struct window *window_new(size_t max_items, size_t max_bytes, struct err *err)
{
	struct window *window = calloc(1, sizeof(*window));

	if (window == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	window->size = power_of_two(max_items);
	window->max_items = window->size;
	window->max_bytes = max_bytes;
	window->low = window->high = 1;
	window->ring = calloc(window->size, sizeof(*window->ring));
	if (window->ring == NULL) {
		(void)err_memory(err);
		free(window);
		return NULL;
	}
	return window;
}

void window_free(struct window *window)
{
	if (window == NULL)
		return;
	free(window->ring);
	free(window);
}

bool window_room(const struct window *window, const struct window_lane *lane)
{
	if (lane->items == 0)
		return true;
	return window->items < window->max_items &&
		window->bytes < window->max_bytes &&
		lane->items <= window->max_items - window->items &&
		lane->bytes <= window->max_bytes - window->bytes;
}

void window_add(struct window *window, struct window_lane *lane,
	struct window_item *item, size_t bytes)
{
	*item = (struct window_item){ .lane = lane, .bytes = bytes };
	if (lane->last != NULL)
		lane->last->next = item;
	else
		lane->first = item;
	lane->last = item;
	if (lane->unsent == 0)
		lane->next = item;
	lane->items++;
	lane->unsent++;
	lane->bytes += bytes;
	window->items++;
	window->bytes += bytes;
}

struct window_item *window_unsent(struct window_lane *lane)
{
	struct window_item *item = lane->next != NULL ? lane->next :
							lane->first;

	if (lane->unsent == 0)
		return NULL;
	while (item != NULL && (item->confirmed || item->tag != 0))
		item = item->next;
	lane->next = item;
	return item;
}

bool window_open(const struct window *window)
{
	return window->high - window->low < window->size;
}

static struct window_item **slot(const struct window *window, uint64_t tag)
{
	return &window->ring[tag & (window->size - 1)];
}

void window_sent(struct window *window, struct window_item *item, uint64_t tag)
{
	assert(tag == window->high && window_open(window));
	assert(item->tag == 0 && !item->confirmed);
	item->tag = tag;
	item->lane->unsent--;
	*slot(window, tag) = item;
	window->flying++;
	window->high++;
}

static void wait_again(struct window_item *item)
{
	item->tag = 0;
	item->returned = false;
	item->lane->next = NULL;
	item->lane->unsent++;
}

static size_t settle_one(struct window *window, uint64_t tag, bool acked,
	window_fn *fn, void *arg)
{
	struct window_item *item = *slot(window, tag);
	enum window_fate fate = WINDOW_CONFIRMED;

	if (item == NULL)
		return 0;
	*slot(window, tag) = NULL;
	window->flying--;
	if (!acked || (item->returned && !MUTATED(returned_is_confirmed))) {
		fate = item->returned ? WINDOW_RETURNED : WINDOW_NACKED;
		wait_again(item);
	} else {
		item->tag = 0;
		item->confirmed = true;
	}
	fn(item, fate, arg);
	return 1;
}

size_t window_settle(struct window *window, uint64_t tag, bool multiple,
	bool acked, window_fn *fn, void *arg)
{
	size_t settled = 0;

	if (tag < window->low || tag >= window->high)
		return 0;
	for (uint64_t t = multiple ? window->low : tag; t <= tag; t++)
		settled += settle_one(window, t, acked, fn, arg);
	while (window->low < window->high &&
		*slot(window, window->low) == NULL)
		window->low++;
	return settled;
}

struct window_item *window_find(const struct window *window,
	bool (*match)(const struct window_item *item, const void *arg),
	const void *arg)
{
	for (uint64_t tag = window->low; tag < window->high; tag++) {
		struct window_item *item = *slot(window, tag);

		if (item != NULL && match(item, arg))
			return item;
	}
	return NULL;
}

void window_lost(struct window *window)
{
	for (; window->low < window->high; window->low++) {
		struct window_item *item = *slot(window, window->low);

		if (item != NULL)
			wait_again(item);
		*slot(window, window->low) = NULL;
	}
	window->low = window->high = 1;
	window->flying = 0;
}

struct window_item *window_drop(struct window *window,
	struct window_lane *lane)
{
	struct window_item *item = lane->first;

	if (item == NULL)
		return NULL;
	if (item->tag != 0) {
		*slot(window, item->tag) = NULL;
		window->flying--;
	} else if (!item->confirmed)
		lane->unsent--;
	if (lane->next == item)
		lane->next = NULL;
	lane->first = item->next;
	if (lane->first == NULL)
		lane->last = NULL;
	lane->items--;
	lane->bytes -= item->bytes;
	window->items--;
	window->bytes -= item->bytes;
	return item;
}

struct window_item *window_take(struct window *window,
	struct window_lane *lane)
{
	if (lane->first == NULL || !lane->first->confirmed)
		return NULL;
	return window_drop(window, lane);
}

size_t window_items(const struct window *window)
{
	return window->items;
}

size_t window_flying(const struct window *window)
{
	return window->flying;
}

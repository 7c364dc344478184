/* test_held.c - datasets that wait: who, what, until when. */
#include "consumer/held.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

static char shop_name[] = "shop", sho_name[] = "sho";
static char items_name[] = "items", users_name[] = "users";
static struct pipeline shop = { .name = shop_name };
static struct pipeline sho = { .name = sho_name };
static struct dataset items = { .pipeline = &shop, .name = items_name };
static struct dataset users = { .pipeline = &shop, .name = users_name };
static struct dataset other = { .pipeline = &sho, .name = items_name };

static struct work *work_from(const char *queue, size_t weight)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	struct err err = { 0 };
	struct work *work;

	CU_ASSERT_PTR_NOT_NULL_FATAL(delivery);
	delivery->queue = strdup(queue);
	delivery->memory = delivery->queue;
	delivery->weight = weight;
	work = work_new(delivery, 1, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(work);
	return work;
}

static struct held *add(struct held_set *set, const struct dataset *dataset,
	int64_t try_ms)
{
	struct err err = { 0 };
	struct held *held = held_add(set, dataset, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(held);
	held->try_ms = try_ms;
	return held;
}

static void push(struct held *held, const char *queue, size_t weight)
{
	struct err err = { 0 };

	CU_ASSERT_TRUE(held_push(held, work_from(queue, weight), 5, &err));
}

static void a_dataset_is_known_by_its_names(void)
{
	struct held_set set = { 0 };
	struct dataset again = items; /* of another plan */

	CU_ASSERT_PTR_NULL(held_find(&set, &items));
	(void)add(&set, &items, 0);
	CU_ASSERT_PTR_EQUAL(held_find(&set, &items), &set.items[0]);
	CU_ASSERT_PTR_EQUAL(held_find(&set, &again), &set.items[0]);
	CU_ASSERT_PTR_NULL(held_find(&set, &users));
	CU_ASSERT_PTR_NULL(held_find(&set, &other));
	CU_ASSERT_PTR_NULL(held_find(&set, NULL));
	(void)add(&set, &items, 0);
	CU_ASSERT_EQUAL(set.count, 1);
	held_clear(&set);
}

static void only_what_is_no_dead_letter_may_be_passed_on(void)
{
	struct held_set set = { 0 };
	struct held *held = add(&set, &items, 0);

	push(held, "sluice.shop", 10);
	push(held, "sluice.shop.dead", 100);
	push(held, "sluice.shop", 1000);
	CU_ASSERT_EQUAL(held->passable, 2);
	CU_ASSERT_EQUAL(held_bytes(&set), 1110);
	CU_ASSERT_EQUAL(held->since_ms, 5);
	work_free(held_take(held, 0));
	CU_ASSERT_EQUAL(held->passable, 1);
	CU_ASSERT_EQUAL(held_bytes(&set), 1100);
	work_free(held_take(held, 0));
	CU_ASSERT_EQUAL(held->passable, 1);
	CU_ASSERT_EQUAL(held->count, 1);
	CU_ASSERT_EQUAL(held_bytes(&set), 1000);
	held_clear(&set);
}

static void who_is_due_the_longest_is_tried_first(void)
{
	struct held_set set = { 0 };

	CU_ASSERT_EQUAL(held_wait_ms(&set, 0), -1);
	push(add(&set, &items, 300), "sluice.shop", 1);
	CU_ASSERT_EQUAL(held_wait_ms(&set, 100), 200);
	CU_ASSERT_PTR_NULL(held_due(&set, 100));
	push(add(&set, &users, 200), "sluice.shop", 1);
	(void)add(&set, &other, 0); /* without a message there is no try */
	CU_ASSERT_EQUAL(held_wait_ms(&set, 100), 100);
	CU_ASSERT_PTR_EQUAL(held_due(&set, 200), held_find(&set, &users));
	CU_ASSERT_PTR_EQUAL(held_due(&set, 400), held_find(&set, &users));
	CU_ASSERT_EQUAL(held_wait_ms(&set, 400), 0);
	held_remove(&set, held_find(&set, &users));
	CU_ASSERT_PTR_EQUAL(held_due(&set, 400), held_find(&set, &items));
	CU_ASSERT_PTR_NULL(held_due(&set, 299));
	held_hurry(&set);
	CU_ASSERT_PTR_EQUAL(held_due(&set, 1), held_find(&set, &items));
	held_clear(&set);
}

CU_TestInfo held_tests[] = {
	{ "a dataset is known by its names", a_dataset_is_known_by_its_names },
	{ "only what is no dead letter may be passed on",
		only_what_is_no_dead_letter_may_be_passed_on },
	{ "who is due the longest is tried first",
		who_is_due_the_longest_is_tried_first },
	CU_TEST_INFO_NULL,
};

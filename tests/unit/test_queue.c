/* test_queue.c - the bounded queue between threads. */
#include "common/queue.h"

#include <CUnit/CUnit.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

static bool readable(const struct queue *queue)
{
	struct pollfd p = { .fd = queue_fd(queue), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void bounds_hold(void)
{
	struct err err = { 0 };
	struct queue *q = queue_new(2, 100, &err);
	int a = 0, b = 0;

	CU_ASSERT_TRUE(queue_push(q, &a, 500, 0)); /* heavy, but alone */
	CU_ASSERT_FALSE(queue_push(q, &b, 1, 0));
	CU_ASSERT_PTR_EQUAL(queue_pop(q, 0), &a);
	CU_ASSERT_TRUE(queue_push(q, &a, 50, 0));
	CU_ASSERT_FALSE(queue_push(q, &b, 51, 0));
	CU_ASSERT_TRUE(queue_push(q, &b, 50, 0));
	CU_ASSERT_FALSE(queue_push(q, &b, 0, 0));
	CU_ASSERT_EQUAL(queue_len(q), 2);
	CU_ASSERT_EQUAL(queue_weight(q), 100);
	queue_free(q);
}

static size_t own_memory(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	size_t kib = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(status);
	while (fgets(line, sizeof(line), status) != NULL)
		if (sscanf(line, "RssAnon: %zu kB", &kib) == 1)
			break;
	(void)fclose(status);
	return kib << 10;
}

/* It takes memory for what waits in it, not for what ever passed. */
static void passing_takes_no_memory(void)
{
	const size_t places = 1 << 19; /* 8 MiB of them */
	struct err err = { 0 };
	struct queue *q = queue_new(places, places, &err);
	size_t before;
	int a = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(q);
	before = own_memory();
	for (size_t i = 0; i < places; i++)
		if (!queue_push(q, &a, 1, 0) || queue_pop(q, 0) != &a)
			CU_FAIL_FATAL("an item did not pass");
	CU_ASSERT_TRUE(own_memory() < before + places * 4);
	queue_free(q);
}

static void descriptor_follows_contents(void)
{
	struct err err = { 0 };
	struct queue *q = queue_new(2, 100, &err);
	int a = 0;

	CU_ASSERT_FALSE(readable(q));
	CU_ASSERT_TRUE(queue_push(q, &a, 1, 0));
	CU_ASSERT_TRUE(readable(q));
	CU_ASSERT_PTR_EQUAL(queue_pop(q, 0), &a);
	CU_ASSERT_FALSE(readable(q));
	queue_close(q);
	CU_ASSERT_TRUE(readable(q));
	CU_ASSERT_FALSE(queue_push(q, &a, 1, -1));
	CU_ASSERT_PTR_NULL(queue_pop(q, -1));
	queue_free(q);
}

static int items[10000];

static void *push_all(void *arg)
{
	for (size_t i = 0; i < 10000; i++)
		if (!queue_push(arg, &items[i], 1, -1))
			return arg;
	return NULL;
}

static void order_survives_threads(void)
{
	struct err err = { 0 };
	struct queue *q = queue_new(16, 1000, &err);
	pthread_t thread;
	bool ok = true;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, push_all, q), 0);
	for (size_t i = 0; i < 10000; i++)
		ok = ok && queue_pop(q, -1) == &items[i];
	CU_ASSERT_TRUE(ok);
	(void)pthread_join(thread, NULL);
	queue_free(q);
}

CU_TestInfo queue_tests[] = {
	{ "bounds of items and weight hold", bounds_hold },
	{ "the descriptor follows the contents", descriptor_follows_contents },
	{ "order survives two threads", order_survives_threads },
	{ "what passes takes no memory", passing_takes_no_memory },
	CU_TEST_INFO_NULL,
};

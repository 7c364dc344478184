/* test_broker_watch.c - the thread that ends calls which would hang. */
#include "common/broker_private.h"

#include <CUnit/CUnit.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define A_DAY_MS (24 * 3600 * 1000)

struct sample {
	struct watch watch;
	int fds[2];
};

static void start(struct sample *sample)
{
	struct err err = { 0 };

	memset(sample, 0, sizeof(*sample));
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
		0, sample->fds), 0);
	CU_ASSERT_TRUE_FATAL(watch_start(&sample->watch, sample->fds[0], 5,
		&err));
}

static void stop(struct sample *sample)
{
	watch_stop(&sample->watch);
	watch_stop(&sample->watch); /* twice is harmless */
	(void)close(sample->fds[0]);
	(void)close(sample->fds[1]);
}

/* Blocks until the socket is shut down: for ever, if the watch fails. */
static ssize_t hang(const struct sample *sample)
{
	char byte;

	return recv(sample->fds[0], &byte, 1, 0);
}

static void a_hanging_call_is_ended(void)
{
	struct sample sample;

	start(&sample);
	watch_enter(&sample.watch, 1);
	CU_ASSERT_EQUAL(hang(&sample), 0);
	CU_ASSERT_TRUE(sample.watch.hung);
	CU_ASSERT_FALSE(sample.watch.aborted);
	stop(&sample);
}

/* Two looks of the thread pass, told by a second watch that ends a call. */
static void whoever_is_in_time_is_left_alone(void)
{
	struct sample in_time, clock;

	start(&in_time);
	watch_enter(&in_time.watch, 1);
	watch_leave(&in_time.watch);
	watch_enter(&in_time.watch, A_DAY_MS);
	start(&clock);
	watch_enter(&clock.watch, 20);
	CU_ASSERT_EQUAL(hang(&clock), 0);
	stop(&clock);
	CU_ASSERT_FALSE(in_time.watch.hung);
	CU_ASSERT_EQUAL(send(in_time.fds[0], "x", 1, MSG_NOSIGNAL), 1);
	stop(&in_time);
}

static void an_abort_ends_any_call(void)
{
	struct sample sample;

	start(&sample);
	watch_enter(&sample.watch, A_DAY_MS);
	watch_abort(&sample.watch);
	CU_ASSERT_EQUAL(hang(&sample), 0);
	CU_ASSERT_TRUE(sample.watch.aborted);
	CU_ASSERT_FALSE(sample.watch.hung);
	stop(&sample);
}

CU_TestInfo broker_watch_tests[] = {
	{ "a hanging call is ended", a_hanging_call_is_ended },
	{ "whoever is in time is left alone",
		whoever_is_in_time_is_left_alone },
	{ "an abort ends any call", an_abort_ends_any_call },
	CU_TEST_INFO_NULL,
};

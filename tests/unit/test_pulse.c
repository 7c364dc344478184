/* test_pulse.c - a thread that has work and takes no step is told of; the
 * service manager hears what sd_notify(3) says it should. */
#include "common/pulse.h"
#include "common/clock.h"
#include "common/health.h"
#include "common/service.h"

#include <CUnit/CUnit.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_ready(struct buf *why)
{
	buf_reset(why);
	pulse_look();
	return health_ready(why);
}

static void await_ms(int64_t ms)
{
	const int64_t end = clock_now_ms() + ms;

	while (clock_now_ms() < end)
		(void)poll(NULL, 0, (int)(end - clock_now_ms()));
}

/* Whoever is busy now is ready, or alive, for as long as was set up: asked
 * again when this thread was kept from asking for longer. */
static bool soon(struct pulse *pulse, bool (*holds)(void))
{
	for (int tries = 0; tries < 1000; tries++) {
		pulse_busy(pulse, "the same load");
		if (holds())
			return true;
	}
	return false;
}

static void work_without_a_step_is_a_stall(void)
{
	struct pulse *pulse = pulse_of("loader");
	struct buf why = { 0 };

	pulse_setup(20, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pulse);
	CU_ASSERT_PTR_EQUAL(pulse_of("loader"), pulse);
	CU_ASSERT_TRUE(is_ready(&why));
	pulse_step(pulse); /* who has no work takes no step */
	await_ms(30);
	CU_ASSERT_TRUE(is_ready(&why));
	pulse_busy(pulse, "a load");
	await_ms(30);
	pulse_busy(pulse, "still a load");
	CU_ASSERT_FALSE(is_ready(&why));
	CU_ASSERT_PTR_NOT_NULL(strstr(why.data,
		"loader: no progress for "));
	CU_ASSERT_PTR_NOT_NULL(strstr(why.data, " s: still a load"));
	pulse_idle(pulse);
	CU_ASSERT_TRUE(is_ready(&why));
	CU_ASSERT_TRUE(pulse_alive_all());
	buf_clear(&why);
}

static void a_step_is_progress(void)
{
	struct pulse *pulse = pulse_of("loader");
	struct buf why = { 0 };

	pulse_setup(1000000, 0);
	pulse_busy(pulse, "a load");
	await_ms(30);
	pulse_step(pulse);
	pulse_setup(INT64_C(1), 0);
	await_ms(5);
	CU_ASSERT_FALSE(is_ready(&why));
	pulse_setup(0, 0); /* nobody wants to know */
	CU_ASSERT_TRUE(is_ready(&why));
	pulse_idle(pulse);
	buf_clear(&why);
}

static void who_gives_no_sign_of_life_is_given_up(void)
{
	struct pulse *pulse = pulse_of("loader");

	pulse_setup(0, 20);
	pulse_busy(pulse, "a load");
	await_ms(30);
	CU_ASSERT_FALSE(pulse_alive_all());
	/* no step, but alive */
	CU_ASSERT_TRUE(soon(pulse, pulse_alive_all));
	await_ms(30);
	pulse_idle(pulse);
	CU_ASSERT_TRUE(pulse_alive_all());
	pulse_setup(0, 0);
}

/* -- the service manager -------------------------------------------------- */

static int listen_as(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC |
		SOCK_NONBLOCK, 0);
	const size_t len = strlen(name);

	memcpy(at.sun_path, name, len);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	CU_ASSERT_FATAL(fd >= 0 && bind(fd, (const struct sockaddr *)&at,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
			(name[0] == '/'))) == 0);
	CU_ASSERT_EQUAL(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

static void hears(int fd, const char *want)
{
	char text[512] = "";
	const ssize_t got = recv(fd, text, sizeof(text) - 1, 0);

	text[got > 0 ? got : 0] = '\0';
	CU_ASSERT_STRING_EQUAL(text, want);
}

static void the_manager_hears_it(void)
{
	char name[64];
	int fd;

	(void)snprintf(name, sizeof(name), "@sluice-test-%ld",
		(long)getpid());
	fd = listen_as(name);
	(void)setenv("WATCHDOG_USEC", "3600000000", 1);
	service_begin();
	CU_ASSERT_PTR_NULL(getenv("NOTIFY_SOCKET"));
	CU_ASSERT_PTR_NULL(getenv("WATCHDOG_USEC"));
	service_ready();
	hears(fd, "READY=1");
	service_tick();
	hears(fd, "STATUS=ready");
	hears(fd, "WATCHDOG=1");
	service_tick(); /* nothing new, and too early */
	hears(fd, "");
	health_down("disk", "full");
	service_tick();
	hears(fd, "STATUS=waits: disk: full");
	health_note("disk", "paused");
	service_tick();
	hears(fd, "STATUS=ready: note: disk: paused");
	health_up("disk");
	service_stopping();
	hears(fd, "STOPPING=1\nSTATUS=stopping");
	(void)close(fd);
}

static void who_is_given_up_is_not_fed_for(void)
{
	struct pulse *pulse = pulse_of("loader");
	char name[64];
	int fd;

	(void)snprintf(name, sizeof(name), "/tmp/sluice-test-%ld",
		(long)getpid());
	fd = listen_as(name);
	(void)setenv("WATCHDOG_USEC", "2000", 1);
	service_begin();
	service_tick();
	hears(fd, "STATUS=ready");
	hears(fd, "WATCHDOG=1");
	pulse_setup(0, 10);
	pulse_busy(pulse, "a load");
	await_ms(20);
	service_tick();
	hears(fd, "");
	pulse_idle(pulse);
	service_tick();
	hears(fd, "WATCHDOG=1");
	pulse_setup(0, 0);
	(void)close(fd);
	(void)unlink(name);
}

static void nobody_need_listen(void)
{
	service_begin();
	service_ready();
	service_tick();
	(void)setenv("NOTIFY_SOCKET", "/tmp/sluice-nobody-listens", 1);
	(void)setenv("WATCHDOG_USEC", "1000", 1);
	(void)setenv("WATCHDOG_PID", "1", 1);
	service_begin();
	service_ready();
	service_tick();
	service_stopping();
	(void)setenv("NOTIFY_SOCKET", "relative", 1);
	service_begin();
	service_ready();
}

CU_TestInfo pulse_tests[] = {
	{ "work without a step is a stall", work_without_a_step_is_a_stall },
	{ "a step is progress", a_step_is_progress },
	{ "who gives no sign of life is given up",
		who_gives_no_sign_of_life_is_given_up },
	{ "the manager hears it", the_manager_hears_it },
	{ "who is given up is not fed for", who_is_given_up_is_not_fed_for },
	{ "nobody need listen", nobody_need_listen },
	CU_TEST_INFO_NULL,
};

/* test_health.c - what keeps the process from its work is told, by name, over
 * its own port too, and bad requests get an answer. */
#include "common/health.h"
#include "common/httpd.h"
#include "common/probe.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Since when does not matter here: a busy machine takes its time. */
static const char *without_seconds(struct buf *text)
{
	char *to = text->data;

	if (to == NULL)
		return "";
	for (const char *from = to; *from != '\0';) {
		if (strncmp(from, " (for ", 6) == 0)
			from += strcspn(from, ")") + 1;
		else
			*to++ = *from++;
	}
	*to = '\0';
	return text->data;
}

static void parts_are_down_until_they_are_up(void)
{
	struct buf text = { 0 };

	CU_ASSERT_TRUE(health_ready(NULL));
	health_down("disk", "full");
	health_down("queue of a", "full; files wait");
	health_down("disk", "fuller");
	CU_ASSERT_FALSE(health_ready(&text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text.data, "disk: fuller (for "));
	CU_ASSERT_STRING_EQUAL(without_seconds(&text), "disk: fuller\n"
		"queue of a: full; files wait\n");
	health_up("disk");
	health_up("nobody");
	buf_clear(&text);
	CU_ASSERT_FALSE(health_ready(NULL));
	health_up("queue of a");
	CU_ASSERT_TRUE(health_ready(NULL));
}

static void what_works_may_have_a_note(void)
{
	struct buf text = { 0 };

	health_note("inotify", "short");
	CU_ASSERT_TRUE(health_ready(&text));
	CU_ASSERT_STRING_EQUAL(text.data, "note: inotify: short\n");
	buf_reset(&text);
	health_down("inotify", "gone");
	CU_ASSERT_FALSE(health_ready(&text));
	CU_ASSERT_STRING_EQUAL(without_seconds(&text), "inotify: gone\n");
	health_up("inotify");
	CU_ASSERT_TRUE(health_ready(NULL));
	buf_clear(&text);
}

static void there_is_an_end_to_names(void)
{
	char name[32];

	for (int i = 0; i < HEALTH_PARTS + 1; i++) {
		(void)snprintf(name, sizeof(name), "part %d", i);
		health_down(name, "x");
	}
	for (int i = 0; i < HEALTH_PARTS + 1; i++) {
		CU_ASSERT_FALSE(health_ready(NULL) && i < HEALTH_PARTS);
		(void)snprintf(name, sizeof(name), "part %d", i);
		health_up(name);
	}
	CU_ASSERT_TRUE(health_ready(NULL));
}

static void a_probe_answers(void)
{
	struct probe *probe = probe_start("127.0.0.1:0", NULL, NULL);
	struct buf text = { 0 };
	struct err err = { 0 };
	char address[32];
	bool ready = false;

	CU_ASSERT_PTR_NOT_NULL_FATAL(probe);
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u",
		probe_port(probe));
	CU_ASSERT_TRUE(probe_ask(address, &ready, &text, &err));
	CU_ASSERT_TRUE(ready);
	health_down("disk", "full");
	CU_ASSERT_TRUE(probe_ask(address, &ready, &text, &err));
	CU_ASSERT_FALSE(ready);
	CU_ASSERT_STRING_EQUAL(without_seconds(&text), "disk: full\n");
	health_up("disk");
	probe_stop(probe);
	CU_ASSERT_FALSE(probe_ask(address, &ready, &text, &err));
	CU_ASSERT_FALSE(ready);
	buf_clear(&text);
}

/* What the server says to these bytes; "" when it hangs up. */
static void converse(unsigned port, const char *said, char *heard, size_t room)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval patience = { .tv_sec = 30 };
	size_t len = 0;
	ssize_t got = 1;

	heard[0] = '\0';
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		sizeof(patience));
	CU_ASSERT_FATAL(fd >= 0 &&
		connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
	(void)send(fd, said, strlen(said), MSG_NOSIGNAL);
	while (got > 0 && len + 1 < room) {
		got = recv(fd, heard + len, room - 1 - len, 0);
		len += got > 0 ? (size_t)got : 0;
	}
	heard[len] = '\0';
	(void)close(fd);
}

static void bad_requests_get_an_answer(void)
{
	static const struct {
		const char *said, *status;
	} cases[] = {
		{ "GET /healthz HTTP/1.0\r\n\r\n", " 200 " },
		{ "GET /../../etc/passwd HTTP/1.0\r\n\r\n", " 404 " },
		{ "POST /readyz HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
			" 405 " },
		{ "DELETE /healthz HTTP/1.0\r\n\r\n", " 405 " },
		{ "GET /readyz\r\n\r\n", "" },
	};
	struct probe *probe = probe_start("127.0.0.1:0", NULL, NULL);
	char heard[4096];

	CU_ASSERT_PTR_NOT_NULL_FATAL(probe);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		converse(probe_port(probe), cases[i].said, heard,
			sizeof(heard));
		CU_ASSERT_PTR_NOT_NULL(strstr(heard, cases[i].status));
	}
	probe_stop(probe);
}

/* More of them than may be connected, none of them quite idle, and a moment
 * later somebody who asks. */
static void idle_clients_keep_nobody_out(void)
{
	struct probe *probe = probe_start("127.0.0.1:0", NULL, NULL);
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int idle[200];
	char heard[4096];

	CU_ASSERT_PTR_NOT_NULL_FATAL(probe);
	at.sin_port = htons((uint16_t)probe_port(probe));
	for (size_t i = 0; i < 200; i++) {
		idle[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CU_ASSERT_FATAL(idle[i] >= 0 && connect(idle[i],
			(const struct sockaddr *)&at, sizeof(at)) == 0);
	}
	heard[0] = '\0';
	for (int tries = 0; tries < 30 && strstr(heard, " 200 ") == NULL;
		tries++) {
		for (size_t i = 0; i < 200; i++)
			(void)send(idle[i], "G", 1, MSG_NOSIGNAL);
		(void)poll(NULL, 0, 300);
		converse(probe_port(probe), "GET /healthz HTTP/1.0\r\n\r\n",
			heard, sizeof(heard));
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(heard, " 200 "));
	for (size_t i = 0; i < 200; i++)
		(void)close(idle[i]);
	probe_stop(probe);
}

static void headers_have_an_end(void)
{
	static char large[20000];
	struct probe *probe = probe_start("127.0.0.1:0", NULL, NULL);
	char heard[4096];

	CU_ASSERT_PTR_NOT_NULL_FATAL(probe);
	(void)snprintf(large, sizeof(large),
		"GET /readyz HTTP/1.0\r\nX: %019900d", 1);
	for (int tries = 0; tries < 20; tries++) {
		converse(probe_port(probe), large, heard, sizeof(heard));
		if (heard[0] != '\0')
			break; /* else it hung up on what was still on its way */
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(heard, " 431 "));
	probe_stop(probe);
}

static void addresses_are_checked(void)
{
	static const char *const bad[] = { "9464", ":9464", "127.0.0.1:",
		"127.0.0.1:x", "sluice.invalid:1", "[::1" };
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		err = (struct err){ 0 };
		CU_ASSERT_PTR_NULL(httpd_start(bad[i], NULL, NULL, &err));
		CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_CONFIG);
	}
}

CU_TestInfo health_tests[] = {
	{ "parts are down until they are up",
		parts_are_down_until_they_are_up },
	{ "what works may have a note", what_works_may_have_a_note },
	{ "there is an end to names", there_is_an_end_to_names },
	{ "a probe answers", a_probe_answers },
	{ "bad requests get an answer", bad_requests_get_an_answer },
	{ "idle clients keep nobody out", idle_clients_keep_nobody_out },
	{ "headers have an end", headers_have_an_end },
	{ "addresses are checked", addresses_are_checked },
	CU_TEST_INFO_NULL,
};

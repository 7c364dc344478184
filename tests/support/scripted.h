/* scripted.h - an HTTP server in a thread that gives the answers it was told,
 * one to each connection, and remembers what it was asked. */
#ifndef SLUICE_TESTS_SCRIPTED_H
#define SLUICE_TESTS_SCRIPTED_H

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRIPTED_MAX 32

struct scripted {
	const char *const *answers; /* NULL ends; then it closes at once */
	pthread_t thread;
	int listener;
	int port;
	_Atomic int asked;
	_Atomic bool over;
	char lines[SCRIPTED_MAX][512];    /* "PUT /a HTTP/1.1" */
	char headers[SCRIPTED_MAX][2048]; /* the rest of it */
};

static void scripted_read(struct scripted *s, int fd, int at)
{
	static const char length[] = "content-length:";
	char text[4096] = "", *end = NULL, *line;
	size_t len = 0;
	ssize_t got = 1;
	long body = 0;

	while (end == NULL && got > 0 && len < sizeof(text) - 1) {
		got = recv(fd, text + len, sizeof(text) - 1 - len, 0);
		len += got > 0 ? (size_t)got : 0;
		text[len] = '\0';
		end = strstr(text, "\r\n\r\n");
	}
	if (end == NULL)
		return;
	for (line = text; line < end; line = strstr(line, "\r\n") + 2)
		if (strncasecmp(line, length, sizeof(length) - 1) == 0)
			body = strtol(line + sizeof(length) - 1, NULL, 10);
	line = strstr(text, "\r\n");
	(void)snprintf(s->lines[at], sizeof(s->lines[at]), "%.*s",
		(int)(line - text), text);
	(void)snprintf(s->headers[at], sizeof(s->headers[at]), "%.*s",
		(int)(end - line), line);
	body -= (long)(len - (size_t)(end + 4 - text));
	if (strstr(s->headers[at], "100-continue") != NULL)
		(void)!write(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	while (body > 0 && (got = recv(fd, text, sizeof(text), 0)) > 0)
		body -= got;
}

static void *scripted_serve(void *arg)
{
	struct scripted *s = arg;

	while (!s->over) {
		struct pollfd fd = { s->listener, POLLIN, 0 };
		const char *answer;
		int peer;

		if (poll(&fd, 1, 10) <= 0)
			continue;
		peer = accept(s->listener, NULL, NULL);
		if (s->asked < SCRIPTED_MAX)
			scripted_read(s, peer, s->asked);
		answer = s->answers[s->asked];
		if (answer != NULL) {
			s->asked++;
			(void)send(peer, answer, strlen(answer), MSG_NOSIGNAL);
		}
		(void)shutdown(peer, SHUT_RDWR);
		(void)close(peer);
	}
	return NULL;
}

static void scripted_start(struct scripted *s, const char *const *answers)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	memset(s, 0, sizeof(*s));
	s->answers = answers;
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(s->listener, (struct sockaddr *)&at, len),
		0);
	CU_ASSERT_EQUAL_FATAL(listen(s->listener, 8), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(s->listener, (struct sockaddr *)&at,
		&len), 0);
	s->port = ntohs(at.sin_port);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&s->thread, NULL, scripted_serve,
		s), 0);
}

static void scripted_stop(struct scripted *s)
{
	s->over = true;
	(void)pthread_join(s->thread, NULL);
	(void)close(s->listener);
}

#endif

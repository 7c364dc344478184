/* test_http.c - what is taken from an HTTP server, and what is not; the server
 * is a thread that says one thing. */
#include "common/http.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct server {
	pthread_t thread;
	int listener;
	int port;
	const char *answer; /* NULL: silence */
	char request[4096];
	_Atomic int requests;
	_Atomic bool over;
};

/* Reads up to the blank line and, when one is announced, the short body. */
static void read_request(struct server *server, int fd)
{
	size_t len = 0;
	ssize_t got = 1;

	while (got > 0 && len < sizeof(server->request) - 1) {
		got = recv(fd, server->request + len,
			sizeof(server->request) - 1 - len, 0);
		len += got > 0 ? (size_t)got : 0;
		server->request[len] = '\0';
		if (strstr(server->request, "\r\n\r\n") != NULL &&
			(strstr(server->request, "Content-Length: 5") ==
					NULL ||
				strstr(server->request, "hello") != NULL))
			break;
	}
}

static void *serve(void *arg)
{
	struct server *server = arg;

	while (!server->over) {
		struct pollfd fd = { server->listener, POLLIN, 0 };
		int peer;

		if (poll(&fd, 1, 10) <= 0)
			continue;
		peer = accept(server->listener, NULL, NULL);
		read_request(server, peer);
		server->requests++;
		if (server->answer != NULL)
			(void)send(peer, server->answer,
				strlen(server->answer), MSG_NOSIGNAL);
		while (server->answer == NULL && !server->over)
			(void)poll(NULL, 0, 10);
		(void)close(peer);
	}
	return NULL;
}

static void start(struct server *server, const char *answer)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	memset(server, 0, sizeof(*server));
	server->answer = answer;
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(server->listener, (struct sockaddr *)&at,
		len), 0);
	CU_ASSERT_EQUAL_FATAL(listen(server->listener, 4), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(server->listener,
		(struct sockaddr *)&at, &len), 0);
	server->port = ntohs(at.sin_port);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&server->thread, NULL, serve,
		server), 0);
}

static void stop(struct server *server)
{
	server->over = true;
	(void)pthread_join(server->thread, NULL);
	(void)close(server->listener);
}

static bool fetch(struct server *server, struct http_request request,
	long *status, struct buf *answer, struct err *err)
{
	char url[128];

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/a?b=c",
		server->port);
	request.url = url;
	if (request.method == NULL)
		request.method = "GET";
	memset(err, 0, sizeof(*err));
	return http_fetch(&request, status, answer, err);
}

static void check_taken(const char *says, long want, const char *body)
{
	struct server server;
	struct buf answer = { 0 };
	struct err err;
	long status = 0;

	start(&server, says);
	CU_ASSERT_TRUE(fetch(&server, (struct http_request){ 0 }, &status,
		&answer, &err));
	CU_ASSERT_EQUAL(status, want);
	CU_ASSERT_STRING_EQUAL(answer.data != NULL ? answer.data : "", body);
	CU_ASSERT_EQUAL(server.requests, 1);
	stop(&server);
	buf_clear(&answer);
}

static void whole_answers_are_taken(void)
{
	check_taken("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200,
		"ok");
	check_taken("HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "2\r\nno\r\n0\r\n\r\n", 404, "no");
	check_taken("HTTP/1.1 204 None\r\n\r\n", 204, "");
}

static void redirects_are_not_followed(void)
{
	check_taken("HTTP/1.1 302 There\r\nLocation: /b\r\n"
		    "Content-Length: 0\r\n\r\n", 302, "");
}

static void check_refused(const char *says, size_t max, enum err_kind kind)
{
	struct server server;
	struct buf answer = { 0 };
	struct err err;
	long status;

	start(&server, says);
	CU_ASSERT_FALSE(fetch(&server,
		(struct http_request){ .max_answer_bytes = max,
			/* whoever says something says it at once */
			.timeout_secs = says == NULL ? 1 : 60 },
		&status, &answer, &err));
	CU_ASSERT_EQUAL(err.kind, kind);
	CU_ASSERT_TRUE(max == 0 || answer.len <= max);
	stop(&server);
	buf_clear(&answer);
}

static void large_answers_are_refused(void)
{
	check_refused("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", 4,
		ERR_REJECT);
	check_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 4, ERR_REJECT);
}

static void cut_answers_are_refused(void)
{
	check_refused("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", 0,
		ERR_RETRY);
	check_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		      "3\r\ncut\r\n", 0, ERR_RETRY);
	check_refused("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nmay be cut",
		0, ERR_RETRY);
	check_refused("", 0, ERR_RETRY);
	check_refused(NULL, 0, ERR_RETRY);
}

static void requests_carry_what_was_asked(void)
{
	const struct http_request request = { .method = "PUT",
		.user = "me", .password = "pw:x",
		.content_type = "application/json",
		.body = "hello", .body_len = 5 };
	struct server server;
	struct buf answer = { 0 };
	struct err err;
	long status;

	start(&server, "HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n");
	CU_ASSERT_TRUE(fetch(&server, request, &status, &answer, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "PUT /a?b=c HTTP/1.1"));
	CU_ASSERT_PTR_NOT_NULL(strstr(server.request,
		"Authorization: Basic bWU6cHc6eA=="));
	CU_ASSERT_PTR_NOT_NULL(strstr(server.request,
		"Content-Type: application/json"));
	CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "\r\n\r\nhello"));
	stop(&server);
	buf_clear(&answer);
}

struct seen {
	char headers[256];
	char body[64];
	bool refuse;
};

static bool see_header(void *context, const char *name, const char *value,
	struct err *err)
{
	struct seen *seen = context;
	const size_t len = strlen(seen->headers);

	(void)err;
	(void)snprintf(seen->headers + len, sizeof(seen->headers) - len,
		"%s=%s|", name, value);
	return true;
}

static bool see_body(void *context, const char *data, size_t len,
	struct err *err)
{
	struct seen *seen = context;
	const size_t had = strlen(seen->body);

	if (seen->refuse)
		return err_set(err, ERR_RETRY, "the disk is full");
	CU_ASSERT_TRUE_FATAL(had + len < sizeof(seen->body));
	memcpy(seen->body + had, data, len);
	return true;
}

/* One exchange with a server of its own. */
static bool exchange(struct http_request *request, struct seen *seen,
	struct server *server, struct err *err)
{
	struct http_answer answer = { .header = see_header, .body = see_body,
		.context = seen };
	struct http *http = http_open(err);
	char url[128];
	bool ok;

	CU_ASSERT_PTR_NOT_NULL_FATAL(http);
	start(server, "HTTP/1.1 206 Part\r\nETag:  \"a: b\" \r\nX-None:\r\n"
		      "Content-Length: 4\r\n\r\npart");
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/a/../b%%20c",
		server->port);
	request->url = url;
	ok = http_exchange(http, request, &answer, err);
	CU_ASSERT_EQUAL(answer.status, 206);
	http_close(http);
	stop(server);
	return ok;
}

static void answers_come_with_their_headers(void)
{
	struct http_request request = { .method = "GET", .headers =
		(const struct http_header[]){ { "X-One", "1" }, { NULL, NULL } }
	};
	struct seen seen = { .refuse = false };
	struct server server;
	struct err err = { 0 };

	CU_ASSERT_TRUE(exchange(&request, &seen, &server, &err));
	CU_ASSERT_STRING_EQUAL(seen.headers,
		"etag=\"a: b\"|x-none=|content-length=4|");
	CU_ASSERT_STRING_EQUAL(seen.body, "part");
	CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "X-One: 1\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "GET /a/../b%20c HTTP"));
}

static void who_takes_the_answer_may_refuse_it(void)
{
	struct http_request request = { .method = "GET" };
	struct seen seen = { .refuse = true };
	struct server server;
	struct err err = { 0 };

	CU_ASSERT_FALSE(exchange(&request, &seen, &server, &err));
	CU_ASSERT_STRING_EQUAL(err.text, "the disk is full");
}

static void bodies_are_read_from_files(void)
{
	char name[] = "/tmp/sluice-http-XXXXXX";
	struct http_request request = { .method = "PUT", .body_at = 3,
		.body_len = 5, .body_fd = mkstemp(name) };
	struct seen seen = { .refuse = false };
	struct server server;
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(request.body_fd > 0);
	CU_ASSERT_EQUAL(write(request.body_fd, "---hello---", 11), 11);
	CU_ASSERT_TRUE(exchange(&request, &seen, &server, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "\r\n\r\nhello"));
	(void)close(request.body_fd);
	(void)unlink(name);
}

static void signatures_name_key_and_scope_and_no_secret(void)
{
	const struct http_sign sign = { .region = "eu-1", .service = "s3",
		.key = "KEY", .secret = "hidden" };
	struct http_request request = { .method = "GET", .sign = &sign };
	struct seen seen = { .refuse = false };
	struct server server;
	struct err err = { 0 };

	CU_ASSERT_TRUE(exchange(&request, &seen, &server, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(server.request,
		"Authorization: AWS4-HMAC-SHA256 Credential=KEY/"));
	CU_ASSERT_PTR_NOT_NULL(strstr(server.request,
		"/eu-1/s3/aws4_request, SignedHeaders=host;x-amz-"));
	CU_ASSERT_PTR_NULL(strstr(server.request, "hidden"));
}

static void check_address(const char *url, bool plain, const char *part)
{
	const struct http_request request = {
		.method = "GET", .url = url, .plain = plain,
	};
	struct buf answer = { 0 };
	struct err err = { 0 };
	long status;

	CU_ASSERT_FALSE(http_fetch(&request, &status, &answer, &err));
	CU_ASSERT_PTR_NULL(strstr(err.text, "secret"));
	if (strstr(err.text, part) == NULL) {
		(void)fprintf(stderr, "'%s' lacks '%s'\n", err.text, part);
		CU_FAIL("another error text");
	}
	buf_clear(&answer);
}

static void addresses_are_https_or_loopback(void)
{
	check_address("http://example.org/", false, "https is needed");
	check_address("http://127.0.0.1.example.org/", false, "https is needed");
	check_address("http://localhost.example.org/", false, "https is needed");
	check_address("http://a.localhost.example/", false, "https is needed");
	check_address("http://a.localhost:1/", false, "does not answer");
	check_address("ftp://127.0.0.1/", false, "https is needed");
	check_address("http://sluice.invalid/", true, "sluice.invalid");
	check_address("ftp://sluice.invalid/", true, "https is needed");
	check_address("file:///etc/hostname", false, "");
	check_address("no address", false, "bad URL");
	check_address("http://me:secret@127.0.0.1:1/x?key=secret", false,
		"http://127.0.0.1:1/x does not answer");
}

CU_TestInfo http_tests[] = {
	{ "whole answers are taken", whole_answers_are_taken },
	{ "redirects are not followed", redirects_are_not_followed },
	{ "large answers are refused", large_answers_are_refused },
	{ "cut answers are refused", cut_answers_are_refused },
	{ "requests carry what was asked", requests_carry_what_was_asked },
	{ "answers come with their headers", answers_come_with_their_headers },
	{ "who takes the answer may refuse it",
		who_takes_the_answer_may_refuse_it },
	{ "bodies are read from files", bodies_are_read_from_files },
	{ "signatures name key and scope and no secret",
		signatures_name_key_and_scope_and_no_secret },
	{ "addresses are https or loopback", addresses_are_https_or_loopback },
	CU_TEST_INFO_NULL,
};

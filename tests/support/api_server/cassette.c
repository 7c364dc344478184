/* cassette.c - see cassette.h. */
#include "tests/support/api_server/cassette.h"

#include <fcntl.h>
#include <fts.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct exchange {
	char *method;
	char *origin; /* "https://api.example.org" */
	char *path;
	struct pairs query;
	unsigned status;
	struct pairs headers;
	struct buf body;
	int served;
};

struct cassette {
	pthread_mutex_t lock;
	struct exchange *list;
	size_t count;
};

struct cassette *cassette_new(void)
{
	struct cassette *cassette =
		must_have(calloc(1, sizeof(struct cassette)));

	(void)pthread_mutex_init(&cassette->lock, NULL);
	return cassette;
}

/* -- reading one exchange ---------------------------------------------- */

static bool read_file(const char *name, struct buf *out, struct err *err)
{
	char piece[65536];
	const int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t got = -1;

	while (fd >= 0 && (got = read(fd, piece, sizeof(piece))) > 0)
		say_bytes(out, piece, (size_t)got);
	if (fd >= 0)
		(void)close(fd);
	return got == 0 || err_errno(err, ERR_STOP, "%s", name);
}

/* "https://host:1/path?query" or "/path?query" */
static void read_url(struct exchange *exchange, char *url)
{
	const char *scheme = strstr(url, "://");
	char *path = scheme == NULL ? url : strchr(scheme + 3, '/');
	char *query;

	if (path == NULL)
		path = url + strlen(url);
	exchange->origin = copy_of(url, (size_t)(path - url));
	query = strchr(path, '?');
	if (query != NULL) {
		*query++ = '\0';
		pairs_read_query(&exchange->query, query, strlen(query));
	}
	(void)percent_decode(path, false);
	exchange->path = copy_of(path, strlen(path));
}

/* "GET URL", maybe with "HTTP/1.1" behind */
static bool read_request_line(struct exchange *exchange, char *line,
	struct err *err)
{
	char *next = line;
	const char *method = strsep(&next, " ");
	char *url = strsep(&next, " ");

	if (url == NULL)
		return err_set(err, ERR_REJECT, "no request line");
	exchange->method = copy_of(method, strlen(method));
	read_url(exchange, url);
	return true;
}

static bool read_status(struct exchange *exchange, const char *line,
	struct err *err)
{
	const char *number = line == NULL ? NULL : strchr(line, ' ');

	if (number == NULL || strncmp(line, "HTTP/", 5) != 0)
		return err_set(err, ERR_REJECT,
			"no status line such as HTTP/1.1 200 OK");
	exchange->status = (unsigned)strtoul(number, NULL, 10);
	return exchange->status >= 200 && exchange->status < 600 ? true :
		err_set(err, ERR_REJECT, "bad status line");
}

static void read_header(struct exchange *exchange, char *line)
{
	/* These speak of one connection, not of the answer. */
	static const char *const dropped[] = { "Content-Length", "Date",
		"Transfer-Encoding", "Connection", "Content-Encoding",
		"Keep-Alive" };
	char *value = strchr(line, ':');

	if (value == NULL)
		return;
	*value++ = '\0';
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		if (strcasecmp(line, dropped[i]) == 0)
			return;
	pairs_add(&exchange->headers, line, value + strspn(value, " \t"));
}

static char *next_line(char **text)
{
	char *line = strsep(text, "\n");

	if (line != NULL)
		line[strcspn(line, "\r")] = '\0';
	return line;
}

static bool read_text(struct exchange *exchange, char *text, struct err *err)
{
	char *line = next_line(&text);

	if (line == NULL || !read_request_line(exchange, line, err))
		return false;
	while ((line = next_line(&text)) != NULL && line[0] != '\0')
		; /* what the request's headers were is not compared */
	if (!read_status(exchange, next_line(&text), err))
		return false;
	while ((line = next_line(&text)) != NULL && line[0] != '\0')
		read_header(exchange, line);
	return true;
}

static void exchange_clear(struct exchange *exchange)
{
	free(exchange->method);
	free(exchange->origin);
	free(exchange->path);
	pairs_clear(&exchange->query);
	pairs_clear(&exchange->headers);
	buf_clear(&exchange->body);
}

/* NAME.http, and the body in NAME where there is one. */
static bool load_one(struct cassette *cassette, const char *file,
	struct err *err)
{
	struct exchange exchange = { 0 };
	struct buf text = { 0 };
	char *body = copy_of(file, strlen(file) - strlen(".http"));
	bool ok = read_file(file, &text, err);

	if (ok && text.len == 0)
		ok = err_set(err, ERR_REJECT, "empty");
	ok = ok && read_text(&exchange, text.data, err);
	if (ok && access(body, F_OK) == 0)
		ok = read_file(body, &exchange.body, err);
	free(body);
	buf_clear(&text);
	if (!ok) {
		exchange_clear(&exchange);
		return err_wrap(err, "%s", file);
	}
	cassette->list = must_have(reallocarray(cassette->list,
		cassette->count + 1, sizeof(*cassette->list)));
	cassette->list[cassette->count++] = exchange;
	return true;
}

/* -- the folder -------------------------------------------------------- */

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool is_exchange(const FTSENT *file)
{
	const size_t len = strlen(file->fts_name);

	return file->fts_info == FTS_F && len > 5 &&
		strcmp(file->fts_name + len - 5, ".http") == 0;
}

bool cassette_load(struct cassette *cassette, const char *folder,
	struct err *err)
{
	const size_t before = cassette->count;
	char *name = copy_of(folder, strlen(folder));
	char *names[] = { name, NULL };
	FTS *walk = fts_open(names, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	FTSENT *file;
	bool ok = walk != NULL;

	while (ok && (file = fts_read(walk)) != NULL)
		if (is_exchange(file))
			ok = load_one(cassette, file->fts_path, err);
	if (walk != NULL)
		(void)fts_close(walk);
	free(name);
	if (ok && cassette->count == before)
		ok = err_stop(err, EXIT_IO, "no cassette in %s", folder);
	return ok;
}

/* -- answering --------------------------------------------------------- */

/* -1: another request. Else how many parameters were recorded and are as in
 * the request: of several, the one that says most is meant. One whose value
 * was removed for its secret is like any. */
static int likeness(const struct exchange *exchange,
	const struct request *request)
{
	if (strcmp(exchange->method, request->method) != 0 ||
		strcmp(exchange->path, request->path) != 0)
		return -1;
	for (size_t i = 0; i < exchange->query.count; i++) {
		const struct pair *want = &exchange->query.list[i];
		const char *got = pairs_get(&request->query, want->name);

		if (got == NULL || (strcmp(got, want->value) != 0 &&
			strcmp(want->value, "REMOVED") != 0))
			return -1;
	}
	return (int)exchange->query.count;
}

/* Of those recorded for the same request the first not served yet, then the
 * last for ever. */
static struct exchange *choose(struct cassette *cassette,
	const struct request *request)
{
	struct exchange *best = NULL;
	int best_likeness = -1;

	for (size_t i = 0; i < cassette->count; i++) {
		struct exchange *exchange = &cassette->list[i];
		const int now = likeness(exchange, request);

		if (now > best_likeness || (now >= 0 && now == best_likeness &&
			best->served > 0))
			best = exchange;
		if (now > best_likeness)
			best_likeness = now;
	}
	return best;
}

static void say_replaced(struct buf *out, const char *text, const char *old,
	const char *new)
{
	const char *hit;

	while (old[0] != '\0' && (hit = strstr(text, old)) != NULL) {
		say_bytes(out, text, (size_t)(hit - text));
		say(out, "%s", new);
		text = hit + strlen(old);
	}
	say(out, "%s", text);
}

static void give(const struct exchange *exchange,
	const struct request *request, struct answer *answer)
{
	answer->status = exchange->status;
	for (size_t i = 0; i < exchange->headers.count; i++) {
		struct buf value = { 0 };

		say_replaced(&value, exchange->headers.list[i].value,
			exchange->origin, request->base);
		pairs_add(&answer->headers, exchange->headers.list[i].name,
			value.data);
		buf_clear(&value);
	}
	if (exchange->body.len > 0)
		say_bytes(&answer->body, exchange->body.data,
			exchange->body.len);
}

bool cassette_answer(struct cassette *cassette, const struct request *request,
	struct answer *answer)
{
	struct exchange *exchange;

	(void)pthread_mutex_lock(&cassette->lock);
	exchange = choose(cassette, request);
	if (exchange != NULL)
		exchange->served++;
	(void)pthread_mutex_unlock(&cassette->lock);
	if (exchange != NULL)
		give(exchange, request, answer);
	return exchange != NULL;
}

void cassette_rewind(struct cassette *cassette)
{
	(void)pthread_mutex_lock(&cassette->lock);
	for (size_t i = 0; i < cassette->count; i++)
		cassette->list[i].served = 0;
	(void)pthread_mutex_unlock(&cassette->lock);
}

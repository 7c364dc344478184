/* journal.c - see journal.h. */
#include "tests/support/api_server/journal.h"

#include "common/clock.h"
#include "common/json.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 20000
#define STATUS_MAX 600

struct entry {
	char *target;
	unsigned status;
	char *line; /* JSON */
};

struct journal {
	pthread_mutex_t lock;
	int64_t began_ms;
	int64_t requests, now, peak; /* requests since the last forget */
	int64_t by_status[STATUS_MAX];
	struct entry kept[KEPT]; /* request n in place n % KEPT */
};

struct journal *journal_new(void)
{
	struct journal *journal = must_have(calloc(1, sizeof(struct journal)));

	(void)pthread_mutex_init(&journal->lock, NULL);
	journal->began_ms = clock_now_ms();
	return journal;
}

void journal_enter(struct journal *journal)
{
	(void)pthread_mutex_lock(&journal->lock);
	journal->now++;
	if (journal->now > journal->peak)
		journal->peak = journal->now;
	(void)pthread_mutex_unlock(&journal->lock);
}

void journal_leave(struct journal *journal)
{
	(void)pthread_mutex_lock(&journal->lock);
	journal->now--;
	(void)pthread_mutex_unlock(&journal->lock);
}

/* -- noting ------------------------------------------------------------ */

static void put_headers(struct json *object, const struct pairs *headers)
{
	for (size_t i = 0; i < headers->count; i++) {
		char *name = copy_of(headers->list[i].name,
			strlen(headers->list[i].name));

		for (char *c = name; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
		json_put_text(object, name, headers->list[i].value);
		free(name);
	}
}

static char *describe(const struct request *request, unsigned status,
	int64_t number, int64_t ms)
{
	struct json *object = must_have(json_object());
	struct buf out = { 0 };
	struct err err = { 0 };

	json_put_int(object, "n", number);
	json_put_int(object, "ms", ms);
	json_put_text(object, "method", request->method);
	json_put_text(object, "target", request->target);
	json_put_int(object, "status", status);
	put_headers(json_put_object(object, "headers"), &request->headers);
	if (request->body.len > 0)
		json_put_text(object, "body", request->body.data);
	must(json_print(object, false, &out, &err));
	json_free(object);
	return must_have(buf_take(&out));
}

static void entry_clear(struct entry *entry)
{
	free(entry->target);
	free(entry->line);
	*entry = (struct entry){ 0 };
}

void journal_note(struct journal *journal, const struct request *request,
	unsigned status)
{
	const int64_t ms = clock_now_ms() - journal->began_ms;
	struct entry *entry;

	(void)pthread_mutex_lock(&journal->lock);
	entry = &journal->kept[++journal->requests % KEPT];
	journal->by_status[status % STATUS_MAX]++;
	entry_clear(entry);
	entry->target = copy_of(request->target, strlen(request->target));
	entry->status = status;
	entry->line = describe(request, status, journal->requests, ms);
	(void)pthread_mutex_unlock(&journal->lock);
}

void journal_forget(struct journal *journal)
{
	(void)pthread_mutex_lock(&journal->lock);
	for (size_t i = 0; i < KEPT; i++)
		entry_clear(&journal->kept[i]);
	journal->requests = 0;
	journal->peak = journal->now;
	memset(journal->by_status, 0, sizeof(journal->by_status));
	(void)pthread_mutex_unlock(&journal->lock);
}

/* -- telling ----------------------------------------------------------- */

static int64_t walk(struct journal *journal, const char *target,
	unsigned status, struct buf *out)
{
	int64_t at = journal->requests < KEPT ? 1 :
		journal->requests - KEPT + 1;
	int64_t count = 0;

	for (; at <= journal->requests; at++) {
		const struct entry *entry = &journal->kept[at % KEPT];

		if (strncmp(entry->target, target, strlen(target)) != 0 ||
			(status > 0 && entry->status != status))
			continue;
		count++;
		if (out != NULL)
			say(out, "%s\n", entry->line);
	}
	return count;
}

void journal_show(struct journal *journal, const char *target, unsigned status,
	struct buf *out)
{
	(void)pthread_mutex_lock(&journal->lock);
	(void)walk(journal, target, status, out);
	(void)pthread_mutex_unlock(&journal->lock);
}

int64_t journal_count(struct journal *journal, const char *target,
	unsigned status)
{
	int64_t count;

	(void)pthread_mutex_lock(&journal->lock);
	count = walk(journal, target, status, NULL);
	(void)pthread_mutex_unlock(&journal->lock);
	return count;
}

void journal_stats(struct journal *journal, struct buf *out)
{
	const char *between = "";

	(void)pthread_mutex_lock(&journal->lock);
	say(out, "{\"requests\": %lld, \"now\": %lld, \"peak\": %lld, "
		"\"by_status\": {", (long long)journal->requests,
		(long long)journal->now, (long long)journal->peak);
	for (int status = 0; status < STATUS_MAX; status++) {
		if (journal->by_status[status] == 0)
			continue;
		say(out, "%s\"%d\": %lld", between, status,
			(long long)journal->by_status[status]);
		between = ", ";
	}
	say(out, "}}\n");
	(void)pthread_mutex_unlock(&journal->lock);
}

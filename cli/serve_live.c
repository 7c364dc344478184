/* serve_live.c - the figures, gathered by one thread for all who look. */
#include "cli/overview.h"
#include "cli/serve.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOKED_AT_MS 1000 /* between two looks while somebody watches ... */
#define ALONE_MS 5000     /* ... and while nobody does */
#define WATCHED_MS 15000  /* so long after the last who asked */
#define PING_SECS 4       /* a stream says something at least this often */
#define FIRST_SECS 20     /* how long one waits for the first look */
#define SAMPLES 600

/* What charts are made of. -1: not known then. */
struct sample {
	int64_t at_ms;
	int64_t files, published, loaded, rejected; /* since the beginning */
	int64_t queued, dead, waiting, lag_secs;
};

struct serve_live {
	struct serve *serve;
	struct overview_asker *asker;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t news;
	bool stopping;
	int64_t asked_ms;          /* when somebody last did */
	size_t streams;
	uint64_t sequence;         /* of the document; 0: none yet */
	struct buf document;       /* one line of JSON */
	struct sample samples[SAMPLES];
	size_t sample_count, next; /* a ring */
};

/* -- one look -------------------------------------------------------------- */

static struct sample sample_of(const struct overview *overview)
{
	const bool asked = overview->asked;

	return (struct sample){
		.at_ms = overview->at_us / 1000,
		.files = asked ? overview->counts.files : -1,
		.published = overview->counts.published,
		.loaded = asked ? overview->counts.loaded : -1,
		.rejected = asked ? overview->counts.rejected : -1,
		.queued = overview->has_broker ? overview->queued : -1,
		.dead = overview->has_broker ? overview->dead : -1,
		.waiting = overview_waiting(overview),
		.lag_secs = asked ? overview->lag_secs : -1,
	};
}

static void put_known(struct json *object, const char *key, int64_t value)
{
	if (value >= 0)
		json_put_int(object, key, value);
	else
		json_put_null(object, key);
}

static void put_sample(struct json *object, const struct sample *sample)
{
	json_put_int(object, "at_ms", sample->at_ms);
	put_known(object, "files", sample->files);
	put_known(object, "published", sample->published);
	put_known(object, "loaded", sample->loaded);
	put_known(object, "rejected", sample->rejected);
	put_known(object, "queued", sample->queued);
	put_known(object, "dead", sample->dead);
	put_known(object, "waiting", sample->waiting);
	put_known(object, "lag_secs", sample->lag_secs);
}

static bool print(const struct overview *overview,
	const struct sample *sample, uint64_t sequence, struct buf *out,
	struct err *err)
{
	struct json *root = json_object();
	bool ok;

	json_put_int(root, "sequence", (int64_t)sequence);
	put_sample(json_put_object(root, "sample"), sample);
	overview_json(overview, json_put_object(root, "overview"));
	ok = json_print(root, false, out, err);
	json_free(root);
	return ok;
}

static void keep(struct serve_live *live, const struct sample *sample,
	struct buf *document)
{
	const struct buf old = live->document;

	live->document = *document;
	*document = old;
	live->sequence++;
	live->samples[live->next] = *sample;
	live->next = (live->next + 1) % SAMPLES;
	if (live->sample_count < SAMPLES)
		live->sample_count++;
	(void)pthread_cond_broadcast(&live->news);
}

/* What cannot be gathered at all leaves the last document, which says when it
 * was taken. */
static void look(struct serve_live *live, struct log_repeat *trouble)
{
	struct overview overview = { 0 };
	struct buf document = { 0 };
	struct err err = { 0 };
	struct sample sample = { 0 };
	bool ok = overview_gather(live->asker, &overview, &err);

	if (ok) {
		sample = sample_of(&overview);
		ok = print(&overview, &sample, live->sequence + 1, &document,
			&err);
	}
	if (ok)
		(void)log_repeat_clear(trouble);
	else if (log_repeat_due_for(trouble, err.text))
		log_err(LOG_WARN, "cannot_look", &err);
	(void)pthread_mutex_lock(&live->lock);
	if (ok)
		keep(live, &sample, &document);
	(void)pthread_mutex_unlock(&live->lock);
	buf_clear(&document);
	overview_clear(&overview);
}

/* -- the thread ------------------------------------------------------------ */

static void wait_ms(struct serve_live *live, int64_t ms)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	(void)pthread_cond_timedwait(&live->news, &live->lock, &until);
}

static int64_t pause_ms(const struct serve_live *live)
{
	return live->streams > 0 ||
			clock_now_ms() - live->asked_ms < WATCHED_MS ?
		LOOKED_AT_MS : ALONE_MS;
}

static void *gather(void *context)
{
	struct serve_live *live = context;
	struct log_repeat trouble = { 0 };
	int64_t begun;

	(void)pthread_mutex_lock(&live->lock);
	while (!live->stopping) {
		(void)pthread_mutex_unlock(&live->lock);
		begun = clock_now_ms();
		look(live, &trouble);
		(void)pthread_mutex_lock(&live->lock);
		for (int64_t rest; !live->stopping && (rest = begun +
			pause_ms(live) - clock_now_ms()) > 0;)
			wait_ms(live, rest);
	}
	(void)pthread_mutex_unlock(&live->lock);
	return NULL;
}

bool serve_live_start(struct serve *serve, struct err *err)
{
	struct serve_live *live = calloc(1, sizeof(*live));

	serve->live = live;
	if (live == NULL)
		return err_memory(err);
	live->serve = serve;
	(void)pthread_mutex_init(&live->lock, NULL);
	(void)pthread_cond_init(&live->news, NULL);
	live->asker = overview_asker_new(serve->config, serve->stop_fd, err);
	if (live->asker == NULL)
		return false;
	live->started = pthread_create(&live->thread, NULL, gather,
		live) == 0;
	return live->started ||
		err_stop(err, EXIT_BUG, "cannot start a thread");
}

void serve_live_stop(struct serve *serve)
{
	struct serve_live *live = serve->live;

	if (live == NULL || !live->started)
		return;
	(void)pthread_mutex_lock(&live->lock);
	live->stopping = true;
	(void)pthread_cond_broadcast(&live->news);
	(void)pthread_mutex_unlock(&live->lock);
	(void)pthread_join(live->thread, NULL);
	live->started = false;
}

void serve_live_free(struct serve_live *live)
{
	if (live == NULL)
		return;
	overview_asker_free(live->asker);
	(void)pthread_cond_destroy(&live->news);
	(void)pthread_mutex_destroy(&live->lock);
	buf_clear(&live->document);
	free(live);
}

/* -- who looks ------------------------------------------------------------- */

/* Waits until the document is another than that; false: it is still the same
 * after so long, or all ends. Under the lock. */
static bool wait_newer(struct serve_live *live, uint64_t than, int64_t secs)
{
	const int64_t end = clock_now_ms() + secs * 1000;

	live->asked_ms = clock_now_ms();
	(void)pthread_cond_broadcast(&live->news);
	while (live->sequence == than && !live->stopping &&
		clock_now_ms() < end)
		wait_ms(live, end - clock_now_ms());
	return live->sequence != than && !live->stopping;
}

void serve_overview(struct serve_call *call)
{
	struct serve_live *live = call->serve->live;
	struct err err = { 0 };
	bool ok;

	(void)pthread_mutex_lock(&live->lock);
	ok = live->sequence > 0 || wait_newer(live, 0, FIRST_SECS);
	live->asked_ms = clock_now_ms();
	if (!ok)
		(void)err_set(&err, ERR_RETRY, "nothing is known yet: see the "
			"log of `sluice serve`");
	ok = ok && buf_add(&call->reply->body, live->document.data,
		live->document.len, &err);
	(void)pthread_mutex_unlock(&live->lock);
	call->reply->type = "application/json";
	if (!ok)
		serve_fail(call, &err);
}

void serve_history(struct serve_call *call)
{
	struct serve_live *live = call->serve->live;
	struct json *root = json_object();
	struct json *array = json_put_array(root, "items");

	(void)pthread_mutex_lock(&live->lock);
	for (size_t i = 0; i < live->sample_count; i++)
		put_sample(json_add_object(array), &live->samples[(live->next +
			SAMPLES - live->sample_count + i) % SAMPLES]);
	(void)pthread_mutex_unlock(&live->lock);
	json_put_null(root, "next");
	serve_json(call, root);
}

/* -- streams --------------------------------------------------------------- */

struct watcher {
	struct serve_live *live;
	uint64_t seen;
};

/* An event (HTML, server-sent events), or a comment when there is nothing. */
static bool next_event(void *context, struct buf *out)
{
	struct watcher *watcher = context;
	struct serve_live *live = watcher->live;
	struct err err = { 0 };
	bool ok;

	(void)pthread_mutex_lock(&live->lock);
	if (wait_newer(live, watcher->seen, PING_SECS)) {
		watcher->seen = live->sequence;
		ok = buf_printf(out, &err, "id: %" PRIu64
			"\nevent: overview\ndata: ", live->sequence) &&
			buf_add(out, live->document.data, live->document.len,
				&err) &&
			buf_add_str(out, "\n\n", &err);
	} else {
		ok = !live->stopping && buf_add_str(out, ": .\n\n", &err);
	}
	(void)pthread_mutex_unlock(&live->lock);
	return ok;
}

static void end_events(void *context)
{
	struct watcher *watcher = context;

	(void)pthread_mutex_lock(&watcher->live->lock);
	watcher->live->streams--;
	(void)pthread_mutex_unlock(&watcher->live->lock);
	free(watcher);
}

static bool take_stream(struct serve_live *live)
{
	bool room;

	(void)pthread_mutex_lock(&live->lock);
	room = live->streams < SERVE_STREAMS && !live->stopping;
	live->streams += room;
	(void)pthread_mutex_unlock(&live->lock);
	return room;
}

void serve_stream(struct serve_call *call)
{
	struct serve_live *live = call->serve->live;
	struct watcher *watcher;
	struct err err = { 0 };

	if (!take_stream(live)) {
		serve_error(call, 503, "too_many", "%d clients watch already",
			SERVE_STREAMS);
		return;
	}
	watcher = calloc(1, sizeof(*watcher));
	if (watcher == NULL) {
		(void)pthread_mutex_lock(&live->lock);
		live->streams--;
		(void)pthread_mutex_unlock(&live->lock);
		(void)err_memory(&err);
		serve_fail(call, &err);
		return;
	}
	watcher->live = live;
	call->reply->type = "text/event-stream";
	call->reply->stream = (struct httpd_stream){ .next = next_event,
		.end = end_events, .context = watcher };
}

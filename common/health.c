/* health.c - what keeps this process from doing its work. */
#include "common/health.h"
#include "common/clock.h"
#include "common/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct part {
	char name[128]; /* "": free */
	char why[256];
	int64_t since_ms;
	bool works;
};

static struct {
	pthread_mutex_t lock;
	struct part parts[HEALTH_PARTS];
	int64_t started_ms;
} health = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void enter(void)
{
	(void)pthread_mutex_lock(&health.lock);
	if (health.started_ms == 0)
		health.started_ms = clock_now_ms();
}

static void leave(void)
{
	(void)pthread_mutex_unlock(&health.lock);
}

/* The part of that name; else, when asked for, a free one, if there is one. */
static struct part *find(const char *name, bool make)
{
	struct part *free_one = NULL;

	for (size_t i = 0; i < HEALTH_PARTS; i++) {
		struct part *part = &health.parts[i];

		if (strncmp(part->name, name, sizeof(part->name) - 1) == 0)
			return part;
		if (part->name[0] == '\0' && free_one == NULL)
			free_one = part;
	}
	return make ? free_one : NULL;
}

static void put(const char *name, const char *why, bool works)
{
	struct part *part;

	enter();
	part = find(name, true);
	if (part != NULL) {
		if (part->name[0] == '\0' || part->works != works)
			part->since_ms = clock_now_ms();
		part->works = works;
		(void)snprintf(part->name, sizeof(part->name), "%s", name);
		(void)snprintf(part->why, sizeof(part->why), "%s", why);
	}
	leave();
}

void health_down(const char *name, const char *why)
{
	put(name, why, false);
}

void health_note(const char *name, const char *text)
{
	put(name, text, true);
}

void health_up(const char *name)
{
	struct part *part;

	enter();
	part = find(name, false);
	if (part != NULL)
		part->name[0] = '\0';
	leave();
}

static bool add_line(const struct part *part, struct buf *text)
{
	const long long ms = (long long)(clock_now_ms() - part->since_ms);
	struct err err = { 0 };

	if (part->works)
		return buf_printf(text, &err, "note: %s: %s\n", part->name,
			part->why);
	return buf_printf(text, &err, "%s: %s (for %lld s)\n", part->name,
		part->why, ms / 1000);
}

bool health_ready(struct buf *text)
{
	bool ready = true;

	enter();
	for (size_t i = 0; i < HEALTH_PARTS; i++) {
		const struct part *part = &health.parts[i];

		if (part->name[0] == '\0')
			continue;
		ready = ready && part->works;
		if (text != NULL && !add_line(part, text))
			text = NULL;
	}
	leave();
	return ready;
}

void health_measure(void)
{
	bool ready = true;

	metrics_forget(METRIC_TROUBLE);
	enter();
	for (size_t i = 0; i < HEALTH_PARTS; i++) {
		const struct part *part = &health.parts[i];

		if (part->name[0] == '\0' || part->works)
			continue;
		ready = false;
		metrics_set(METRIC_TROUBLE,
			(double)(clock_now_ms() - part->since_ms) / 1000,
			part->name, NULL);
	}
	leave();
	metrics_set(METRIC_READY, ready, NULL, NULL);
}

int64_t health_uptime_secs(void)
{
	int64_t ms;

	enter();
	ms = clock_now_ms() - health.started_ms;
	leave();
	return ms / 1000;
}

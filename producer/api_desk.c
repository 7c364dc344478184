/* api_desk.c - all endpoints, served in turn. */
#include "producer/api_private.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_AGAIN_MS INT64_C(5000)
#define LOOK_MS INT64_C(30000) /* clocks may jump: how often to look */
#define DAY_US (INT64_C(86400) * 1000000)

/* -- children ------------------------------------------------------------ */

static bool add_child(struct api_endpoint *e, struct api_endpoint *child,
	struct err *err)
{
	struct api_child *at = &e->children[e->child_count];

	e->child_endpoints[e->child_count++] = child;
	at->endpoint = child->name;
	return api_child_read(child->api, at, err);
}

static bool find_children(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	e->children = calloc(desk->count, sizeof(*e->children));
	e->child_endpoints = calloc(desk->count, sizeof(*e->child_endpoints));
	if (e->children == NULL || e->child_endpoints == NULL)
		return err_memory(err);
	for (size_t i = 0; i < desk->count; i++) {
		struct api_endpoint *child = &desk->endpoints[i];

		if (child->dataset->pipeline == e->dataset->pipeline &&
			child->api->parent != NULL &&
			strcmp(child->api->parent, e->dataset->name) == 0 &&
			!add_child(e, child, err))
			return false;
	}
	return true;
}

/* -- making ---------------------------------------------------------------- */

/* A server that wanted to be left alone wants it still, if we are another
 * process now. A clock that was put back makes it no longer than agreed. */
static bool recall_quiet(struct api_desk *desk, struct api_host *host,
	int64_t longest_ms, struct err *err)
{
	int64_t until_us, left_ms;

	if (!api_state_quiet(desk->state, host->name, &until_us, err))
		return false;
	left_ms = (until_us - clock_wall_us()) / 1000;
	if (left_ms > 0)
		host->quiet_ms = clock_now_ms() +
			(left_ms > longest_ms ? longest_ms : left_ms);
	return true;
}

static struct api_host *host_of(struct api_desk *desk, const char *origin,
	int64_t longest_ms, struct err *err)
{
	const int64_t day = clock_wall_us() / DAY_US;
	struct api_host *host;

	for (size_t i = 0; i < desk->host_count; i++)
		if (strcmp(desk->hosts[i].name, origin) == 0)
			return &desk->hosts[i];
	host = &desk->hosts[desk->host_count++];
	(void)snprintf(host->name, sizeof(host->name), "%s", origin);
	host->day = day;
	return api_state_used(desk->state, host->name, day, &host->used,
		       err) &&
		recall_quiet(desk, host, longest_ms, err) ? host : NULL;
}

static bool open_endpoint(struct api_desk *desk, struct api_endpoint *e,
	const struct dataset *dataset, struct err *err)
{
	struct http_url url;

	e->dataset = dataset;
	e->api = dataset->api;
	(void)snprintf(e->name, sizeof(e->name), "%s.%s",
		dataset->pipeline->name, dataset->name);
	for (size_t i = 0; i < desk->plan->count; i++)
		if (strcmp(desk->plan->rules[i].pipeline,
			    dataset->pipeline->name) == 0 &&
			strcmp(desk->plan->rules[i].dataset, dataset->name) ==
				0)
			e->rules = &desk->plan->rules[i];
	if (!http_url_read(e->api->url, e->api->plain_http, &url, err))
		return err_wrap(err, "%s", e->name);
	e->host = host_of(desk, url.origin, e->api->limits.wait_max_ms, err);
	if (e->host == NULL)
		return false;
	api_host_limit(e->host, e->api);
	if (e->api->cron != NULL && !cron_parse(e->api->cron, &e->cron, err))
		return false;
	if (e->api->zone != NULL &&
		(e->zone = zone_open(e->api->zone, err)) == NULL)
		return false;
	return api_load(desk, e, err);
}

static size_t count_endpoints(const struct plan *plan)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->set.count; i++)
		for (size_t k = 0; k < plan->set.pipelines[i].dataset_count;
			k++)
			if (plan->set.pipelines[i].datasets[k].api != NULL)
				count++;
	return count;
}

static bool open_all(struct api_desk *desk, struct err *err)
{
	const struct pipeline_set *set = &desk->plan->set;
	bool ok = true;

	for (size_t i = 0; ok && i < set->count; i++)
		for (size_t k = 0; ok && k < set->pipelines[i].dataset_count;
			k++)
			if (set->pipelines[i].datasets[k].api != NULL)
				ok = open_endpoint(desk,
					&desk->endpoints[desk->count++],
					&set->pipelines[i].datasets[k], err);
	for (size_t i = 0; ok && i < desk->count; i++)
		ok = find_children(desk, &desk->endpoints[i], err);
	return ok;
}

bool api_desk_open(struct api_desk *desk, struct plan *plan, struct err *err)
{
	const size_t most = count_endpoints(plan);

	desk->plan = plan_hold(plan);
	desk->endpoints = calloc(most + 1, sizeof(*desk->endpoints));
	desk->hosts = calloc(most + 1, sizeof(*desk->hosts));
	if (desk->endpoints == NULL || desk->hosts == NULL)
		return err_memory(err);
	if (most == 0)
		return true;
	desk->client = http_client_new(plan->config.raw_dir, err);
	desk->clerks = api_clerks_open(&desk->plan->config, err);
	return desk->client != NULL && desk->clerks != NULL &&
		open_all(desk, err);
}

static void free_children(struct api_endpoint *e)
{
	for (size_t i = 0; i < e->child_count; i++)
		api_child_clear(&e->children[i]);
	free(e->children);
	free(e->child_endpoints);
}

static void endpoint_clear(struct api_endpoint *e)
{
	free_children(e);
	zone_free(e->zone);
	api_row_clear(&e->row);
	api_intent_clear(&e->intent);
	api_token_clear(&e->token);
	api_login_clear(&e->login);
	api_request_clear(&e->request);
	api_ring_clear(&e->ring);
	free(e->cursor);
}

void api_desk_break(struct api_desk *desk)
{
	struct err none = { 0 };

	api_clerks_close(desk->clerks);
	desk->clerks = NULL;
	http_client_free(desk->client);
	desk->client = NULL;
	for (size_t i = 0; i < desk->host_count; i++)
		if (desk->hosts[i].per_day > 0 && !api_put_used(desk,
				&desk->hosts[i], false, &none))
			return; /* some more are counted than were made */
}

/* What a host has got, and what it asked for, is no matter of pipeline files. */
static void take_over(struct api_host *host, const struct api_host *before)
{
	host->tokens = before->tokens;
	host->filled_ms = before->filled_ms;
	host->minute_ms = before->minute_ms;
	host->minute_used = before->minute_used;
	host->quiet_ms = before->quiet_ms;
	host->failures = before->failures;
	host->open_ms = before->open_ms;
	host->opened = before->opened;
}

bool api_desk_change(struct api_desk *desk, struct plan *plan, struct err *err)
{
	struct api_host *before;
	size_t count;
	bool ok;

	api_desk_break(desk);
	before = desk->hosts;
	count = desk->host_count;
	desk->hosts = NULL;
	desk->host_count = 0;
	api_desk_clear(desk);
	ok = api_desk_open(desk, plan, err);
	for (size_t i = 0; i < desk->host_count; i++)
		for (size_t k = 0; k < count; k++)
			if (strcmp(desk->hosts[i].name, before[k].name) == 0)
				take_over(&desk->hosts[i], &before[k]);
	free(before);
	return ok;
}

void api_desk_clear(struct api_desk *desk)
{
	api_desk_break(desk);
	for (size_t i = 0; i < desk->count; i++) {
		api_steps_clear(desk, &desk->endpoints[i]);
		endpoint_clear(&desk->endpoints[i]);
	}
	free(desk->endpoints);
	free(desk->hosts);
	desk->endpoints = NULL;
	desk->hosts = NULL;
	desk->count = desk->host_count = 0;
	free(desk->dropping);
	desk->dropping = NULL;
	object_store_close(desk->store);
	desk->store = NULL;
	plan_release(desk->plan);
	desk->plan = NULL;
}

struct api_endpoint *api_desk_find(const struct api_desk *desk,
	const char *name)
{
	for (size_t i = 0; i < desk->count; i++)
		if (strcmp(desk->endpoints[i].name, name) == 0)
			return &desk->endpoints[i];
	return NULL;
}

/* -- turning --------------------------------------------------------------------- */

/* A store on a file system that is away is waited for. */
static bool open_store(struct api_desk *desk, struct err *err)
{
	struct err why = { 0 };

	if (desk->store != NULL || desk->count == 0 ||
		clock_now_ms() < desk->store_ms)
		return true;
	desk->store = object_store_open(&desk->plan->config, &why);
	if (desk->store != NULL) {
		(void)log_repeat_clear(&desk->no_store);
		return true;
	}
	if (why.kind == ERR_STOP) {
		*err = why;
		return false;
	}
	desk->store_ms = clock_now_ms() + STORE_AGAIN_MS;
	if (log_repeat_due(&desk->no_store))
		log_err(LOG_ERROR, "no_object_store", &why);
	return true;
}

/* Where the clock was put back, what was due in an hour is not due in a year. */
static void mind_the_clock(struct api_endpoint *e, int64_t wall_us)
{
	const int64_t longest = e->api->every_secs * 1000000;

	if (longest > 0 && e->row.next_us > wall_us + longest)
		e->row.next_us = wall_us + longest;
	if (e->api->cron != NULL && e->row.next_us != API_NEVER &&
		e->row.next_us > wall_us + DAY_US)
		e->row.next_us = api_due_us(e, wall_us);
}

/* A run that was cut off goes on at once, one that failed when it is time. */
static bool is_due(struct api_endpoint *e, int64_t wall_us)
{
	mind_the_clock(e, wall_us);
	return e->row.next_us <= wall_us || (e->intends && e->row.running &&
		e->row.failures == 0 && e->adopt);
}

static bool idle_step(struct api_desk *desk, struct api_endpoint *e,
	int64_t *wake_ms, struct err *err)
{
	const int64_t wall = clock_wall_us(), now = clock_now_ms();
	struct err why = { 0 };
	int64_t left;

	if (now < e->wake_ms) {
		*wake_ms = e->wake_ms;
		return true;
	}
	if (is_due(e, wall)) {
		*wake_ms = 0;
		if (api_begin(desk, e, &why))
			return true;
		if (why.kind == ERR_STOP) {
			*err = why;
			return false;
		}
		if (log_repeat_due_for(&desk->no_state, why.text))
			log_err(LOG_ERROR, "poll_stalled", &why);
		e->wake_ms = *wake_ms = now + 1000;
		return true;
	}
	left = (e->row.next_us - wall) / 1000 + 1;
	*wake_ms = now + (left > LOOK_MS ? LOOK_MS : left);
	return true;
}

static bool serve_one(struct api_desk *desk, struct api_endpoint *e,
	int64_t *wake_ms, struct err *err)
{
	*wake_ms = API_NEVER;
	if (e->phase == API_IDLE && !idle_step(desk, e, wake_ms, err))
		return false;
	return e->phase != API_READY || api_serve(desk, e, wake_ms, err);
}

static bool serve_all(struct api_desk *desk, int64_t *first, struct err *err)
{
	for (size_t i = 0; i < desk->count; i++) {
		struct api_endpoint *e = &desk->endpoints[
			(desk->first + i) % desk->count];
		int64_t wake;

		if (!serve_one(desk, e, &wake, err))
			return false;
		if (wake < *first)
			*first = wake;
	}
	if (desk->count > 0)
		desk->first = (desk->first + 1) % desk->count;
	return true;
}

static bool take_replies(struct api_desk *desk, struct err *err)
{
	struct http_reply *reply;

	while ((reply = http_client_take(desk->client)) != NULL)
		if (!api_reply(desk, reply, err))
			return false;
	return true;
}

/* Requests go out before the disk is waited for. */
bool api_desk_turn(struct api_desk *desk, struct err *err)
{
	const int64_t now = clock_now_ms();
	int64_t write_ms = API_NEVER;

	desk->wake_ms = now + LOOK_MS;
	if (desk->count == 0)
		return true;
	if (!open_store(desk, err) || !take_replies(desk, err) ||
		!api_take_work(desk, err) ||
		!serve_all(desk, &desk->wake_ms, err) ||
		!api_give_again(desk, err) ||
		!http_client_wait(desk->client, 0, NULL, 0, err) ||
		!api_write(desk, &write_ms, err))
		return false;
	if (write_ms < desk->wake_ms)
		desk->wake_ms = write_ms;
	return true;
}

bool api_desk_wait(struct api_desk *desk, struct pollfd *fds, unsigned count,
	struct err *err)
{
	const int64_t left = desk->wake_ms - clock_now_ms();
	const int wait = left > 0 ? (int)left : 0;

	if (desk->client == NULL) {
		(void)poll(fds, count, wait);
		return true;
	}
	fds[count] = (struct pollfd){ .fd = api_clerks_fd(desk->clerks),
		.events = POLLIN };
	return http_client_wait(desk->client, wait, fds, count + 1, err);
}

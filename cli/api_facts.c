/* api_facts.c - endpoints as the pipeline files and the state file tell. */
#include "cli/api.h"
#include "cli/output.h"

#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_US (INT64_C(86400) * 1000000)

const char *api_name(const struct dataset *dataset, char name[API_NAME_MAX])
{
	(void)snprintf(name, API_NAME_MAX, "%s.%s", dataset->pipeline->name,
		dataset->name);
	return name;
}

/* -- gathering ----------------------------------------------------------- */

static bool calls_left(struct state *state, const struct dataset *dataset,
	int64_t *left, struct err *err)
{
	struct http_url url;
	int64_t used;

	*left = -1;
	if (dataset->api->limits.per_day == 0)
		return true;
	if (!http_url_read(dataset->api->url, dataset->api->plain_http, &url,
		    err) ||
		!api_state_used(state, url.origin, clock_wall_us() / DAY_US,
			&used, err))
		return false;
	*left = dataset->api->limits.per_day > used ?
		dataset->api->limits.per_day - used : 0;
	return true;
}

static bool gather_one(struct state *state, struct api_facts *facts,
	struct err *err)
{
	const struct pipeline_api *api = facts->dataset->api;
	const bool planned = api->every_secs > 0 || api->cron != NULL;

	if (!api_state_row(state, facts->name, &facts->row, err) ||
		!api_state_intent(state, facts->name, &facts->intends,
			&facts->intent, err) ||
		!calls_left(state, facts->dataset, &facts->calls_left, err))
		return false;
	facts->known = true;
	facts->next_us = facts->row.next_us > 0 ? facts->row.next_us :
		planned ? 0 : API_NEVER;
	return true;
}

static bool gather_all(struct state *state, struct api_facts *facts,
	size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (!gather_one(state, &facts[i], err))
			return false;
	return true;
}

static size_t list_all(const struct pipeline_set *set,
	struct api_facts *facts)
{
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++)
		for (size_t k = 0; k < set->pipelines[i].dataset_count; k++) {
			const struct dataset *at =
				&set->pipelines[i].datasets[k];

			if (at->api == NULL)
				continue;
			if (facts != NULL) {
				facts[count].dataset = at;
				facts[count].next_us = API_NEVER;
				facts[count].calls_left = -1;
				(void)api_name(at, facts[count].name);
			}
			count++;
		}
	return count;
}

bool api_facts_gather(const struct config *config,
	const struct pipeline_set *set, struct api_facts **facts,
	size_t *count, struct err *why, struct err *err)
{
	struct state *state;

	*count = list_all(set, NULL);
	*facts = calloc(*count + 1, sizeof(**facts));
	if (*facts == NULL)
		return err_memory(err);
	(void)list_all(set, *facts);
	if (*count == 0)
		return true;
	state = state_look(config->state_file, why);
	if (state == NULL && why->kind == ERR_REJECT) {
		*why = (struct err){ 0 }; /* nothing was done yet */
		for (size_t i = 0; i < *count; i++)
			(*facts)[i].known = true;
	}
	if (state != NULL && !gather_all(state, *facts, *count, why))
		for (size_t i = 0; i < *count; i++)
			(*facts)[i].known = false;
	state_close(state);
	return true;
}

static void clear(struct api_facts *facts)
{
	api_row_clear(&facts->row);
	api_intent_clear(&facts->intent);
}

void api_facts_free(struct api_facts *facts, size_t count)
{
	for (size_t i = 0; facts != NULL && i < count; i++)
		clear(&facts[i]);
	free(facts);
}

size_t api_facts_used(struct api_facts *facts, size_t count)
{
	size_t left = 0;

	for (size_t i = 0; i < count; i++) {
		const struct pipeline_api *api = facts[i].dataset->api;

		if (api->every_secs > 0 || api->cron != NULL ||
			facts[i].row.run > 0)
			facts[left++] = facts[i];
		else
			clear(&facts[i]);
	}
	return left;
}

/* -- showing --------------------------------------------------------------- */

/* "3 min ago", "in 5 s". */
static const char *when(int64_t us, char out[OUTPUT_TEXT + 8])
{
	const int64_t secs = (us - clock_wall_us()) / 1000000;
	char age[OUTPUT_TEXT];

	if (us == 0)
		(void)snprintf(out, OUTPUT_TEXT + 8, "never");
	else if (us == API_NEVER)
		(void)snprintf(out, OUTPUT_TEXT + 8, "when told");
	else if (secs > 0)
		(void)snprintf(out, OUTPUT_TEXT + 8, "in %s",
			output_age(secs, age));
	else
		(void)snprintf(out, OUTPUT_TEXT + 8, "%s ago",
			output_age(-secs, age));
	return out;
}

const char *api_facts_next(const struct api_facts *facts,
	char out[OUTPUT_TEXT + 8])
{
	if (facts->row.running && facts->row.failures == 0)
		return "under way";
	if (facts->next_us <= clock_wall_us())
		return "due";
	return when(facts->next_us, out);
}

static void add_row(struct table *table, const struct api_facts *facts)
{
	char text[OUTPUT_TEXT + 8];

	table_add(table, facts->name);
	if (!facts->known) {
		for (int i = 0; i < 7; i++)
			table_add(table, NULL);
		return;
	}
	table_add(table, when(facts->row.checked_us, text));
	table_add(table, when(facts->row.changed_us, text));
	table_add(table, api_facts_next(facts, text));
	if (facts->calls_left < 0)
		table_add(table, NULL);
	else
		table_add_int(table, facts->calls_left);
	table_add_int(table, facts->row.records);
	table_add_int(table, facts->row.errors);
	table_add(table, facts->row.error != NULL ? facts->row.error : "");
}

bool api_facts_print(const struct api_facts *facts, size_t count,
	struct err *err)
{
	static const char *const heads[] = { "endpoint", "last check",
		"last change", "next run", ">calls left", ">records",
		">errors", "", NULL };
	struct table table;
	bool ok;

	table_init(&table, heads);
	for (size_t i = 0; i < count; i++)
		add_row(&table, &facts[i]);
	ok = table_print(&table, 0, err);
	table_clear(&table);
	return ok;
}

static void line(const char *what, const char *text)
{
	struct buf shown = { 0 };

	output_line("%-12s  %s", what, output_escape(&shown, text));
	buf_clear(&shown);
}

bool api_facts_show(const struct api_facts *facts, struct err *err)
{
	const struct api_row *row = &facts->row;
	char text[OUTPUT_TEXT + 8];

	(void)err;
	line("endpoint", facts->name);
	line("cursor", row->cursor != NULL ? row->cursor : "none");
	line("last check", when(row->checked_us, text));
	line("last change", when(row->changed_us, text));
	line("next run", api_facts_next(facts, text));
	output_line("%-12s  %" PRId64 " requests, %" PRId64 " pages unchanged, "
		"%" PRId64 " records, %" PRId64 " errors", "so far",
		row->requests, row->unchanged, row->records, row->errors);
	if (row->error != NULL)
		line("last error", row->error);
	if (facts->intends) {
		output_line("%-12s  page %" PRIu64, "under way",
			facts->intent.place.number);
		line("", facts->intent.url);
		if (row->most != NULL)
			line("cursor then", row->most);
	}
	return true;
}

/* -- for programs ------------------------------------------------------------ */

static void put_time(struct json *object, const char *key, int64_t us)
{
	char text[CLOCK_TEXT];

	if (us == 0 || us == API_NEVER) {
		json_put_null(object, key);
		return;
	}
	clock_format_us(us, text);
	json_put_text(object, key, text);
}

static void put_text(struct json *object, const char *key, const char *text)
{
	if (text == NULL)
		json_put_null(object, key);
	else
		json_put_text(object, key, text);
}

void api_facts_json(const struct api_facts *facts, struct json *object)
{
	const struct api_row *row = &facts->row;

	json_put_text(object, "endpoint", facts->name);
	json_put_bool(object, "known", facts->known);
	if (!facts->known)
		return;
	put_text(object, "cursor", row->cursor);
	put_time(object, "last_check", row->checked_us);
	put_time(object, "last_change", row->changed_us);
	put_time(object, "next_run", facts->next_us);
	json_put_bool(object, "running", row->running);
	if (facts->calls_left < 0)
		json_put_null(object, "calls_left");
	else
		json_put_int(object, "calls_left", facts->calls_left);
	json_put_int(object, "requests", row->requests);
	json_put_int(object, "unchanged", row->unchanged);
	json_put_int(object, "records", row->records);
	json_put_int(object, "errors", row->errors);
	json_put_int(object, "failures", row->failures);
	put_text(object, "error", row->error);
	put_text(object, "under_way", facts->intends ? facts->intent.url :
		NULL);
}

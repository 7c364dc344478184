/* api_name.c - what answers will be called, known before they are asked for.
 *
 * The state file has the drop id of the next request, and with it those of all
 * that follow: each comes from the one before. So requests may go out while the
 * answers before them are being kept, and after a crash their answers are found
 * in the store. New names are made whenever nothing is under way, so that they
 * say when an answer came, or nearly. */
#include "producer/api_private.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool api_text_replace(char **to, const char *from, struct err *err)
{
	char *copy = from == NULL ? NULL : strdup(from);

	if (from != NULL && copy == NULL)
		return err_memory(err);
	free(*to);
	*to = copy;
	return true;
}

static const char *extension(const struct pipeline_api *api)
{
	switch (api->format.format) {
	case TABLE_CSV:
		return "csv";
	case TABLE_HTML:
		return "html";
	default:
		return "json";
	}
}

static bool name_of(const struct api_endpoint *e,
	const struct api_intent *intent, struct buf *text, struct err *err)
{
	struct object_name name = { .time_us = intent->made_us,
		.drop = intent->drop };

	(void)snprintf(name.pipeline, sizeof(name.pipeline), "%s",
		e->dataset->pipeline->name);
	(void)snprintf(name.endpoint, sizeof(name.endpoint), "%s",
		e->dataset->name);
	(void)snprintf(name.ext, sizeof(name.ext), "%s", extension(e->api));
	buf_reset(text);
	return object_name_format(&name, text, err);
}

static bool name_object(struct api_endpoint *e, struct err *err)
{
	struct buf text = { 0 };
	const bool ok = name_of(e, &e->intent, &text, err);

	if (ok) {
		free(e->intent.object);
		e->intent.object = buf_take(&text);
	}
	buf_clear(&text);
	return ok;
}

bool api_abandon(struct api_desk *desk, const struct api_endpoint *e,
	struct err *err)
{
	struct api_intent at = e->intent; /* its texts are not ours */
	struct buf text = { 0 };
	bool ok = api_state_add_object(desk->state, at.object, err);

	for (int i = 0; ok && i < e->adopt_more; i++)
		ok = api_intent_follow(&at.drop, err) &&
			name_of(e, &at, &text, err) &&
			api_state_add_object(desk->state, text.data, err);
	buf_clear(&text);
	return ok;
}

bool api_name_anew(struct api_endpoint *e, struct err *err)
{
	e->intent.made_us = clock_wall_us();
	return uuid_random(&e->intent.drop, err) && name_object(e, err);
}

bool api_name_next(struct api_endpoint *e, const struct api_intent *before,
	struct err *err)
{
	e->intent.made_us = before->made_us;
	e->intent.drop = before->drop;
	return api_intent_follow(&e->intent.drop, err) && name_object(e, err);
}

/* What is kept beside an answer says the address it was asked from, and not
 * what else may differ from page to page: then one is asked at a time. */
int api_ahead(const struct api_endpoint *e)
{
	const struct api_pairs *headers = &e->api->headers;

	for (size_t i = 0; i < headers->count; i++)
		if (strchr(headers->items[i].value, '{') != NULL)
			return 1;
	return e->api->body != NULL ? 1 : API_AHEAD;
}

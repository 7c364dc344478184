/* api_harvest.c - what an answer holds. */
#include "producer/api_harvest.h"

#include "common/api_template.h"
#include "common/pointer.h"
#include "common/table_rows.h"
#include "producer/api_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CURSOR_MAX 4096 /* a longer value is none: it goes into addresses */

struct work {
	const struct pipeline_api *api;
	const struct api_child *children;
	size_t child_count;
	struct api_harvest *harvest;
	struct err *err;
};

static size_t count_steps(char *const *steps)
{
	size_t count = 0;

	while (steps != NULL && steps[count] != NULL)
		count++;
	return count;
}

/* -- what children ask for ------------------------------------------------- */

struct gather {
	struct api_child *child;
	struct err *err;
};

static bool has_pointer(const struct api_child *child, const char *text,
	size_t len)
{
	for (size_t i = 0; i < child->count; i++)
		if (strlen(child->pointers[i]) == len &&
			memcmp(child->pointers[i], text, len) == 0)
			return true;
	return false;
}

static bool add_pointer(void *context, const char *text, size_t len)
{
	struct gather *gather = context;
	struct api_child *child = gather->child;
	char **steps = calloc(POINTER_STEPS_MAX + 1, sizeof(*steps));
	size_t count = 0;

	if (has_pointer(child, text, len)) {
		free(steps);
		return true;
	}
	child->pointers = realloc(child->pointers,
		(child->count + 1) * sizeof(*child->pointers));
	child->steps = realloc(child->steps,
		(child->count + 1) * sizeof(*child->steps));
	if (steps == NULL || child->pointers == NULL || child->steps == NULL)
		return err_memory(gather->err);
	child->steps[child->count] = steps;
	child->pointers[child->count] = strndup(text, len);
	if (child->pointers[child->count++] == NULL)
		return err_memory(gather->err);
	return pointer_parse(child->pointers[child->count - 1], steps, &count,
		gather->err);
}

static bool gather_pointers(const struct pipeline_api *api,
	struct gather *gather)
{
	bool ok = api_template_parents(api->path, add_pointer, gather) &&
		api_template_parents(api->body, add_pointer, gather);

	for (size_t i = 0; ok && i < api->query.count; i++)
		ok = api_template_parents(api->query.items[i].value,
			add_pointer, gather);
	for (size_t i = 0; ok && i < api->headers.count; i++)
		ok = api_template_parents(api->headers.items[i].value,
			add_pointer, gather);
	return ok;
}

bool api_child_read(const struct pipeline_api *api, struct api_child *child,
	struct err *err)
{
	struct gather gather = { child, err };

	return gather_pointers(api, &gather);
}

void api_child_clear(struct api_child *child)
{
	for (size_t i = 0; i < child->count; i++) {
		for (char **step = child->steps[i]; *step != NULL; step++)
			free(*step);
		free(child->steps[i]);
		free(child->pointers[i]);
	}
	free(child->steps);
	free(child->pointers);
	*child = (struct api_child){ .endpoint = NULL };
}

/* -- a record ------------------------------------------------------------ */

/* Text decoded, a number's digits, true or false; nothing else is a value. */
static bool value_at(const char *text, size_t len, char *const *steps,
	struct buf *out, bool *there, struct err *err)
{
	struct pointer_span span;
	struct json_fault fault;
	struct err none = { 0 };

	*there = false;
	if (!pointer_slice(text, len, steps, count_steps(steps), &span, &none))
		return true;
	switch (span.type) {
	case JSON_STRING: {
		const struct json_node node = { .start = (uint32_t)span.start,
			.len = (uint32_t)span.len, .type = JSON_STRING,
			.escaped = true };

		*there = json_decode(text, &node, out, &fault);
		return *there || strcmp(fault.code, "memory") != 0 ||
			err_memory(err);
	}
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
		*there = true;
		return buf_add(out, text + span.start, span.len, err);
	default:
		return true;
	}
}

static void note_odd(struct api_harvest *harvest, const struct buf *value)
{
	if (harvest->odd++ == 0)
		(void)snprintf(harvest->first_odd, sizeof(harvest->first_odd),
			"%s", value->data);
}

static bool note_cursor(struct work *work, const char *text, size_t len)
{
	const struct api_cursor *cursor = &work->api->cursor;
	struct buf *most = &work->harvest->cursor;
	struct buf value = { 0 };
	bool there;
	bool ok = value_at(text, len, cursor->field, &value, &there,
		work->err);

	there = ok && there && value.len > 0;
	if (there && (value.len > CURSOR_MAX ||
			     strlen(value.data) != value.len ||
			     !api_cursor_valid(cursor->kind, value.data))) {
		note_odd(work->harvest, &value);
		there = false;
	}
	if (there && (most->len == 0 || api_cursor_greater(cursor->kind,
			value.data, most->data))) {
		buf_clear(most);
		*most = value;
		return true;
	}
	buf_clear(&value);
	return ok;
}

/* All its values, or none of it. */
static bool note_child(struct work *work, size_t number, const char *text,
	size_t len)
{
	const struct api_child *child = &work->children[number];
	struct buf line = { 0 }, value = { 0 };
	bool there = true;
	bool ok = buf_printf(&line, work->err, "%zu\t", number);

	for (size_t i = 0; ok && there && i < child->count; i++) {
		buf_reset(&value);
		ok = value_at(text, len, child->steps[i], &value, &there,
			work->err);
		if (ok && there)
			ok = (i == 0 || buf_add_char(&line, '&', work->err)) &&
				api_percent_add(&line, child->pointers[i],
					strlen(child->pointers[i]),
					work->err) &&
				buf_add_char(&line, '=', work->err) &&
				api_percent_add(&line, value.data, value.len,
					work->err);
	}
	if (ok && there)
		ok = buf_add(&work->harvest->parents, line.data, line.len,
			     work->err) &&
			buf_add_char(&work->harvest->parents, '\n', work->err);
	buf_clear(&line);
	buf_clear(&value);
	return ok;
}

static bool note_record(struct work *work, const char *text, size_t len)
{
	bool ok = work->api->cursor.field == NULL ||
		note_cursor(work, text, len);

	for (size_t i = 0; ok && i < work->child_count; i++)
		ok = note_child(work, i, text, len);
	return ok;
}

/* -- records one after the other ----------------------------------------------- */

static bool bad_json(struct err *err, const char *text, size_t len,
	const struct json_fault *fault)
{
	const size_t blank = json_blanks(text, len);
	const bool html = len > blank && text[blank] == '<';

	return err_set(err, ERR_REJECT, "the answer is no JSON%s: %s at byte "
		"%zu", html ? " but looks like a page for people" : "",
		fault->what, fault->at);
}

/* Values of an array's inside, or of a text; commas belong to blanks. */
static bool each_value(struct work *work, const char *text, size_t len,
	bool commas)
{
	struct json_fault fault = { 0 };
	size_t at = 0, end;

	for (;;) {
		at += json_blanks(text + at, len - at);
		if (commas && at < len && text[at] == ',') {
			at++;
			continue;
		}
		if (at >= len)
			return true;
		if (json_scan(text + at, len - at, true, &end, &fault) !=
				JSON_OK) {
			fault.at += at;
			/* the reader refuses that line, and tells */
			return (!commas && work->harvest->records > 0) ||
				bad_json(work->err, text, len, &fault);
		}
		work->harvest->records++;
		if (!note_record(work, text + at, end))
			return false;
		at += end;
	}
}

static bool take_span(struct work *work, const char *body,
	const struct pointer_span *span)
{
	struct api_harvest *harvest = work->harvest;

	harvest->spool = body + span->start;
	harvest->len = span->len;
	switch (span->type) {
	case JSON_ARRAY:
		return each_value(work, harvest->spool + 1, span->len - 2,
			true);
	case JSON_OBJECT:
		harvest->records = 1;
		return note_record(work, harvest->spool, span->len);
	case JSON_NULL:
		harvest->len = 0;
		return true;
	default:
		return err_set(work->err, ERR_REJECT, "where the records "
			"should be is neither array nor object");
	}
}

/* One value, or several: NDJSON. */
static bool take_whole(struct work *work, const char *body, size_t len)
{
	const size_t blank = json_blanks(body, len);
	struct pointer_span span = { .start = blank };
	struct json_fault fault = { 0 };
	size_t end;

	if (blank == len)
		return true; /* nothing is no records */
	if (json_scan(body + blank, len - blank, true, &end, &fault) !=
			JSON_OK) {
		fault.at += blank;
		return bad_json(work->err, body, len, &fault);
	}
	span.len = end;
	if (blank + end + json_blanks(body + blank + end, len - blank - end) ==
			len) {
		span.type = body[blank] == '[' ? JSON_ARRAY :
			body[blank] == '{' ? JSON_OBJECT : JSON_STRING;
		return take_span(work, body, &span);
	}
	work->harvest->spool = body;
	work->harvest->len = len;
	if (body[blank] != '{')
		return err_set(work->err, ERR_REJECT, "behind the answer's "
			"first value comes more: that is for objects, one a "
			"line");
	return each_value(work, body, len, false);
}

static bool take_json(struct work *work, const char *body, size_t len)
{
	struct pointer_span span;

	if (work->api->records == NULL)
		return take_whole(work, body, len);
	if (json_blanks(body, len) == len) /* not even an empty list */
		return err_set(work->err, ERR_REJECT, "the answer is empty");
	return pointer_slice(body, len, work->api->records,
		       count_steps(work->api->records), &span, work->err) &&
		take_span(work, body, &span);
}

static bool take_table(struct work *work, const char *body, size_t len)
{
	struct api_harvest *harvest = work->harvest;
	struct table_report report = { 0 };
	const char *at;
	bool ok = table_to_ndjson(&work->api->format, body, len,
		table_write_buf, &harvest->made, &report, work->err);

	harvest->spool = harvest->made.data;
	harvest->len = harvest->made.len;
	harvest->records = report.records + report.rejects;
	harvest->rejects = report.rejects;
	(void)snprintf(harvest->first_reject, sizeof(harvest->first_reject),
		"%s", report.first);
	for (at = harvest->spool; ok && at != NULL && *at != '\0';) {
		const size_t line = strcspn(at, "\n");

		ok = note_record(work, at, line);
		at += line + (at[line] == '\n' ? 1 : 0);
	}
	return ok;
}

bool api_harvest(const struct pipeline_api *api,
	const struct api_child *children, size_t child_count,
	const char *body, size_t len, struct api_harvest *harvest,
	struct err *err)
{
	struct work work = { api, children, child_count, harvest, err };

	*harvest = (struct api_harvest){ .spool = "" };
	return api->format.format == TABLE_JSON ?
		take_json(&work, body, len) : take_table(&work, body, len);
}

void api_harvest_clear(struct api_harvest *harvest)
{
	buf_clear(&harvest->made);
	buf_clear(&harvest->cursor);
	buf_clear(&harvest->parents);
	*harvest = (struct api_harvest){ .spool = "" };
}

/* object_name.c - names of objects: what they say, and which are safe. */
#include "common/object_name.h"
#include "common/clock.h"
#include "common/datetime.h"

#include <stdio.h>
#include <string.h>

#define DAY_US ((int64_t)86400 * 1000000)
#define EPOCH_2000_US ((int64_t)946684800 * 1000000)

/* Suffixes that a store puts behind names itself. */
static const char *const taken[] = { ".zst", ".http", ".file" };

/* -- what is safe ------------------------------------------------------- */

static bool ends_with(const char *text, const char *suffix)
{
	const size_t len = strlen(text), tail = strlen(suffix);

	return len >= tail && strcmp(text + len - tail, suffix) == 0;
}

static const char *part_fault(const char *part, size_t len)
{
	if (len == 0)
		return "a part of it is empty";
	if (len > OBJECT_PART_MAX)
		return "a part of it is too long";
	if (part[0] == '.')
		return "a part of it begins with a dot";
	return NULL;
}

static const char *text_fault(const char *text, size_t len)
{
	for (size_t at = 0, step; at < len; at += step) {
		const unsigned char c = (unsigned char)text[at];

		step = utf8_length(text + at, len - at);
		if (step == 0)
			return "it is not UTF-8";
		if (c < 0x20 || c == 0x7f)
			return "a control character is in it";
	}
	return NULL;
}

static const char *name_fault(const char *text)
{
	const size_t len = strlen(text);
	const char *fault = len > OBJECT_NAME_MAX ? "it is too long" :
		text_fault(text, len);
	int parts = 0;

	for (const char *part = text; fault == NULL && part != NULL;) {
		const size_t part_len = strcspn(part, "/");

		fault = part_fault(part, part_len);
		part = part[part_len] == '/' ? part + part_len + 1 : NULL;
		if (fault == NULL && ++parts > OBJECT_PARTS_MAX)
			fault = "it has too many parts";
	}
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (fault == NULL && ends_with(text, taken[i]))
			fault = "the store itself uses its ending";
	return fault;
}

bool object_name_check(const char *text, struct err *err)
{
	const char *fault = name_fault(text);

	return fault == NULL || err_set(err, ERR_REJECT,
		"%.80s is no name for an object: %s", text, fault);
}

/* -- what they say ------------------------------------------------------ */

bool object_name_prefix(const char *pipeline, const char *endpoint,
	int64_t day_us, struct buf *out, struct err *err)
{
	char date[CLOCK_TEXT];

	if (endpoint == NULL)
		return buf_printf(out, err, "%s/", pipeline);
	clock_format_date(day_us, date);
	return buf_printf(out, err, "%s/%s/%s/", pipeline, endpoint, date);
}

bool object_name_format(const struct object_name *name, struct buf *out,
	struct err *err)
{
	const int64_t secs = (name->time_us % DAY_US) / 1000000;
	const size_t from = out->len;
	char drop[UUID_TEXT];

	uuid_format(&name->drop, drop);
	return object_name_prefix(name->pipeline, name->endpoint,
		       name->time_us, out, err) &&
		buf_printf(out, err, "%02d%02d%02d-%s%s%s",
			(int)(secs / 3600), (int)(secs / 60 % 60),
			(int)(secs % 60), drop, name->ext[0] != '\0' ? "." : "",
			name->ext) &&
		object_name_check(out->data + from, err);
}

/* Copies up to the stop; false when it is empty or too long. */
static bool take_word(const char **at, char stop, char *out, size_t size)
{
	const char *end = strchr(*at, stop);
	const size_t len = end == NULL ? 0 : (size_t)(end - *at);

	if (len == 0 || len >= size)
		return false;
	memcpy(out, *at, len);
	out[len] = '\0';
	*at = end + 1;
	return true;
}

static bool take_time(const char *day, const char *clock, int64_t *time_us)
{
	char text[sizeof("2026-11-22 10:20:30")];

	if (strlen(day) != 10 || strlen(clock) != 6)
		return false;
	(void)snprintf(text, sizeof(text), "%.10s %.2s:%.2s:%.2s", day, clock,
		clock + 2, clock + 4);
	if (!datetime_time(text, strlen(text), false, time_us))
		return false;
	*time_us += EPOCH_2000_US;
	return true;
}

bool object_name_parse(const char *text, struct object_name *name)
{
	char day[11], clock[7];
	const char *at = text;

	*name = (struct object_name){ .ext = "" };
	if (name_fault(text) != NULL ||
		!take_word(&at, '/', name->pipeline, sizeof(name->pipeline)) ||
		!take_word(&at, '/', name->endpoint, sizeof(name->endpoint)) ||
		!take_word(&at, '/', day, sizeof(day)) ||
		!take_word(&at, '-', clock, sizeof(clock)) ||
		!take_time(day, clock, &name->time_us) ||
		strlen(at) < UUID_TEXT - 1 ||
		!uuid_parse(at, UUID_TEXT - 1, &name->drop))
		return false;
	at += UUID_TEXT - 1;
	if (*at == '\0')
		return true;
	return *at++ == '.' && *at != '\0' && strchr(at, '/') == NULL &&
		snprintf(name->ext, sizeof(name->ext), "%s", at) <
			(int)sizeof(name->ext);
}

/* log.c - one line per event on stderr, logfmt or JSON. */
#include "common/log.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)16 << 10)
#define FIRST_GAP_MS ((int64_t)60 * 1000)
#define LAST_GAP_MS ((int64_t)3600 * 1000)

static enum log_level threshold = LOG_INFO;
static enum log_format style = LOG_LOGFMT;

static const char *const level_names[] = { "error", "warn", "info", "debug" };

void log_setup(enum log_level level, enum log_format format)
{
	threshold = level;
	style = format;
	for (int i = 0; i <= (int)level; i++)
		metrics_add(METRIC_LOG_LINES, 0, level_names[i], NULL);
}

bool log_level_parse(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(*level_names); i++)
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	return false;
}

bool log_enabled(enum log_level level)
{
	return level <= threshold;
}

/* A logfmt value needs quotes unless it is a plain word. */
static bool needs_quotes(const char *text)
{
	return text[0] == '\0' || strpbrk(text, " =\"\\") != NULL;
}

static bool add_text(struct buf *line, const char *text, struct err *err)
{
	const bool quotes = needs_quotes(text);
	bool ok = true;

	if (style == LOG_JSON)
		return buf_add_json(line, text, strlen(text), err);
	if (quotes)
		ok = buf_add_char(line, '"', err);
	ok = ok && buf_add_escaped(line, text, strlen(text), err);
	return ok && (!quotes || buf_add_char(line, '"', err));
}

static bool add_key(struct buf *line, const char *key, struct err *err)
{
	if (style == LOG_JSON)
		return buf_printf(line, err, "%s\"%s\":",
			line->len == 0 ? "{" : ",", key);
	return buf_printf(line, err, "%s%s=", line->len == 0 ? "" : " ", key);
}

static bool add_pair(struct buf *line, const struct log_field *field,
	struct err *err)
{
	if (!add_key(line, field->key, err))
		return false;
	switch (field->type) {
	case LOG_IS_INT:
		return buf_printf(line, err, "%" PRId64, field->i);
	case LOG_IS_UINT:
		return buf_printf(line, err, "%" PRIu64, field->u);
	case LOG_IS_STR:
		break;
	}
	return add_text(line, field->str != NULL ? field->str : "", err);
}

void log_write(enum log_level level, const char *event,
	const struct log_field *fields)
{
	const int saved = errno;
	struct buf line = { .max = LINE_MAX_BYTES };
	struct err err = { 0 };
	char now[CLOCK_TEXT];
	struct log_field head[] = { LOG_S("ts", now),
		LOG_S("level", level_names[level]), LOG_S("event", event) };
	bool ok = true;

	if (!log_enabled(level))
		return;
	metrics_add(METRIC_LOG_LINES, 1, level_names[level], NULL);
	clock_format_us(clock_wall_us(), now);
	for (size_t i = 0; ok && i < 3; i++)
		ok = add_pair(&line, &head[i], &err);
	for (; ok && fields->key != NULL; fields++)
		ok = add_pair(&line, fields, &err);
	ok = ok && buf_add_str(&line, style == LOG_JSON ? "}\n" : "\n", &err);
	if (!ok && line.len > 0 && line.data != NULL)
		line.data[line.len - 1] = '\n';
	/* one write: lines of several threads do not mix */
	if (line.len > 0 && write(STDERR_FILENO, line.data, line.len) < 0)
		errno = saved; /* nowhere left to complain */
	buf_clear(&line);
	errno = saved;
}

void log_err(enum log_level level, const char *event, const struct err *err)
{
	if (err->code[0] != '\0')
		LOG(level, event, LOG_S("code", err->code),
			LOG_S("err", err->text));
	else
		LOG(level, event, LOG_S("err", err->text));
}

/* FNV-1a, numbers left out; never 0. */
static uint64_t mark_of(const char *text)
{
	uint64_t mark = 0xcbf29ce484222325u;

	for (; *text != '\0'; text++)
		if (*text < '0' || *text > '9')
			mark = (mark ^ (unsigned char)*text) * 0x100000001b3u;
	return mark != 0 ? mark : 1;
}

/* True when it was not said before, and there is room to remember it. */
static bool is_news(struct log_repeat *repeat, const char *text)
{
	const uint64_t mark = mark_of(text);

	for (size_t i = 0; i < LOG_REPEAT_TEXTS; i++) {
		if (repeat->said[i] == mark)
			return false;
		if (repeat->said[i] == 0) {
			repeat->said[i] = mark;
			return true;
		}
	}
	return false;
}

bool log_repeat_due_for(struct log_repeat *repeat, const char *text)
{
	if (!is_news(repeat, text) || repeat->times == 0)
		return log_repeat_due(repeat);
	repeat->times++;
	return true;
}

bool log_repeat_due(struct log_repeat *repeat)
{
	const int64_t now = clock_now_ms();

	if (repeat->times++ > 0 && now < repeat->next_ms)
		return false;
	repeat->gap_ms = repeat->gap_ms == 0 ? FIRST_GAP_MS :
		repeat->gap_ms * 2 > LAST_GAP_MS ? LAST_GAP_MS :
		repeat->gap_ms * 2;
	repeat->next_ms = now + repeat->gap_ms;
	return true;
}

uint64_t log_repeat_clear(struct log_repeat *repeat)
{
	const uint64_t times = repeat->times;

	*repeat = (struct log_repeat){ 0 };
	return times;
}

/* notice.c - what a notification says. Pure. */
#include "consumer/notice.h"
#include "common/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_BYTES 57 /* 76 characters of base64 */

/* -- in words ----------------------------------------------------------- */

static bool is_event(const struct notice *notice, enum notice_event event)
{
	return strcmp(notice->event, notice_event_name(event)) == 0;
}

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

bool notice_title(const struct notice *notice, struct buf *out,
	struct err *err)
{
	const char *pipeline = notice->pipeline;

	if (is_event(notice, NOTICE_LOAD))
		return buf_printf(out, err, "%s: %" PRId64 " source%s loaded, "
			"%" PRId64 " record%s", pipeline, notice->sources,
			plural(notice->sources), notice->records,
			plural(notice->records));
	if (is_event(notice, NOTICE_MODEL))
		return buf_printf(out, err, "%s: %" PRId64 " model%s failed",
			pipeline, notice->times, plural(notice->times));
	if (is_event(notice, NOTICE_TEST))
		return buf_printf(out, err, "%s: %" PRId64 " data test%s "
			"failed", pipeline, notice->times,
			plural(notice->times));
	if (is_event(notice, NOTICE_REJECTS))
		return buf_printf(out, err, "%s: %" PRId64 " records rejected "
			"in a short time", pipeline, notice->rejected);
	return buf_add_str(out, "a test notification", err);
}

static bool add_numbers(const struct notice *notice, struct buf *out,
	struct err *err)
{
	if (!is_event(notice, NOTICE_LOAD))
		return true;
	return buf_printf(out, err, "%" PRId64 " inserted, %" PRId64
			" updated, %" PRId64 " unchanged, %" PRId64 " rejected",
		       notice->inserted, notice->updated, notice->unchanged,
		       notice->rejected) &&
		(notice->filtered == 0 || buf_printf(out, err, ", %" PRId64
			" outside the dates asked for", notice->filtered)) &&
		buf_add_char(out, '\n', err);
}

static bool add_items(const struct notice *notice, struct buf *out,
	struct err *err)
{
	struct json *items = json_read(notice->items, strlen(notice->items),
		err);
	const size_t count = items != NULL ? json_size(items) : 0;
	bool ok = items != NULL;

	for (size_t i = 0; ok && i < count; i++) {
		const char *text = json_text(json_at(items, i));

		ok = text == NULL || (buf_add_str(out, "- ", err) &&
			buf_add_escaped(out, text, strlen(text), err) &&
			buf_add_char(out, '\n', err));
	}
	if (ok && count > 0 && (int64_t)count < notice->times)
		ok = buf_printf(out, err, "- and %" PRId64 " more\n",
			notice->times - (int64_t)count);
	json_free(items);
	return ok;
}

static const char *remedy(const struct notice *notice)
{
	if (is_event(notice, NOTICE_MODEL))
		return "See `sluice status`; mend it, then "
			"`sluice models run`.\n";
	if (is_event(notice, NOTICE_TEST))
		return "See `sluice test-data`.\n";
	if (is_event(notice, NOTICE_REJECTS))
		return "See `sluice rejects`.\n";
	return "";
}

bool notice_text(const struct notice *notice, struct buf *out,
	struct err *err)
{
	return notice_title(notice, out, err) &&
		buf_add_char(out, '\n', err) &&
		add_numbers(notice, out, err) &&
		add_items(notice, out, err) &&
		buf_add_str(out, remedy(notice), err) &&
		buf_printf(out, err, "%s to %s, database %s\n",
			notice->first_at, notice->last_at, notice->database);
}

/* -- as JSON ------------------------------------------------------------ */

/* Slack reads &, < and > as its own. */
static bool add_slack(const struct buf *text, struct buf *out, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < text->len; i++)
		switch (text->data[i]) {
		case '&': ok = buf_add_str(out, "&amp;", err); break;
		case '<': ok = buf_add_str(out, "&lt;", err); break;
		case '>': ok = buf_add_str(out, "&gt;", err); break;
		default: ok = buf_add_char(out, text->data[i], err);
		}
	return ok;
}

static void put_facts(struct json *root, const struct notice *notice)
{
	const struct {
		const char *key;
		int64_t value;
	} numbers[] = {
		{ "times", notice->times }, { "sources", notice->sources },
		{ "records", notice->records },
		{ "inserted", notice->inserted },
		{ "updated", notice->updated },
		{ "unchanged", notice->unchanged },
		{ "rejected", notice->rejected },
		{ "filtered", notice->filtered },
	};

	json_put_text(root, "key", notice->key);
	json_put_text(root, "event", notice->event);
	json_put_text(root, "pipeline", notice->pipeline);
	json_put_text(root, "database", notice->database);
	json_put_text(root, "first_at", notice->first_at);
	json_put_text(root, "last_at", notice->last_at);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		json_put_int(root, numbers[i].key, numbers[i].value);
}

static bool put_items(struct json *root, const struct notice *notice,
	struct err *err)
{
	struct json *items = json_read(notice->items, strlen(notice->items),
		err);
	struct json *array = json_put_array(root, "items");

	for (size_t i = 0; items != NULL && i < json_size(items); i++)
		if (json_text(json_at(items, i)) != NULL)
			json_add_text(array, json_text(json_at(items, i)));
	json_free(items);
	return items != NULL;
}

bool notice_body(const struct notice *notice, bool slack, struct buf *out,
	struct err *err)
{
	struct json *root = json_object();
	struct buf text = { 0 }, shown = { 0 };
	bool ok = notice_text(notice, &text, err);

	if (ok && slack) {
		ok = add_slack(&text, &shown, err);
		json_put_text(root, "text", ok ? shown.data : "");
	} else if (ok) {
		put_facts(root, notice);
		json_put_text(root, "text", text.data);
		ok = put_items(root, notice, err);
	}
	ok = ok && json_print(root, false, out, err);
	json_free(root);
	buf_clear(&text);
	buf_clear(&shown);
	return ok;
}

/* -- as a mail ---------------------------------------------------------- */

static bool add_base64(const char *data, size_t len, struct buf *out,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < len; i += LINE_BYTES)
		ok = buf_add_base64(out, data + i, len - i < LINE_BYTES ?
				len - i : LINE_BYTES, err) &&
			buf_add_str(out, "\r\n", err);
	return ok;
}

/* In English, whatever the locale says. */
static void format_date(int64_t wall_us, char *out, size_t size)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const time_t secs = (time_t)(wall_us / 1000000);
	struct tm tm = { 0 };

	(void)gmtime_r(&secs, &tm);
	(void)snprintf(out, size, "%.3s, %d %.3s %d %02d:%02d:%02d +0000",
		days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
		tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool add_recipients(const struct listener *target, struct buf *out,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && target->to[i] != NULL; i++)
		ok = buf_printf(out, err, "%s<%s>", i == 0 ? "To: " :
			",\r\n ", target->to[i]);
	return ok && buf_add_str(out, "\r\n", err);
}

bool notice_mail(const struct notice *notice, const struct listener *target,
	int64_t wall_us, struct buf *out, struct err *err)
{
	struct buf text = { 0 };
	char date[64];
	bool ok;

	format_date(wall_us, date, sizeof(date));
	ok = buf_printf(out, err, "Date: %s\r\nFrom: Sluice <%s>\r\n", date,
		     target->from) &&
		add_recipients(target, out, err) &&
		buf_add_str(out, "Subject: [sluice] ", err) &&
		notice_title(notice, out, err) &&
		buf_printf(out, err, "\r\nMessage-ID: <%s@%s>\r\n"
			"Auto-Submitted: auto-generated\r\n"
			"MIME-Version: 1.0\r\n"
			"Content-Type: text/plain; charset=utf-8\r\n"
			"Content-Transfer-Encoding: base64\r\n\r\n",
			notice->key, strchr(target->from, '@') + 1) &&
		notice_text(notice, &text, err) &&
		add_base64(text.data, text.len, out, err);
	buf_clear(&text);
	return ok;
}

/* api_template.c - words in braces inside a request. */
#include "common/api_template.h"

#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_US (INT64_C(86400) * 1000000)
#define DAYS_BACK_MAX 36525

/* "{word}" or "{word:rest}" or "{word-rest}" at text. */
struct word {
	const char *name;
	size_t name_len;
	char sign;        /* ':', '-' or NUL */
	const char *rest;
	size_t rest_len;
	size_t len;       /* braces included */
};

static bool is_start(const char *text)
{
	return text[0] == '{' && text[1] >= 'a' && text[1] <= 'z';
}

static bool read_word(const char *text, struct word *word)
{
	const char *close = strchr(text, '}');
	const size_t name = strspn(text + 1, "abcdefghijklmnopqrstuvwxyz");
	const char *rest = text + 1 + name;

	if (close == NULL || rest > close)
		return false;
	*word = (struct word){ .name = text + 1, .name_len = name,
		.len = (size_t)(close - text) + 1 };
	if (rest == close)
		return true;
	word->sign = *rest;
	word->rest = rest + 1;
	word->rest_len = (size_t)(close - word->rest);
	return word->sign == ':' || word->sign == '-';
}

static bool is_word(const struct word *word, const char *name)
{
	return strlen(name) == word->name_len &&
		strncmp(word->name, name, word->name_len) == 0;
}

/* -- checking ---------------------------------------------------------- */

static bool is_days(const struct word *word)
{
	return word->sign == '-' && word->rest_len >= 1 &&
		word->rest_len <= 5 &&
		strspn(word->rest, "0123456789") == word->rest_len &&
		strtol(word->rest, NULL, 10) <= DAYS_BACK_MAX;
}

static const char *word_fault(const struct word *word, bool parent, bool each)
{
	static const char *const plain[] = { "cursor", "page", "offset",
		"size", "token", "now", "today" };

	if (is_word(word, "parent")) {
		if (!parent)
			return "{parent:...} needs `parent:`, the dataset that "
				"is meant";
		return word->sign == ':' && word->rest_len > 0 &&
			word->rest[0] == '/' ? NULL : "{parent:...} names a "
			"value of the record: {parent:/id}";
	}
	if (is_word(word, "each") && word->sign == '\0')
		return each ? NULL : "{each} needs `each:`, a list of words";
	if (is_word(word, "today") && is_days(word))
		return NULL;
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (word->sign == '\0' && is_word(word, plain[i]))
			return NULL;
	return "this word has no meaning; {cursor}, {page}, {offset}, {size}, "
		"{token}, {parent:/id}, {each}, {today}, {today-7} and {now} "
		"have";
}

const char *api_template_fault(const char *text, bool parent, bool each)
{
	struct word word;
	const char *fault;

	for (; (text = strchr(text, '{')) != NULL; text++) {
		if (!is_start(text))
			continue;
		if (!read_word(text, &word))
			return "a word in braces does not end, or holds what "
				"it may not";
		fault = word_fault(&word, parent, each);
		if (fault != NULL)
			return fault;
	}
	return NULL;
}

bool api_template_has(const char *text, const char *name)
{
	struct word word;

	for (; text != NULL && (text = strchr(text, '{')) != NULL; text++)
		if (is_start(text) && read_word(text, &word) &&
			is_word(&word, name))
			return true;
	return false;
}

bool api_template_parents(const char *text, api_template_each *each,
	void *context)
{
	struct word word;

	for (; text != NULL && (text = strchr(text, '{')) != NULL; text++)
		if (is_start(text) && read_word(text, &word) &&
			is_word(&word, "parent") &&
			!each(context, word.rest, word.rest_len))
			return false;
	return true;
}

/* -- escaping ---------------------------------------------------------- */

bool api_percent_add(struct buf *out, const char *text, size_t len,
	struct err *err)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789-._~";
	bool ok = buf_grow(out, len, err);

	for (size_t i = 0; ok && i < len; i++)
		if (text[i] != '\0' && strchr(plain, text[i]) != NULL)
			ok = buf_add_char(out, text[i], err);
		else
			ok = buf_printf(out, err, "%%%02X",
				(unsigned)(unsigned char)text[i]);
	return ok;
}

static bool add_json(struct buf *out, const char *text, size_t len,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < len; i++) {
		const unsigned char c = (unsigned char)text[i];

		if (c < 0x20)
			ok = buf_printf(out, err, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			ok = buf_printf(out, err, "\\%c", c);
		else
			ok = buf_add_char(out, text[i], err);
	}
	return ok;
}

static bool add_value(struct buf *out, const char *text, size_t len,
	enum api_escape escape, struct err *err)
{
	switch (escape) {
	case API_ESCAPE_ALL:
	case API_ESCAPE_VALUES:
		return api_percent_add(out, text, len, err);
	case API_ESCAPE_JSON:
		return add_json(out, text, len, err);
	case API_ESCAPE_NONE:
		break;
	}
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return err_set(err, ERR_REJECT, "a value with a "
				"control byte cannot be sent in a header");
	return buf_add(out, text, len, err);
}

/* -- filling ----------------------------------------------------------- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool api_percent_undo(struct buf *out, const char *text, size_t len,
	struct err *err)
{
	bool ok = buf_grow(out, len, err);

	for (size_t i = 0; ok && i < len; i++)
		if (text[i] == '%' && i + 2 < len && hex(text[i + 1]) >= 0 &&
			hex(text[i + 2]) >= 0) {
			ok = buf_add_char(out, (char)(hex(text[i + 1]) * 16 +
				hex(text[i + 2])), err);
			i += 2;
		} else
			ok = buf_add_char(out, text[i], err);
	return ok;
}

/* The value of a pointer in "pointer=value&...". */
static bool parent_value(const struct word *word, const char *parent,
	struct buf *out, bool *missing, struct err *err)
{
	struct buf name = { 0 };
	bool ok = api_percent_add(&name, word->rest, word->rest_len, err);

	*missing = true;
	while (ok && parent != NULL && *parent != '\0') {
		const size_t len = strcspn(parent, "&");

		if (len > name.len && parent[name.len] == '=' &&
			strncmp(parent, name.data, name.len) == 0) {
			*missing = false;
			ok = api_percent_undo(out, parent + name.len + 1,
				len - name.len - 1, err);
			break;
		}
		parent += len + (parent[len] == '&' ? 1 : 0);
	}
	buf_clear(&name);
	return ok;
}

static bool add_time(const struct word *word, int64_t now_us, struct buf *out,
	struct err *err)
{
	char text[CLOCK_TEXT];
	const int64_t days = word->sign == '-' ?
		strtol(word->rest, NULL, 10) : 0;

	if (is_word(word, "today")) {
		clock_format_date(now_us - days * DAY_US, text);
		return buf_add_str(out, text, err);
	}
	clock_format_us(now_us, text); /* without its microseconds */
	return buf_printf(out, err, "%.19sZ", text);
}

static const char *plain_value(const struct word *word,
	const struct api_values *values)
{
	const struct {
		const char *name;
		const char *value;
	} table[] = {
		{ "cursor", values->cursor },
		{ "page", values->page },
		{ "offset", values->offset },
		{ "size", values->size },
		{ "token", values->token },
		{ "each", values->each },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (is_word(word, table[i].name))
			return table[i].value;
	return NULL;
}

static bool word_value(const struct word *word,
	const struct api_values *values, struct buf *out, bool *missing,
	struct err *err)
{
	const char *plain;

	*missing = false;
	if (is_word(word, "parent"))
		return parent_value(word, values->parent, out, missing, err);
	if (is_word(word, "today") || is_word(word, "now"))
		return add_time(word, values->now_us, out, err);
	plain = plain_value(word, values);
	*missing = plain == NULL;
	return plain == NULL || buf_add_str(out, plain, err);
}

static bool add_word(const struct word *word, const struct api_values *values,
	enum api_escape escape, struct buf *out, bool *missing,
	struct err *err)
{
	struct buf value = { 0 };
	bool ok = word_value(word, values, &value, missing, err);

	ok = ok && (*missing || value.len == 0 ||
		add_value(out, value.data, value.len, escape, err));
	buf_clear(&value);
	return ok;
}

bool api_template_fill(const char *text, const struct api_values *values,
	enum api_escape escape, struct buf *out, bool *missing,
	struct err *err)
{
	const enum api_escape own = escape == API_ESCAPE_ALL ? escape :
		API_ESCAPE_NONE;
	struct word word;

	*missing = false;
	while (*text != '\0') {
		const bool start = is_start(text) && read_word(text, &word);
		const size_t len = start ? 0 : 1 + strcspn(text + 1, "{");

		if (start ? !add_word(&word, values, escape, out, missing,
				    err) :
			own == API_ESCAPE_NONE ?
				!buf_add(out, text, len, err) :
				!add_value(out, text, len, own, err))
			return false;
		if (*missing)
			return true;
		text += start ? word.len : len;
	}
	return true;
}

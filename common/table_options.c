/* table_options.c - how a table is written: the `format:` of a source. */
#include "common/table_options.h"

#include "common/html.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 1500 /* as many as a dataset has columns */

static const char *const kinds[] = { "json", "csv", "arrays", "html", NULL };

const char *table_format_name(enum table_format format)
{
	return kinds[format];
}

static bool read_kind(struct reading *in, const struct doc *value, void *to)
{
	size_t at;

	if (!field_read_word(in, value, kinds, &at))
		return false;
	*(enum table_format *)to = (enum table_format)at;
	return true;
}

static bool read_byte(struct reading *in, const struct doc *value, int *to,
	const char *example)
{
	const unsigned char *text = (const unsigned char *)value->text;

	if (!field_expect(in, value, DOC_TEXT, example))
		return false;
	if (strcmp(value->text, "tab") == 0)
		*to = '\t';
	else if (text[0] >= ' ' && text[0] < 0x7f && text[1] == '\0')
		*to = text[0];
	else
		return FAIL(value, "\"%s\": this must be one character of "
			"ASCII, e.g. %s", value->text, example);
	return true;
}

static bool read_delimiter(struct reading *in, const struct doc *value,
	void *to)
{
	return read_byte(in, value, to, "\";\" or tab");
}

static bool read_quote(struct reading *in, const struct doc *value, void *to)
{
	if (value->type != DOC_TEXT || strcmp(value->text, "none") != 0)
		return read_byte(in, value, to, "\"'\" or none");
	*(int *)to = TABLE_QUOTE_NONE;
	return true;
}

static bool read_header(struct reading *in, const struct doc *value, void *to)
{
	struct table_options *options = to;

	if (!field_expect(in, value, DOC_LIST, "[id, name]"))
		return false;
	if (value->count == 0 || value->count > HEADER_MAX)
		return FAIL(value, "from 1 to %d names", HEADER_MAX);
	if (!field_reserve(in, value->count, sizeof(char *), &options->header))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		const struct doc *item = &value->items[i];

		if (!field_expect(in, item, DOC_TEXT, "name") ||
			!field_copy(in, item->text, &options->header[i]))
			return false;
		options->header_count++;
		for (size_t k = 0; k < i; k++)
			if (strcmp(options->header[k], item->text) == 0)
				return FAIL(item, "\"%s\" stands in the header "
					"twice", item->text);
	}
	return true;
}

static bool read_skip(struct reading *in, const struct doc *value, void *to)
{
	int64_t rows = 0;

	if (value->type == DOC_TEXT && strcmp(value->text, "0") == 0)
		return true;
	if (!field_read_amount(in, value, UNIT_COUNT, 1000000, &rows))
		return false;
	*(uint64_t *)to = (uint64_t)rows;
	return true;
}

static bool read_xpath(struct reading *in, const struct doc *value, void *to)
{
	struct err wrong = { 0 };

	if (!field_expect(in, value, DOC_TEXT, "//table[@id='rates']"))
		return false;
	if (html_xpath_check(value->text, &wrong))
		return field_copy(in, value->text, to);
	if (wrong.kind == ERR_REJECT)
		return FAIL(value, "%s", wrong.text);
	*in->err = wrong;
	return false;
}

/* An option that does not belong to the kind. */
static bool check_kind(struct reading *in, const struct doc *map,
	const struct table_options *options)
{
	static const struct {
		const char *name;
		unsigned kinds; /* a bit each */
	} allowed[] = {
		{ "delimiter", 1U << TABLE_CSV },
		{ "quote", 1U << TABLE_CSV },
		{ "header", 1U << TABLE_CSV | 1U << TABLE_ARRAYS |
			1U << TABLE_HTML },
		{ "skip", 1U << TABLE_CSV | 1U << TABLE_ARRAYS |
			1U << TABLE_HTML },
		{ "xpath", 1U << TABLE_HTML },
	};

	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++) {
		const struct doc *at = doc_get(map, allowed[i].name);

		if (at != NULL && !(allowed[i].kinds >> options->format & 1U))
			return FAIL(at, "%s is not for the format %s",
				allowed[i].name, kinds[options->format]);
	}
	return true;
}

static bool check_csv(struct reading *in, const struct doc *map,
	const struct table_options *options)
{
	const int delimiter = options->delimiter != 0 ? options->delimiter :
							',';
	const int quote = options->quote != 0 ? options->quote : '"';

	return options->format != TABLE_CSV || delimiter != quote ||
		FAIL(map, "delimiter and quote are the same");
}

bool table_options_read(struct reading *in, const struct doc *value, void *to)
{
	static const struct field fields[] = {
		{ "kind", read_kind, offsetof(struct table_options, format),
			true },
		{ "delimiter", read_delimiter,
			offsetof(struct table_options, delimiter), false },
		{ "quote", read_quote, offsetof(struct table_options, quote),
			false },
		{ "header", read_header, 0, false },
		{ "skip", read_skip, offsetof(struct table_options, skip),
			false },
		{ "xpath", read_xpath, offsetof(struct table_options, xpath),
			false },
	};
	struct table_options *options = to;

	if (value->type == DOC_TEXT)
		return read_kind(in, value, &options->format);
	return field_read_map(in, value, FIELDS(fields), options) &&
		check_kind(in, value, options) &&
		check_csv(in, value, options);
}

void table_options_clear(struct table_options *options)
{
	for (size_t i = 0; i < options->header_count; i++)
		free(options->header[i]);
	free(options->header);
	free(options->xpath);
	*options = (struct table_options){ .format = TABLE_JSON };
}

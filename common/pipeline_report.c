/* pipeline_report.c - the reports of a pipeline file. */
#include "common/pipeline_report.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES 100
#define TITLE_MAX_BYTES 200
#define ORDER_MAX 32

static const char *const formats[] = {
	[REPORT_CSV] = "csv",
	[REPORT_JSON] = "json",
	[REPORT_HTML] = "html",
};

const char *report_format_name(enum report_format format)
{
	return formats[format];
}

/* -- values ------------------------------------------------------------- */

static bool is_plain(const char *text)
{
	return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		       "abcdefghijklmnopqrstuvwxyz0123456789_-.") ==
		strlen(text) &&
		text[0] != '.' && text[0] != '-';
}

/* Its ending says what it is. */
static bool read_file(struct reading *in, const struct doc *value, void *to)
{
	struct pipeline_report *report = to;
	const char *dot;

	if (!field_expect(in, value, DOC_TEXT, "totals.csv"))
		return false;
	dot = strrchr(value->text, '.');
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		if (dot == NULL || dot == value->text ||
			strcmp(dot + 1, formats[i]) != 0)
			continue;
		report->format = (enum report_format)i;
		if (is_plain(value->text) &&
			strlen(value->text) <= FILE_MAX_BYTES)
			return field_copy(in, value->text, &report->file);
	}
	return FAIL(value, "\"%s\" is not a report's file: letters, digits, _ "
		"- and . (not first), ending in .csv, .json or .html, at most "
		"%d in all", value->text, FILE_MAX_BYTES);
}

static bool read_title(struct reading *in, const struct doc *value, void *to)
{
	if (!field_expect(in, value, DOC_TEXT, "Totals by month"))
		return false;
	if (value->text[0] == '\0' || strlen(value->text) > TITLE_MAX_BYTES)
		return FAIL(value, "a title has 1 to %d bytes",
			TITLE_MAX_BYTES);
	return field_copy(in, value->text, to);
}

static bool read_order(struct reading *in, const struct doc *value, void *to)
{
	struct texts *order = to;

	if (!field_expect(in, value, DOC_LIST, "[month, \"-total\"]"))
		return false;
	if (value->count == 0 || value->count > ORDER_MAX)
		return FAIL(value, "1 to %d columns, e.g. [month, \"-total\"]",
			ORDER_MAX);
	if (!field_reserve(in, value->count, sizeof(char *), &order->items))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		const struct doc *item = &value->items[i];

		if (!field_expect(in, item, DOC_TEXT, "month") ||
			!field_check_name(in, item,
				item->text + (item->text[0] == '-'),
				FIELD_NAME_MAX) ||
			!field_copy(in, item->text,
				&order->items[order->count++]))
			return false;
	}
	return true;
}

static bool read_kind(struct reading *in, const struct doc *value, void *to)
{
	static const char *const words[] = { "bar", "line", NULL };
	size_t at;

	if (!field_read_word(in, value, words, &at))
		return false;
	*(bool *)to = at == 1;
	return true;
}

#define REPORT_AT(member) offsetof(struct pipeline_report, member)

static bool read_chart(struct reading *in, const struct doc *value, void *to)
{
	static const struct field fields[] = {
		{ "x", field_read_name, REPORT_AT(chart_x), true },
		{ "y", field_read_name, REPORT_AT(chart_y), true },
		{ "kind", read_kind, REPORT_AT(chart_line), false },
	};

	if (value->type != DOC_MAP)
		return FAIL(value, "this must be a map, e.g. "
			"{ x: month, y: total }");
	return field_read_map(in, value, FIELDS(fields), to);
}

/* -- one report --------------------------------------------------------- */

static bool check_report(struct reading *in, const struct doc *map,
	const struct pipeline_report *report)
{
	const struct doc *chart = doc_get(map, "chart");

	if ((report->model != NULL) + (report->table != NULL) +
			(report->query != NULL) != 1)
		return FAIL(map, "a report needs one of `model: name`, "
			"`table: raw.name` and `query: name` (the file "
			"reports/name.sql beside the pipeline's models)");
	if (chart != NULL && report->format != REPORT_HTML)
		return FAIL(chart, "only an .html report has a chart");
	return true;
}

/* The file's, without its ending. */
static bool make_name(struct reading *in, struct pipeline_report *report)
{
	if (!field_copy(in, report->file, &report->name))
		return false;
	*strrchr(report->name, '.') = '\0';
	return true;
}

bool pipeline_report_read(struct reading *in, const struct doc *value,
	struct pipeline_report *report)
{
	static const struct field fields[] = {
		{ "file", read_file, 0, true },
		{ "name", field_read_name, REPORT_AT(name), false },
		{ "model", field_read_name, REPORT_AT(model), false },
		{ "table", field_read_table, REPORT_AT(table), false },
		{ "query", field_read_name, REPORT_AT(query), false },
		{ "order", read_order, REPORT_AT(order), false },
		{ "title", read_title, REPORT_AT(title), false },
		{ "chart", read_chart, 0, false },
	};

	*report = (struct pipeline_report){ .line = value->line };
	if (!field_expect(in, value, DOC_MAP,
		    "{ file: totals.csv, model: totals }"))
		return false;
	return field_read_map(in, value, FIELDS(fields), report) &&
		check_report(in, value, report) &&
		(report->name != NULL || make_name(in, report));
}

void pipeline_report_clear(struct pipeline_report *report)
{
	char *texts[] = { report->name, report->file, report->model,
		report->table, report->query, report->title, report->chart_x,
		report->chart_y };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(texts[i]);
	texts_clear(&report->order);
	*report = (struct pipeline_report){ .name = NULL };
}

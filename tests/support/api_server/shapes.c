/* shapes.c - made-up records as JSON, CSV and HTML; see generate.h. */
#include "tests/support/api_server/generate.h"

#include "common/clock.h"
#include "common/datetime.h"

#include <stdio.h>
#include <string.h>

#define EPOCH_2026_US 1767225600000000LL
#define SECONDS_2000_TO_2026 820540800LL
#define MINUTE_US 60000000LL

static const char *const names[] = { "id", "parent_id", "name", "kind",
	"price", "updated_at" };

#define CELLS (sizeof(names) / sizeof(names[0]))

struct record {
	long long id, parent;
	bool fifth, priced;
	const char *kind;
	char at[CLOCK_TEXT];
};

/* A record as cells: what a CSV has without its quotes. */
struct cells {
	char cell[CELLS][64];
	bool text[CELLS]; /* else a number or null */
};

int64_t record_at(const char *time)
{
	int64_t us;

	if (time == NULL || !datetime_time(time, strlen(time), false, &us))
		return 0;
	return (us / 1000000 - SECONDS_2000_TO_2026 + 59) / 60;
}

static void make(const struct page *page, int64_t number,
	struct record *record)
{
	static const char *const kinds[] = { "bolt", "nut", "washer" };

	record->id = page->parent * 1000 + number;
	record->parent = page->parent;
	record->fifth = number % 5 == 0;
	record->kind = kinds[number % 3];
	record->priced = page->text_from <= 0 || number < page->text_from;
	clock_format_us(EPOCH_2026_US + number * MINUTE_US, record->at);
}

static void make_cells(const struct page *page, int64_t number,
	struct cells *cells)
{
	static const char *const note[] = { "", ", \"fifth\"" };
	struct record record;

	make(page, number, &record);
	memset(cells, 0, sizeof(*cells));
	(void)snprintf(cells->cell[0], 64, "%lld", record.id);
	if (record.parent > 0)
		(void)snprintf(cells->cell[1], 64, "%lld", record.parent);
	(void)snprintf(cells->cell[2], 64, "record %lld%s", record.id,
		note[record.fifth]);
	(void)snprintf(cells->cell[3], 64, "%s", record.kind);
	if (record.priced)
		(void)snprintf(cells->cell[4], 64, "%lld.%02lld",
			record.id % 1000, record.id % 100);
	else
		(void)snprintf(cells->cell[4], 64, "ask us");
	(void)snprintf(cells->cell[5], 64, "%.19sZ", record.at);
	cells->text[2] = cells->text[3] = cells->text[5] = true;
	cells->text[4] = !record.priced;
}

/* -- JSON -------------------------------------------------------------- */

static void say_quoted(struct buf *out, const char *text)
{
	struct err err = { 0 };

	say_bytes(out, "\"", 1);
	must(buf_add_escaped(out, text, strlen(text), &err));
	say_bytes(out, "\"", 1);
}

static void say_text(struct buf *out, const char *text)
{
	say_bytes(out, text, strlen(text));
}

static void say_cell(const struct cells *cells, size_t i, struct buf *out)
{
	if (cells->text[i])
		say_quoted(out, cells->cell[i]);
	else
		say_text(out, cells->cell[i][0] == '\0' ? "null" :
			cells->cell[i]);
}

/* In one go: pages of these are what a load is measured with. */
void record_object(const struct page *page, int64_t number, struct buf *out)
{
	static const char *const note[] = { "", ", \\\"fifth\\\"" };
	struct record record;
	struct err err = { 0 };
	char parent[24] = "null", price[24] = "\"ask us\"";

	make(page, number, &record);
	if (record.parent > 0)
		(void)snprintf(parent, sizeof(parent), "%lld", record.parent);
	if (record.priced)
		(void)snprintf(price, sizeof(price), "%lld.%02lld",
			record.id % 1000, record.id % 100);
	must(buf_printf(out, &err, "{\"id\": %lld, \"parent_id\": %s, "
		"\"name\": \"record %lld%s\", \"kind\": \"%s\", "
		"\"price\": %s, \"updated_at\": \"%.19sZ\"}", record.id,
		parent, record.id, note[record.fifth], record.kind, price,
		record.at));
}

void shape_array(const struct page *page, struct buf *out)
{
	say_text(out, "[");
	for (int64_t i = 0; i < page->count; i++) {
		say_text(out, i == 0 ? "\n" : ",\n");
		record_object(page, page->first + i, out);
	}
	say_text(out, "\n]");
}

void shape_lines(const struct page *page, struct buf *out)
{
	for (int64_t i = 0; i < page->count; i++) {
		record_object(page, page->first + i, out);
		say_text(out, "\n");
	}
}

void shape_rows(const struct page *page, struct buf *out)
{
	struct cells cells;

	say_text(out, "[[");
	for (size_t i = 0; i < CELLS; i++) {
		say_text(out, i == 0 ? "" : ", ");
		say_quoted(out, names[i]);
	}
	say_text(out, "]");
	for (int64_t i = 0; i < page->count; i++) {
		make_cells(page, page->first + i, &cells);
		for (size_t cell = 0; cell < CELLS; cell++) {
			say_text(out, cell == 0 ? ",\n[" : ", ");
			say_cell(&cells, cell, out);
		}
		say_text(out, "]");
	}
	say_text(out, "]");
}

/* -- CSV (RFC 4180) and HTML ------------------------------------------- */

static void say_field(const char *text, char delimiter, struct buf *out)
{
	const char special[] = { delimiter, '"', '\r', '\n', '\0' };

	if (strpbrk(text, special) == NULL) {
		say_text(out, text);
		return;
	}
	say_text(out, "\"");
	for (; *text != '\0'; text++) {
		say_bytes(out, text, 1);
		if (*text == '"')
			say_text(out, "\"");
	}
	say_text(out, "\"");
}

static void say_between(size_t i, char delimiter, struct buf *out)
{
	if (i > 0)
		say_bytes(out, &delimiter, 1);
}

void shape_csv(const struct page *page, struct buf *out)
{
	struct cells cells;

	for (size_t i = 0; i < CELLS; i++) {
		say_between(i, page->delimiter, out);
		say_field(names[i], page->delimiter, out);
	}
	for (int64_t row = 0; row < page->count; row++) {
		make_cells(page, page->first + row, &cells);
		say_text(out, "\r\n");
		for (size_t i = 0; i < CELLS; i++) {
			say_between(i, page->delimiter, out);
			say_field(cells.cell[i], page->delimiter, out);
		}
	}
	say_text(out, "\r\n");
}

static void say_html(const char *tag, const char *text, struct buf *out)
{
	say(out, "<%s>", tag);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			say_text(out, "&quot;");
		else
			say_bytes(out, text, 1);
	}
	say(out, "</%s>", tag);
}

/* The first table is not the one that is wanted. */
void shape_html(const struct page *page, struct buf *out)
{
	struct cells cells;

	say_text(out, "<!DOCTYPE html>\n<html><head><title>Records</title>"
		"</head><body>\n<table class=\"menu\"><tr><td>Home</td>"
		"<td>Help</td></tr></table>\n"
		"<table id=\"records\"><thead><tr>");
	for (size_t i = 0; i < CELLS; i++)
		say_html("th", names[i], out);
	say_text(out, "</tr></thead><tbody>\n");
	for (int64_t row = 0; row < page->count; row++) {
		make_cells(page, page->first + row, &cells);
		say_text(out, "<tr>");
		for (size_t i = 0; i < CELLS; i++)
			say_html("td", cells.cell[i], out);
		say_text(out, "</tr>\n");
	}
	say_text(out, "</tbody></table>\n</body></html>\n");
}

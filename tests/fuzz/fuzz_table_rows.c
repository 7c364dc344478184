/* fuzz_table_rows.c - whatever a table holds, each row is one JSON object of
 * as many members as the header has, or one reject; and the pieces in which
 * the bytes come change nothing. */
#include "common/jsonscan.h"
#include "common/table_rows.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(claim)             \
	do {                     \
		if (!(claim))    \
			abort(); \
	} while (0)

struct seen {
	struct buf lines;
	struct json_tape tape;
	uint64_t records, rejects;
	uint64_t end; /* of the last row in the input */
	uint64_t line;
	size_t members;
	size_t size;
	bool html;
};

static void check_place(struct seen *seen, const struct table_row *row)
{
	CHECK(row->row == seen->records + seen->rejects + 1);
	if (seen->html)
		return;
	CHECK(row->offset >= seen->end && row->length > 0);
	CHECK(row->offset + row->length <= seen->size);
	CHECK(row->line >= seen->line);
	seen->end = row->offset + row->length;
	seen->line = row->line;
}

/* A table on a page may have a header of its own: only their number is the
 * same in the others. */
static bool take(void *context, const struct table_row *row, struct err *err)
{
	struct seen *seen = context;
	struct json_fault fault;
	size_t members = 0;

	check_place(seen, row);
	CHECK(memchr(row->text, '\n', row->len) == NULL);
	CHECK(json_parse(row->text, row->len, &seen->tape, &fault) == JSON_OK);
	if (row->kind == TABLE_REJECT) {
		CHECK(seen->tape.nodes[0].type == JSON_STRING);
		CHECK(row->code != NULL);
		seen->rejects++;
		return table_write_buf(&seen->lines, row, err);
	}
	CHECK(seen->tape.nodes[0].type == JSON_OBJECT);
	for (size_t i = 1; i < seen->tape.count;
		i = seen->tape.nodes[i + 1].next)
		members++;
	CHECK(seen->html || seen->records == 0 || members == seen->members);
	seen->members = members;
	seen->records++;
	return table_write_buf(&seen->lines, row, err);
}

static bool run(const struct table_options *options, const char *text,
	size_t len, size_t step, struct seen *seen, struct err *err)
{
	struct table_reader *table = table_open(options, take, seen, err);
	struct table_report report;
	bool ok = true;

	CHECK(table != NULL);
	*err = (struct err){ 0 };
	seen->size = len;
	seen->html = options->format == TABLE_HTML;
	for (size_t at = 0; ok && at < len; at += step)
		ok = table_feed(table, text + at,
			step < len - at ? step : len - at, err);
	ok = ok && table_finish(table, &report, err);
	if (ok) {
		CHECK(report.records == seen->records);
		CHECK(report.rejects == seen->rejects);
	} else {
		CHECK(err->kind == ERR_REJECT);
	}
	table_close(table);
	return ok;
}

static void clear(struct seen *seen)
{
	buf_clear(&seen->lines);
	json_tape_clear(&seen->tape);
}

/* Two bits say the format, the others how it is written. */
static void choose(uint8_t how, struct table_options *options, char **names,
	char *xpath)
{
	static const enum table_format formats[] = { TABLE_CSV, TABLE_ARRAYS,
		TABLE_HTML, TABLE_CSV };

	options->format = formats[how & 3];
	options->max_record = 200;
	options->max_bytes = 20000;
	options->skip = how >> 2 & 1;
	if (how & 8) {
		options->header = names;
		options->header_count = 2;
	}
	if ((how & 3) == 3) {
		options->delimiter = ';';
		options->quote = how & 16 ? TABLE_QUOTE_NONE : '\'';
	}
	if ((how & 3) == 2 && how & 16)
		options->xpath = xpath;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char a[] = "a", b[] = "b", rows[] = "//tr";
	char *names[] = { a, b };
	struct table_options options = { 0 };
	struct seen whole = { .line = 1 }, cut = { .line = 1 };
	struct err first, second;
	char *text;
	bool ok;

	if (size < 1)
		return 0;
	choose(data[0], &options, names, rows);
	text = malloc(size);
	CHECK(text != NULL);
	memcpy(text, data + 1, size - 1);
	ok = run(&options, text, size - 1, size, &whole, &first);
	CHECK(run(&options, text, size - 1, 1 + (data[0] >> 5), &cut,
		      &second) == ok);
	CHECK(ok || strcmp(first.text, second.text) == 0);
	CHECK(whole.lines.len == cut.lines.len);
	CHECK(whole.lines.len == 0 || memcmp(whole.lines.data, cut.lines.data,
		whole.lines.len) == 0);
	clear(&whole);
	clear(&cut);
	free(text);
	return 0;
}

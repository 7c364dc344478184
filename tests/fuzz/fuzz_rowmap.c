/* fuzz_rowmap.c - any record is refused with a known reason, or becomes cells
 * that keep their columns' promises, encode, and decode to themselves; and what
 * becomes of it does not depend on the records before. */
#include "common/decimal.h"
#include "consumer/copybin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(claim) \
	do { \
		if (!(claim)) \
			abort(); \
	} while (0)

/* All types, strict and coerced; the first byte of an input chooses what
 * happens to unknown members. */
static const char columns[] =
	"    key: [k]\n"
	"    columns:\n"
	"      - { name: k, type: text, max_length: 1000 }\n"
	"      - { name: t, type: text, max_length: 5, empty_as_null: true }\n"
	"      - { name: i, type: integer }\n"
	"      - { name: n, type: numeric }\n"
	"      - { name: f, type: double }\n"
	"      - { name: b, type: boolean }\n"
	"      - { name: s, type: timestamp }\n"
	"      - { name: z, type: timestamptz }\n"
	"      - { name: d, type: date }\n"
	"      - { name: u, type: uuid }\n"
	"      - { name: j, type: json }\n"
	"      - { name: ct, type: text, coerce: true, from: /c }\n"
	"      - { name: ci, type: integer, coerce: true, from: /c/i }\n"
	"      - { name: cn, type: numeric, coerce: true, from: /c/n }\n"
	"      - { name: cf, type: double, coerce: true, from: /c/f }\n"
	"      - { name: cb, type: boolean, coerce: true, from: /c/b }\n"
	"      - { name: e, type: text, from: /a/1/e }\n"
	"      - { name: p, type: boolean, present: true, from: /t }\n";
static const char head[] = "pipeline: p\ndatasets:\n";
static const char *const rules[] = { "ignore", "keep", "reject" };

static const char *const codes[] = { "json_syntax", "json_utf8", "json_depth",
	"json_nul", "json_surrogate", "not_object", "duplicate_key", "missing",
	"null", "type", "too_long", "range", "timestamp", "date", "uuid",
	"numeric", "key_too_long", "unknown_key", "json_number" };

static struct pipeline pipeline;
static struct rowmap *maps[3];

static void make_maps(void)
{
	struct buf text = { 0 };
	struct err err = { 0 };

	CHECK(buf_add_str(&text, head, &err));
	for (int i = 0; i < 3; i++)
		CHECK(buf_printf(&text, &err, "  d%d:\n    unknown: %s\n"
			"    source: { directory: d%d }\n    table: t%d\n%s",
			i, rules[i], i, i, columns));
	CHECK(pipeline_parse(text.data, text.len, "p.yaml", &pipeline, &err));
	buf_clear(&text);
	for (int i = 0; i < 3; i++) {
		maps[i] = rowmap_new(&pipeline.datasets[i], &err);
		CHECK(maps[i] != NULL);
	}
}

static bool known_code(const char *code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i], code) == 0)
			return true;
	return false;
}

static uint64_t big_endian(const char *at, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | (uint8_t)at[i];
	return value;
}

static void check_text(const struct cell *cell, const char *at, size_t len)
{
	CHECK(cell->v.s.len == len);
	CHECK(len == 0 || memcmp(cell->v.s.data, at, len) == 0);
	CHECK(len == 0 || memchr(at, '\0', len) == NULL);
	for (size_t i = 0; i < len;) {
		const size_t n = utf8_length(at + i, len - i);

		CHECK(n > 0);
		i += n;
	}
}

/* The value of a short numeric, by groups and by digits: near enough. */
static void check_numeric(const struct cell *cell, const char *at, size_t len)
{
	const size_t groups = (size_t)big_endian(at, 2);
	const int weight = (int16_t)big_endian(at + 2, 2);
	struct decimal number;
	char digits[64];
	double sum = 0, want;

	CHECK(len == 8 + 2 * groups);
	CHECK(decimal_parse(cell->v.s.data, cell->v.s.len, &number));
	CHECK(decimal_fits(&number));
	CHECK(big_endian(at + 6, 2) == (uint64_t)number.scale);
	CHECK((big_endian(at + 4, 2) == 0x4000) == number.negative);
	CHECK((groups == 0) == (number.first == number.last));
	for (size_t i = 0; i < groups; i++) {
		const uint64_t group = big_endian(at + 8 + 2 * i, 2);

		CHECK(group < 10000);
		CHECK(group != 0 || (i > 0 && i + 1 < groups));
		sum += (double)group * pow(10000, weight - (double)i);
	}
	if (cell->v.s.len >= sizeof(digits) || weight > 70 || weight < -70)
		return;
	memcpy(digits, cell->v.s.data, cell->v.s.len);
	digits[cell->v.s.len] = '\0';
	want = fabs(strtod(digits, NULL));
	CHECK(fabs(sum - want) <= want * 1e-12);
}

static void check_cell(const struct cell *cell)
{
	struct buf out = { 0 };
	struct err err = { 0 };
	const char *at;
	size_t len;
	uint64_t bits;

	CHECK(copybin_cell(&out, cell, &err));
	CHECK(out.len >= 4);
	at = out.data + 4;
	len = out.len - 4;
	if (cell->null) {
		CHECK(len == 0 && big_endian(out.data, 4) == UINT32_MAX);
		buf_clear(&out);
		return;
	}
	CHECK(big_endian(out.data, 4) == len);
	switch (cell->type) {
	case COLUMN_TEXT:
		check_text(cell, at, len);
		break;
	case COLUMN_JSON:
		CHECK(len > 1 && at[0] == 1);
		check_text(cell, at + 1, len - 1);
		break;
	case COLUMN_NUMERIC:
		check_numeric(cell, at, len);
		break;
	case COLUMN_INTEGER:
		CHECK(len == 8 && (int64_t)big_endian(at, 8) == cell->v.i);
		break;
	case COLUMN_TIMESTAMP:
	case COLUMN_TIMESTAMPTZ:
		CHECK(len == 8 && (int64_t)big_endian(at, 8) == cell->v.i);
		CHECK(cell->v.i >= INT64_C(-63082281600000000) &&
			cell->v.i < INT64_C(252455616000000000));
		break;
	case COLUMN_DATE:
		CHECK(len == 4 && (int32_t)big_endian(at, 4) == cell->v.i);
		CHECK(cell->v.i >= -730119 && cell->v.i <= 2921939);
		break;
	case COLUMN_DOUBLE:
		memcpy(&bits, &cell->v.d, sizeof(bits));
		CHECK(len == 8 && big_endian(at, 8) == bits);
		CHECK(isfinite(cell->v.d));
		break;
	case COLUMN_BOOLEAN:
		CHECK(len == 1 && (at[0] == 1) == cell->v.b);
		break;
	case COLUMN_UUID:
		CHECK(len == 16 && memcmp(at, cell->v.uuid, 16) == 0);
		break;
	}
	buf_clear(&out);
}

static void check_row(const struct rowmap *map, const struct cell *cells,
	const struct dataset *dataset)
{
	for (size_t i = 0; i < rowmap_width(map); i++) {
		if (i < dataset->column_count) {
			CHECK(cells[i].type == dataset->columns[i].type);
			CHECK(!cells[i].null || !dataset->columns[i].required);
		}
		check_cell(&cells[i]);
	}
	/* what `extra` holds is a record itself */
	if (rowmap_width(map) > dataset->column_count &&
		!cells[dataset->column_count].null) {
		const struct cell *extra = &cells[dataset->column_count];
		struct json_tape tape = { 0 };
		struct json_fault fault;

		CHECK(json_parse(extra->v.s.data, extra->v.s.len, &tape,
			&fault) == JSON_OK);
		CHECK(tape.nodes[0].type == JSON_OBJECT);
		json_tape_clear(&tape);
	}
}

/* All that comes of a record. */
struct outcome {
	enum row_status status;
	struct row_fault fault;
	struct buf row;
	uint64_t unknown;
};

static void map_one(struct rowmap *map, const struct dataset *dataset,
	const char *text, size_t len, struct outcome *outcome)
{
	struct cell cells[32];
	struct err err = { 0 };

	CHECK(rowmap_width(map) <= 32);
	*outcome = (struct outcome){ .fault = { .code = NULL } };
	outcome->status = rowmap_record(map, text, len, cells,
		&outcome->fault, &err);
	outcome->unknown = rowmap_take_unknown(map);
	if (outcome->status != ROW_OK)
		return;
	check_row(map, cells, dataset);
	CHECK(copybin_row(&outcome->row, cells, rowmap_width(map), NULL, 0,
		&err));
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
	CHECK(a->status == b->status);
	if (a->status == ROW_OK) {
		CHECK(a->unknown == b->unknown);
		CHECK(a->row.len == b->row.len &&
			memcmp(a->row.data, b->row.data, a->row.len) == 0);
		return;
	}
	CHECK(strcmp(a->fault.code, b->fault.code) == 0);
	CHECK(a->fault.at == b->fault.at);
	CHECK(a->fault.column == b->fault.column);
	CHECK(strcmp(a->fault.detail, b->fault.detail) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* By a mapping that has seen all records before, again by the same, and by one
 * that has seen none. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct dataset *dataset;
	struct outcome outcomes[3];
	struct err err = { 0 };
	struct rowmap *fresh;
	int which;

	if (maps[0] == NULL)
		make_maps();
	if (size == 0)
		return 0;
	which = data[0] % 3;
	dataset = &pipeline.datasets[which];
	fresh = rowmap_new(dataset, &err);
	CHECK(fresh != NULL);
	for (int i = 0; i < 3; i++)
		map_one(i < 2 ? maps[which] : fresh, dataset,
			(const char *)data + 1, size - 1, &outcomes[i]);
	CHECK(outcomes[0].status != ROW_FAILED);
	if (outcomes[0].status == ROW_REJECT) {
		CHECK(known_code(outcomes[0].fault.code));
		CHECK(outcomes[0].fault.at <= size - 1);
		CHECK(strlen(outcomes[0].fault.detail) > 0);
	}
	check_same(&outcomes[0], &outcomes[2]);
	check_same(&outcomes[1], &outcomes[2]);
	for (int i = 0; i < 3; i++)
		buf_clear(&outcomes[i].row);
	rowmap_free(fresh);
	return 0;
}

/* prove_gen.c - the files of a proof. Pure: all of it follows from the seed. */
#include "cli/prove_gen.h"
#include "producer/pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR (PROVE_REACH / 2) /* files behind, of a copy and of a key again */
#define TEAM_MAX "40"

const char prove_gen_pipeline[] =
	"pipeline: proof\n"
	"datasets:\n"
	"  proof:\n"
	"    source:\n"
	"      directory: proof\n"
	"      pattern: [\"*.json\", \"*.json.gz\"]\n"
	"    table: raw.proof\n"
	"    key: [id]\n"
	"    newest: version\n"
	"    columns:\n"
	"      - { name: id, type: text, max_length: 20 }\n"
	"      - { name: version, type: integer }\n"
	"      - { name: team, type: text, required: true, max_length: "
	TEAM_MAX " }\n"
	"      - { name: day, type: date }\n"
	"      - { name: amount, type: numeric }\n"
	"      - { name: said, type: text }\n"
	"    unknown: ignore\n"
	"models: [proof_loaded, proof_current, proof_teams]\n";

const char prove_gen_row_sql[] =
	"id || '|' || coalesce(version::text, '-') || '|' || team || '|' ||"
	" day::text || '|' || coalesce(amount::text, '-') || '|' ||"
	" coalesce('=' || said, '-')";

/* -- random numbers ------------------------------------------------ */

uint64_t prove_next(struct prove_random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

uint32_t prove_below(struct prove_random *random, uint32_t limit)
{
	return (uint32_t)(((prove_next(random) >> 32) * limit) >> 32);
}

enum salt { OF_FILE = 1, OF_RECORD, OF_BIRTH, OF_LATER };

/* A stream of its own for each thing that is drawn. */
static struct prove_random stream(const struct prove_plan *plan,
	enum salt salt, uint32_t file, uint32_t ordinal)
{
	struct prove_random random = { plan->seed };

	random.state = prove_next(&random) ^ (uint64_t)salt << 56;
	random.state = prove_next(&random) ^ (uint64_t)file << 20 ^ ordinal;
	return random;
}

/* -- what a file is ------------------------------------------------ */

enum format { ARRAY, LINES, CONCAT, ARRAY_GZIP, LINES_GZIP, SINGLE, FORMATS };

struct shape {
	enum format format;
	uint32_t records;
	bool copy; /* of the file so many numbers back */
	uint32_t back;
	bool cut;  /* in its last record */
	bool wide; /* line breaks and blanks between the tokens */
};

static uint32_t draw_records(struct prove_random *random, uint32_t most)
{
	const uint32_t size = prove_below(random, 10);

	if (size < 4)
		return 2 + prove_below(random, most / 20 + 1);
	if (size < 8)
		return most / 10 + 2 + prove_below(random, most / 2);
	return most / 2 + 1 + prove_below(random, most / 2);
}

static struct shape draw_shape(const struct prove_plan *plan, uint32_t number)
{
	struct prove_random random = stream(plan, OF_FILE, number, 0);
	struct shape shape = { .format = prove_below(&random, FORMATS) };

	shape.records = draw_records(&random, plan->file_records);
	if (shape.records > plan->file_records)
		shape.records = plan->file_records;
	shape.copy = prove_below(&random, 12) == 0;
	shape.back = 1 + prove_below(&random, NEAR);
	shape.cut = prove_below(&random, 3) == 0 && shape.format == ARRAY;
	shape.wide = prove_below(&random, 2) == 0;
	if (shape.format == SINGLE)
		shape.records = 1;
	return shape;
}

/* A copy of a copy is a file of its own. */
static bool is_copy(const struct prove_plan *plan, uint32_t number,
	const struct shape *shape)
{
	return shape->copy && shape->back <= number &&
		!draw_shape(plan, number - shape->back).copy;
}

/* -- what a record is ---------------------------------------------- */

enum fate { NEW, AGAIN, WRONG };

static enum fate draw_fate(const struct prove_plan *plan, uint32_t file,
	uint32_t ordinal)
{
	struct prove_random random = stream(plan, OF_RECORD, file, ordinal);
	const uint32_t at = prove_below(&random, 100);

	return at < 70 ? NEW : at < 95 ? AGAIN : WRONG;
}

static bool is_cut(const struct shape *shape, uint32_t ordinal)
{
	return shape->cut && ordinal + 1 == shape->records;
}

/* The key of a record that repeats one: of this file or one of the last,
 * where a new key was drawn. False: there is none. */
static bool draw_target(const struct prove_plan *plan,
	struct prove_random *random, uint32_t *file, uint32_t *ordinal)
{
	const uint32_t back = prove_below(random, NEAR + 1);
	uint32_t limit = *ordinal;
	struct shape shape;

	if (back > *file)
		return false;
	if (back > 0) {
		*file -= back;
		shape = draw_shape(plan, *file);
		if (is_copy(plan, *file, &shape))
			return false;
		limit = shape.records - shape.cut;
	}
	if (limit == 0)
		return false;
	*ordinal = prove_below(random, limit);
	return draw_fate(plan, *file, *ordinal) == NEW;
}

/* -- the row of a good record -------------------------------------- */

struct row {
	char id[PROVE_KEY];
	int64_t version;
	uint32_t team, day;
	char amount[40];        /* "": null */
	struct prove_random said;
	uint32_t said_len;      /* 0: null */
};

/* As JSON has it and as it is. */
static const char *const letters[][2] = {
	{ "a", "a" }, { "e", "e" }, { "i", "i" }, { "n", "n" }, { "r", "r" },
	{ "s", "s" }, { "t", "t" }, { "X", "X" }, { "7", "7" }, { " ", " " },
	{ "|", "|" }, { "\\\"", "\"" }, { "\\\\", "\\" }, { "\\/", "/" },
	{ "\\n", "\n" }, { "\\t", "\t" }, { "\\u00e9", "\xc3\xa9" },
	{ "\xc3\xa4", "\xc3\xa4" }, { "\\ud83d\\ude00", "\xf0\x9f\x98\x80" },
	{ "\xe2\x82\xac", "\xe2\x82\xac" }, { "{", "{" }, { "]", "]" },
	{ ",", "," }, { "'", "'" },
};

static bool add_said(const struct row *row, bool as_json, struct buf *out,
	struct err *err)
{
	struct prove_random random = row->said;
	bool ok = true;

	for (uint32_t i = 0; ok && i < row->said_len; i++)
		ok = buf_add_str(out, letters[prove_below(&random,
			(uint32_t)(sizeof(letters) / sizeof(*letters)))]
			[as_json ? 0 : 1], err);
	return ok;
}

static void draw_amount(struct prove_random *random, char out[40])
{
	const uint32_t kind = prove_below(random, 8);

	out[0] = '\0';
	if (kind == 1) /* no double holds it */
		(void)snprintf(out, 40, "9007199254740993.%02u",
			prove_below(random, 100));
	else if (kind > 1)
		(void)snprintf(out, 40, "%s%u.%02u", kind == 2 ? "-" : "",
			prove_below(random, 100000) + 1,
			prove_below(random, 100));
}

static void draw_row(struct prove_random *random, struct row *row)
{
	row->team = prove_below(random, 12);
	row->day = prove_below(random, 28);
	draw_amount(random, row->amount);
	row->said_len = prove_below(random, 8) == 0 ? 0 :
		1 + prove_below(random, 160);
	row->said.state = prove_next(random);
}

void prove_key(uint32_t file, uint32_t ordinal, char out[PROVE_KEY])
{
	(void)snprintf(out, PROVE_KEY, "%06u-%04u", file % 1000000,
		ordinal % 10000);
}

/* The first version of a key: drawn again for an equal one. */
static void birth(const struct prove_plan *plan, uint32_t file,
	uint32_t ordinal, struct row *row)
{
	struct prove_random random = stream(plan, OF_BIRTH, file, ordinal);

	prove_key(file, ordinal, row->id);
	row->version = 1000 + prove_below(&random, 1000);
	draw_row(&random, row);
}

static void say_version(const struct row *row, const char *if_null,
	char out[32])
{
	if (row->version == PROVE_NO_VERSION)
		(void)snprintf(out, 32, "%s", if_null);
	else
		(void)snprintf(out, 32, "%" PRId64, row->version);
}

/* What prove_gen_row_sql makes of the row. */
static bool digest_row(const struct row *row, struct buf *scratch,
	uint8_t digest[SHA256_BYTES], struct err *err)
{
	char version[32];
	bool ok;

	say_version(row, "-", version);
	buf_reset(scratch);
	ok = buf_printf(scratch, err, "%s|%s|team %u|2024-03-%02u|%s|%s",
		row->id, version, row->team, row->day + 1,
		row->amount[0] != '\0' ? row->amount : "-",
		row->said_len > 0 ? "=" : "-");
	return ok && add_said(row, false, scratch, err) &&
		sha256_once(scratch->data, scratch->len, digest, err);
}

static bool add_row(const struct row *row, const char *gap, struct buf *out,
	struct err *err)
{
	char version[32];
	bool ok;

	say_version(row, "null", version);
	ok = buf_printf(out, err, "{\"id\":\"%s\",%s\"version\":%s,%s"
		"\"team\":\"team %u\",%s\"day\":\"2024-03-%02u\",%s"
		"\"amount\":%s,\"drift\":[{}],\"said\":", row->id, gap,
		version, gap, row->team, gap, row->day + 1, gap,
		row->amount[0] != '\0' ? row->amount : "null");
	if (ok && row->said_len == 0)
		return buf_add_str(out, "null}", err);
	return ok && buf_add_char(out, '"', err) &&
		add_said(row, true, out, err) && buf_add_str(out, "\"}", err);
}

/* -- wrong records ------------------------------------------------- */

#define REST ",\"day\":\"2024-03-01\",\"amount\":1,\"said\":\"x\"}"

/* Texts end with their bytes; none holds a NUL. */
static const struct wrong {
	const char *code;
	const char *text;
} wrongs[] = {
	{ "missing", "{\"version\":1,\"team\":\"t\"" REST },
	{ "null", "{\"id\":null,\"version\":1,\"team\":\"t\"" REST },
	{ "type", "{\"id\":\"w\",\"version\":\"one\",\"team\":\"t\"" REST },
	{ "too_long", "{\"id\":\"w\",\"version\":1,\"team\":"
		"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"" REST },
	{ "range", "{\"id\":\"w\",\"version\":9223372036854775808,"
		"\"team\":\"t\"" REST },
	{ "date", "{\"id\":\"w\",\"version\":1,\"team\":\"t\","
		"\"day\":\"2024-13-45\"}" },
	{ "duplicate_key", "{\"id\":\"w\",\"id\":\"v\",\"team\":\"t\"" REST },
	{ "json_nul", "{\"id\":\"w\",\"team\":\"t\",\"said\":\"a\\u0000b\"}" },
	{ "json_surrogate", "{\"id\":\"w\",\"team\":\"t\","
		"\"said\":\"a\\ud800b\"}" },
	{ "json_syntax", "{\"id\":\"w\",\"version\":nope}" },
	{ "json_utf8", "{\"id\":\"w\",\"said\":\"\xff\"}" },
	{ "not_object", "\"a text\"" },
};

static const struct wrong *draw_wrong(struct prove_random *random)
{
	return &wrongs[prove_below(random,
		(uint32_t)(sizeof(wrongs) / sizeof(*wrongs)))];
}

/* -- one record ---------------------------------------------------- */

struct making {
	const struct prove_plan *plan;
	const struct shape *shape;
	uint32_t number; /* whose contents these are */
	struct prove_file *file;
	struct buf text; /* not compressed yet */
	struct buf scratch;
};

/* Another version of a key that was there: older, newer, or the same again.
 * Some have a version that others have, too, and say something else: then the
 * claim that came later wins. */
static void again(const struct making *making, struct prove_random *random,
	struct prove_record *record, uint32_t ordinal, struct row *row)
{
	const uint32_t kind = prove_below(random, 10);

	birth(making->plan, record->file, record->ordinal, row);
	if (kind < 2)
		return;
	if (kind == 2)
		row->version = PROVE_NO_VERSION;
	else if (kind < 5)
		row->version = prove_below(random, 1000);
	else if (kind == 5)
		row->version = 3000;
	else
		row->version = ((int64_t)making->number + 1) * 10000 + ordinal;
	draw_row(random, row);
}

static bool add_good(struct making *making, const struct row *row,
	struct prove_record *record, struct err *err)
{
	record->version = row->version;
	return add_row(row, making->shape->wide &&
			making->shape->format <= ARRAY ? "\n\t" : "",
		       &making->text, err) &&
		digest_row(row, &making->scratch, record->digest, err);
}

static bool add_record(struct making *making, uint32_t ordinal,
	struct prove_record *record, struct err *err)
{
	struct prove_random random = stream(making->plan, OF_LATER,
		making->number, ordinal);
	const enum fate fate = draw_fate(making->plan, making->number, ordinal);
	struct row row;

	*record = (struct prove_record){ .offset = making->text.len,
		.file = making->number, .ordinal = ordinal };
	/* the first record decides what the file is taken for */
	if (fate == WRONG && ordinal > 0 && !is_cut(making->shape, ordinal)) {
		const struct wrong *wrong = draw_wrong(&random);

		record->code = wrong->code;
		return buf_add_str(&making->text, wrong->text, err);
	}
	birth(making->plan, making->number, ordinal, &row);
	if (fate == AGAIN && draw_target(making->plan, &random, &record->file,
		    &record->ordinal)) {
		again(making, &random, record, ordinal, &row);
	} else {
		record->file = making->number;
		record->ordinal = ordinal;
	}
	return add_good(making, &row, record, err);
}

/* -- the file ------------------------------------------------------ */

static const char *between(const struct shape *shape)
{
	switch (shape->format) {
	case LINES:
	case LINES_GZIP:
		return "\n";
	case ARRAY:
	case ARRAY_GZIP:
		return shape->wide ? " ,\n\t" : ",";
	default:
		return shape->wide ? " " : "";
	}
}

static bool is_array(const struct shape *shape)
{
	return shape->format == ARRAY || shape->format == ARRAY_GZIP;
}

/* Within the last record, behind its first byte. */
static void cut(struct making *making)
{
	struct prove_file *file = making->file;
	struct prove_record *last = &file->records[file->count - 1];

	making->text.len = last->offset + 1 +
		(making->text.len - last->offset - 1) / 2;
	last->code = "truncated";
	file->failed = true;
}

static bool add_records(struct making *making, struct err *err)
{
	const struct shape *shape = making->shape;
	struct prove_file *file = making->file;
	bool ok = !is_array(shape) ||
		buf_add_str(&making->text, shape->wide ? "[\n" : "[", err);

	for (; ok && file->count < shape->records; file->count++)
		ok = (file->count == 0 ||
			     buf_add_str(&making->text, between(shape), err)) &&
			add_record(making, (uint32_t)file->count,
				&file->records[file->count], err);
	if (ok && shape->cut)
		cut(making);
	else if (ok && is_array(shape))
		ok = buf_add_str(&making->text, "]\n", err);
	else if (ok && shape->wide)
		ok = buf_add_str(&making->text, "\n", err);
	return ok;
}

static bool is_gzip(enum format format)
{
	return format == ARRAY_GZIP || format == LINES_GZIP;
}

static bool make_contents(struct making *making, struct err *err)
{
	struct prove_file *file = making->file;
	bool ok;

	file->records = calloc(making->shape->records, sizeof(*file->records));
	if (file->records == NULL)
		return err_memory(err);
	ok = add_records(making, err);
	file->size = making->text.len;
	if (ok && is_gzip(making->shape->format))
		return gzip_pack(making->text.data, making->text.len,
			&file->bytes, err);
	return ok && buf_add(&file->bytes, making->text.data, making->text.len,
		err);
}

bool prove_file_make(const struct prove_plan *plan, uint32_t number,
	struct prove_file *file, struct err *err)
{
	struct shape shape = draw_shape(plan, number);
	struct making making = { .plan = plan, .shape = &shape,
		.number = number, .file = file };
	bool ok;

	*file = (struct prove_file){ .number = number };
	if (is_copy(plan, number, &shape)) {
		making.number = number - shape.back;
		shape = draw_shape(plan, making.number);
	}
	(void)snprintf(file->name, sizeof(file->name), "%06u.json%s", number,
		is_gzip(shape.format) ? ".gz" : "");
	ok = make_contents(&making, err);
	buf_clear(&making.text);
	buf_clear(&making.scratch);
	return ok;
}

void prove_file_clear(struct prove_file *file)
{
	buf_clear(&file->bytes);
	free(file->records);
	*file = (struct prove_file){ 0 };
}

/* -- names --------------------------------------------------------- */

static bool digits(const char *text, size_t count, uint32_t *value)
{
	*value = 0;
	for (size_t i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*value = *value * 10 + (uint32_t)(text[i] - '0');
	}
	return true;
}

bool prove_file_number(const char *name, uint32_t *number)
{
	const char *slash = strrchr(name, '/');
	const char *last = slash != NULL ? slash + 1 : name;

	return digits(last, 6, number) && (strcmp(last + 6, ".json") == 0 ||
		strcmp(last + 6, ".json.gz") == 0);
}

bool prove_key_parse(const char *key, uint32_t *file, uint32_t *ordinal)
{
	return strlen(key) == 11 && digits(key, 6, file) && key[6] == '-' &&
		digits(key + 7, 4, ordinal);
}

/* test_prove_gen.c - what the generator of proofs says of its files is true. */
#include "cli/prove_gen.h"
#include "common/rowmap.h"
#include "tests/support/pieces.h"

#include <CUnit/CUnit.h>

#define FILES 120u

static const struct prove_plan plan = { .seed = 4711, .file_records = 60 };

/* How often each thing was seen: a generator that leaves one out proves less
 * than it says. */
struct seen {
	size_t files, failed, gzip, loads, rejects, mapped_rejects;
	size_t again, older, equal, copies, codes;
	const char *code[32];
};

static void note_code(struct seen *seen, const char *code)
{
	for (size_t i = 0; i < seen->codes; i++)
		if (strcmp(seen->code[i], code) == 0)
			return;
	CU_ASSERT_TRUE_FATAL(seen->codes < 32);
	seen->code[seen->codes++] = code;
}

/* A record that the reader lets through: the consumer's mapping decides. */
static void check_mapped(struct rowmap *map, const struct prove_record *want,
	const char *text, size_t len, struct seen *seen)
{
	struct cell cells[16];
	struct row_fault fault = { 0 };
	struct err err = { 0 };
	char key[PROVE_KEY];
	const enum row_status status = rowmap_record(map, text, len, cells,
		&fault, &err);

	if (want->code != NULL) {
		CU_ASSERT_EQUAL(status, ROW_REJECT);
		CU_ASSERT_STRING_EQUAL(fault.code, want->code);
		seen->mapped_rejects++;
		return;
	}
	CU_ASSERT_EQUAL_FATAL(status, ROW_OK);
	prove_key(want->file, want->ordinal, key);
	CU_ASSERT_EQUAL(cells[0].v.s.len, strlen(key));
	CU_ASSERT_EQUAL(memcmp(cells[0].v.s.data, key, strlen(key)), 0);
	CU_ASSERT_EQUAL(cells[1].null, want->version == PROVE_NO_VERSION);
	if (!cells[1].null)
		CU_ASSERT_EQUAL(cells[1].v.i, want->version);
}

/* Piece after piece, one record each, against the generator's word. */
static void check_file(const struct prove_file *file, struct rowmap *map,
	struct seen *seen)
{
	static const struct reader_limits one = { .chunk_records = 1,
		.chunk_bytes = 131072, .max_record_bytes = 65536 };
	const int fd = pieces_file(file->bytes.data, file->bytes.len);
	struct err err = { 0 };
	struct reader *reader = reader_open(fd, &one, &err);
	struct piece piece = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	for (size_t i = 0;; i++) {
		const struct envelope *e = &piece.envelope;
		struct envelope_record at;
		size_t pos = 0;
		bool ok = true;

		CU_ASSERT_TRUE_FATAL(reader_next(reader, &piece, &err));
		if (piece.kind == PIECE_END) {
			CU_ASSERT_EQUAL(i, file->count);
			break;
		}
		CU_ASSERT_TRUE_FATAL(i < file->count);
		if (piece.kind == PIECE_REJECT) {
			const char *code = file->records[i].code;

			CU_ASSERT_PTR_NOT_NULL_FATAL(code);
			CU_ASSERT_EQUAL(e->code.len, strlen(code));
			CU_ASSERT_EQUAL(memcmp(e->code.data, code,
				e->code.len), 0);
			CU_ASSERT_EQUAL(e->offset, file->records[i].offset);
			continue;
		}
		at = (struct envelope_record){ .offset = e->lo,
			.line = e->first_line };
		CU_ASSERT_TRUE(envelope_index_next(e->index, &pos, &at, &ok));
		CU_ASSERT_EQUAL(at.offset, file->records[i].offset);
		check_mapped(map, &file->records[i], piece.body.data, at.length,
			seen);
	}
	CU_ASSERT_EQUAL(piece.envelope.failed, file->failed);
	CU_ASSERT_EQUAL(piece.envelope.size, file->size);
	reader_close(reader);
	close(fd);
}

static void count(const struct prove_file *file, struct seen *seen)
{
	seen->files++;
	seen->failed += file->failed;
	seen->gzip += file->bytes.data[0] == 0x1f;
	seen->copies += file->records[0].file != file->number &&
		file->records[0].ordinal == 0;
	for (size_t i = 0; i < file->count; i++) {
		const struct prove_record *record = &file->records[i];

		seen->loads += record->code == NULL;
		seen->rejects += record->code != NULL;
		if (record->code != NULL) {
			note_code(seen, record->code);
			continue;
		}
		CU_ASSERT_TRUE(record->file <= file->number &&
			file->number - record->file <= PROVE_REACH);
		seen->again += record->file != file->number ||
			record->ordinal != i;
		seen->older += record->version < 1000;
		seen->equal += record->version == 3000;
	}
}

static void says_what_becomes_of_each_record(void)
{
	struct pipeline pipeline = { 0 };
	struct rowmap *map;
	struct seen seen = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(pipeline_parse(prove_gen_pipeline,
		strlen(prove_gen_pipeline), "p", &pipeline, &err));
	map = rowmap_new(&pipeline.datasets[0], &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	for (uint32_t i = 0; i < FILES; i++) {
		struct prove_file file;

		CU_ASSERT_TRUE_FATAL(prove_file_make(&plan, i, &file, &err));
		check_file(&file, map, &seen);
		count(&file, &seen);
		prove_file_clear(&file);
	}
	rowmap_free(map);
	pipeline_clear(&pipeline);
	CU_ASSERT_TRUE(seen.failed > 0 && seen.gzip > 0 && seen.copies > 0);
	CU_ASSERT_TRUE(seen.again > 100 && seen.older > 10 && seen.equal > 3);
	CU_ASSERT_TRUE(seen.loads > 1000 && seen.rejects > 50);
	CU_ASSERT_EQUAL(seen.codes, 13);
}

static void makes_a_file_again(void)
{
	for (uint32_t i = 0; i < 20; i++) {
		struct prove_file a, b;
		struct err err = { 0 };

		CU_ASSERT_TRUE_FATAL(prove_file_make(&plan, i, &a, &err));
		CU_ASSERT_TRUE_FATAL(prove_file_make(&plan, i, &b, &err));
		CU_ASSERT_STRING_EQUAL(a.name, b.name);
		CU_ASSERT_EQUAL_FATAL(a.bytes.len, b.bytes.len);
		CU_ASSERT_EQUAL(memcmp(a.bytes.data, b.bytes.data,
			a.bytes.len), 0);
		CU_ASSERT_EQUAL(a.count, b.count);
		prove_file_clear(&a);
		prove_file_clear(&b);
	}
}

static void another_seed_gives_other_files(void)
{
	const struct prove_plan other = { .seed = 4712, .file_records = 60 };
	struct prove_file a, b;
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(prove_file_make(&plan, 3, &a, &err));
	CU_ASSERT_TRUE_FATAL(prove_file_make(&other, 3, &b, &err));
	CU_ASSERT_TRUE(a.bytes.len != b.bytes.len ||
		memcmp(a.bytes.data, b.bytes.data, a.bytes.len) != 0);
	prove_file_clear(&a);
	prove_file_clear(&b);
}

static void names_lead_back(void)
{
	uint32_t number = 0, ordinal = 0;
	char key[PROVE_KEY];

	CU_ASSERT_TRUE(prove_file_number("proof/000123.json", &number));
	CU_ASSERT_EQUAL(number, 123);
	CU_ASSERT_TRUE(prove_file_number("000124.json.gz", &number));
	CU_ASSERT_EQUAL(number, 124);
	CU_ASSERT_FALSE(prove_file_number("proof/000123.json.1", &number));
	CU_ASSERT_FALSE(prove_file_number("proof/00123.json", &number));
	prove_key(7, 89, key);
	CU_ASSERT_TRUE(prove_key_parse(key, &number, &ordinal));
	CU_ASSERT_TRUE(number == 7 && ordinal == 89);
	CU_ASSERT_FALSE(prove_key_parse("000007-00a9", &number, &ordinal));
}

CU_TestInfo prove_gen_tests[] = {
	{ "says what becomes of each record",
		says_what_becomes_of_each_record },
	{ "makes a file again, byte for byte", makes_a_file_again },
	{ "another seed gives other files", another_seed_gives_other_files },
	{ "names lead back to numbers", names_lead_back },
	CU_TEST_INFO_NULL,
};

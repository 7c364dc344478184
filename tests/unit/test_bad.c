/* test_bad.c - each file of tests/data/bad comes to what EXPECT.tsv says of
 * it, by the reader and the mapper alone. */
#include "common/rowmap.h"
#include "consumer/walk.h"
#include "producer/reader.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "tests/data/bad/"

struct outcome {
	unsigned loaded, rejected;
	char code[32]; /* of the last reject */
	bool failed;   /* the remainder was rejected */
};

static void note_code(struct outcome *outcome, const char *code, size_t len)
{
	outcome->rejected++;
	(void)snprintf(outcome->code, sizeof(outcome->code), "%.*s", (int)len,
		code);
}

static bool map_chunk(struct rowmap *map, const struct piece *piece,
	struct cell *cells, struct outcome *outcome, struct err *err)
{
	struct json_fault unused;
	struct record record;
	struct walk walk;

	walk_chunk(&walk, &piece->envelope, piece->body);
	while (walk_next(&walk, &record, &unused) != WALK_END) {
		struct row_fault fault;

		switch (rowmap_record(map, record.text, record.len, cells,
			&fault, err)) {
		case ROW_OK:
			outcome->loaded++;
			break;
		case ROW_REJECT:
			note_code(outcome, fault.code, strlen(fault.code));
			break;
		case ROW_FAILED:
			return false;
		}
	}
	return true;
}

static bool take_piece(struct rowmap *map, const struct piece *piece,
	struct cell *cells, struct outcome *outcome, struct err *err)
{
	switch (piece->kind) {
	case PIECE_CHUNK:
		return map_chunk(map, piece, cells, outcome, err);
	case PIECE_REJECT:
		note_code(outcome, piece->envelope.code.data,
			piece->envelope.code.len);
		return true;
	case PIECE_END:
		break;
	}
	outcome->failed = piece->envelope.failed;
	return true;
}

static bool read_file(const char *name, const struct dataset *dataset,
	struct outcome *outcome, struct err *err)
{
	const struct reader_limits limits = { .chunk_records = 500,
		.chunk_bytes = 128 << 10, .max_record_bytes = 1 << 20 };
	char path[256];
	struct rowmap *map = rowmap_new(dataset, err);
	struct cell *cells = calloc(rowmap_width(map), sizeof(*cells));
	struct piece piece = { 0 };
	struct reader *reader;
	bool ok = true;
	int fd;

	(void)snprintf(path, sizeof(path), FOLDER "%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CU_ASSERT_FATAL(fd >= 0);
	reader = reader_open(fd, &limits, err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	while (ok && piece.kind != PIECE_END)
		ok = reader_next(reader, &piece, err) &&
			take_piece(map, &piece, cells, outcome, err);
	reader_close(reader);
	close(fd);
	free(cells);
	rowmap_free(map);
	return ok;
}

/* file, dataset, loaded, code, folder, remark */
static void check_line(const struct pipeline_set *set, char *line)
{
	char *rest = line;
	const char *name = strsep(&rest, "\t");
	const char *dataset_name = strsep(&rest, "\t");
	const char *loaded = strsep(&rest, "\t");
	const char *code = strsep(&rest, "\t");
	const char *folder = strsep(&rest, "\t");
	const struct pipeline *pipeline = pipeline_find(set, dataset_name);
	const unsigned rejects = strcmp(code, "-") == 0 ? 0 : 1;
	struct outcome got = { .code = "-" };
	struct err err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(pipeline);
	CU_ASSERT_TRUE(read_file(name, dataset_find(pipeline, dataset_name),
		&got, &err));
	if (got.loaded != strtoul(loaded, NULL, 10) ||
		got.rejected != rejects || strcmp(got.code, code) != 0 ||
		got.failed != (strcmp(folder, "failed") == 0)) {
		(void)printf("\n%s: %u loaded, %u rejected (%s), %s", name,
			got.loaded, got.rejected, got.code,
			got.failed ? "failed" : "processed");
		CU_FAIL("not what EXPECT.tsv says");
	}
}

static void bad_input_comes_to_what_was_said(void)
{
	FILE *file = fopen(FOLDER "EXPECT.tsv", "r");
	struct pipeline_set set = { 0 };
	struct err err = { 0 };
	char *line = NULL;
	unsigned lines = 0;
	size_t cap = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_TRUE_FATAL(pipeline_set_read("pipelines", &set, &err));
	while (getline(&line, &cap, file) > 0)
		if (line[0] != '#') {
			check_line(&set, line);
			lines++;
		}
	CU_ASSERT(lines > 20);
	free(line);
	(void)fclose(file);
	pipeline_set_clear(&set);
}

CU_TestInfo bad_tests[] = {
	{ "bad input comes to what was said of it",
		bad_input_comes_to_what_was_said },
	CU_TEST_INFO_NULL,
};

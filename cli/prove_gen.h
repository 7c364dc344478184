/* prove_gen.h - the files of a proof. Pure: all of it follows from the seed.
 *
 * Nothing needs to be remembered of what was issued: file number n can be made
 * again at any time, with what has to become of each of its records. Files are
 * arrays, lines, objects behind each other and single objects, plain or gzip;
 * some are cut off, some are copies of an earlier one. Records bring new keys,
 * or older, newer and equal versions of keys of the last files, or are wrong
 * in one of a dozen ways. */
#ifndef SLUICE_PROVE_GEN_H
#define SLUICE_PROVE_GEN_H

#include "common/buf.h"
#include "common/hash.h"

#define PROVE_NAME 32
#define PROVE_KEY 16
#define PROVE_FILE_RECORDS 1000 /* at most in a file */
#define PROVE_REACH 16 /* files behind its first in which a key may come */
#define PROVE_NO_VERSION INT64_MIN /* null, the oldest */

/* Random numbers that are the same everywhere (splitmix64). */
struct prove_random {
	uint64_t state;
};
uint64_t prove_next(struct prove_random *random);
/* From 0 to limit - 1. */
uint32_t prove_below(struct prove_random *random, uint32_t limit);

struct prove_plan {
	uint64_t seed;
	uint32_t file_records; /* at most in a file; up to
				* PROVE_FILE_RECORDS */
};

/* A record, and what has to become of it. */
struct prove_record {
	uint64_t offset;  /* of its first byte, after decompression */
	const char *code; /* its reject's; NULL: it loads, as follows */
	uint32_t file;    /* its key is the ordinal-th record of that file */
	uint32_t ordinal;
	int64_t version;
	uint8_t digest[SHA256_BYTES]; /* of its row, see prove_gen_row_sql */
};

struct prove_file {
	uint32_t number;
	char name[PROVE_NAME];
	struct buf bytes; /* as it is dropped */
	size_t size;      /* after decompression */
	bool failed;      /* its remainder cannot be read */
	struct prove_record *records;
	size_t count;
};

/* Makes file number `number` from 0; the caller clears it in any case. */
bool prove_file_make(const struct prove_plan *plan, uint32_t number,
	struct prove_file *file, struct err *err) MUST_CHECK;
void prove_file_clear(struct prove_file *file);

/* The number in a file's name, with or without folders before it. */
bool prove_file_number(const char *name, uint32_t *number) MUST_CHECK;
/* The value of the key column, "000012-0345". */
void prove_key(uint32_t file, uint32_t ordinal, char out[PROVE_KEY]);
bool prove_key_parse(const char *key, uint32_t *file, uint32_t *ordinal)
	MUST_CHECK;

/* The pipeline whose dataset takes the files, and the text of a row that
 * digests are made of, as an SQL expression. */
extern const char prove_gen_pipeline[];
extern const char prove_gen_row_sql[];

#endif

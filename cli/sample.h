/* sample.h - what the records of files look like: which values stand where.
 *
 * A tree of the members of all records, each with how often which shape of
 * value was there. Memory is bounded: so many members, so many hashes. */
#ifndef SLUICE_SAMPLE_H
#define SLUICE_SAMPLE_H

#include "common/buf.h"
#include "common/jsonscan.h"
#include "common/pipeline.h"

#define SAMPLE_FIELDS_MAX 4000
#define SAMPLE_KIDS_MAX 200        /* of one object; the record has more */
#define SAMPLE_HASHES_MAX 8000000u /* 64 MiB */
#define SAMPLE_NONE SIZE_MAX

/* What a value is, as finely as the column types tell them apart. */
enum shape {
	SHAPE_NULL,
	SHAPE_BOOLEAN,
	SHAPE_INTEGER,      /* digits that int8 holds */
	SHAPE_NUMBER,       /* others that numeric and double hold */
	SHAPE_HUGE,         /* what double does not hold */
	SHAPE_EMPTY,        /* "" */
	SHAPE_TEXT_INTEGER, /* "12" */
	SHAPE_TEXT_NUMBER,  /* "1.5" */
	SHAPE_TEXT_BOOLEAN, /* "true" */
	SHAPE_DATE,         /* "2020-12-31" */
	SHAPE_TIME,         /* without a zone */
	SHAPE_TIME_ZONE,
	SHAPE_UUID,
	SHAPE_TEXT,         /* any other */
	SHAPE_UNSTORABLE,   /* text that PostgreSQL cannot hold: NUL, half of
			     * a surrogate pair */
	SHAPE_ARRAY,
	SHAPE_OBJECT,
	SHAPES
};

/* What is read: files, and where the records stand in them. */
struct sample_input {
	const char *const *files;
	size_t count;
	const char *records; /* a JSON Pointer; "": the file is the records */
	size_t max_record;   /* bytes */
};

struct sample_place {
	size_t file;     /* of the input's */
	uint64_t line;   /* the record begins on; 0: nowhere */
	uint64_t record; /* its number in the file, from 1 */
};

struct sample_field {
	char *name;
	size_t parent;    /* SAMPLE_NONE: the record itself, fields[0] */
	size_t first_kid, last_kid, next; /* in the order they were met */
	size_t kids, depth;
	bool crowded;     /* an object of too many different members: those
			   * beyond were not noted */
	uint64_t counts[SHAPES];
	struct sample_place first[SHAPES];
	uint64_t seen;    /* records it stood in */
	uint64_t last;    /* the latest of them, from 1 */
	struct sample_place first_at;
	struct sample_place lacking; /* first record without it, or null */
	size_t longest;   /* scalar: characters, as text has them */
	struct sample_place longest_at;
	bool of_objects;  /* an array that begins with an object */
	bool exact;       /* a number that a double does not give back */
	bool precise;     /* one of 16 digits or more, or with an exponent */
	bool hashed;      /* it stood in every record, as a scalar */
	uint64_t *hashes; /* one a record, of the first sample->hashed */
	size_t hash_cap;
};

struct sample {
	const struct sample_input *input;
	struct sample_field *fields;
	size_t field_count, field_cap;
	size_t *slots;     /* by parent and name */
	size_t slot_count;
	uint64_t records;
	uint64_t bad;      /* values that are no records */
	struct sample_place bad_at;
	char bad_why[128];
	uint64_t *whole;   /* hash of each record */
	size_t whole_cap;
	uint64_t hashed;   /* records that have hashes: the first ones */
	size_t hash_total, hash_max; /* SAMPLE_HASHES_MAX; less in tests */
	bool full;         /* no more hashes: their number is at its end */
	bool crowded;      /* no more fields */
	struct json_tape tape;
	struct buf text;
	struct sample_place here, first_place;
	uint64_t row_hash; /* of the record at hand */
};

/* The input must outlive it. */
bool sample_init(struct sample *sample, const struct sample_input *input,
	struct err *err) MUST_CHECK;
void sample_clear(struct sample *sample);

/* Notes one object in strict syntax that stands at place. */
bool sample_record(struct sample *sample, const char *text, size_t len,
	struct sample_place place, struct err *err) MUST_CHECK;

/* A member of an object by its name; SAMPLE_NONE when it never was there. */
size_t sample_find(const struct sample *sample, size_t parent,
	const char *name);
/* Values of that field that are not null. */
uint64_t sample_values(const struct sample_field *field);
/* "/a/b" of a field, as a JSON Pointer. */
bool sample_pointer(const struct sample *sample, size_t field,
	struct buf *out, struct err *err) MUST_CHECK;

/* -- shapes -------------------------------------------------------------- */

/* Of a scalar: a JSON_STRING decoded, a number's digits. */
enum shape shape_of(uint8_t type, const char *data, size_t len);
/* Shapes, one bit each, that a column of the type takes; as rowcell does. */
unsigned shapes_taken(enum column_type type, bool coerce, bool empty_as_null);
/* "a whole number" */
const char *shape_name(enum shape shape);
/* Those of the field, null and unstorable ones left out. */
unsigned shapes_seen(const struct sample_field *field);

/* -- files --------------------------------------------------------------- */

/* What is done with each value of a file: record[0..len), or NULL and why it
 * is none. */
typedef bool sample_take(void *context, const char *record, size_t len,
	struct sample_place place, const char *why, struct err *err);

/* Reads all files as the producer does. EXIT_IO: one cannot be read. */
bool sample_walk(const struct sample_input *input, sample_take *take,
	void *context, struct err *err) MUST_CHECK;
/* Notes all records of all files. */
bool sample_files(struct sample *sample, struct err *err) MUST_CHECK;

#endif

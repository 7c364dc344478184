/* infer.h - a pipeline file out of a sample, and what differs between both. */
#ifndef SLUICE_INFER_H
#define SLUICE_INFER_H

#include "cli/sample.h"

#define INFER_COLUMNS_MAX 1500
#define INFER_KEYS_MAX 4
#define INFER_NAME_MAX 51

/* A column as it is proposed. */
struct infer_column {
	size_t field;
	char name[INFER_NAME_MAX + 1];
	enum column_type type;
	bool coerce, empty_as_null, required;
	size_t max_length; /* 0: none */
	char note[160];    /* what is unsure; "" */
};

struct infer {
	const struct sample *sample;
	struct infer_column *columns;
	size_t count;
	char name[INFER_NAME_MAX - 3]; /* of the dataset and of its table */
	size_t keys[INFER_KEYS_MAX];   /* columns */
	size_t key_count;
	char key_note[200];
	size_t wrapped;      /* the field that may hold the records, or
			      * SAMPLE_NONE */
	size_t newest, date; /* columns, or COLUMN_NONE */
	char newest_note[120], date_note[120];
};

/* Chooses everything. name: of the dataset, or NULL: out of the first file's
 * name. The sample must outlive it. ERR_STOP, EXIT_DATA: there is nothing to
 * choose from. */
bool infer_choose(struct infer *infer, const struct sample *sample,
	const char *name, struct err *err) MUST_CHECK;
void infer_clear(struct infer *infer);

/* The pipeline file. checked: "36 of 36 records fit", as a comment. */
bool infer_write(const struct infer *infer, const char *checked,
	struct buf *out, struct err *err) MUST_CHECK;
/* One column, as in the list, without the line's end. width: of the names. */
bool infer_write_column(const struct infer *infer,
	const struct infer_column *column, size_t width, struct buf *out,
	struct err *err) MUST_CHECK;

/* -- its parts ----------------------------------------------------------- */

/* Fills in the columns, but for their names. */
bool infer_columns(struct infer *infer, struct err *err) MUST_CHECK;
/* Type and notes of one field that is to be a column. */
void infer_type(const struct sample *sample, struct infer_column *column);
/* Whether a field is taken apart into columns for its members. */
bool infer_is_flat(const struct sample *sample, size_t field);
/* Names for all columns, each once. */
bool infer_name_columns(struct infer *infer, struct err *err) MUST_CHECK;
/* A name out of any text: small letters, digits and _. out has max + 1. */
void infer_make_name(const char *text, size_t max, char *out);
/* "a/2015-events.json.gz": "events". */
void infer_file_name(const char *path, size_t max, char *out);
/* Key, newest and date. */
bool infer_key(struct infer *infer, struct err *err) MUST_CHECK;
void infer_times(struct infer *infer);

/* -- does it fit --------------------------------------------------------- */

struct infer_check {
	uint64_t records, rejects;
	struct sample_place first;
	char why[300];
};

/* Maps every record of the files as `sluice load` would. */
bool infer_check(const struct dataset *dataset,
	const struct sample_input *input, struct infer_check *check,
	struct err *err) MUST_CHECK;

/* -- what changed -------------------------------------------------------- */

enum infer_change {
	CHANGE_NEW,      /* a member no column asks for */
	CHANGE_GONE,     /* a column whose value is in no record */
	CHANGE_TYPE,     /* values the column does not take */
	CHANGE_LACKING,  /* a required column's value is null or missing */
	CHANGE_LENGTH,   /* text longer than max_length */
};

struct infer_difference {
	enum infer_change change;
	const struct column *column; /* NULL: new */
	size_t field;                /* SAMPLE_NONE: gone */
	uint64_t values;             /* how many; of sample->records */
	unsigned shapes;             /* CHANGE_TYPE: which */
	struct sample_place place;   /* the first of them */
	struct buf value;            /* its text, when it was asked for */
};

struct infer_diff {
	struct infer_difference *items;
	size_t count, cap;
};

bool infer_compare(const struct dataset *dataset, const struct sample *sample,
	struct infer_diff *diff, struct err *err) MUST_CHECK;
void infer_diff_clear(struct infer_diff *diff);

/* Reads the files again for the first value of each difference. */
bool infer_find_values(struct infer_diff *diff, const struct sample *sample,
	struct err *err) MUST_CHECK;
/* On standard output; values only where they were found. */
bool infer_show(const struct infer_diff *diff, const struct sample *sample,
	struct err *err) MUST_CHECK;
bool infer_show_json(const struct infer_diff *diff,
	const struct sample *sample, struct err *err) MUST_CHECK;
/* "file:line" of a record, harmless to show. */
bool infer_add_place(const char *const *files, struct sample_place place,
	struct buf *out, struct err *err) MUST_CHECK;

#endif

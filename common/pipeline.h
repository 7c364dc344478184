/* pipeline.h - what to load, from where, into which columns: the YAML file. */
#ifndef SLUICE_PIPELINE_H
#define SLUICE_PIPELINE_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum column_type {
	COLUMN_TEXT,
	COLUMN_INTEGER,     /* int8 */
	COLUMN_NUMERIC,
	COLUMN_DOUBLE,
	COLUMN_BOOLEAN,
	COLUMN_TIMESTAMP,   /* without time zone, UTC */
	COLUMN_TIMESTAMPTZ,
	COLUMN_DATE,
	COLUMN_UUID,
	COLUMN_JSON,        /* jsonb */
};

struct column {
	char *name;
	enum column_type type;
	char **path; /* decoded steps of the JSON Pointer (RFC 6901); none:
		      * the whole record, for a json column */
	size_t path_len;
	size_t max_length; /* text: code points; 0: no limit */
	bool required;
	bool empty_as_null;
	bool coerce;
	bool present; /* boolean: whether there is a value at all */
	bool key;
};

/* Where the records of a derived dataset stand in those of the other one. */
struct each {
	char **at;    /* decoded steps and NULL; no step: the record itself */
	char ***with; /* by column: where its value stands in the other one's
		       * record, as steps; NULL: in the derived one's own.
		       * NULL instead of all: no column has one */
	bool skip_empty; /* {} gives nothing, as null does */
};

enum unknown_rule { UNKNOWN_IGNORE, UNKNOWN_KEEP, UNKNOWN_REJECT };
enum keep_kind { KEEP_ALL, KEEP_DAYS, KEEP_LOADS };
enum duplicate_rule { DUPLICATES_LOAD, DUPLICATES_SKIP };
enum winner { WINS_LAST, WINS_FIRST };

#define COLUMN_NONE SIZE_MAX

struct dataset {
	const struct pipeline *pipeline;
	char *name;
	char *directory; /* below raw_dir; NULL for a derived dataset */
	struct pipeline_api *api; /* polled as well (pipeline_api.h); or NULL */
	char **patterns; /* shell patterns of file names: one must match */
	size_t pattern_count;
	enum duplicate_rule duplicates;
	char *records;   /* JSON Pointer to them inside of a file, or NULL */
	int64_t chunk_records; /* 0: the setting's */
	int64_t chunk_bytes;   /* 0: the setting's */
	char *schema;    /* of the tables, "raw" */
	char *table;     /* master, without schema; delta is <table>_delta */
	struct column *columns;
	size_t column_count;
	size_t *keys;    /* indexes into columns, in the key's order */
	size_t key_count;
	size_t newest;   /* index or COLUMN_NONE */
	enum winner wins; /* of a key's versions: the greatest, smallest */
	size_t date;     /* index or COLUMN_NONE */
	enum keep_kind delta_keep;
	int64_t delta_keep_count;
	enum unknown_rule unknown;
	char *from;      /* derived: another dataset of the pipeline; or NULL */
	struct each *each; /* derived */
	size_t each_count;
};

struct pipeline {
	char *name;
	char *file;
	struct dataset *datasets;
	size_t dataset_count;
	char **models; /* names of sql/models/<pipeline>/<name>.sql */
	size_t model_count;
	struct pipeline_test *tests;
	size_t test_count;
	struct pipeline_report *reports;
	size_t report_count;
};

/* A data test: a claim about a table, checked by `sluice test-data`. */
enum test_kind {
	TEST_NOT_NULL,           /* column */
	TEST_UNIQUE,             /* column; nulls do not count */
	TEST_UNIQUE_COMBINATION, /* columns; null is a value like any other */
	TEST_ACCEPTED_VALUES,    /* column, values; null passes */
	TEST_RELATIONSHIPS,      /* column, to; null passes */
	TEST_ROW_COUNT,          /* min, max, equals: a table's */
	TEST_FRESHNESS,          /* column, warn and error: ages of its largest */
	TEST_EXPRESSION,         /* expression: false for no row */
	TEST_COMPARE,            /* left, is, right: queries of one value */
	TEST_SQL,                /* file: a query that must return no row */
	TEST_KINDS
};

enum test_order { /* of left to right */
	TEST_EQUALS,
	TEST_NOT_EQUAL,
	TEST_GREATER,
	TEST_GREATER_EQUALS,
	TEST_LESS,
	TEST_LESS_EQUALS,
};

struct texts {
	char **items;
	size_t count;
};

struct pipeline_test {
	enum test_kind kind;
	char *name;          /* unique in the pipeline; made when not given */
	bool warn_only;      /* severity: warn */
	char *table;         /* "raw.events", as are to_table and equals */
	struct texts columns;
	struct texts values;
	char *where;         /* which rows are meant; NULL: all */
	char *to_table, *to_column;
	int64_t min, max;    /* -1: none */
	char *equals;
	int64_t warn_secs, error_secs; /* 0: none */
	char *expression;
	char *left, *right;
	enum test_order order;
	char *file;          /* without folder and .sql */
	int line;
};

/* A report: rows of a table or a query, as a file below output_dir. */
enum report_format { REPORT_CSV, REPORT_JSON, REPORT_HTML };

struct pipeline_report {
	char *name;          /* unique in the pipeline */
	char *file;          /* its name ends in .csv, .json or .html; no two
			      * reports of a set have the same */
	enum report_format format;
	char *model, *table, *query; /* one of them: a name, "raw.orders", the
				      * name of a file without .sql */
	struct texts order;  /* columns; one that goes down begins with - */
	char *title;         /* NULL: the name */
	char *chart_x, *chart_y; /* columns; NULL: no chart */
	bool chart_line;     /* else bars */
	int line;
};

struct pipeline_set {
	struct pipeline *pipelines; /* sorted by name */
	size_t count;
};

/* Reads one file. Errors: ERR_STOP, EXIT_CONFIG, "<file>:<line>:<column>: ..."
 * with what is allowed instead. All names are checked: pipeline, dataset,
 * column and schema names match [a-z][a-z0-9_]{0,50}, table names
 * [a-z][a-z0-9_]{0,47} (so that <table>_delta_YYYYMMDD is a name as well).
 * Key columns are required, whether the file says so or not. A dataset points
 * at its pipeline, so the struct must stay where it was filled. */
bool pipeline_read(const char *file, struct pipeline *pipeline,
	struct err *err) MUST_CHECK;
/* The same from memory; file is only for messages. */
bool pipeline_parse(const char *text, size_t len, const char *file,
	struct pipeline *pipeline, struct err *err) MUST_CHECK;
void pipeline_clear(struct pipeline *pipeline);

/* All *.yaml of a folder (names with a leading dot excepted); pipeline names
 * tables and files of reports must be unique, and no directory may lie inside another. */
bool pipeline_set_read(const char *dir, struct pipeline_set *set,
	struct err *err) MUST_CHECK;
void pipeline_set_clear(struct pipeline_set *set);

/* NULL when there is none. */
const struct pipeline *pipeline_find(const struct pipeline_set *set,
	const char *name);
const struct dataset *dataset_find(const struct pipeline *pipeline,
	const char *name);

/* "unique_combination", and "error" or "warn". */
const char *test_kind_name(enum test_kind kind);
const char *test_severity(const struct pipeline_test *test);

/* "csv", "json" or "html". */
const char *report_format_name(enum report_format format);

/* The type as pipeline files and PostgreSQL spell it. */
const char *column_type_name(enum column_type type);
const char *column_type_sql(enum column_type type);

#endif

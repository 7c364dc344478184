/* rowmap.h - a record becomes a typed row, or a reject with its reason.
 *
 * What rowmap accepts, PostgreSQL accepts (RELIABILITY: JSON). Pure. */
#ifndef SLUICE_ROWMAP_H
#define SLUICE_ROWMAP_H

#include "common/jsonscan.h"
#include "common/pipeline.h"

#define ROWMAP_KEY_MAX_BYTES 2600

/* One value. Bytes are borrowed: from the record's text, or from the rowmap
 * until its next rowmap_record call. */
struct cell {
	enum column_type type;
	bool null;
	union {
		int64_t i;     /* INTEGER; TIMESTAMP(TZ): microseconds since
				* 2000-01-01 UTC; DATE: days since it */
		double d;      /* DOUBLE */
		bool b;        /* BOOLEAN */
		uint8_t uuid[16];
		struct {       /* TEXT decoded; NUMERIC its digits as in the
				* text; JSON as in the text */
			const char *data;
			size_t len;
		} s;
	} v;
};

/* Reason codes are stable words; the reject table and its users group by
 * them: json_syntax json_utf8 json_depth json_nul json_surrogate not_object
 * duplicate_key missing null type too_long range timestamp date uuid
 * numeric key_too_long unknown_key json_number. */
struct row_fault {
	const char *code;
	const struct column *column; /* NULL: the record as a whole */
	size_t at;                   /* offset in the record */
	bool outside;                /* no: in rowmap_outside's text */
	char detail[256];            /* no record values beyond a short one */
};

struct rowmap; /* one dataset's mapping, with its scratch memory */

/* The dataset must outlive the rowmap. */
struct rowmap *rowmap_new(const struct dataset *dataset, struct err *err);
void rowmap_free(struct rowmap *map);

/* Cells a row has: dataset->column_count, plus one JSON cell for `extra` when
 * unknown is keep. */
size_t rowmap_width(const struct rowmap *map);

enum row_status {
	ROW_OK,
	ROW_REJECT, /* *fault says why */
	ROW_FAILED, /* out of memory: *err */
};

/* Maps text[0..len), one JSON value, into cells[rowmap_width()]. */
enum row_status rowmap_record(struct rowmap *map, const char *text, size_t len,
	struct cell *cells, struct row_fault *fault, struct err *err)
	MUST_CHECK;

/* Columns whose value does not stand in the record itself but in the one it
 * was found in. */
struct rowmap_outside {
	const char *text;
	const struct json_tape *tape; /* of that text */
	const size_t *nodes;          /* by column, or one of these */
};
#define ROWMAP_OWN (SIZE_MAX - 1) /* its path in the record, as always */
#define ROWMAP_NONE SIZE_MAX      /* there is nothing */

/* The same for a record that was found in another; outside may be NULL. All of
 * it must live as long as the cells are used. */
enum row_status rowmap_found(struct rowmap *map, const char *text, size_t len,
	const struct rowmap_outside *outside, struct cell *cells,
	struct row_fault *fault, struct err *err) MUST_CHECK;

/* Unknown top-level keys ignored since the last call (drift). */
uint64_t rowmap_take_unknown(struct rowmap *map);

#endif

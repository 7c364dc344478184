/* pipeline_field.h - how values of a pipeline file are read: the words that
 * pipeline_read and pipeline_column are written in. */
#ifndef SLUICE_PIPELINE_FIELD_H
#define SLUICE_PIPELINE_FIELD_H

#include "common/doc.h"
#include "common/pipeline.h"
#include "common/units.h"

#define FIELD_NAME_MAX 51

struct reading {
	const char *file;
	struct pipeline *pipeline;
	struct err *err;
};

/* What may stand in a map. Fields are read in the table's order, not the
 * file's, so one may rely on those above it. */
struct field {
	const char *name;
	bool (*read)(struct reading *in, const struct doc *value, void *to);
	size_t offset; /* of what read fills, in the struct of the map */
	bool required;
};

#define FIELDS(fields) (fields), sizeof(fields) / sizeof((fields)[0])
#define FAIL(at, ...) doc_fail((at), in->file, in->err, __VA_ARGS__)

/* Refuses unknown and missing keys, then reads all there are into *to. */
bool field_read_map(struct reading *in, const struct doc *map,
	const struct field *fields, size_t count, void *to) MUST_CHECK;
/* That the value is of this kind. */
bool field_expect(struct reading *in, const struct doc *value,
	enum doc_type type, const char *example) MUST_CHECK;
/* That text, which stands at `at`, is a name. */
bool field_check_name(struct reading *in, const struct doc *at,
	const char *text, size_t max) MUST_CHECK;

/* Readers for tables: a name into a char *, true or false into a bool. */
bool field_read_name(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool field_read_bool(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
/* "raw.events" into a char *. */
bool field_read_table(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
/* From 1 to max. */
bool field_read_amount(struct reading *in, const struct doc *value,
	enum unit unit, int64_t max, int64_t *to) MUST_CHECK;
/* One of several words (NULL ends them); *at is its place. */
bool field_read_word(struct reading *in, const struct doc *value,
	const char *const *words, size_t *at) MUST_CHECK;

bool field_copy(struct reading *in, const char *text, char **to) MUST_CHECK;
void texts_clear(struct texts *texts);
/* `count` zeroed slots of `size`; to is the address of the pointer. */
bool field_reserve(struct reading *in, size_t count, size_t size, void *to)
	MUST_CHECK;

#endif

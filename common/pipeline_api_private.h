/* pipeline_api_private.h - the parts of pipeline_api.c: readers for tables of
 * fields, see pipeline_field.h. */
#ifndef SLUICE_PIPELINE_API_PRIVATE_H
#define SLUICE_PIPELINE_API_PRIVATE_H

#include "common/pipeline_api.h"
#include "common/pipeline_field.h"

#define DAY_SECS 86400

/* pipeline_api_values.c: single values. Texts are copied into a char *; none is
 * empty but of api_read_any_text and api_read_path. */
bool api_read_text(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_any_text(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_token(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_path(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_method(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_url(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_file(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
/* Into an int64_t, from 1 on. */
bool api_read_count(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_bytes(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_secs(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_ms(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
/* Into a struct api_pairs; headers: none that is Sluice's own. */
bool api_read_pairs(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_headers(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;

/* pipeline_api_parts.c: each into the member of struct pipeline_api that bears
 * its name; api_read_each into the struct itself. */
bool api_read_auth(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_every(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_cron(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_zone(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_pages(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_cursor(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_each(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_limits(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool api_read_retry(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;

#endif

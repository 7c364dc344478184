/* object_name.h - names of objects: what they say, and which are safe. */
#ifndef SLUICE_OBJECT_NAME_H
#define SLUICE_OBJECT_NAME_H

#include "common/buf.h"
#include "common/hash.h"

#define OBJECT_NAME_MAX 900 /* bytes: S3 takes 1024, prefix and suffix too */
#define OBJECT_PART_MAX 230 /* of a part between slashes: a file name is 255 */
#define OBJECT_PARTS_MAX 16

/* "<pipeline>/<endpoint>/<YYYY-MM-DD>/<HHMMSS>-<drop id>.<ext>", time UTC. */
struct object_name {
	char pipeline[64 + 1];
	char endpoint[64 + 1]; /* the dataset's name */
	int64_t time_us;       /* full seconds once it was a name */
	struct uuid drop;
	char ext[32 + 1];      /* "json", "csv.gz"; empty: no dot either */
};

/* Appends the name. ERR_REJECT when it would not be safe. */
bool object_name_format(const struct object_name *name, struct buf *out,
	struct err *err) MUST_CHECK;
/* False: text is no such name. */
bool object_name_parse(const char *text, struct object_name *name) MUST_CHECK;

/* "<pipeline>/<endpoint>/<YYYY-MM-DD>/": what one day's names begin with;
 * endpoint NULL: "<pipeline>/". */
bool object_name_prefix(const char *pipeline, const char *endpoint,
	int64_t day_us, struct buf *out, struct err *err) MUST_CHECK;

/* ERR_REJECT unless it is 1 to OBJECT_NAME_MAX bytes of valid UTF-8 without
 * control characters, at most OBJECT_PARTS_MAX parts between slashes, none of
 * them empty, longer than OBJECT_PART_MAX or beginning with a dot, its end not
 * one that a store puts there: .zst, .http, .file. Blanks, + and % may be in
 * it. */
bool object_name_check(const char *text, struct err *err) MUST_CHECK;

#endif

/* s3_text.h - what S3 wants to read and what it writes. Pure. */
#ifndef SLUICE_S3_TEXT_H
#define SLUICE_S3_TEXT_H

#include "common/buf.h"

/* Percent-encodes all but letters, digits and -._~ (RFC 3986), as it is signed
 * too; with path the slashes stay. */
bool s3_encode(const char *text, bool path, struct buf *out, struct err *err)
	MUST_CHECK;

/* A piece of an answer. */
struct s3_xml {
	const char *text;
	size_t len;
};

/* The next element of that name (no matter how deep) at or after *at of xml:
 * what is in it, *at moves behind it. False: there is none. *at starts at 0. */
bool s3_xml_next(const struct s3_xml *xml, const char *name, size_t *at,
	struct s3_xml *inside) MUST_CHECK;
/* The text of the first element of that name, entities decoded, into out,
 * which is emptied first; "" when there is none. */
bool s3_xml_text(const struct s3_xml *xml, const char *name, struct buf *out,
	struct err *err) MUST_CHECK;

/* "2026-11-22T10:30:00.000Z" (listings): microseconds since 1970; 0: no such
 * time. */
int64_t s3_time_of_listing(const char *text);
/* "Sun, 22 Nov 2026 10:30:00 GMT" (headers), likewise. */
int64_t s3_time_of_header(const char *text);

#endif

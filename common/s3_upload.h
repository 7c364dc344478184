/* s3_upload.h - an object goes into a bucket, in parts when it is large. */
#ifndef SLUICE_S3_UPLOAD_H
#define SLUICE_S3_UPLOAD_H

#include "common/s3_call.h"

#define S3_PART_BYTES ((uint64_t)16 << 20) /* from here on in parts */

/* All of it or nothing, with its SHA-256 as S3_META; key with the prefix. */
bool s3_upload(struct s3 *s3, const char *key, const struct object_body *body,
	struct err *err) MUST_CHECK;

#endif

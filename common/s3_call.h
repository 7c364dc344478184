/* s3_call.h - one request to a bucket: signed, tried again, its error read. */
#ifndef SLUICE_S3_CALL_H
#define SLUICE_S3_CALL_H

#include "common/config.h"
#include "common/hash.h"
#include "common/object_driver.h"

#define S3_ATTEMPTS 5
#define S3_CODE_MAX 64
#define S3_META "x-amz-meta-sha256" /* hex, of the whole object as it lies */

/* One bucket and the key to it; one thread's. */
struct s3;

struct s3 *s3_new(const struct config *config, struct err *err);
void s3_free(struct s3 *s3);
/* When it is readable, calls give up: see object_store_heed. */
void s3_stop_at(struct s3 *s3, int stop_fd);
/* "https://host/bucket", or with the bucket in front; borrowed. */
const char *s3_base(const struct s3 *s3);

struct s3_call {
	const char *method;
	const char *key;    /* with the prefix; NULL: the bucket itself */
	const char *query;  /* sorted and encoded, or NULL */
	struct object_body body; /* data or fd; from body_at on */
	uint64_t body_at;
	const uint8_t *sha256; /* of the body; NULL: it is empty */
	const char *meta;      /* hex for S3_META, or NULL */
	const struct object_sink *sink; /* takes a 200's body; NULL: answer */

	/* what came of it */
	long status;
	char code[S3_CODE_MAX];   /* of an error: "NoSuchKey"; or empty */
	struct buf answer;        /* the caller clears it */
	char etag[160];
	char kept[SHA256_TEXT];   /* what S3_META said */
	uint64_t bytes;           /* content-length */
	int64_t changed_us;
	struct sha256 *hash;      /* of what went into the sink, or NULL */
};

/* True: the server took it (2xx), or has no such object or upload (404):
 * call->status tells. False: as object_store.h says. */
bool s3_do(struct s3 *s3, struct s3_call *call, struct err *err) MUST_CHECK;
/* ERR_RETRY unless it was taken: what it was about is not there. */
bool s3_taken(const struct s3_call *call, struct err *err) MUST_CHECK;

#endif

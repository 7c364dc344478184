/* s3_upload.c - an object goes into a bucket, in parts when it is large.
 *
 * Each body is signed by its SHA-256, which the server checks. Parts are seen
 * only once all of them are there and put together. */
#include "common/s3_upload.h"
#include "common/s3_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARTS_MAX 9000 /* 10000 are allowed */
#define BLOCK_BYTES ((size_t)128 << 10)

/* -- digests ----------------------------------------------------------------- */

static bool digest_file(int fd, uint64_t at, uint64_t len,
	uint8_t digest[SHA256_BYTES], struct err *err)
{
	struct sha256 *hash = sha256_new(err);
	char *block = malloc(BLOCK_BYTES);
	bool ok = hash != NULL && (block != NULL || err_memory(err));

	while (ok && len > 0) {
		const ssize_t got = pread(fd, block,
			len < BLOCK_BYTES ? (size_t)len : BLOCK_BYTES,
			(off_t)at);

		if (got <= 0)
			ok = got == 0 ? err_set(err, ERR_REJECT, "the file "
				"became shorter") :
				err_errno(err, ERR_RETRY, "read");
		else
			ok = sha256_add(hash, block, (size_t)got, err);
		at += got > 0 ? (uint64_t)got : 0;
		len -= got > 0 ? (uint64_t)got : 0;
	}
	ok = ok && sha256_end(hash, digest, err);
	sha256_free(hash);
	free(block);
	return ok;
}

static bool digest_body(const struct object_body *body, uint64_t at,
	uint64_t len, uint8_t digest[SHA256_BYTES], struct err *err)
{
	if (body->data != NULL)
		return sha256_once(body->data + at, (size_t)len, digest, err);
	return digest_file(body->fd, at, len, digest, err);
}

/* -- in parts ---------------------------------------------------------------- */

struct upload {
	struct s3 *s3;
	const char *key;
	const struct object_body *body;
	const char *meta;
	struct buf id;    /* encoded for a query */
	struct buf parts; /* the order to complete it */
};

static bool abort_upload(struct s3 *s3, const char *key,
	const char *id, struct err *err)
{
	struct s3_call call = { .method = "DELETE", .key = key };
	struct buf query = { 0 };
	bool ok = buf_printf(&query, err, "uploadId=%s", id);

	call.query = query.data;
	ok = ok && s3_do(s3, &call, err);
	buf_clear(&call.answer);
	buf_clear(&query);
	return ok;
}

static bool abort_stale(struct s3 *s3, const char *key,
	const struct s3_xml *upload, struct err *err)
{
	struct buf text = { 0 }, id = { 0 };
	bool ok = s3_xml_text(upload, "Key", &text, err);

	if (ok && strcmp(text.data, key) == 0)
		ok = s3_xml_text(upload, "UploadId", &text, err) &&
			s3_encode(text.data, false, &id, err) &&
			abort_upload(s3, key, id.data, err);
	buf_clear(&text);
	buf_clear(&id);
	return ok;
}

/* What an earlier attempt left behind, killed half-way, costs money for ever.
 * Not all servers list it; that is no reason to fail. */
static void abort_earlier(struct s3 *s3, const char *key)
{
	struct s3_call call = { .method = "GET" };
	struct buf query = { 0 };
	struct err err = { 0 };
	struct s3_xml xml, upload;
	size_t at = 0;
	bool ok = buf_add_str(&query, "prefix=", &err) &&
		s3_encode(key, false, &query, &err) &&
		buf_add_str(&query, "&uploads=", &err);

	call.query = query.data;
	ok = ok && s3_do(s3, &call, &err) && call.status == 200;
	xml = (struct s3_xml){ call.answer.data, call.answer.len };
	while (ok && s3_xml_next(&xml, "Upload", &at, &upload))
		ok = abort_stale(s3, key, &upload, &err);
	buf_clear(&call.answer);
	buf_clear(&query);
}

static bool begin_upload(struct upload *up, struct err *err)
{
	struct s3_call call = { .method = "POST", .key = up->key,
		.query = "uploads=", .body.data = "", .meta = up->meta };
	struct buf id = { 0 };
	struct s3_xml xml;
	bool ok = s3_do(up->s3, &call, err) && s3_taken(&call, err);

	xml = (struct s3_xml){ call.answer.data, call.answer.len };
	ok = ok && s3_xml_text(&xml, "UploadId", &id, err);
	if (ok && id.len == 0)
		ok = err_set(err, ERR_RETRY, "the server gave no UploadId");
	ok = ok && s3_encode(id.data, false, &up->id, err) &&
		buf_add_str(&up->parts, "<CompleteMultipartUpload xmlns="
			"\"http://s3.amazonaws.com/doc/2006-03-01/\">", err);
	buf_clear(&call.answer);
	buf_clear(&id);
	return ok;
}

static bool note_part(struct upload *up, unsigned number, const char *etag,
	struct err *err)
{
	if (*etag == '\0' || strpbrk(etag, "<>&") != NULL)
		return err_set(err, ERR_RETRY, "the server gave a part no "
			"ETag");
	return buf_printf(&up->parts, err, "<Part><PartNumber>%u</PartNumber>"
		"<ETag>%s</ETag></Part>", number, etag);
}

static bool send_part(struct upload *up, unsigned number, uint64_t at,
	uint64_t len, struct err *err)
{
	uint8_t digest[SHA256_BYTES];
	struct s3_call call = { .method = "PUT", .key = up->key,
		.body = *up->body, .body_at = at, .sha256 = digest };
	struct buf query = { 0 };
	bool ok = digest_body(up->body, at, len, digest, err) &&
		buf_printf(&query, err, "partNumber=%u&uploadId=%s", number,
			up->id.data);

	call.query = query.data;
	call.body.len = len;
	if (call.body.data != NULL)
		call.body.data += at;
	ok = ok && s3_do(up->s3, &call, err) && s3_taken(&call, err) &&
		note_part(up, number, call.etag, err);
	buf_clear(&call.answer);
	buf_clear(&query);
	return ok;
}

static bool send_parts(struct upload *up, struct err *err)
{
	const uint64_t len = up->body->len;
	uint64_t size = S3_PART_BYTES;
	unsigned number = 0;

	if (len / size > PARTS_MAX)
		size = len / PARTS_MAX + 1;
	for (uint64_t at = 0; at < len; at += size)
		if (!send_part(up, ++number, at,
			len - at < size ? len - at : size, err))
			return false;
	return true;
}

/* Asked twice, when the first answer was lost, there is no upload any more,
 * but the object: the right one, if it says so. */
static bool is_complete(struct upload *up, const struct s3_call *call,
	struct err *err)
{
	const struct s3_xml xml = { call->answer.data, call->answer.len };
	struct s3_call look = { .method = "HEAD", .key = up->key };
	struct s3_xml inside;
	size_t at = 0;
	bool ok;

	if (call->status == 200 && !s3_xml_next(&xml, "Error", &at, &inside))
		return true;
	ok = s3_do(up->s3, &look, err) && (look.status == 200 &&
		strcmp(look.kept, up->meta) == 0 ?
			true : err_set(err, ERR_RETRY,
			"the parts were not put together"));
	buf_clear(&look.answer);
	return ok;
}

static bool complete_upload(struct upload *up, struct err *err)
{
	uint8_t digest[SHA256_BYTES];
	struct s3_call call = { .method = "POST", .key = up->key,
		.sha256 = digest };
	struct buf query = { 0 };
	bool ok = buf_add_str(&up->parts, "</CompleteMultipartUpload>", err) &&
		sha256_once(up->parts.data, up->parts.len, digest, err) &&
		buf_printf(&query, err, "uploadId=%s", up->id.data);

	call.query = query.data;
	call.body = (struct object_body){ .data = up->parts.data,
		.len = up->parts.len };
	ok = ok && s3_do(up->s3, &call, err) &&
		is_complete(up, &call, err);
	buf_clear(&call.answer);
	buf_clear(&query);
	return ok;
}

static bool put_in_parts(struct upload *up, struct err *err)
{
	struct err none = { 0 };
	bool ok;

	abort_earlier(up->s3, up->key);
	ok = begin_upload(up, err);
	if (ok && !(send_parts(up, err) && complete_upload(up, err))) {
		if (!abort_upload(up->s3, up->key, up->id.data, &none))
			(void)err_wrap(err, "parts may be left");
		ok = false;
	}
	buf_clear(&up->id);
	buf_clear(&up->parts);
	return ok;
}

/* -- the whole --------------------------------------------------------------- */

static bool put_whole(struct s3 *s3, const char *key,
	const struct object_body *body, const uint8_t digest[SHA256_BYTES],
	const char *meta, struct err *err)
{
	struct s3_call call = { .method = "PUT", .key = key, .body = *body,
		.sha256 = digest, .meta = meta };
	const bool ok = s3_do(s3, &call, err) && s3_taken(&call, err);

	buf_clear(&call.answer);
	return ok;
}

bool s3_upload(struct s3 *s3, const char *key, const struct object_body *body,
	struct err *err)
{
	struct upload up = { .s3 = s3, .key = key, .body = body };
	uint8_t digest[SHA256_BYTES];
	char meta[SHA256_TEXT];

	if (!digest_body(body, 0, body->len, digest, err))
		return false;
	sha256_format(digest, meta);
	up.meta = meta;
	return body->len > S3_PART_BYTES ? put_in_parts(&up, err) :
		put_whole(s3, key, body, digest, meta, err);
}

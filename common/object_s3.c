/* object_s3.c - an object store that is a bucket.
 *
 * Each body is signed by its SHA-256, which the server checks; the whole
 * object's is kept as its metadata, and checked when it comes back. Large ones
 * go in parts, which are seen only once all of them are there. */
#include "common/s3_text.h"
#include "common/s3_upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_A_PAGE 1000

struct bucket {
	struct s3 *s3;
	char *prefix;
};

/* -- opening ----------------------------------------------------------------- */

static void s3_close(void *state)
{
	struct bucket *bucket = state;

	if (bucket == NULL)
		return;
	s3_free(bucket->s3);
	free(bucket->prefix);
	free(bucket);
}

void *object_s3_open(const struct config *config, struct buf *place,
	struct err *err)
{
	struct bucket *bucket = calloc(1, sizeof(*bucket));
	const char *prefix = config->s3_prefix != NULL ? config->s3_prefix :
							  "";

	if (bucket == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	prefix += strspn(prefix, "/");
	bucket->prefix = strdup(prefix);
	bucket->s3 = s3_new(config, err);
	if (bucket->prefix == NULL && bucket->s3 != NULL)
		(void)err_memory(err);
	if (bucket->prefix != NULL && bucket->s3 != NULL &&
		buf_printf(place, err, "%s/%s", s3_base(bucket->s3), prefix))
		return bucket;
	s3_close(bucket);
	return NULL;
}

static bool full_key(const struct bucket *bucket, const char *key,
	struct buf *out, struct err *err)
{
	return buf_printf(out, err, "%s%s", bucket->prefix, key);
}

/* -- putting ----------------------------------------------------------------- */

static void s3_heed(void *state, int stop_fd)
{
	s3_stop_at(((struct bucket *)state)->s3, stop_fd);
}

static bool s3_put(void *state, const struct object_part *parts, size_t count,
	struct err *err)
{
	struct bucket *bucket = state;
	struct buf full = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++) {
		buf_reset(&full);
		ok = full_key(bucket, parts[i].key, &full, err) &&
			s3_upload(bucket->s3, full.data, &parts[i].body, err);
	}
	buf_clear(&full);
	return ok;
}

/* -- looking ----------------------------------------------------------------- */

static bool s3_head(void *state, const char *key, struct object_info *info,
	struct err *err)
{
	struct bucket *bucket = state;
	struct s3_call call = { .method = "HEAD" };
	struct buf full = { 0 };
	bool ok = full_key(bucket, key, &full, err);

	*info = (struct object_info){ .there = false };
	call.key = full.data;
	ok = ok && s3_do(bucket->s3, &call, err);
	if (ok && call.status == 200)
		*info = (struct object_info){ .there = true,
			.bytes = call.bytes, .changed_us = call.changed_us };
	buf_clear(&call.answer);
	buf_clear(&full);
	return ok;
}

static bool check_digest(struct s3_call *call, struct err *err)
{
	uint8_t digest[SHA256_BYTES];
	char text[SHA256_TEXT];

	if (!sha256_end(call->hash, digest, err))
		return false;
	sha256_format(digest, text);
	return call->kept[0] == '\0' || strcmp(call->kept, text) == 0 ||
		err_set(err, ERR_REJECT, "%s is not what was put: its SHA-256 "
			"is another", call->key);
}

static bool s3_get(void *state, const char *key,
	const struct object_sink *sink, bool *there, struct err *err)
{
	struct bucket *bucket = state;
	struct s3_call call = { .method = "GET", .sink = sink,
		.hash = sha256_new(err) };
	struct buf full = { 0 };
	bool ok = call.hash != NULL && full_key(bucket, key, &full, err);

	call.key = full.data;
	ok = ok && s3_do(bucket->s3, &call, err);
	*there = ok && call.status == 200;
	if (*there)
		ok = check_digest(&call, err);
	sha256_free(call.hash);
	buf_clear(&call.answer);
	buf_clear(&full);
	return ok;
}

static bool s3_remove(void *state, const char *key, struct err *err)
{
	struct bucket *bucket = state;
	struct s3_call call = { .method = "DELETE" };
	struct buf full = { 0 };
	bool ok = full_key(bucket, key, &full, err);

	call.key = full.data;
	ok = ok && s3_do(bucket->s3, &call, err);
	buf_clear(&call.answer);
	buf_clear(&full);
	return ok;
}

/* -- listing ----------------------------------------------------------------- */

struct paging {
	struct bucket *bucket;
	struct buf prefix;   /* the bucket's and the asked one */
	struct buf after;    /* likewise */
	struct buf token;    /* of the next page; empty: the first */
	struct buf text;
	object_key_each *each;
	void *context;
	bool over;
};

static bool add_word(struct buf *query, const char *word, const char *value,
	struct err *err)
{
	return buf_printf(query, err, "%s%s=", query->len > 0 ? "&" : "",
		       word) && s3_encode(value, false, query, err);
}

/* Sorted, as it is signed. */
static bool make_query(const struct paging *paging, struct buf *query,
	struct err *err)
{
	const bool first = paging->token.len == 0;
	char keys[8];

	(void)snprintf(keys, sizeof(keys), "%d", KEYS_A_PAGE);
	return (first || add_word(query, "continuation-token",
			paging->token.data, err)) &&
		add_word(query, "list-type", "2", err) &&
		add_word(query, "max-keys", keys, err) &&
		add_word(query, "prefix", paging->prefix.data, err) &&
		(!first || paging->after.len == 0 ||
			add_word(query, "start-after", paging->after.data,
				err));
}

static bool give_key(struct paging *paging, const struct s3_xml *contents,
	struct err *err)
{
	const char *prefix = paging->bucket->prefix;
	struct object_info info = { .there = true };
	struct buf *text = &paging->text;

	if (!s3_xml_text(contents, "Size", text, err))
		return false;
	info.bytes = strtoull(text->data, NULL, 10);
	if (!s3_xml_text(contents, "LastModified", text, err))
		return false;
	info.changed_us = s3_time_of_listing(text->data);
	if (!s3_xml_text(contents, "Key", text, err))
		return false;
	if (strncmp(text->data, prefix, strlen(prefix)) != 0)
		return true; /* the server does not keep to what was asked */
	paging->over = !paging->each(paging->context,
		text->data + strlen(prefix), &info, err);
	return !paging->over || err->kind == ERR_NONE;
}

static bool next_token(struct paging *paging, const struct s3_xml *xml,
	struct err *err)
{
	struct buf last = { 0 };
	bool ok = buf_add(&last, paging->token.data, paging->token.len, err) &&
		s3_xml_text(xml, "IsTruncated", &paging->text, err) &&
		s3_xml_text(xml, "NextContinuationToken", &paging->token, err);

	if (ok && strcmp(paging->text.data, "true") != 0)
		paging->over = true;
	else if (ok && (paging->token.len == 0 || (last.len ==
		paging->token.len && memcmp(last.data, paging->token.data,
		last.len) == 0)))
		ok = err_set(err, ERR_RETRY, "the listing does not go on: the "
			"server gives no new continuation token");
	buf_clear(&last);
	return ok;
}

static bool list_page(struct paging *paging, struct err *err)
{
	struct s3_call call = { .method = "GET" };
	struct buf query = { 0 };
	struct s3_xml xml, contents;
	size_t at = 0;
	bool ok = make_query(paging, &query, err);

	call.query = query.data;
	ok = ok && s3_do(paging->bucket->s3, &call, err) &&
		s3_taken(&call, err);
	xml = (struct s3_xml){ call.answer.data, call.answer.len };
	while (ok && !paging->over &&
		s3_xml_next(&xml, "Contents", &at, &contents))
		ok = give_key(paging, &contents, err);
	if (ok && !paging->over)
		ok = next_token(paging, &xml, err);
	buf_clear(&call.answer);
	buf_clear(&query);
	return ok;
}

static bool s3_list(void *state, const char *prefix, const char *after,
	object_key_each *each, void *context, struct err *err)
{
	struct paging paging = { .bucket = state, .each = each,
		.context = context };
	bool ok = full_key(state, prefix, &paging.prefix, err) &&
		(after == NULL || full_key(state, after, &paging.after, err));

	while (ok && !paging.over)
		ok = list_page(&paging, err);
	buf_clear(&paging.prefix);
	buf_clear(&paging.after);
	buf_clear(&paging.token);
	buf_clear(&paging.text);
	return ok;
}

const struct object_driver object_s3 = {
	.close = s3_close,
	.heed = s3_heed,
	.put = s3_put,
	.head = s3_head,
	.get = s3_get,
	.list = s3_list,
	.remove = s3_remove,
};

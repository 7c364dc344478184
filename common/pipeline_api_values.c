/* pipeline_api_values.c - single values of an `api:`, and pairs of them. */
#include "common/pipeline_api_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool api_read_text(struct reading *in, const struct doc *value, void *to)
{
	return field_expect(in, value, DOC_TEXT, "a text") &&
		(value->text[0] != '\0' ||
			FAIL(value, "this may not be empty")) &&
		field_copy(in, value->text, to);
}

/* May be empty: a prefix. */
bool api_read_any_text(struct reading *in, const struct doc *value,
	void *to)
{
	return field_expect(in, value, DOC_TEXT, "a text") &&
		field_copy(in, value->text, to);
}

bool api_read_count(struct reading *in, const struct doc *value, void *to)
{
	return field_read_amount(in, value, UNIT_COUNT, 1000000000, to);
}

bool api_read_bytes(struct reading *in, const struct doc *value, void *to)
{
	return field_read_amount(in, value, UNIT_BYTES, INT64_C(1) << 30, to);
}

bool api_read_secs(struct reading *in, const struct doc *value, void *to)
{
	return field_read_amount(in, value, UNIT_SECS, 366 * DAY_SECS, to);
}

bool api_read_ms(struct reading *in, const struct doc *value, void *to)
{
	return field_read_amount(in, value, UNIT_MS, INT64_C(1000) * DAY_SECS,
		to);
}

/* A header's or a parameter's name: RFC 9110's token. */
bool api_read_token(struct reading *in, const struct doc *value, void *to)
{
	return api_read_text(in, value, to) &&
		(strspn(value->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~")
			== strlen(value->text) ||
			FAIL(value, "\"%s\" is not a name that can be sent: "
				"letters, digits and - _ .", value->text));
}

bool api_read_path(struct reading *in, const struct doc *value, void *to)
{
	return api_read_any_text(in, value, to) &&
		(value->text[0] == '/' || value->text[0] == '\0' ||
			FAIL(value, "a path begins with /"));
}

static bool is_method(const char *text)
{
	return strlen(text) < 20 &&
		strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(text);
}

bool api_read_method(struct reading *in, const struct doc *value, void *to)
{
	return api_read_text(in, value, to) && (is_method(value->text) ||
		FAIL(value, "this must be a method, e.g. GET or POST"));
}

/* The certificate authority's file is looked for when it is used. */
bool api_read_url(struct reading *in, const struct doc *value, void *to)
{
	const char *text = value->text;

	if (!api_read_text(in, value, to))
		return false;
	if (strncmp(text, "https://", 8) != 0 &&
		strncmp(text, "http://", 7) != 0)
		return FAIL(value, "this must be a URL that begins with "
			"https:// (http:// for this machine alone)");
	if (strpbrk(text, "?#@ {}") != NULL)
		return FAIL(value, "neither ? # @ nor braces: a query goes "
			"under `query:`, a user under `auth:`");
	return true;
}

/* A file's name that is not absolute counts from the pipeline file's folder. */
bool api_read_file(struct reading *in, const struct doc *value, void *to)
{
	const char *slash = strrchr(in->file, '/');
	struct buf name = { 0 };
	bool ok = field_expect(in, value, DOC_TEXT, "/run/secrets/token");

	if (ok && value->text[0] == '\0')
		return FAIL(value, "this may not be empty");
	if (ok && value->text[0] != '/' && slash != NULL)
		ok = buf_add(&name, in->file, (size_t)(slash - in->file) + 1,
			in->err);
	ok = ok && buf_add_str(&name, value->text, in->err);
	*(char **)to = ok ? buf_take(&name) : NULL;
	buf_clear(&name);
	return ok;
}

/* -- pairs --------------------------------------------------------------- */

bool api_read_pairs(struct reading *in, const struct doc *value, void *to)
{
	struct api_pairs *pairs = to;

	if (!field_expect(in, value, DOC_MAP, "{ per_page: 100 }"))
		return false;
	if (value->count > 200)
		return FAIL(value, "at most 100 of them");
	if (!field_reserve(in, value->count / 2, sizeof(*pairs->items),
		    &pairs->items))
		return false;
	for (size_t i = 0; i < value->count; i += 2) {
		struct api_pair *pair = &pairs->items[pairs->count++];

		if (!api_read_text(in, &value->items[i], &pair->name) ||
			!api_read_any_text(in, &value->items[i + 1],
				&pair->value))
			return false;
	}
	return true;
}

/* What goes out by itself or holds a secret is not for free headers. */
bool api_read_headers(struct reading *in, const struct doc *value, void *to)
{
	static const char *const own[] = { "authorization", "host",
		"content-length", "transfer-encoding", "connection", "cookie",
		"accept-encoding", "if-none-match", "if-modified-since",
		"proxy-authorization", NULL };
	char *name = NULL;

	if (!api_read_pairs(in, value, to))
		return false;
	for (size_t i = 0; i < value->count; i += 2) {
		const struct doc *key = &value->items[i];
		bool ok = api_read_token(in, key, &name);

		free(name);
		name = NULL;
		for (size_t k = 0; ok && own[k] != NULL; k++)
			if (strcasecmp(own[k], key->text) == 0)
				ok = FAIL(key, "the header %s is Sluice's own; "
					"secrets go under `auth:`", key->text);
		if (!ok)
			return false;
	}
	return true;
}

/* infer_name.c - names of datasets and columns out of any text. */
#include "cli/infer.h"

#include <stdio.h>
#include <string.h>

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* A capital begins a word behind a small letter or before one: userID and
 * HTTPServer are user_id and http_server. */
static bool begins_word(const char *text, size_t at)
{
	if (at == 0 || !is_upper(text[at]))
		return false;
	return is_word(text[at - 1]) ||
		(is_upper(text[at - 1]) && text[at + 1] >= 'a' &&
			text[at + 1] <= 'z');
}

static void add(char *out, size_t *n, size_t max, char c)
{
	if (*n == 0 && !(c >= 'a' && c <= 'z'))
		return;
	if (*n < max && !(c == '_' && out[*n - 1] == '_'))
		out[(*n)++] = c;
}

void infer_make_name(const char *text, size_t max, char *out)
{
	size_t n = 0;

	for (size_t i = 0; text[i] != '\0'; i++) {
		const char c = is_upper(text[i]) ? (char)(text[i] | 0x20) :
						   text[i];

		if (begins_word(text, i))
			add(out, &n, max, '_');
		add(out, &n, max, is_word(c) ? c : '_');
	}
	while (n > 0 && out[n - 1] == '_')
		n--;
	out[n] = '\0';
}

void infer_file_name(const char *path, size_t max, char *out)
{
	static const char *const ends[] = { ".gz", ".zst", ".json", ".ndjson",
		".jsonl", ".txt", ".log", NULL };
	const char *slash = strrchr(path, '/');
	char base[256];

	(void)snprintf(base, sizeof(base), "%s",
		slash != NULL ? slash + 1 : path);
	for (size_t i = 0; ends[i] != NULL; i++) {
		const size_t len = strlen(base), end = strlen(ends[i]);

		if (len > end && strcmp(base + len - end, ends[i]) == 0)
			base[len - end] = '\0';
	}
	infer_make_name(base, max, out);
	if (out[0] == '\0' || strcmp(out, "dead") == 0 ||
		strcmp(out, "tap") == 0)
		(void)snprintf(out, max + 1, "records");
}

/* -- columns ------------------------------------------------------------ */

/* Names that PostgreSQL or Sluice keeps for itself. */
static bool is_taken(const char *name)
{
	static const char *const names[] = { "tableoid", "xmin", "cmin", "xmax",
		"cmax", "ctid", "extra" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool is_used(const struct infer *infer, size_t before, const char *name)
{
	for (size_t i = 0; i < before; i++)
		if (strcmp(infer->columns[i].name, name) == 0)
			return true;
	return is_taken(name);
}

/* What there is room for of name, and a number that makes it another. */
static void number_name(const struct infer *infer, size_t at)
{
	char *name = infer->columns[at].name;
	char base[INFER_NAME_MAX + 1];

	(void)snprintf(base, sizeof(base), "%.*s", INFER_NAME_MAX - 5, name);
	for (unsigned i = 2; is_used(infer, at, name); i++)
		(void)snprintf(name, INFER_NAME_MAX + 1, "%.46s_%u", base, i);
}

/* "/actor/gravatar_id": actor_gravatar_id. When it is too long, its end says
 * more than its start. */
static bool name_column(const struct infer *infer, size_t at,
	struct err *err)
{
	struct infer_column *column = &infer->columns[at];
	struct buf pointer = { 0 };
	char whole[512];
	const char *text = whole;
	bool ok = sample_pointer(infer->sample, column->field, &pointer, err);

	if (ok) {
		infer_make_name(pointer.data, sizeof(whole) - 1, whole);
		if (strlen(whole) > INFER_NAME_MAX)
			text += strlen(whole) - INFER_NAME_MAX;
		infer_make_name(text, INFER_NAME_MAX, column->name);
		if (column->name[0] == '\0')
			(void)snprintf(column->name, sizeof(column->name),
				"field");
		number_name(infer, at);
	}
	buf_clear(&pointer);
	return ok;
}

bool infer_name_columns(struct infer *infer, struct err *err)
{
	for (size_t i = 0; i < infer->count; i++)
		if (!name_column(infer, i, err))
			return false;
	return true;
}

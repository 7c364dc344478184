/* archive.c - files whose source has ended go into the object store. */
#include "producer/archive.h"
#include "common/clock.h"
#include "common/place.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_US ((int64_t)86400 * 1000000)

/* "json.gz" of "a/b.2024.json.gz": what it is made of, at most two words. */
static void ending(const char *path, char *out, size_t size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	const char *name = strrchr(path, '/');
	const char *at = path + strlen(path), *from = at;
	int words = 0;

	name = name == NULL ? path : name + 1;
	while (at > name && words < 2) {
		at--;
		if (*at != '.')
			continue;
		words++;
		if (strspn(at + 1, letters) == 0)
			break;
		from = at + 1;
	}
	(void)snprintf(out, size, "%s", from);
	for (size_t i = strlen(out); i-- > 0;)
		if (strchr(letters, out[i]) == NULL && out[i] != '.')
			out[0] = '\0';
	/* .zst is what the store calls what it has packed itself */
	if (strlen(out) >= 3 && strcmp(out + strlen(out) - 3, "zst") == 0)
		(void)snprintf(out + strlen(out), size - strlen(out), "d");
}

/* A poller names them for their objects: "<HHMMSS>-<drop id>.json". Nobody
 * else can know the drop id before there is a claim. */
bool archive_names_answer(const char *name, const struct uuid *drop)
{
	const char *slash = strrchr(name, '/');
	const char *last = slash == NULL ? name : slash + 1;
	char text[UUID_TEXT];

	uuid_format(drop, text);
	return strlen(last) > 7 && strncmp(last + 7, text, strlen(text)) == 0;
}

bool archive_is_answer(const struct source *source)
{
	return archive_names_answer(source->name, &source->drop);
}

/* The day is that of the request, which may be the one before the claim's. */
static bool name_answer(const struct source *source, struct buf *text,
	struct err *err)
{
	const char *slash = strrchr(source->name, '/');
	const char *last = slash == NULL ? source->name : slash + 1;
	char claimed[CLOCK_TEXT], clock[7];
	int64_t day_us = source->claimed_us;

	clock_format_us(day_us, claimed); /* 2026-11-22T10:30:00... */
	(void)snprintf(clock, sizeof(clock), "%.2s%.2s%.2s", claimed + 11,
		claimed + 14, claimed + 17);
	if (strncmp(last, clock, 6) > 0)
		day_us -= DAY_US;
	return object_name_prefix(source->pipeline, source->dataset, day_us,
		       text, err) &&
		buf_add_str(text, last, err) &&
		object_name_check(text->data, err);
}

bool archive_name(struct source *source, struct err *err)
{
	struct object_name name = { .time_us = source->claimed_us,
		.drop = source->drop };
	struct buf text = { 0 };
	bool ok;

	(void)snprintf(name.pipeline, sizeof(name.pipeline), "%s",
		source->pipeline);
	(void)snprintf(name.endpoint, sizeof(name.endpoint), "%s",
		source->dataset);
	ending(source->name, name.ext, sizeof(name.ext) - 1);
	ok = archive_is_answer(source) ? name_answer(source, &text, err) :
		object_name_format(&name, &text, err);
	if (ok) {
		free(source->object);
		source->object = buf_take(&text);
	}
	buf_clear(&text);
	return ok;
}

static bool describe(const struct source *source, struct buf *out,
	struct err *err)
{
	char drop[UUID_TEXT], sha256[SHA256_TEXT], claimed[CLOCK_TEXT];

	uuid_format(&source->drop, drop);
	sha256_format(source->sha256, sha256);
	clock_format_us(source->claimed_us, claimed);
	return buf_add_str(out, "name: ", err) &&
		buf_add_escaped(out, source->name, strlen(source->name), err) &&
		buf_printf(out, err, "\ndrop: %s\nclaimed: %s\nbytes: %" PRIu64
			"\nsha256: %s\n", drop, claimed, source->size, sha256);
}

bool archive_put(struct object_store *store, int root,
	const struct source *source, struct err *err)
{
	struct buf path = { 0 }, text = { 0 };
	struct object_note note = { .suffix = OBJECT_FILE };
	int fd = -1;
	bool ok = source_claimed_path(source, &path, err) &&
		describe(source, &text, err);

	if (ok)
		fd = place_open(root, path.data, O_RDONLY, err);
	note.text = text.data;
	ok = fd >= 0 && object_put_file(store, source->object, fd, &note, err);
	if (fd >= 0)
		(void)close(fd);
	buf_clear(&path);
	buf_clear(&text);
	return ok;
}

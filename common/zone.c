/* zone.c - time zones by the system's own tables (RFC 8536). */
#include "common/zone.h"

#include "common/buf.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/usr/share/zoneinfo/"
#define FILE_MAX ((size_t)256 << 10)
#define HEAD 44

struct zone {
	int64_t *times;   /* when an offset begins, ascending */
	int32_t *offsets; /* of each */
	size_t count;
	int32_t before;   /* until the first */
};

/* The six numbers of a header, in its order. */
struct counts {
	size_t isut, isstd, leap, time, type, chars;
};

static uint64_t big_endian(const uint8_t *at, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

static bool read_head(const uint8_t *at, size_t len, struct counts *counts)
{
	if (len < HEAD || memcmp(at, "TZif", 4) != 0)
		return false;
	*counts = (struct counts){
		big_endian(at + 20, 4), big_endian(at + 24, 4),
		big_endian(at + 28, 4), big_endian(at + 32, 4),
		big_endian(at + 36, 4), big_endian(at + 40, 4),
	};
	return counts->time < 100000 && counts->type > 0 &&
		counts->type <= 256 && counts->chars < 100000 &&
		counts->leap < 10000 && counts->isut <= 256 &&
		counts->isstd <= 256;
}

static size_t body_bytes(const struct counts *c, size_t width)
{
	return c->time * (width + 1) + c->type * 6 + c->chars +
		c->leap * (width + 4) + c->isstd + c->isut;
}

static int32_t offset_of(const uint8_t *types, size_t type)
{
	return (int32_t)(uint32_t)big_endian(types + type * 6, 4);
}

static bool fill(struct zone *zone, const uint8_t *at, const struct counts *c)
{
	const uint8_t *index = at + c->time * 8;
	const uint8_t *types = index + c->time;

	zone->before = offset_of(types, 0);
	for (size_t i = 0; i < c->time; i++) {
		if (index[i] >= c->type)
			return false;
		zone->times[i] = (int64_t)big_endian(at + i * 8, 8);
		zone->offsets[i] = offset_of(types, index[i]);
	}
	zone->count = c->time;
	return true;
}

static struct zone *zone_new(size_t count, struct err *err)
{
	struct zone *zone = calloc(1, sizeof(*zone));

	if (zone != NULL) {
		zone->times = calloc(count + 1, sizeof(*zone->times));
		zone->offsets = calloc(count + 1, sizeof(*zone->offsets));
	}
	if (zone != NULL && zone->times != NULL && zone->offsets != NULL)
		return zone;
	(void)err_memory(err);
	zone_free(zone);
	return NULL;
}

/* The second block has 64 bits for each time; the first is passed over. */
struct zone *zone_read(const void *data, size_t len, const char *name,
	struct err *err)
{
	const uint8_t *at = data;
	struct counts counts;
	struct zone *zone;
	size_t skip;

	if (!read_head(at, len, &counts) || at[4] < '2')
		goto bad;
	skip = HEAD + body_bytes(&counts, 4);
	if (skip >= len || !read_head(at + skip, len - skip, &counts) ||
		body_bytes(&counts, 8) > len - skip - HEAD)
		goto bad;
	zone = zone_new(counts.time, err);
	if (zone == NULL || fill(zone, at + skip + HEAD, &counts))
		return zone;
	zone_free(zone);
bad:
	(void)err_stop(err, EXIT_CONFIG, "the table of the time zone %s cannot "
		"be read", name);
	return NULL;
}

static bool is_zone_name(const char *name)
{
	return name[0] >= 'A' && name[0] <= 'Z' && strlen(name) < 100 &&
		strstr(name, "..") == NULL && strspn(name,
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			"0123456789_+-/") == strlen(name);
}

static bool read_file(const char *name, struct buf *out, struct err *err)
{
	struct buf path = { 0 };
	int fd = -1;
	ssize_t got = -1;

	if (is_zone_name(name) && buf_printf(&path, err, FOLDER "%s", name))
		fd = open(path.data, O_RDONLY | O_CLOEXEC);
	buf_clear(&path);
	if (fd >= 0 && buf_grow(out, FILE_MAX, err))
		got = read(fd, out->data, FILE_MAX);
	if (fd >= 0)
		close(fd);
	if (got > 0)
		out->len = (size_t)got;
	return got > 0 || err_stop(err, EXIT_CONFIG, "there is no time zone "
		"\"%s\"; names are like Europe/Berlin (package tzdata)", name);
}

struct zone *zone_open(const char *name, struct err *err)
{
	struct buf data = { 0 };
	struct zone *zone = NULL;

	if (strcmp(name, "UTC") == 0)
		return zone_new(0, err);
	if (read_file(name, &data, err))
		zone = zone_read(data.data, data.len, name, err);
	buf_clear(&data);
	return zone;
}

void zone_free(struct zone *zone)
{
	if (zone == NULL)
		return;
	free(zone->times);
	free(zone->offsets);
	free(zone);
}

int64_t zone_offset(const struct zone *zone, int64_t at)
{
	size_t low = 0, high;

	if (zone == NULL || zone->count == 0 || at < zone->times[0])
		return zone == NULL ? 0 : zone->before;
	high = zone->count;
	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;

		if (zone->times[middle] <= at)
			low = middle;
		else
			high = middle;
	}
	return zone->offsets[low];
}

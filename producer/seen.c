/* seen.c - the files of one folder that are waiting. */
#include "producer/seen.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

struct file {
	struct file *next;       /* in its bucket */
	struct file *next_ready; /* in the order of completion */
	struct look look;
	int64_t since_ms; /* unchanged since */
	uint32_t scan;    /* the last that saw it */
	bool ready;
	char path[];
};

struct seen {
	struct file *buckets[BUCKETS];
	struct file *first_ready, *last_ready;
	size_t files;
	size_t ready;
	size_t max_files;
	uint32_t scan;
	bool overflowed;
};

uint64_t seen_hash(const char *text, uint64_t seed)
{
	uint64_t hash = 0xcbf29ce484222325u ^ seed;

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
	return hash;
}

struct seen *seen_new(size_t max_files, struct err *err)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	if (seen == NULL)
		(void)err_memory(err);
	else
		seen->max_files = max_files;
	return seen;
}

void seen_free(struct seen *seen)
{
	if (seen == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (seen->buckets[i] != NULL) {
			struct file *file = seen->buckets[i];

			seen->buckets[i] = file->next;
			free(file);
		}
	free(seen);
}

/* Where the pointer to path's file is, or would be. */
static struct file **slot(struct seen *seen, const char *path)
{
	struct file **at = &seen->buckets[seen_hash(path, 0) % BUCKETS];

	while (*at != NULL && strcmp((*at)->path, path) != 0)
		at = &(*at)->next;
	return at;
}

/* NULL with no error when there is no room. */
static struct file *find_or_add(struct seen *seen, const char *path, bool *ok,
	struct err *err)
{
	struct file **at = slot(seen, path);
	const size_t len = strlen(path) + 1;

	*ok = true;
	if (*at != NULL)
		return *at;
	if (seen->files >= seen->max_files) {
		seen->overflowed = true;
		return NULL;
	}
	*at = calloc(1, sizeof(**at) + len);
	if (*at == NULL) {
		*ok = err_memory(err);
		return NULL;
	}
	memcpy((*at)->path, path, len);
	(*at)->since_ms = -1;
	seen->files++;
	return *at;
}

static void make_ready(struct seen *seen, struct file *file)
{
	if (file->ready)
		return;
	file->ready = true;
	if (seen->last_ready != NULL)
		seen->last_ready->next_ready = file;
	else
		seen->first_ready = file;
	seen->last_ready = file;
	seen->ready++;
}

bool seen_complete(struct seen *seen, const char *path, struct err *err)
{
	bool ok;
	struct file *file = find_or_add(seen, path, &ok, err);

	if (file != NULL)
		make_ready(seen, file);
	return ok;
}

static bool same_look(const struct look *a, const struct look *b)
{
	return a->inode == b->inode && a->size == b->size &&
		a->mtime_ns == b->mtime_ns;
}

bool seen_look(struct seen *seen, const char *path, const struct look *look,
	int64_t settle_ms, struct err *err)
{
	bool ok;
	struct file *file = find_or_add(seen, path, &ok, err);

	if (file == NULL)
		return ok;
	file->scan = seen->scan;
	if (file->since_ms < 0 || !same_look(&file->look, look))
		file->since_ms = look->now_ms;
	file->look = *look;
	if (look->now_ms - file->since_ms >= settle_ms)
		make_ready(seen, file);
	return true;
}

bool seen_idle(struct seen *seen, const char *path)
{
	const struct file *file = *slot(seen, path);

	if (file != NULL)
		return file->ready;
	if (seen->files < seen->max_files)
		return false;
	seen->overflowed = true;
	return true;
}

static void forget(struct seen *seen, struct file **at)
{
	struct file *file = *at;

	*at = file->next;
	seen->files--;
	free(file);
}

char *seen_take(struct seen *seen)
{
	struct file *file = seen->first_ready;
	char *path = file == NULL ? NULL : strdup(file->path);

	if (path == NULL)
		return NULL;
	seen->first_ready = file->next_ready;
	if (seen->first_ready == NULL)
		seen->last_ready = NULL;
	seen->ready--;
	forget(seen, slot(seen, path));
	return path;
}

size_t seen_ready(const struct seen *seen)
{
	return seen->ready;
}

int64_t seen_due_ms(const struct seen *seen, int64_t settle_ms)
{
	int64_t due = INT64_MAX;

	if (seen->files == seen->ready)
		return due;
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct file *file = seen->buckets[i]; file != NULL;
			file = file->next)
			if (!file->ready && file->since_ms + settle_ms < due)
				due = file->since_ms + settle_ms;
	return due;
}

void seen_scan_begin(struct seen *seen)
{
	seen->scan++;
	seen->overflowed = false;
}

void seen_scan_end(struct seen *seen)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct file **at = &seen->buckets[i]; *at != NULL;)
			if (!(*at)->ready && (*at)->scan != seen->scan)
				forget(seen, at);
			else
				at = &(*at)->next;
}

bool seen_overflowed(const struct seen *seen)
{
	return seen->overflowed;
}

bool seen_has_room_again(const struct seen *seen)
{
	return seen->overflowed && seen->files <= seen->max_files / 2;
}

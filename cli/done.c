/* done.c - files that were taken and stay where they are. */
#include "cli/done.h"
#include "producer/seen.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS ((size_t)256) /* a power of two, as all that follow */

struct entry {
	char *path; /* NULL: an empty slot */
	struct done_mark mark;
	bool touched;
};

/* Open addressing, at most half full. */
struct done {
	struct entry *entries;
	size_t slots;
	size_t count;
};

struct done *done_new(struct err *err)
{
	struct done *done = calloc(1, sizeof(*done));

	if (done != NULL)
		done->entries = calloc(FIRST_SLOTS, sizeof(*done->entries));
	if (done == NULL || done->entries == NULL) {
		free(done);
		(void)err_memory(err);
		return NULL;
	}
	done->slots = FIRST_SLOTS;
	return done;
}

void done_free(struct done *done)
{
	if (done == NULL)
		return;
	for (size_t i = 0; i < done->slots; i++)
		free(done->entries[i].path);
	free(done->entries);
	free(done);
}

/* The path's slot, or the empty one where it would be. */
static struct entry *slot(struct entry *entries, size_t slots,
	const char *path)
{
	size_t at = (size_t)seen_hash(path, 0) & (slots - 1);

	while (entries[at].path != NULL && strcmp(entries[at].path, path) != 0)
		at = (at + 1) & (slots - 1);
	return &entries[at];
}

static void move_all(struct done *done, struct entry *entries, size_t slots)
{
	for (size_t i = 0; i < done->slots; i++)
		if (done->entries[i].path != NULL)
			*slot(entries, slots, done->entries[i].path) =
				done->entries[i];
	free(done->entries);
	done->entries = entries;
	done->slots = slots;
}

static bool grow(struct done *done, struct err *err)
{
	struct entry *entries;

	if (done->count * 2 < done->slots)
		return true;
	entries = calloc(done->slots * 2, sizeof(*entries));
	if (entries == NULL)
		return err_memory(err);
	move_all(done, entries, done->slots * 2);
	return true;
}

bool done_add(struct done *done, const char *path,
	const struct done_mark *mark, struct err *err)
{
	struct entry *entry;

	if (!grow(done, err))
		return false;
	entry = slot(done->entries, done->slots, path);
	if (entry->path == NULL) {
		entry->path = strdup(path);
		if (entry->path == NULL)
			return err_memory(err);
		done->count++;
	}
	entry->mark = *mark;
	entry->touched = true;
	return true;
}

bool done_knows(struct done *done, const char *path,
	const struct done_mark *mark)
{
	struct entry *entry = slot(done->entries, done->slots, path);

	if (entry->path == NULL)
		return false;
	entry->touched = true;
	return entry->mark.inode == mark->inode &&
		entry->mark.size == mark->size &&
		entry->mark.mtime_ns == mark->mtime_ns;
}

/* Without memory for a table anew the old one stays as it is. */
void done_sweep(struct done *done)
{
	struct entry *entries = calloc(done->slots, sizeof(*entries));

	if (entries == NULL)
		return;
	for (size_t i = 0; i < done->slots; i++) {
		struct entry *entry = &done->entries[i];

		if (entry->path != NULL && !entry->touched) {
			free(entry->path);
			entry->path = NULL;
			done->count--;
		}
		entry->touched = false;
	}
	move_all(done, entries, done->slots);
}

size_t done_count(const struct done *done)
{
	return done->count;
}

/* footprint.c - what a process keeps in memory.
 *
 * Some forty libraries are linked in the end, and the linker's search for their
 * symbols alone touches megabytes. */
#include "common/footprint.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Less than a full message, more than what there are many of. */
#define MAPPED_FROM (64 << 10)

void footprint_limit(void)
{
	/* without a bound of ours the first large one that is freed raises
	 * glibc's, and the next stay in its arenas */
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
	(void)mallopt(M_ARENA_MAX, 2);
}

/* One mapping, as /proc/self/smaps tells of it line by line. */
struct area {
	uintptr_t from, to;
	bool droppable; /* of a file, and never written to */
	size_t mapped;  /* bytes in memory */
};

static bool starts_area(const char *line, struct area *area)
{
	char rights[5];
	uintptr_t from, to;
	uint64_t inode;

	if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*x %*s %" SCNu64,
		    &from, &to, rights, &inode) != 4)
		return false;
	*area = (struct area){ .from = from, .to = to,
		.droppable = inode != 0 && rights[1] == '-' &&
			rights[3] == 'p' };
	return true;
}

/* Pages that are the process's own, such as what the linker has relocated and
 * then made read-only, would be lost: with one of them all stay. */
static size_t drop(const struct area *area)
{
	void *const memory =
		(void *)area->from; /* NOLINT(performance-no-int-to-ptr) */

	if (!area->droppable || area->mapped == 0 ||
		madvise(memory, area->to - area->from, MADV_DONTNEED) != 0)
		return 0;
	return area->mapped;
}

size_t footprint_drop_code(void)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	struct area area = { .droppable = false };
	size_t dropped = 0, size = 0, kib;
	char *line = NULL;

	if (smaps == NULL)
		return 0;
	while (getline(&line, &size, smaps) > 0) {
		if (starts_area(line, &area))
			continue;
		if (sscanf(line, "Rss: %zu kB", &kib) == 1)
			area.mapped = kib << 10;
		else if (sscanf(line, "Anonymous: %zu kB", &kib) == 1)
			area.droppable = area.droppable && kib == 0;
		else if (strncmp(line, "VmFlags:", 8) == 0) /* the last */
			dropped += drop(&area);
	}
	free(line);
	(void)fclose(smaps);
	return dropped;
}

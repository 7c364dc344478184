/* direct.h - a file is read and loaded in this process, without a broker: the
 * producer's reader and the consumer's load, put together.
 *
 * A file is a source named after its path, its bytes, the dataset, the limits
 * of its chunks and the dates that are meant; so a load that was interrupted
 * goes on where it was, and one that was done does nothing. The file stays
 * where it is. */
#ifndef SLUICE_DIRECT_H
#define SLUICE_DIRECT_H

#include "common/config.h"
#include "common/pipeline.h"
#include "consumer/store.h"

struct direct_totals {
	int64_t sources;
	int64_t records, inserted, updated, unchanged, rejected, filtered;
	int64_t before; /* records that an earlier run had loaded */
	int64_t bytes;  /* of files, as they lie there */
};

/* Called while a file is loaded: bytes of `size` are done. */
typedef void direct_say(void *context, const char *path, int64_t done,
	int64_t size, const struct direct_totals *totals);

struct direct_options {
	const struct config *config;
	struct store *store; /* of the plan, its filter the one that is meant */
	bool dry_run;     /* read and map, write nothing, ask no server */
	int stop_fd;      /* readable: give up with ERR_RETRY; 0: none */
	direct_say *say;  /* may be NULL */
	void *context;
};

struct direct;

/* Borrows all of the options. NULL: out of memory. */
struct direct *direct_new(const struct direct_options *options,
	struct err *err);
void direct_free(struct direct *direct);
/* Loads the file and adds to the totals. Errors: EXIT_IO the file cannot be
 * read, EXIT_SERVER the store is gone: run again, it goes on. What the store's
 * opening fails with. */
bool direct_load(struct direct *direct, const struct dataset *dataset,
	const char *path, struct err *err) MUST_CHECK;
const struct direct_totals *direct_totals(const struct direct *direct);

#endif

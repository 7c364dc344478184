/* api_spool.h - the records of an answer become a claimed source. */
#ifndef SLUICE_API_SPOOL_H
#define SLUICE_API_SPOOL_H

#include "producer/claim.h"

/* Writes the bytes durably to where a claimed file of that drop lies, over one
 * that a crash has left there, and describes it in a source: what is missing
 * is its row. name: what it is called, below the dataset's directory;
 * claimed_us: the time of its claim, which says what is newer.
 * ERR_RETRY: the disk is full, or the folder away. NULL: *err. */
struct source *api_spool(const char *raw_dir, const struct claim_rules *rules,
	const struct uuid *drop, const char *name, int64_t claimed_us,
	const void *data, size_t len, struct err *err);

#endif

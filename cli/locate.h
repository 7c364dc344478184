/* locate.h - where the file of a source is now. */
#ifndef SLUICE_LOCATE_H
#define SLUICE_LOCATE_H

#include "common/config.h"

enum place { PLACE_UNKNOWN, PLACE_CLAIMED, PLACE_PROCESSED, PLACE_FAILED };

struct located {
	enum place place;
	struct buf path; /* empty when unknown; the caller clears it */
};

struct locate_wanted {
	const char *directory; /* the dataset's */
	const char *name;      /* relative to raw_dir, escaped */
	const char *drop;      /* drop id */
	const char *day;       /* of the claim, "2026-11-22" */
	int64_t size;          /* of the file; -1: unknown */
	const char *sha256;    /* of the file, hex; NULL or "": unknown */
};

/* Looks in .claimed, then through the days of processed_dir and failed_dir for
 * the name, or the name with .1, .2 ... behind it. A file of another size is
 * another file, as is one of another digest (files up to 256 MiB are read to
 * be sure). False only when memory is short. */
bool locate_source(const struct config *config,
	const struct locate_wanted *wanted, struct located *located,
	struct err *err) MUST_CHECK;

#endif

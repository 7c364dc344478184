/* kept.h - files of sources that were sent already, to be sent once more.
 *
 * source->kept_root and source->kept say where the file is. */
#ifndef SLUICE_KEPT_H
#define SLUICE_KEPT_H

#include "common/config.h"
#include "producer/source.h"

/* Reads the file once: ERR_REJECT with the reason when it is not there, may
 * not be read or is not, byte by byte, what was claimed. With known false
 * nobody remembers what was claimed: digest and size are taken from the file.
 * Then the source has the file's time, so that a sending sees it change. */
bool kept_check(struct source *source, bool known, struct err *err) MUST_CHECK;

/* *fits: each range of source->loaded is a piece that the file gives with the
 * source's limits, so that what is left beside them can be sent. */
bool kept_fits(const struct source *source, bool *fits, struct err *err)
	MUST_CHECK;

/* Called once for each source: all its messages that were not loaded are
 * confirmed, unless source->given_up. Borrowed for the call. */
typedef void kept_done(void *context, const struct source *source);

/* Publishes what is not in source->loaded, as the producer and by its code:
 * same pieces, same ids. The sources are taken and freed. Errors: the broker
 * is not there, refuses, or confirmed nothing for that long (EXIT_SERVER). */
bool kept_send(const struct config *config, struct source **sources,
	size_t count, int patience_ms, kept_done *done, void *context,
	struct err *err) MUST_CHECK;

#endif

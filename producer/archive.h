/* archive.h - files whose source has ended go into the object store. */
#ifndef SLUICE_ARCHIVE_H
#define SLUICE_ARCHIVE_H

#include "common/object_store.h"
#include "producer/source.h"

/* True for records of an answer: that is in the store already, and they are
 * made of it. */
bool archive_is_answer(const struct source *source);
/* The same of its name, as the database has it, and its drop id. */
bool archive_names_answer(const char *name, const struct uuid *drop);
/* The name that the source's file is to have there, or its answer has, into
 * source->object. */
bool archive_name(struct source *source, struct err *err) MUST_CHECK;
/* Puts the claimed file below root there, with a note of what it was. What
 * was put under that name before is replaced: it was the same. */
bool archive_put(struct object_store *store, int root,
	const struct source *source, struct err *err) MUST_CHECK;

#endif

/* folders.h - what lies in the folders files are dropped into.
 *
 * Only looks and copies in; the producer alone moves what is there. */
#ifndef SLUICE_FOLDERS_H
#define SLUICE_FOLDERS_H

#include "common/config.h"
#include "common/pipeline.h"

struct folder_count {
	bool there;        /* the folder exists and may be read */
	int64_t waiting;   /* files the producer will take */
	int64_t ignored;   /* files whose names do not match the pattern */
	int64_t claimed;   /* in .claimed/; -1: may not be read */
	int64_t oldest_us; /* wall clock of the oldest claim; 0: none */
	int64_t oldest_waiting_us; /* since when it lies there; 0: none */
};

/* Counts below raw_dir/<directory>, subfolders included. What may not be read
 * is left out; false only when memory is short. */
bool folders_count(const struct config *config, const struct dataset *dataset,
	struct folder_count *count, struct err *err) MUST_CHECK;

/* True for names the producer takes as files of the dataset: they match its
 * pattern, do not start with a dot and do not end like a temporary file. */
bool folders_takes(const struct dataset *dataset, const char *name);

/* Copies `file` into the dataset's folder under `name`, or under a free name
 * near it when taken: written under a dot name, synced, then renamed, so that
 * the producer sees it whole. *path is where it is. */
bool folders_drop(const struct config *config, const struct dataset *dataset,
	const char *file, const char *name, struct buf *path, int64_t *bytes,
	struct err *err) MUST_CHECK;

/* "<stem>_<eight random hex digits><.ext>" of a path's last part. */
bool folders_random_name(const char *file, struct buf *name, struct err *err)
	MUST_CHECK;

#endif

/* watch.h - which files below raw_dir are complete.
 *
 * Watch first, then scan, then events: inotify only shortens the delay, a
 * rescan every few seconds is the truth. What is not taken is complained of
 * once and left where it is. One thread owns it. */
#ifndef SLUICE_WATCH_H
#define SLUICE_WATCH_H

#include "common/buf.h"

#include <sys/stat.h>

struct watch;

/* A dataset's folder. Borrowed by the watch, as are the options' texts. */
struct watch_folder {
	const char *directory; /* below raw_dir */
	char *const *patterns; /* shell patterns of names: one must match */
	size_t pattern_count;
};

struct watch_options {
	const char *raw_dir;
	const char *processed_dir; /* neither is looked into, */
	const char *failed_dir;    /* wherever they are */
	int64_t settle_ms;
	int64_t rescan_ms;
	uint64_t max_file_bytes;
	bool only_folders; /* what lies beside them is nobody's concern */
	/* For who leaves files where they are: true, it was taken as it is
	 * now. Asked at every scan; NULL: nothing stays. */
	bool (*is_done)(void *context, const char *path,
		const struct stat *st);
	void *context;
};

/* Makes the folders that are missing. The first watch_step scans. */
struct watch *watch_open(const struct watch_options *options,
	const struct watch_folder *folders, size_t count, struct err *err);
void watch_close(struct watch *watch);

/* Readable when watch_step has something to do; it may change with every
 * step. */
int watch_fd(const struct watch *watch);
/* Until watch_step should be called in any case. */
int watch_timeout_ms(const struct watch *watch);
/* Reads what inotify says, scans when a scan is due. A folder that cannot be
 * read is complained of and tried again; false only for ERR_STOP. */
bool watch_step(struct watch *watch, struct err *err) MUST_CHECK;
/* Asks for a scan in the next step. */
void watch_rescan(struct watch *watch);

/* raw_dir itself, the watch's own. */
int watch_root(const struct watch *watch);
/* The next complete file of a folder, relative to raw_dir; the caller frees
 * it. NULL: none now. */
char *watch_take(struct watch *watch, size_t folder);
/* A file that could not be taken after all: said once for this file. */
void watch_refuse(struct watch *watch, const char *path, const char *why);

/* Files a scan found complete of which inotify had said nothing. */
uint64_t watch_missed(const struct watch *watch);

/* Whole scans that were done. */
uint32_t watch_scans(const struct watch *watch);

/* False for names of files that are being written (a leading dot; ~ .tmp
 * .part .swp at the end). */
bool watch_name_taken(const char *name) MUST_CHECK;
/* The name of a file system of this type (statfs) that others write behind
 * this kernel's back, static; NULL: it is not known as one. */
const char *watch_shared(uint32_t type);
/* The records of an inotify read one by one: *at starts at 0; false at the
 * end or when the rest is no whole record. Pure. */
struct watch_event {
	int wd;
	uint32_t mask;
	const char *name; /* "" for the folder itself */
};
bool watch_event_next(const void *data, size_t len, size_t *at,
	struct watch_event *event) MUST_CHECK;

#endif

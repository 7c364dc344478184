/* watch_private.h - what the parts of the watch share. */
#ifndef SLUICE_WATCH_PRIVATE_H
#define SLUICE_WATCH_PRIVATE_H

#include "common/log.h"
#include "producer/seen.h"
#include "producer/watch.h"

#include <sys/stat.h>

#define WATCH_COMPLAINTS ((size_t)4096) /* a power of two */

struct watched {
	int wd;
	size_t folder;
	char *path; /* relative to raw_dir */
	uint32_t scan;
	const char *shared; /* the file system, when others write it, too */
};

struct folder {
	const struct watch_folder *is;
	struct seen *seen;
};

struct watch {
	struct watch_options options;
	struct folder *folders;
	size_t folder_count;
	int root;
	int notify;
	struct watched *watched;
	size_t watched_count, watched_cap;
	uint32_t scan;         /* number of the running or last scan */
	bool first;            /* what was there at the start is still found */
	bool wanted;           /* a scan is asked for */
	int64_t scan_ms;       /* one time for all looks of a scan */
	int64_t next_scan_ms;
	uint64_t missed;
	uint64_t complaints[WATCH_COMPLAINTS]; /* hashes; 0: empty */
	size_t complaint_count;
	struct log_repeat no_root, no_watch;
	const char *told;      /* of which file system it was said */
	struct stat leave[2];  /* processed_dir and failed_dir */
};

/* -- watch_judge.c: what is said of a file ------------------------------ */

bool watch_name_matches(const struct watch_folder *folder, const char *name);
/* Says so once for this path, reason and file (st, when it matters); remedy
 * may be NULL. */
void watch_complain(struct watch *watch, enum log_level level,
	const char *path, const char *why, const char *remedy,
	const struct stat *st);
/* False: not a file for us, said so. */
bool watch_judge(struct watch *watch, const struct watch_folder *folder,
	const char *path, const char *name, const struct stat *st);
/* It was taken as it is, and stays. */
bool watch_is_done(const struct watch *watch, const char *path,
	const struct stat *st);

/* -- watch_scan.c: going through folders -------------------------------- */

bool watch_scan_dataset(struct watch *watch, size_t at, struct err *err)
	MUST_CHECK;
/* A folder that was found in one of dataset `at`, depth folders down. */
bool watch_scan_below(struct watch *watch, size_t at, const char *path,
	const char *name, const struct stat *st, int depth, struct err *err)
	MUST_CHECK;
/* What lies beside the datasets. */
void watch_scan_strays(struct watch *watch);

struct watched *watch_find(struct watch *watch, int wd);
void watch_forget(struct watch *watch, size_t at);
/* What the scan did not come by was moved away or removed. */
void watch_drop_stale(struct watch *watch);

/* -- watch_reach.c: where inotify does not see all ----------------------- */

/* watch_shared for an open folder. */
const char *watch_shared_fd(int fd);
/* In the log and to who asks for health, when it changed. */
void watch_tell_reach(struct watch *watch);

#endif

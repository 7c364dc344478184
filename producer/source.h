/* source.h - one drop: a file as it was when claimed. */
#ifndef SLUICE_SOURCE_H
#define SLUICE_SOURCE_H

#include "producer/reader.h"

/* Where a drop stands; the words of the state file. */
enum source_state {
	SOURCE_CLAIMED,   /* the file is, or is about to be, in .claimed */
	SOURCE_PUBLISHED, /* all is confirmed; the file goes to its target */
	SOURCE_MOVED,     /* and is there */
	SOURCE_LOST,      /* gone, or changed while nobody looked */
};

/* A piece of a source. */
struct source_range {
	uint64_t lo, hi;
};

/* Paths are raw bytes. Everything is fixed at the claim but position, state,
 * failed and target: a resumed source ignores what the settings say now. */
struct source {
	struct uuid drop;
	char *pipeline;
	char *dataset;
	char *directory;   /* the dataset's, below raw_dir */
	char *name;        /* relative to raw_dir, directory included */
	uint64_t device, inode;
	uint64_t size;
	int64_t mtime_ns;
	int64_t claimed_us;
	uint8_t sha256[SHA256_BYTES];
	struct reader_limits limits;
	uint64_t reader_version;

	struct reader_position position; /* the confirmed prefix */
	enum source_state state;
	bool failed;       /* the remainder was rejected */
	char *target;      /* below processed_dir, or failed_dir when failed */
	bool duplicate;
	struct uuid duplicate_of;
	struct uuid replay_of; /* nil: it is loaded for the first time */
	char *object;      /* its name in the object store; NULL: not there */

	/* not stored */
	bool resumed;      /* claimed by an earlier process */
	bool given_up;     /* not all of it could be sent */
	_Atomic long *counted; /* one less when it is freed; or NULL */
	/* sent once more, by `sluice reconcile` */
	const char *kept_root; /* NULL: raw_dir and the claimed path */
	char *kept;            /* the file below kept_root */
	struct source_range *loaded; /* sorted: not to be sent again */
	size_t loaded_count;
};

/* A copy of the words given; NULL when out of memory. */
struct source *source_new(const char *pipeline, const char *dataset,
	const char *directory, const char *name, struct err *err);
void source_free(struct source *source);

/* "<directory>/.claimed/<drop id>" into out, below raw_dir. */
#define CLAIMED_FOLDER ".claimed"
bool source_claimed_path(const struct source *source, struct buf *out,
	struct err *err) MUST_CHECK;

#endif

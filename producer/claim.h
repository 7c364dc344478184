/* claim.h - a complete file becomes a source that nobody else can touch.
 *
 * The content is hashed, a row is made durable, then the file is renamed to
 * <directory>/.claimed/<drop id>: from then on a file put under the old name
 * is another one. Large files are hashed in slices, many claims share one
 * commit. */
#ifndef SLUICE_CLAIM_H
#define SLUICE_CLAIM_H

#include "producer/source.h"
#include "producer/state.h"

/* What a dataset wants of its files; borrowed while its claims live. */
struct claim_rules {
	const char *pipeline;
	const char *dataset;
	const char *directory;
	struct reader_limits limits;
	uint64_t max_file_bytes;
	bool skip_duplicates;
};

enum claim_fate {
	CLAIM_TAKEN,   /* source is claimed */
	CLAIM_AGAIN,   /* claimed, but changed at the last moment: hash and
			* commit it once more */
	CLAIM_GONE,    /* the file had vanished; nothing is left of the claim */
	CLAIM_REFUSED, /* it cannot be moved; why tells */
};

struct claim {
	struct claim *next; /* the owner's */
	const struct claim_rules *rules;
	struct source *source;
	int fd;        /* -1 when hashed whole */
	struct sha256 *hash;
	uint64_t hashed;
	int tries;     /* commits so far */
	enum claim_fate fate;
	struct err why;
};

/* Opens and judges the file at path below root. NULL with ERR_REJECT: it is
 * not taken, err says why; errno is ENOENT when it is gone. */
struct claim *claim_new(int root, const struct claim_rules *rules,
	const char *path, struct err *err);
void claim_free(struct claim *claim);

/* Hashes at most max_bytes more; *done when that was the rest. ERR_REJECT:
 * the file is still being written. */
bool claim_hash(struct claim *claim, size_t max_bytes, bool *done,
	struct err *err) MUST_CHECK;

/* Makes hashed claims durable and renames their files; each one's fate tells
 * what became of it. False: none was claimed, all files are where they were
 * but those that came as CLAIM_AGAIN. */
bool claim_commit(int root, struct state *state, struct claim *const *claims,
	size_t count, struct err *err) MUST_CHECK;

/* True when the file still has the size and time it was claimed with. */
bool claim_unchanged(int fd, const struct source *source);

#endif

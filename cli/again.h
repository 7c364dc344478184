/* again.h - sources that are to be loaded again: where their bytes are, and
 * how they get to the producer. */
#ifndef SLUICE_AGAIN_H
#define SLUICE_AGAIN_H

#include "common/object_store.h"
#include "common/pipeline.h"
#include "producer/replay_order.h"

/* One source of meta.source. */
struct again_source {
	int64_t id;
	struct replay_order order;
	const struct dataset *dataset;
	char *sha256;      /* of the file; NULL: not known */
	int64_t bytes;     /* as it lies there */
	int64_t loaded_bytes; /* of what was loaded; -1: not known */
	int64_t claimed_us; /* of the first that had the bytes */
	char *path;        /* its file; NULL: in the object store */
};
void again_source_clear(struct again_source *source);

/* Where bytes may be: folders, and an object store that is opened when it is
 * needed first. */
struct again_places {
	const struct config *config;
	struct object_store *store;
	bool no_store; /* it could not be opened */
	/* objects of the day that was looked at last */
	struct buf prefix;
	struct object_name *objects;
	size_t count, room;
	char **names;
	/* hears of each source before its bytes are copied; may be NULL */
	void (*say)(void *context, const char *name, int64_t done,
		int64_t total);
	void *context;
};
void again_places_clear(struct again_places *places);

/* Fills path or order.object, and bytes. ERR_REJECT: the bytes are nowhere. */
bool again_find(struct again_places *places, struct again_source *source,
	struct err *err) MUST_CHECK;

/* In the object store alone; order.object stays NULL where it is not. */
bool again_find_object(struct again_places *places,
	struct again_source *source, struct err *err) MUST_CHECK;

/* -- again_copy.c: the bytes themselves -------------------------------------- */

/* An answer that an endpoint gave, not a file that was dropped. */
bool again_is_answer(const struct again_source *source);
/* The bytes that were loaded from the file or object that was found, into a
 * file: of an answer its records, found as the poller finds them. */
bool again_copy(struct again_places *places,
	const struct again_source *source, int to, struct err *err) MUST_CHECK;
/* Size and SHA-256 against what was loaded, where that is known. ERR_REJECT:
 * they are others. */
bool again_check(const struct again_source *source, int fd, struct err *err)
	MUST_CHECK;

/* -- again_choose.c: which ones -------------------------------------------- */

struct again_words {
	const char *const *given; /* sources by any of their names, or */
	size_t count;
	const char *from, *to, *pipeline; /* days, both meant */
	bool complete; /* only what is loaded */
};

struct again_list {
	void (*say)(const char *line); /* NULL: nobody hears of the missing */
	struct pipeline_set set;
	struct again_places places;
	struct again_source *sources; /* whose bytes are there */
	size_t count;
	size_t missing; /* whose bytes are nowhere */
	char why[1100]; /* of the last of those; not escaped */
};

/* False unless these words go together; the error is for cmd_usage. */
bool again_check_words(const struct again_words *words, struct err *err)
	MUST_CHECK;
/* Finds them and their bytes; the caller clears the list in any case. */
bool again_choose(const struct config *config, const struct again_words *words,
	struct again_list *list, struct err *err) MUST_CHECK;
void again_list_clear(struct again_list *list);

/* -- again_stage.c --------------------------------------------------------- */

/* Hands all of them over to the producer, or none: copies their bytes, checked
 * against what was loaded, and makes the orders durable in one step. */
bool again_stage(struct again_places *places, struct again_source *sources,
	size_t count, struct err *err) MUST_CHECK;

#endif

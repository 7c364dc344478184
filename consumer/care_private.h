/* care_private.h - what the parts of the care thread share. */
#ifndef SLUICE_CARE_PRIVATE_H
#define SLUICE_CARE_PRIVATE_H

#include "common/config.h"
#include "common/db.h"
#include "common/pipeline.h"

struct care_work {
	const struct config *config;
	int leave_fd;      /* readable: abandon what is under way; 0: none */
	bool at_once;      /* waits for no time and no other source */
	struct db *writer; /* as the loader; there while a chore runs */
	struct db *asker;  /* as the reader: users' SQL; see care_asker */
};

/* A session that lives, opened anew where it has gone. */
bool care_writer(struct care_work *work, struct err *err) MUST_CHECK;
bool care_asker(struct care_work *work, struct err *err) MUST_CHECK;

/* Something that is done for a pipeline behind its loads. due_sql, given the
 * least time between two (ms) and at_once: pipeline, how far it is to come, ms until it may
 * begin. open_sql, given pipeline and how far: a row unless it came that far.
 * done_sql, given these and the ms it took: it came that far. */
struct chore {
	const char *name;
	const char *due_sql, *open_sql, *done_sql;
	int64_t (*every_ms)(const struct config *config);
	bool (*has)(const struct pipeline *pipeline);
	bool (*run)(struct care_work *work, const struct pipeline *pipeline,
		struct err *err);
};

extern const struct chore care_tests, care_reports;

#endif

/* api_harvest.h - what an answer holds: its records as the reader takes them,
 * the cursor, what children are asked with. Pure. */
#ifndef SLUICE_API_HARVEST_H
#define SLUICE_API_HARVEST_H

#include "common/pipeline_api.h"

/* The pointers a child endpoint's templates name. */
struct api_child {
	const char *endpoint; /* its name */
	char **pointers;      /* as they stand there, sorted, each once */
	char ***steps;        /* of each, decoded; NULL ends */
	size_t count;
};

/* Gathers them from the child's templates into a zeroed *child; also after an
 * error it is cleared by the other. */
bool api_child_read(const struct pipeline_api *api, struct api_child *child,
	struct err *err) MUST_CHECK;
void api_child_clear(struct api_child *child);

struct api_harvest {
	/* the records: an array's or object's own bytes within the body, or
	 * NDJSON in `made` */
	const char *spool;
	size_t len;
	struct buf made;
	uint64_t records;
	uint64_t rejects;  /* rows of a table that do not fit */
	char first_reject[256];
	struct buf cursor; /* the largest; len 0: none */
	uint64_t odd;      /* values of its field that are none of its type */
	char first_odd[64];
	struct buf parents; /* "<child number>\t<pointer=value&...>\n" each */
};

/* ERR_REJECT: the answer is not what the endpoint should give: no JSON (an
 * HTML page, cut), nothing at `records`, a table that cannot be read. body must
 * outlive the harvest. */
bool api_harvest(const struct pipeline_api *api,
	const struct api_child *children, size_t child_count,
	const char *body, size_t len, struct api_harvest *harvest,
	struct err *err) MUST_CHECK;
void api_harvest_clear(struct api_harvest *harvest);

#endif

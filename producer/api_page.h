/* api_page.h - which page comes next, and when there is none. Pure. */
#ifndef SLUICE_API_PAGE_H
#define SLUICE_API_PAGE_H

#include "common/pipeline_api.h"

/* Where a run has got to within one sequence of pages. */
struct api_place {
	uint64_t number; /* of the page, from 1 */
	uint64_t offset; /* records before it */
	char *url;       /* LINK, NEXT: its address; NULL: the first */
	char *token;     /* CURSOR; NULL: the first */
};
void api_place_clear(struct api_place *place);
bool api_place_copy(struct api_place *to, const struct api_place *from,
	struct err *err) MUST_CHECK;

/* What is known of a page that came. */
struct api_page {
	const char *url;     /* that it was asked from */
	const struct buf *headers; /* "name: value\n" */
	const char *body;    /* JSON; NULL: not JSON */
	size_t len;
	uint64_t records;
};

enum api_more {
	API_MORE_NEXT, /* *next is where */
	API_MORE_END,
	API_MORE_MAX,  /* there would be more than pages: max */
};

/* What comes after that page. A next address must have the origin of the page
 * and may not hold the parameter `secret` (NULL: none), which is taken out.
 * ERR_REJECT: the answer says something that cannot be followed. */
bool api_page_next(const struct pipeline_api *api,
	const struct api_place *now, const struct api_page *page,
	enum api_more *more, struct api_place *next, struct err *err)
	MUST_CHECK;

/* The target of rel="next" (RFC 8288) in a Link header, appended as it stands
 * there. False: none. */
bool api_link_next(const char *header, struct buf *out, struct err *err);

/* Places that were asked for in one sequence: a place that comes again would
 * lead round in circles. Zeroed is empty. It takes 256 KiB at most, however
 * many there are; a circle of more than 16,384 places is noticed late, within
 * three times its length. */
struct api_ring {
	uint64_t *seen; /* hashes, as a table */
	size_t count, cap;
	uint64_t added; /* all of them */
	uint64_t mark;  /* one of long ago */
};
/* *again: it was there before; else it is from now on. */
bool api_ring_add(struct api_ring *ring, const void *what, size_t len,
	bool *again, struct err *err) MUST_CHECK;
void api_ring_clear(struct api_ring *ring);

#endif

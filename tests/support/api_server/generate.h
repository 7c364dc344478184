/* generate.h - pages of made-up records without end, under /gen. */
#ifndef SLUICE_TEST_API_GENERATE_H
#define SLUICE_TEST_API_GENERATE_H

#include "tests/support/api_server/message.h"

/* What a page holds: records first to first + count - 1 of those there are.
 * A record is a function of its number: the same in every shape. */
struct page {
	int64_t first, count; /* the first record is number 1 */
	int64_t parent;       /* whose children they are; 0: nobody's */
	int64_t text_from;    /* from it on price is a text; 0: never */
	char delimiter;       /* of CSV */
};

/* One record in a shape that has no frame: a JSON object. */
void record_object(const struct page *page, int64_t number, struct buf *out);

void shape_array(const struct page *page, struct buf *out);
void shape_lines(const struct page *page, struct buf *out);
void shape_rows(const struct page *page, struct buf *out);
void shape_csv(const struct page *page, struct buf *out);
void shape_html(const struct page *page, struct buf *out);

/* What /gen/<path> answers; loop: its next page is always itself. grown is
 * added to the number of records there are. False: no such path. */
bool generate(const struct request *request, const char *path, int64_t grown,
	bool loop, struct answer *answer) MUST_CHECK;

/* A record's number from its time, "2026-01-01T00:07:00Z" is record 7. */
int64_t record_at(const char *time);

#endif

/* html.h - the door to libxml2: the rows of the tables of an HTML page. */
#ifndef SLUICE_HTML_H
#define SLUICE_HTML_H

#include "common/err.h"

#include <stddef.h>

struct html_cell {
	const char *text; /* of all it holds, blanks collapsed; borrowed for
			   * the call. UTF-8. */
	size_t len;
	bool head;        /* th */
	unsigned columns, rows; /* it spans; from 1, at most 1000 and 65534 */
};

/* What a walk meets, in the order of the page. Lines are those of the page,
 * 0 where the parser lost count. False stops the walk with *err. */
struct html_visitor {
	void *context;
	bool (*table)(void *context, unsigned line, struct err *err);
	bool (*cell)(void *context, const struct html_cell *cell,
		struct err *err);
	/* The row whose cells came before. */
	bool (*row)(void *context, unsigned line, struct err *err);
};

/* Whether xpath can be compiled. ERR_REJECT: why not. */
bool html_xpath_check(const char *xpath, struct err *err) MUST_CHECK;

/* Reads a page as browsers do (nothing is refused for its syntax), without
 * network and entities from elsewhere, and visits the rows of each table or tr
 * element that xpath (XPath 1.0) selects; NULL: of all tables. The bytes must
 * be UTF-8 without NUL, whatever the page says of its encoding, at most 1 GiB.
 * ERR_REJECT when nothing, or something else, is selected. */
bool html_visit(const char *page, size_t len, const char *xpath,
	const struct html_visitor *visitor, struct err *err) MUST_CHECK;

#endif

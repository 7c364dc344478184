/* console_view.h - what the console shows, drawn onto a canvas. Pure. */
#ifndef SLUICE_CONSOLE_VIEW_H
#define SLUICE_CONSOLE_VIEW_H

#include "cli/cells.h"
#include "cli/overview.h"
#include "cli/rates.h"

#define CONSOLE_HISTORY 300

/* Rates, the latest last. */
struct console_history {
	double files[CONSOLE_HISTORY], published[CONSOLE_HISTORY];
	double loaded[CONSOLE_HISTORY], rejected[CONSOLE_HISTORY];
	size_t count;
	struct rates now; /* of the last few; -1 before there are two looks */
};
void console_history_add(struct console_history *history,
	const struct rates *rates);

enum console_page {
	CONSOLE_ALL,     /* every section */
	CONSOLE_SOURCES, /* one of them alone, from here on */
	CONSOLE_LOADS,
	CONSOLE_REJECTS,
	CONSOLE_MODELS,
	CONSOLE_TESTS,
	CONSOLE_ENDPOINTS,
	CONSOLE_HELP,
	CONSOLE_PAGES
};

struct console_view {
	const struct overview *overview; /* NULL: none yet */
	const struct console_history *history;
	enum console_page page;
	size_t first;      /* row of the page at the top; moved into what there
			    * is when drawn */
	size_t selected;   /* of CONSOLE_REJECTS; likewise */
	const char *choices; /* the numbered ones, in a row; NULL: none */
	const char *trouble; /* instead of all figures: why there are none */
	const char *message; /* NULL: none */
	enum style style;    /* of the message */
	const char *prompt;  /* NULL: none; what is asked for, and */
	const char *typed;   /* what was typed so far */
};

/* Fits into any canvas. Returns where the cursor belongs in the last row, -1
 * where there is none. */
int console_draw(struct console_view *view, struct canvas *canvas);

/* Lines for each of `count` sections that want wants[] (0: not there), out of
 * rows: what there is goes round one line a section. */
void console_allot(size_t rows, const size_t *wants, size_t count,
	size_t *gives);

#endif

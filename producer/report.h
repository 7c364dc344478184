/* report.h - what the publisher tells the keeper of a source. */
#ifndef SLUICE_REPORT_H
#define SLUICE_REPORT_H

#include "producer/source.h"

enum report_kind {
	REPORT_POSITION, /* confirmed up to here */
	REPORT_ENDED,    /* all is confirmed: source is the keeper's again */
	REPORT_LOST,     /* its file is gone: likewise */
};

struct report {
	struct report *next; /* the keeper's */
	enum report_kind kind;
	struct uuid drop;
	struct reader_position position;
	struct source *source; /* NULL for a position */
};

#endif

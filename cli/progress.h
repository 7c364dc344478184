/* progress.h - how far a load is, on standard error: one line that is drawn
 * again and again on a terminal, a line every ten seconds elsewhere. */
#ifndef SLUICE_PROGRESS_H
#define SLUICE_PROGRESS_H

#include "cli/direct.h"

#include <stddef.h>

/* The caller's; no memory of its own. */
struct progress {
	bool terminal;
	bool colour;
	int64_t total;   /* bytes of all files that are meant; 0: not known */
	int64_t said_ms; /* when something was shown last */
	int64_t at_ms, at_bytes, at_records; /* the last sample, */
	double bytes_per_ms, records_per_ms; /* and the pace up to it */
	bool shown;      /* there is a line on the terminal */
};

/* What a line tells. */
struct progress_view {
	const char *name;   /* of the file, as it may be shown */
	int64_t done, size; /* bytes */
	int64_t records;    /* -1: it is not about records */
	int64_t rate;       /* records in a second */
	int64_t left_secs;  /* -1: nobody knows */
};

/* Finds out whether standard error is a terminal that can redraw a line. */
void progress_init(struct progress *progress, int64_t total);
/* A direct_say; context is the progress. */
void progress_say(void *context, const char *path, int64_t done,
	int64_t size, const struct direct_totals *totals);
/* Makes room for other lines on the terminal. */
void progress_wipe(struct progress *progress);

/* The line, without an end. It fits into that many columns, the last of which
 * stays free: what matters least goes first. 0 columns: everything, no bar.
 * Pure. */
bool progress_format(const struct progress_view *view, size_t columns,
	bool colour, struct buf *out, struct err *err) MUST_CHECK;

#define PROGRESS_BAR_MAX 64
/* "===>   ", `inner` columns of it (PROGRESS_BAR_MAX at most), and NUL. Pure. */
void progress_bar(char *out, size_t inner, int percent);

#endif

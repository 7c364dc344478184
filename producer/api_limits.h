/* api_limits.h - how long a server wants to be left alone, how many requests a
 * host may get, and when to stop trying. Pure: whoever calls tells the time.
 *
 * Monotonic times (now_ms) measure waits, wall time (wall_us) tells days and
 * what a server's clock means. */
#ifndef SLUICE_API_LIMITS_H
#define SLUICE_API_LIMITS_H

#include "common/pipeline_api.h"

#define API_HOST_MAX 208

/* -- what a server says ------------------------------------------------- */

struct api_hint {
	bool wait;         /* wait_ms is to be kept */
	int64_t wait_ms;   /* from 1 s to longest_ms */
	int64_t remaining; /* requests it still allows; -1: it does not say */
};

/* Reads Retry-After (seconds or a date), X-RateLimit-Remaining and -Reset
 * (seconds since 1970, or to wait), RateLimit-Remaining and -Reset (seconds
 * to wait), RateLimit (both drafts). Without remaining requests one waits for
 * the reset; Retry-After counts whatever the status. Nonsense counts as not
 * said. */
struct api_hint api_hint_read(const struct buf *headers, int64_t wall_us,
	int64_t longest_ms);

/* "Sun, 06 Nov 1994 08:49:37 GMT": seconds since 1970. False: no such date. */
bool api_date_read(const char *text, int64_t *secs) MUST_CHECK;

/* -- a host ---------------------------------------------------------------- */

struct api_host {
	char name[API_HOST_MAX]; /* "https://api.example.org:443" */
	int64_t per_second, per_minute, per_day, at_once; /* 0: no limit */
	int64_t circuit_after, circuit_ms;

	int64_t running;
	double tokens;       /* of this second */
	int64_t filled_ms;
	int64_t minute_ms;   /* when the running minute began */
	int64_t minute_used;
	int64_t day;         /* days since 1970 that used is about */
	int64_t used;
	int64_t promised;    /* of promised_day, as the state file has it */
	int64_t promised_day;
	int64_t quiet_ms;    /* nothing before that: the server's wish */
	int64_t failures;    /* in a row */
	int64_t open_ms;     /* the circuit is open until then; 0: closed */
	int64_t opened;      /* times in a row */
	bool trying;         /* one request, to see whether it closes */
};

/* Takes the stricter of what is there and the limits of one more endpoint. */
void api_host_limit(struct api_host *host, const struct pipeline_api *api);
/* Milliseconds until a request may go: 0 now, -1 when one of those under way
 * has to end first. */
int64_t api_host_wait(struct api_host *host, int64_t now_ms, int64_t wall_us);
/* Somebody else's goes now, who will not say when it is back. */
void api_host_count(struct api_host *host, int64_t now_ms, int64_t wall_us);
/* One goes now. */
void api_host_take(struct api_host *host, int64_t now_ms, int64_t wall_us);
/* It has come back: well (an answer that can be used), or not. True: the
 * circuit has just opened. */
bool api_host_done(struct api_host *host, bool well, int64_t now_ms);
void api_host_hint(struct api_host *host, const struct api_hint *hint,
	int64_t now_ms);
/* What is to be written down as used before requests are made: some more than
 * were, where there is a limit for the day; a crash costs a 64th of what is
 * left at most. more: there is a request to be made. */
int64_t api_host_promise(const struct api_host *host, bool more,
	int64_t wall_us);
/* Whether the next one is written down. */
bool api_host_promised(const struct api_host *host, int64_t wall_us);
/* Requests left today; -1: no limit. */
int64_t api_host_left(const struct api_host *host, int64_t wall_us);

/* -- trying again ------------------------------------------------------------ */

/* Whether the table says so; status 0 is an error below HTTP. */
bool api_retry_wanted(const struct api_retry *retry, long status);

#endif

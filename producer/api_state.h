/* api_state.h - how far each endpoint has got: beside the sources, in the
 * producer's state file, and changed in one transaction with them. */
#ifndef SLUICE_API_STATE_H
#define SLUICE_API_STATE_H

#include "producer/api_page.h"
#include "producer/state.h"

/* An endpoint. Texts are owned; NULL: none. */
struct api_row {
	char *cursor;      /* what is sent; moves when a run has ended */
	char *most;        /* the largest value of the run under way */
	int64_t run;       /* its number; children compare it */
	bool running;
	int64_t started_us, checked_us, changed_us, next_us; /* 0: never */
	int64_t failures;  /* runs in a row */
	char *error;       /* of the last run, when it failed */
	int64_t requests, unchanged, records, errors; /* since ever */
};
void api_row_clear(struct api_row *row);

/* One request: written before it is made. The drop ids of the requests that
 * follow it come from its own (api_intent_follow), and the time in their
 * objects' names is the same: who has read it knows theirs. */
struct api_intent {
	struct uuid drop;
	char *object;      /* its name in the object store */
	char *url;         /* without secrets */
	char *parent;      /* NULL: none */
	struct api_place place;
	int64_t made_us;
};
void api_intent_clear(struct api_intent *intent);
/* The drop id after that one. */
bool api_intent_follow(struct uuid *drop, struct err *err) MUST_CHECK;

/* What is known of an address (with its body, when it has one). */
struct api_known {
	char *etag, *modified;
	bool hashed;
	uint8_t sha256[SHA256_BYTES];
	char *next_url, *next_token; /* the place after it, when there is one */
	bool more;
	uint64_t records;
};
void api_known_clear(struct api_known *known);

/* Rows that are not there are zeroed. All belong to state's transaction. */
bool api_state_row(struct state *state, const char *endpoint,
	struct api_row *row, struct err *err) MUST_CHECK;
bool api_state_put_row(struct state *state, const char *endpoint,
	const struct api_row *row, struct err *err) MUST_CHECK;
/* When it is to run next, of one that has a row. */
bool api_state_put_next(struct state *state, const char *endpoint,
	int64_t next_us, struct err *err) MUST_CHECK;
/* *found false: none. */
bool api_state_intent(struct state *state, const char *endpoint, bool *found,
	struct api_intent *intent, struct err *err) MUST_CHECK;
/* Replaces the endpoint's; NULL removes it. */
bool api_state_put_intent(struct state *state, const char *endpoint,
	const struct api_intent *intent, struct err *err) MUST_CHECK;
/* Whether a request under way, or one of those that follow it before the next
 * is written, has that drop id. */
#define API_AHEAD 32
bool api_state_intends(struct state *state, const char *drop, bool *found,
	struct err *err) MUST_CHECK;
bool api_state_known(struct state *state, const char *endpoint,
	const char *address, struct api_known *known, struct err *err)
	MUST_CHECK;
bool api_state_put_known(struct state *state, const char *endpoint,
	const char *address, const struct api_known *known, struct err *err)
	MUST_CHECK;

/* Parents: what a child is asked with, each once. */
bool api_state_add_parent(struct state *state, const char *endpoint,
	const char *parent, struct err *err) MUST_CHECK;
/* The next behind `after` that run has not seen ("": of all); *parent NULL:
 * none. *cursor its own. */
bool api_state_next_parent(struct state *state, const char *endpoint,
	int64_t run, const char *after, char **parent, char **cursor,
	struct err *err) MUST_CHECK;
bool api_state_parent_done(struct state *state, const char *endpoint,
	const char *parent, int64_t run, const char *cursor, struct err *err)
	MUST_CHECK;
/* The cursor of a parent that is being asked for. */
bool api_state_parent_cursor(struct state *state, const char *endpoint,
	const char *parent, char **cursor, struct err *err) MUST_CHECK;

/* Requests of a host on a day (since 1970). */
bool api_state_used(struct state *state, const char *host, int64_t day,
	int64_t *used, struct err *err) MUST_CHECK;
bool api_state_put_used(struct state *state, const char *host, int64_t day,
	int64_t used, struct err *err) MUST_CHECK;

/* Until when (wall time) a host wants to be left alone; 0: it never said. */
bool api_state_quiet(struct state *state, const char *host,
	int64_t *until_us, struct err *err) MUST_CHECK;
bool api_state_put_quiet(struct state *state, const char *host,
	int64_t until_us, struct err *err) MUST_CHECK;

/* Answers that were kept and of which no source came (no records in it, the
 * run was given up): nobody else will say that they may go. */
bool api_state_add_object(struct state *state, const char *object,
	struct err *err) MUST_CHECK;
/* The oldest of them, noted before that time; *object NULL: none. */
bool api_state_next_object(struct state *state, int64_t before_us,
	char **object, struct err *err) MUST_CHECK;
/* As if it were noted now: the others come first. */
bool api_state_put_off(struct state *state, const char *object,
	struct err *err) MUST_CHECK;
bool api_state_drop_object(struct state *state, const char *object,
	struct err *err) MUST_CHECK;

/* Forgets all of an endpoint but its counters. */
bool api_state_reset(struct state *state, const char *endpoint,
	struct err *err) MUST_CHECK;
/* Addresses nobody asked since. */
bool api_state_prune(struct state *state, int64_t before_us, struct err *err)
	MUST_CHECK;

/* For state_open. */
extern const char api_state_schema[];

#endif

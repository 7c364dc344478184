/* pipeline_api.h - the `api:` of a source: what to ask an HTTP server, how
 * often, as whom, and how politely. */
#ifndef SLUICE_PIPELINE_API_H
#define SLUICE_PIPELINE_API_H

#include "common/table_options.h"

/* A name and a value; values are templates (api_template.h). */
struct api_pair {
	char *name;
	char *value;
};
struct api_pairs {
	struct api_pair *items;
	size_t count;
};

/* Where a secret is: read anew whenever it is used, never kept here. */
struct api_secret {
	char *file; /* one of both, or neither */
	char *env;
};

enum api_auth_kind {
	API_AUTH_NONE,
	API_AUTH_BEARER,
	API_AUTH_BASIC,
	API_AUTH_KEY,    /* in a header or in the query */
	API_AUTH_OAUTH2, /* client credentials (RFC 6749 4.4) */
};

struct api_auth {
	enum api_auth_kind kind;
	bool optional;            /* without a secret: nobody in particular */
	struct api_secret secret; /* token, password, key, client secret */
	char *user;               /* basic; oauth2: client id */
	char *header, *query;     /* key: the name, in one of both */
	char *prefix;             /* bearer and key: before the secret; NULL:
				   * "Bearer " and "" */
	char *token_url, *scope;  /* oauth2 */
};

enum api_pages_kind {
	API_PAGES_NONE,
	API_PAGES_LINK,   /* Link header, rel="next" (RFC 8288) */
	API_PAGES_NEXT,   /* a URL in the body */
	API_PAGES_PAGE,   /* a number in the query */
	API_PAGES_OFFSET, /* records passed over, in the query */
	API_PAGES_CURSOR, /* a token of body or header, into the query */
};

struct api_pages {
	enum api_pages_kind kind;
	char *query;       /* page, offset, cursor: the parameter; NULL when
			    * a template ({page}, {offset}, {token}) has it */
	char *size_query;  /* parameter of the page's size, or NULL */
	int64_t size;      /* records of a full page; 0: not known */
	int64_t first;     /* page: number of the first one; 1 */
	char **at;         /* next, cursor: JSON Pointer; NULL: header */
	char *header;      /* cursor: its header */
	char **total;      /* records there are in all, or NULL */
	char **more;       /* false here ends it, or NULL */
	int64_t max;       /* pages of one run */
};

enum api_cursor_kind { API_CURSOR_TIME, API_CURSOR_INTEGER, API_CURSOR_TEXT };

/* The largest value of a field, for {cursor} in the next run. */
struct api_cursor {
	char **field;      /* JSON Pointer in a record; NULL: no cursor */
	enum api_cursor_kind kind;
	char *start;       /* before there is one; NULL: nothing */
	int64_t look_back; /* seconds, or units of an integer */
};

struct api_limits {
	int64_t per_second, per_minute, per_day; /* of the host; 0: none */
	int64_t at_once;          /* requests under way to the host */
	int64_t timeout_ms, connect_ms;
	int64_t slow_bytes, slow_secs; /* slower than that for so long: over */
	int64_t answer_bytes;     /* decompressed */
	int64_t wait_max_ms;      /* a Retry-After beyond counts as this */
};

struct api_range {
	int64_t lo, hi;
};

struct api_retry {
	int64_t tries;            /* of one request, the first included */
	int64_t first_ms, most_ms;
	struct api_range *on;     /* statuses */
	size_t on_count;
	bool transport;           /* and errors below HTTP */
	int64_t circuit_after;    /* failures in a row that open it */
	int64_t circuit_ms;       /* how long it stays open at first */
};

struct pipeline_api {
	char *url;                /* scheme, host, port, a path perhaps */
	char *path;               /* template, appended to url */
	char *method;
	char *body;               /* template, or NULL */
	char *body_type;
	struct api_pairs query, headers;
	struct api_auth auth;
	bool plain_http;          /* http beyond this machine is wanted */
	char *ca_file;            /* certificates instead of the system's */

	int64_t every_secs;       /* 0: by cron, else only when told (a child:
				   * after its parent) */
	char *cron, *zone;        /* NULL: none, UTC */

	char **records;           /* JSON Pointer; NULL: the whole answer */
	struct table_options format;
	struct api_pages pages;
	struct api_cursor cursor;
	char *parent;             /* dataset whose records fill {parent:/..} */
	char **each;              /* or words that fill {each}; NULL ends */
	size_t each_count;
	struct api_limits limits;
	struct api_retry retry;
};

/* Reader for a field table: makes the struct dataset's api. Refused with file,
 * line and column: what cannot be understood, templates with words that have
 * no meaning, schedules that never come, two of what excludes each other. */
bool pipeline_api_read(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
/* What only the whole file tells: that the parent is there. */
bool pipeline_api_check(struct reading *in, const struct doc *source,
	const struct dataset *dataset) MUST_CHECK;
void pipeline_api_free(struct pipeline_api *api); /* NULL is fine */

#endif

/* message.h - requests and answers as the test server's parts hand them on.
 * Out of memory ends the program: it is a tool of the tests. */
#ifndef SLUICE_TEST_API_MESSAGE_H
#define SLUICE_TEST_API_MESSAGE_H

#include "common/buf.h"

struct pair {
	char *name;
	char *value;
};

struct pairs {
	struct pair *list;
	size_t count, room;
};

struct request {
	const char *method;
	const char *target;    /* path and query, as they came */
	const char *path;      /* decoded */
	struct pairs query;    /* decoded */
	struct pairs headers;
	struct buf body;       /* the first MiB */
	const char *base;      /* "http://127.0.0.1:4711", this server */
};

/* What ends the body of an answer. */
enum framing { BY_LENGTH, CHUNKED, BY_CLOSE };

/* A body that never ends, instead of answer.body. */
enum filler { FILL_NONE, FILL_BLANKS, FILL_GZIP, FILL_ZSTD };

struct answer {
	unsigned status;
	struct pairs headers;
	struct buf body;
	enum framing framing;
	enum filler filler;
	int64_t cut;    /* the connection ends after so many bytes; -1: no */
	int delay_ms;   /* before the answer */
	int drip_ms;    /* before each byte; 0: none */
};

/* Copies both. */
void pairs_add(struct pairs *pairs, const char *name, const char *value);
/* Replaces the first of that name, else adds. */
void pairs_set(struct pairs *pairs, const char *name, const char *value);
/* The first value, whatever the case of the name; NULL: none. */
const char *pairs_get(const struct pairs *pairs, const char *name);
int64_t pairs_int(const struct pairs *pairs, const char *name,
	int64_t otherwise);
void pairs_clear(struct pairs *pairs);
/* Adds what is in "a=1&b=%20", len bytes, decoded. */
void pairs_read_query(struct pairs *pairs, const char *text, size_t len);

/* Adds to text; must() ends the program when it is false. */
void say(struct buf *text, const char *fmt, ...) PRINTF_LIKE(2, 3);
void say_bytes(struct buf *text, const void *bytes, size_t len);
/* What may stand in a query's value stays, the rest becomes %XX. */
void say_encoded(struct buf *text, const char *value);
void must(bool ok);
void *must_have(void *memory);
char *copy_of(const char *text, size_t len);

/* Decodes %XX (and + when plus) in place; returns the new length. */
size_t percent_decode(char *text, bool plus);

void answer_clear(struct answer *answer);
/* {"message": "..."} with that status, instead of what was there. */
void answer_message(struct answer *answer, unsigned status, const char *fmt,
	...) PRINTF_LIKE(3, 4);
/* Plain text, status 200. */
void answer_text(struct answer *answer, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
#endif

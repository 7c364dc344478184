/* listeners.h - who is told what: `notify:` in sluice.yaml. */
#ifndef SLUICE_LISTENERS_H
#define SLUICE_LISTENERS_H

#include "common/doc.h"
#include "common/err.h"

#include <stddef.h>

enum notice_event {
	NOTICE_LOAD,    /* what was dropped is loaded */
	NOTICE_MODEL,   /* a model failed */
	NOTICE_TEST,    /* a data test fails that did not before */
	NOTICE_REJECTS, /* many records rejected in a short time */
	NOTICE_EVENTS
};

const char *notice_event_name(enum notice_event event);

struct listener {
	char *name;
	char *url;      /* http, https, smtp, smtps; NULL: */
	char *url_file; /* it stands in there: it is a secret */
	bool mail;
	bool slack;     /* the body is {"text": ...} */
	char *token_file; /* sent as Authorization: Bearer */
	char *user, *password_file; /* of the mail server */
	char *from;
	char **to;      /* ended by NULL */
	bool plain;     /* mail without TLS */
	char *cacert;
	unsigned events;  /* 1 << enum notice_event */
	char **pipelines; /* ended by NULL; NULL: all */
	int line;
};

struct listeners {
	struct listener *items;
	size_t count;
};

/* Reads the map under `notify:`; relative file names count from base. Errors
 * as of every setting: "<file>:<line>:<column>: ...". */
bool listeners_read(const struct doc *map, const char *file, const char *base,
	struct listeners *targets, struct err *err) MUST_CHECK;
void listeners_clear(struct listeners *targets);

const struct listener *listener_find(const struct listeners *targets,
	const char *name); /* NULL: none */
/* Whether it wants to hear of that. */
bool listener_wants(const struct listener *target, enum notice_event event,
	const char *pipeline);

#endif

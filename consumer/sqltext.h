/* sqltext.h - SQL as tokens: what a model's select reads and names. Pure.
 *
 * Knows PostgreSQL's quotes: 'text', E'text', "name", $tag$text$tag$, and
 * comments, nested ones too. Survives any bytes. */
#ifndef SLUICE_SQLTEXT_H
#define SLUICE_SQLTEXT_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum sql_kind {
	SQL_WORD,   /* a name or key word without quotes */
	SQL_NAME,   /* "a name in quotes" */
	SQL_TEXT,   /* a literal, all its quoting included */
	SQL_NUMBER, /* or a parameter: $1 */
	SQL_SYMBOL, /* one byte of punctuation */
	SQL_BROKEN, /* a quote or comment that never ends: reaches to the end */
};

enum sql_dialect { SQL_POSTGRES, SQL_SQLITE };

struct sql_token {
	enum sql_kind kind;
	const char *start;
	size_t len;
};

/* The next token at or behind *pos, blanks and comments skipped; moves *pos
 * behind it. False at the end of the text. */
bool sql_next(const char *sql, size_t len, size_t *pos,
	struct sql_token *token) MUST_CHECK;

/* Whether the token is this name, as PostgreSQL compares: words in any case,
 * quoted names exactly. name is lower case. */
bool sql_is_name(const struct sql_token *token, const char *name);
bool sql_is_symbol(const struct sql_token *token, char symbol);

/* Copies the select with its one mention of schema.table as a relation
 * replaced by `with` (SQL), and an alias `table` added where the select gives
 * none, so that table.column goes on working. Fails with ERR_REJECT when the
 * relation is not mentioned exactly once. */
bool sql_replace_relation(const char *sql, size_t len, const char *schema,
	const char *table, const char *with, struct buf *out, struct err *err)
	MUST_CHECK;

/* Copies SQL with each schema.table that `rename` knows as the name it appends
 * (quoted; *known false: none of ours, left alone), and an alias `table` where
 * none is given. schema.table.column becomes table.column. ERR_REJECT: a quote
 * or comment never ends. */
bool sql_rename(const char *sql, size_t len,
	bool (*rename)(void *context, const struct sql_token *schema,
		const struct sql_token *table, struct buf *out, bool *known,
		struct err *err),
	void *context, struct buf *out, struct err *err) MUST_CHECK;

/* Whether the text may use the column: by its name, or by a star. */
bool sql_may_use(const char *sql, size_t len, const char *column);

#endif

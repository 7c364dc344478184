/* sqltext.c - SQL as tokens. */
#include "consumer/sqltext.h"

#include <string.h>

/* PostgreSQL's own classes: bytes above 127 are letters. */
static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		(unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* -- what is skipped --------------------------------------------------- */

static bool starts(const char *sql, size_t len, size_t pos, const char *two)
{
	return len - pos >= 2 && sql[pos] == two[0] && sql[pos + 1] == two[1];
}

static size_t skip_line(const char *sql, size_t len, size_t pos)
{
	while (pos < len && sql[pos] != '\n' && sql[pos] != '\r')
		pos++;
	return pos;
}

/* Behind the comment that starts at pos; false when it never ends. */
static bool skip_comment(const char *sql, size_t len, size_t *pos)
{
	size_t depth = 0;

	while (*pos < len) {
		if (starts(sql, len, *pos, "/*")) {
			depth++;
			*pos += 2;
		} else if (starts(sql, len, *pos, "*/")) {
			*pos += 2;
			if (--depth == 0)
				return true;
		} else {
			(*pos)++;
		}
	}
	return false;
}

/* False when a comment never ends; *pos then is where it starts. */
static bool skip_blanks(const char *sql, size_t len, size_t *pos)
{
	while (*pos < len) {
		size_t end = *pos;

		if (is_blank(sql[*pos]))
			(*pos)++;
		else if (starts(sql, len, *pos, "--"))
			*pos = skip_line(sql, len, *pos);
		else if (!starts(sql, len, *pos, "/*"))
			break;
		else if (skip_comment(sql, len, &end))
			*pos = end;
		else
			return false;
	}
	return true;
}

/* -- quotes ------------------------------------------------------------ */

/* Behind the quote that closes the one at pos; false when none does. A
 * doubled quote stands for one; with escapes a backslash hides what follows. */
static bool skip_quoted(const char *sql, size_t len, size_t *pos, bool escapes)
{
	const char quote = sql[(*pos)++];

	while (*pos < len) {
		if (escapes && sql[*pos] == '\\') {
			*pos += len - *pos < 2 ? 1 : 2;
		} else if (sql[*pos] != quote) {
			(*pos)++;
		} else if (len - *pos >= 2 && sql[*pos + 1] == quote) {
			*pos += 2;
		} else {
			(*pos)++;
			return true;
		}
	}
	return false;
}

/* 'a' and, on a later line, 'b' are one literal: the second part's start, or
 * pos when there is none. Line comments may stand between. */
static size_t continued(const char *sql, size_t len, size_t pos)
{
	size_t at = pos;
	bool line = false;

	while (at < len) {
		if (sql[at] == '\n' || sql[at] == '\r')
			line = true;
		if (is_blank(sql[at]))
			at++;
		else if (line && starts(sql, len, at, "--"))
			at = skip_line(sql, len, at);
		else
			break;
	}
	return line && at < len && sql[at] == '\'' ? at : pos;
}

static bool skip_literal(const char *sql, size_t len, size_t *pos, bool escapes)
{
	size_t next = *pos;

	do {
		*pos = next;
		if (!skip_quoted(sql, len, pos, escapes))
			return false;
		next = continued(sql, len, *pos);
	} while (next != *pos);
	return true;
}

/* Length of the $tag$ at pos, 0 if there is none. */
static size_t dollar_tag(const char *sql, size_t len, size_t pos)
{
	size_t end = pos + 1;

	if (end < len && is_digit(sql[end]))
		return 0;
	while (end < len && (is_letter(sql[end]) || is_digit(sql[end])))
		end++;
	return end < len && sql[end] == '$' ? end - pos + 1 : 0;
}

static bool skip_dollar(const char *sql, size_t len, size_t *pos, size_t tag)
{
	const char *open = sql + *pos, *close;

	close = memmem(open + tag, len - *pos - tag, open, tag);
	*pos = close != NULL ? (size_t)(close - sql) + tag : len;
	return close != NULL;
}

/* -- tokens ------------------------------------------------------------ */

/* A prefix that belongs to the quote behind it: E'..' B'..' X'..' N'..'
 * U&'..' U&"..". Its length, 0 if none. */
static size_t quote_prefix(const char *sql, size_t len, size_t pos)
{
	const char first = lower(sql[pos]);

	if (len - pos >= 2 && sql[pos + 1] == '\'' &&
		strchr("ebxn", first) != NULL)
		return 1;
	if (len - pos >= 3 && first == 'u' && sql[pos + 1] == '&' &&
		(sql[pos + 2] == '\'' || sql[pos + 2] == '"'))
		return 2;
	return 0;
}

static enum sql_kind scan_quoted(const char *sql, size_t len, size_t *pos,
	bool escapes)
{
	if (sql[*pos] == '"')
		return skip_quoted(sql, len, pos, false) ? SQL_NAME :
							   SQL_BROKEN;
	return skip_literal(sql, len, pos, escapes) ? SQL_TEXT : SQL_BROKEN;
}

static enum sql_kind scan_letter(const char *sql, size_t len, size_t *pos)
{
	const size_t prefix = quote_prefix(sql, len, *pos);

	if (prefix > 0) {
		const bool escapes = lower(sql[*pos]) == 'e';

		*pos += prefix;
		return scan_quoted(sql, len, pos, escapes);
	}
	while (*pos < len && (is_letter(sql[*pos]) || is_digit(sql[*pos]) ||
				     sql[*pos] == '$'))
		(*pos)++;
	return SQL_WORD;
}

static enum sql_kind scan_number(const char *sql, size_t len, size_t *pos)
{
	(*pos)++;
	while (*pos < len && (is_letter(sql[*pos]) || is_digit(sql[*pos]) ||
				     sql[*pos] == '.'))
		(*pos)++;
	return SQL_NUMBER;
}

static enum sql_kind scan_dollar(const char *sql, size_t len, size_t *pos)
{
	const size_t tag = dollar_tag(sql, len, *pos);

	if (tag > 0)
		return skip_dollar(sql, len, pos, tag) ? SQL_TEXT : SQL_BROKEN;
	if (len - *pos >= 2 && is_digit(sql[*pos + 1]))
		return scan_number(sql, len, pos);
	(*pos)++;
	return SQL_SYMBOL;
}

bool sql_next(const char *sql, size_t len, size_t *pos,
	struct sql_token *token)
{
	const bool closed = skip_blanks(sql, len, pos);
	const size_t start = *pos;

	if (start >= len)
		return false;
	if (!closed) {
		token->kind = SQL_BROKEN;
		*pos = len;
	} else if (is_letter(sql[start])) {
		token->kind = scan_letter(sql, len, pos);
	} else if (is_digit(sql[start])) {
		token->kind = scan_number(sql, len, pos);
	} else if (sql[start] == '\'' || sql[start] == '"') {
		token->kind = scan_quoted(sql, len, pos, false);
	} else if (sql[start] == '$') {
		token->kind = scan_dollar(sql, len, pos);
	} else {
		token->kind = SQL_SYMBOL;
		(*pos)++;
	}
	token->start = sql + start;
	token->len = *pos - start;
	return true;
}

static bool word_is(const struct sql_token *token, const char *name)
{
	size_t i;

	for (i = 0; i < token->len; i++)
		if (name[i] == '\0' || lower(token->start[i]) != name[i])
			return false;
	return name[i] == '\0';
}

static bool quoted_is(const struct sql_token *token, const char *name)
{
	size_t at = 1;

	for (; at + 1 < token->len && *name != '\0'; name++) {
		if (token->start[at] != *name)
			return false;
		at += token->start[at] == '"' ? 2 : 1;
	}
	return *name == '\0' && at + 1 == token->len;
}

bool sql_is_name(const struct sql_token *token, const char *name)
{
	if (token->kind == SQL_WORD)
		return word_is(token, name);
	return token->kind == SQL_NAME && quoted_is(token, name);
}

bool sql_is_symbol(const struct sql_token *token, char symbol)
{
	return token->kind == SQL_SYMBOL && *token->start == symbol;
}

/* -- relations --------------------------------------------------------- */

/* Key words that may follow a relation, so that no alias was given. */
static bool ends_relation(const struct sql_token *token)
{
	static const char *const words[] = { "cross", "except", "fetch", "for",
		"full", "group", "having", "inner", "intersect", "join", "left",
		"limit", "natural", "offset", "on", "order", "right",
		"tablesample", "union", "using", "where", "window" };

	if (token->kind == SQL_NAME)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (sql_is_name(token, words[i]))
			return true;
	return token->kind != SQL_WORD;
}

/* A relation found: from its schema to behind its table. */
struct mention {
	size_t start, end;
	size_t times;
	bool aliased;
	bool broken; /* a quote or comment never ends */
};

/* schema . table, and no further dot: that would be a column. */
static void find_relation(const char *sql, size_t len, const char *schema,
	const char *table, struct mention *found)
{
	struct sql_token window[4] = { { .kind = SQL_BROKEN } };
	size_t pos = 0;
	bool more = true;

	/* window[3] is the newest; one round more to see what follows last */
	for (bool last = false; !last; last = !more) {
		memmove(window, window + 1, 3 * sizeof(*window));
		window[3] = (struct sql_token){ .kind = SQL_BROKEN };
		more = sql_next(sql, len, &pos, &window[3]);
		found->broken |= more && window[3].kind == SQL_BROKEN;
		if (window[2].start == NULL ||
			!sql_is_name(&window[0], schema) ||
			!sql_is_symbol(&window[1], '.') ||
			!sql_is_name(&window[2], table) ||
			(more && sql_is_symbol(&window[3], '.')))
			continue;
		found->times++;
		found->start = (size_t)(window[0].start - sql);
		found->end = (size_t)(window[2].start - sql) + window[2].len;
		found->aliased = more && !ends_relation(&window[3]);
	}
}

/* Keeps what is put in apart from a neighbour at `at` that is no blank: two
 * quoted names side by side would become one. */
static bool add_gap(struct buf *out, const char *sql, size_t len, size_t at,
	struct err *err)
{
	return at >= len || is_blank(sql[at]) || buf_add_char(out, ' ', err);
}

bool sql_replace_relation(const char *sql, size_t len, const char *schema,
	const char *table, const char *with, struct buf *out, struct err *err)
{
	struct mention found = { 0 };

	find_relation(sql, len, schema, table, &found);
	if (found.broken)
		return err_set(err, ERR_REJECT,
			"a quote or a comment never ends");
	if (found.times != 1)
		return err_set(err, ERR_REJECT,
			"%s.%s is named %zu times as a relation, not once",
			schema, table, found.times);
	return buf_add(out, sql, found.start, err) &&
		add_gap(out, sql, len, found.start - 1, err) &&
		buf_add_str(out, with, err) &&
		(found.aliased || buf_printf(out, err, " as \"%s\"", table)) &&
		add_gap(out, sql, len, found.end, err) &&
		buf_add(out, sql + found.end, len - found.end, err);
}

/* What stands at window[0..3): schema . table, and what follows. */
struct renaming {
	const char *sql;
	size_t len, done; /* bytes copied so far */
	bool (*rename)(void *context, const struct sql_token *schema,
		const struct sql_token *table, struct buf *out, bool *known,
		struct err *err);
	void *context;
	struct buf *out;
};

static bool add_alias(struct buf *out, const struct sql_token *table,
	struct err *err)
{
	return buf_add_str(out, " as ", err) &&
		buf_add(out, table->start, table->len, err);
}

static bool rename_one(struct renaming *in, const struct sql_token *window,
	bool more, struct err *err)
{
	const size_t start = (size_t)(window[0].start - in->sql);
	const size_t end = (size_t)(window[2].start - in->sql) + window[2].len;
	const size_t before = in->out->len;
	struct buf *out = in->out;
	bool known = true, ok;

	ok = buf_add(out, in->sql + in->done, start - in->done, err) &&
		add_gap(out, in->sql, in->len, start - 1, err) &&
		in->rename(in->context, &window[0], &window[2], out, &known,
			err);
	if (!ok)
		return false;
	if (!known) {
		out->len = before;
		return true;
	}
	if (more && sql_is_symbol(&window[3], '.')) { /* a column's */
		out->len = before;
		ok = buf_add(out, in->sql + in->done, start - in->done, err) &&
			buf_add(out, window[2].start, window[2].len, err);
		in->done = end;
		return ok;
	}
	in->done = end;
	return !(!more || ends_relation(&window[3])) ||
		add_alias(out, &window[2], err);
}

bool sql_rename(const char *sql, size_t len,
	bool (*rename)(void *context, const struct sql_token *schema,
		const struct sql_token *table, struct buf *out, bool *known,
		struct err *err),
	void *context, struct buf *out, struct err *err)
{
	struct renaming in = { sql, len, 0, rename, context, out };
	struct sql_token window[4] = { { .kind = SQL_BROKEN } };
	size_t pos = 0;
	bool more = true;

	for (bool last = false; !last; last = !more) {
		memmove(window, window + 1, 3 * sizeof(*window));
		window[3] = (struct sql_token){ .kind = SQL_BROKEN };
		more = sql_next(sql, len, &pos, &window[3]);
		if (more && window[3].kind == SQL_BROKEN)
			return err_set(err, ERR_REJECT,
				"a quote or a comment never ends");
		if (window[2].start == NULL || window[0].start == NULL ||
			!sql_is_symbol(&window[1], '.') ||
			window[0].start < sql + in.done)
			continue;
		if (!rename_one(&in, window, more, err))
			return false;
	}
	return buf_add(out, sql + in.done, len - in.done, err);
}

/* A star may mean all columns unless something to multiply, or count(,
 * stands before it. */
static bool is_factor(const struct sql_token *before)
{
	switch (before->kind) {
	case SQL_WORD:
		return !sql_is_name(before, "select") &&
			!sql_is_name(before, "all") &&
			!sql_is_name(before, "distinct");
	case SQL_NAME:
	case SQL_NUMBER:
	case SQL_TEXT:
		return true;
	case SQL_SYMBOL:
		return *before->start == '(';
	case SQL_BROKEN:
		break;
	}
	return false;
}

bool sql_may_use(const char *sql, size_t len, const char *column)
{
	struct sql_token before = { .kind = SQL_BROKEN };
	struct sql_token token;
	size_t pos = 0;

	while (sql_next(sql, len, &pos, &token)) {
		if (sql_is_name(&token, column))
			return true;
		if (sql_is_symbol(&token, '*') && !is_factor(&before))
			return true;
		before = token;
	}
	return false;
}

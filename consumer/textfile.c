/* textfile.c - an operator's text file, whole. */
#include "consumer/textfile.h"
#include "consumer/sqltext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool textfile_read(const char *path, struct buf *text, struct err *err)
{
	FILE *file = fopen(path, "re");
	char chunk[8192];
	size_t got;
	bool ok = true;

	if (file == NULL)
		return err_stop(err, EXIT_CONFIG, "%s: %s", path,
			strerror(errno));
	while (ok && (got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		ok = buf_add(text, chunk, got, err);
	if (ok && ferror(file) != 0)
		ok = err_stop(err, EXIT_CONFIG, "%s: %s", path,
			strerror(errno));
	(void)fclose(file);
	return ok;
}

static bool cut_query(const char *path, struct buf *text, struct err *err)
{
	struct sql_token token;
	size_t pos = 0, end = 0;
	bool ended = false;

	while (text->data != NULL &&
		sql_next(text->data, text->len, &pos, &token)) {
		if (ended || token.kind == SQL_BROKEN)
			return err_stop(err, EXIT_CONFIG, ended ?
				"%s: one query, and no more" :
				"%s: a quote or a comment never ends", path);
		ended = sql_is_symbol(&token, ';');
		if (!ended)
			end = (size_t)(token.start - text->data) + token.len;
	}
	if (end == 0)
		return err_stop(err, EXIT_CONFIG, "%s: there is no query",
			path);
	text->len = end;
	text->data[end] = '\0';
	return true;
}

bool textfile_read_query(const char *path, struct buf *text, struct err *err)
{
	return textfile_read(path, text, err) && cut_query(path, text, err);
}

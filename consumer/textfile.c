/* textfile.c - an operator's text file, whole. */
#include "consumer/textfile.h"

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

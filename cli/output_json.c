/* output_json.c - the answer as one JSON document on standard output. */
#include "cli/output.h"

bool output_json(struct json *root, struct err *err)
{
	struct buf out = { 0 };
	const bool ok = json_print(root, true, &out, err);

	if (ok)
		(void)printf("%s\n", out.data);
	buf_clear(&out);
	json_free(root);
	return ok;
}

/* source.c - one drop: a file as it was when claimed. */
#include "producer/source.h"

#include <stdlib.h>
#include <string.h>

struct source *source_new(const char *pipeline, const char *dataset,
	const char *directory, const char *name, struct err *err)
{
	struct source *source = calloc(1, sizeof(*source));

	if (source != NULL) {
		source->pipeline = strdup(pipeline);
		source->dataset = strdup(dataset);
		source->directory = strdup(directory);
		source->name = strdup(name);
	}
	if (source == NULL || source->pipeline == NULL ||
		source->dataset == NULL || source->directory == NULL ||
		source->name == NULL) {
		source_free(source);
		(void)err_memory(err);
		return NULL;
	}
	return source;
}

void source_free(struct source *source)
{
	if (source == NULL)
		return;
	if (source->counted != NULL)
		--*source->counted;
	free(source->pipeline);
	free(source->dataset);
	free(source->directory);
	free(source->name);
	free(source->target);
	free(source->object);
	free(source->kept);
	free(source->loaded);
	free(source);
}

bool source_claimed_path(const struct source *source, struct buf *out,
	struct err *err)
{
	char drop[UUID_TEXT];

	uuid_format(&source->drop, drop);
	return buf_printf(out, err, "%s/%s/%s", source->directory,
		CLAIMED_FOLDER, drop);
}

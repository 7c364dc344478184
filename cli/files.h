/* files.h - which files are meant, and which datasets they are of. */
#ifndef SLUICE_FILES_H
#define SLUICE_FILES_H

#include "common/config.h"
#include "common/pipeline.h"

struct files {
	const struct config *config;
	const struct dataset *datasets[256]; /* that may be meant */
	size_t dataset_count;
	struct file_of {
		const struct dataset *dataset;
		char *path;
	} *items;
	size_t count, cap;
};

/* The datasets with a folder of the pipeline (NULL: of all), or the one of
 * that name ("events", "events.events"). dated: one of them at least must have
 * a `date` column. Errors: EXIT_USAGE, with what there is. */
bool files_choose(struct files *files, const struct config *config,
	const struct pipeline_set *set, const char *pipeline,
	const char *dataset, bool dated, struct err *err) MUST_CHECK;

/* The named files, and those in the folder (NULL: none) of the only dataset
 * that may be meant; of neither: those in the datasets' folders, by path. */
bool files_find(struct files *files, const char *const *names, size_t count,
	const char *folder, struct err *err) MUST_CHECK;
/* False unless one dataset only may be meant: EXIT_USAGE, asking which one
 * `what` is of. */
bool files_need_one(const struct files *files, const char *what,
	struct err *err) MUST_CHECK;
/* How large they are together, as far as that can be seen. */
int64_t files_bytes(const struct files *files);
void files_clear(struct files *files);

#endif

/* api.h - what the operator's program knows of endpoints and does with them. */
#ifndef SLUICE_CLI_API_H
#define SLUICE_CLI_API_H

#include "cli/cmd.h"
#include "cli/output.h"
#include "common/json.h"
#include "producer/api_private.h"

/* An endpoint as the pipeline files and the state file tell. */
struct api_facts {
	const struct dataset *dataset;
	char name[API_NAME_MAX];
	bool known;          /* the state file has it */
	struct api_row row;
	int64_t calls_left;  /* today; -1: no limit */
	int64_t next_us;     /* API_NEVER: only when told */
	bool intends;
	struct api_intent intent;
};

/* "<pipeline>.<dataset>" into name; returns it. */
const char *api_name(const struct dataset *dataset, char name[API_NAME_MAX]);

/* *why tells when the state file cannot be asked: then nothing is known. The
 * caller frees with api_facts_free. */
bool api_facts_gather(const struct config *config,
	const struct pipeline_set *set, struct api_facts **facts,
	size_t *count, struct err *why, struct err *err) MUST_CHECK;
void api_facts_free(struct api_facts *facts, size_t count);
/* Frees those that have no schedule and never ran; how many are left, in
 * front. */
size_t api_facts_used(struct api_facts *facts, size_t count);
/* When it runs next: "in 5 s", "due", "under way", "when told". */
const char *api_facts_next(const struct api_facts *facts,
	char out[OUTPUT_TEXT + 8]);
/* A table of all; of one all there is. */
bool api_facts_print(const struct api_facts *facts, size_t count,
	struct err *err) MUST_CHECK;
bool api_facts_show(const struct api_facts *facts, struct err *err)
	MUST_CHECK;
void api_facts_json(const struct api_facts *facts, struct json *object);

/* The request that would be made now, as text, without secrets. */
bool api_describe(const struct dataset *dataset,
	const struct api_facts *facts, struct buf *out, struct err *err)
	MUST_CHECK;

/* The producer does it, or, where none runs (*daemon false), this process. */
bool api_ask_daemon(const struct config *config, const char *const *words,
	size_t count, bool *daemon, struct buf *text, struct err *err)
	MUST_CHECK;

/* -- api_ask.c: asking without any state ------------------------------------
 * Where a producer runs, requests count in its hosts' budgets, and wait for
 * them. */

/* One page; of an endpoint with a parent one page of that before, and the
 * children of its first record that has some. */
bool api_preview(const struct config *config, const struct dataset *dataset,
	struct err *err) MUST_CHECK;
/* All pages into a cassette; the first page of a parent, and all of its first
 * records. */
bool api_record(const struct config *config, const struct dataset *dataset,
	const char *dir, struct err *err) MUST_CHECK;

/* -- api_preview.c ----------------------------------------------------------- */

/* A table of the first records as their columns would hold them. */
bool api_preview_show(const struct dataset *dataset,
	const struct api_harvest *harvest, struct err *err) MUST_CHECK;

#endif

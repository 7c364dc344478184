/* overview_state.c - what the producer's state file adds to the overview. */
#include "cli/overview.h"
#include "producer/state_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Drops that may still be in messages, though the producer is through. */
#define LATEST 1000
#define MOST 2000

static void take_sums(struct overview *overview, const struct state_sum *sums,
	size_t count)
{
	overview->counts.published = 0;
	for (size_t i = 0; i < overview->dataset_count; i++)
		if (overview->datasets[i].dataset->directory != NULL)
			overview->datasets[i].counts.published = 0;
	for (size_t i = 0; i < count; i++) {
		char name[OVERVIEW_NAME];
		struct overview_dataset *at;

		(void)snprintf(name, sizeof(name), "%s.%s", sums[i].pipeline,
			sums[i].dataset);
		at = overview_dataset(overview, name);
		overview->counts.published += sums[i].records;
		if (at != NULL)
			at->counts.published = sums[i].records;
	}
}

static bool read_all(struct state *state, struct overview *overview,
	struct state_fact **facts, size_t *count, struct err *err)
{
	struct state_sum *sums = NULL;
	size_t sum_count = 0;
	bool ok = state_sums(state, &sums, &sum_count, err) &&
		state_facts(state, LATEST, MOST, facts, count, err);

	if (ok)
		take_sums(overview, sums, sum_count);
	state_sums_free(sums, sum_count);
	return ok;
}

void overview_ask_state(const struct config *config,
	struct overview *overview, struct state_fact **facts, size_t *count)
{
	struct err *why = &overview->state_err;
	struct state *state = state_look(config->state_file, why);

	*facts = NULL;
	*count = 0;
	if (state == NULL && why->kind == ERR_REJECT) {
		*why = (struct err){ 0 }; /* nothing was claimed yet */
		take_sums(overview, NULL, 0);
	}
	if (state != NULL)
		(void)read_all(state, overview, facts, count, why);
	state_close(state);
}

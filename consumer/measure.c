/* measure.c - what the consumer's loads show as metrics. */
#include "consumer/measure.h"
#include "common/clock.h"
#include "common/metrics.h"
#include "consumer/step.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES 160

static const char *const results[] = { "inserted", "updated", "unchanged",
	"rejected" };

static void name_dataset(const struct dataset *dataset, char out[NAME_BYTES])
{
	if (dataset == NULL)
		(void)snprintf(out, NAME_BYTES, "unknown");
	else
		(void)snprintf(out, NAME_BYTES, "%s.%s",
			dataset->pipeline->name, dataset->name);
}

void measure_plan(const struct plan *plan)
{
	char name[NAME_BYTES];

	for (size_t i = 0; i < plan->set.count; i++) {
		const struct pipeline *pipeline = &plan->set.pipelines[i];

		for (size_t k = 0; k < pipeline->dataset_count; k++) {
			name_dataset(&pipeline->datasets[k], name);
			for (size_t r = 0; r < 4; r++)
				metrics_add(METRIC_RECORDS, 0, name,
					results[r]);
		}
	}
	metrics_add(METRIC_MESSAGES, 0, "new", NULL);
	metrics_add(METRIC_MESSAGES, 0, "duplicate", NULL);
	metrics_add(METRIC_LOADS, 0, "committed", NULL);
	metrics_add(METRIC_LOADS, 0, "failed", NULL);
}

/* -- rejects of the load at hand ------------------------------------------ */

void measure_reject(struct load *load, const struct dataset *dataset,
	const char *code, size_t len)
{
	struct reject_tally *tally = load->reject_tallies;
	size_t i = 0;

	len = len < sizeof(tally->code) - 1 ? len : sizeof(tally->code) - 1;
	while (i < load->reject_tally_count &&
		(tally[i].dataset != dataset ||
			memcmp(tally[i].code, code, len) != 0 ||
			tally[i].code[len] != '\0'))
		i++;
	if (i == REJECT_TALLIES) {
		tally[i - 1].count++; /* too many kinds: with the last */
		return;
	}
	if (i == load->reject_tally_count) {
		load->reject_tally_count++;
		tally[i] = (struct reject_tally){ .dataset = dataset };
		memcpy(tally[i].code, code, len);
	}
	tally[i].count++;
}

static void show_rejects(const struct load *load)
{
	char name[NAME_BYTES];

	for (size_t i = 0; i < load->reject_tally_count; i++) {
		const struct reject_tally *tally = &load->reject_tallies[i];

		name_dataset(tally->dataset, name);
		metrics_add(METRIC_REJECTS, tally->count, name, tally->code);
	}
}

/* -- a load that has committed --------------------------------------------- */

static void show_tally(const struct dataset *dataset,
	const struct tally *tally)
{
	const int64_t counts[] = { tally->inserted, tally->updated,
		tally_unchanged(tally), tally->rejected };
	char name[NAME_BYTES];

	if (tally->records == 0)
		return;
	name_dataset(dataset, name);
	for (size_t i = 0; i < 4; i++)
		metrics_add(METRIC_RECORDS, counts[i], name, results[i]);
}

static void show_tallies(const struct load *load)
{
	for (size_t i = 0; i < load->batch.source_count; i++) {
		const struct source *source = &load->batch.sources[i];

		show_tally(source->named_by->dataset, &source->tally);
		for (size_t k = 0; k < load->derived_count; k++)
			show_tally(load->derived[k].dataset,
				&load->derived[k].tallies[i]);
	}
}

/* Of a file that is loaded again the claim of the first time says nothing. */
static bool has_claim(const struct work *work)
{
	return work->kind == WORK_CHUNK && !work_is_replay(work);
}

static void show_ages(const struct load *load)
{
	const int64_t now_us = clock_now_us(), wall_us = clock_wall_us();

	for (size_t i = 0; i < load->batch.count; i++) {
		const struct work *work = load->batch.works[i];

		if (!work->fresh)
			continue;
		if (work->received_us != 0)
			metrics_took(METRIC_STAGE, now_us - work->received_us,
				"delivery_to_commit");
		if (has_claim(work))
			metrics_took(METRIC_STAGE,
				wall_us - work->envelope.claimed_us,
				"file_to_commit");
	}
}

void measure_load(const struct load *load)
{
	const struct load_totals *totals = &load->totals;

	metrics_add(METRIC_LOADS, 1, "committed", NULL);
	metrics_add(METRIC_MESSAGES, totals->messages, "new", NULL);
	metrics_add(METRIC_MESSAGES, totals->duplicates, "duplicate", NULL);
	metrics_add(METRIC_MESSAGE_BYTES, totals->bytes, NULL, NULL);
	metrics_set(METRIC_LAST_COMMIT, (double)clock_wall_us() / 1e6, NULL,
		NULL);
	metrics_took(METRIC_STAGE, clock_now_us() - load->started_us, "load");
	show_tallies(load);
	show_rejects(load);
	show_ages(load);
}

void measure_failure(void)
{
	metrics_add(METRIC_LOADS, 1, "failed", NULL);
}

int64_t measure_oldest_us(struct work *const *works, size_t count,
	int64_t oldest_us)
{
	for (size_t i = 0; i < count; i++) {
		const int64_t at_us = has_claim(works[i]) ?
			works[i]->envelope.claimed_us : 0;

		if (at_us != 0 && (oldest_us == 0 || at_us < oldest_us))
			oldest_us = at_us;
	}
	return oldest_us;
}

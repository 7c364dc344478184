/* load.c - one transaction: a batch of messages becomes rows, or nothing. */
#include "consumer/step.h"
#include "common/metrics.h"
#include "common/mutation.h"
#include "consumer/measure.h"

#include <stdlib.h>
#include <string.h>

void load_enter(struct load *load, const struct dataset *dataset)
{
	load->totals.at = derive_root(dataset);
	pulse_busy(load->session->pulse, "a load");
}

static bool prepare_partition(struct load *load, const struct dataset *dataset,
	struct err *err)
{
	struct table *table = session_table(load->session, dataset, err);

	load_enter(load, dataset);
	if (table == NULL || !session_partition(load->session, table, err))
		return false;
	load_enter(load, NULL);
	return true;
}

/* The partitions are made in transactions of their own, so that nobody waits
 * for our load to see them. */
static bool prepare_partitions(struct load *load, struct err *err)
{
	for (size_t i = 0; i < load->batch.count; i++) {
		const struct dataset *dataset = load->batch.works[i]->dataset;
		const struct dataset *derived = NULL;

		if (dataset == NULL)
			continue;
		if (!prepare_partition(load, dataset, err))
			return false;
		while ((derived = derive_dataset(dataset, derived)) != NULL)
			if (!prepare_partition(load, derived, err))
				return false;
	}
	return true;
}

/* A day may end between the two steps, but not twice in a row. */
static bool begin(struct load *load, struct err *err)
{
	bool begun = false;

	for (int tries = 0; !begun && tries < 3; tries++)
		if (!prepare_partitions(load, err) ||
			!session_begin(load->session, &load->totals.load_id,
				&begun, err))
			return err_wrap(err, "begin a load");
	return begun || err_set(err, ERR_RETRY,
		"the server's date does not stand still");
}

static bool refresh_models(struct load *load, struct err *err)
{
	const int64_t started_us = clock_now_us();
	const struct dataset *at = NULL;

	if (models_refresh(load->session->plan->models, load->db,
		load->totals.load_id, load->deltas, load->delta_count, &at,
		err)) {
		metrics_took(METRIC_STAGE, clock_now_us() - started_us,
			"models");
		return true;
	}
	load_enter(load, at);
	return false;
}

/* For the test of the tests: what was claimed stays so, whatever follows. */
static bool commit_claims(struct load *load, struct err *err)
{
	return !MUTATED(ledger_apart) ||
		(db_commit(load->db, err) && db_begin(load->db, err));
}

static bool commit(struct load *load, struct err *err)
{
	const int64_t started_us = clock_now_us();

	if (!db_commit(load->db, err))
		return false;
	metrics_took(METRIC_STAGE, clock_now_us() - started_us, "commit");
	measure_load(load);
	return true;
}

static bool run_steps(struct load *load, struct err *err)
{
	bool ok;

	ok = begin(load, err) && claim_sources(load, err) &&
		claim_messages(load, err) && claim_rejects(load, err) &&
		claim_derived(load, err) && forget_attempts(load, err) &&
		commit_claims(load, err);
	if (ok && load->totals.messages > 0)
		ok = store_bodies(load, err) && load_datasets(load, err) &&
			reject_messages(load, err) &&
			store_rejects(load, err) &&
			store_replays(load, err) &&
			(MUTATED(model_skipped) ||
				refresh_models(load, err)) &&
			store_counters(load, err) && store_derived(load, err);
	return ok && store_load(load, err) && commit(load, err);
}

bool load_run(struct session *session, struct work **works, size_t count,
	bool careful, struct load_totals *totals, struct err *err)
{
	struct load load = {
		.sink = &postgres_sink,
		.session = session,
		.db = session->db,
		.started_us = clock_now_us(),
		.careful = careful && count == 1,
	};
	bool ok;

	ok = find_rejects(session->db, works, count, err) &&
		batch_build(&load.batch, works, count, err) &&
		run_steps(&load, err);
	if (!ok) {
		measure_failure();
		db_rollback(session->db);
	}
	*totals = load.totals;
	batch_clear(&load.batch);
	buf_clear(&load.rejects);
	free(load.again);
	buf_clear(&load.copy);
	buf_clear(&load.scratch);
	clear_derived(&load);
	derive_clear(&load.derive);
	free(load.deltas);
	return ok;
}

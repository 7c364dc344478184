/* generate_lists.c - names that shells complete, a line each. */
#include "cli/connect.h"
#include "cli/generate.h"
#include "consumer/plan.h"

#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PATIENCE_MS 700 /* somebody has pressed Tab */

/* -- of the pipeline files ---------------------------------------------------- */

static bool list_some(const struct config *config, bool endpoints,
	struct buf *out, struct err *err)
{
	struct pipeline_set set = { 0 };
	bool ok = pipeline_set_read(config->pipelines_dir, &set, err);

	for (size_t p = 0; ok && p < set.count; p++)
		for (size_t d = 0; ok && d < set.pipelines[p].dataset_count;
			d++) {
			const struct dataset *dataset =
				&set.pipelines[p].datasets[d];

			if (!endpoints || dataset->api != NULL)
				ok = buf_printf(out, err, "%s.%s\n",
					set.pipelines[p].name, dataset->name);
		}
	pipeline_set_clear(&set);
	return ok;
}

static bool list_datasets(const struct config *config, struct buf *out,
	struct err *err)
{
	return list_some(config, false, out, err);
}

static bool list_endpoints(const struct config *config, struct buf *out,
	struct err *err)
{
	return list_some(config, true, out, err);
}

static bool list_models(const struct config *config, struct buf *out,
	struct err *err)
{
	struct plan *plan = plan_read(config, err);
	bool ok = plan != NULL;

	for (size_t i = 0; ok && i < models_count(plan->models); i++) {
		const struct model_info info = models_info(plan->models, i);

		ok = buf_printf(out, err, "%s.%s\n", info.pipeline, info.name);
	}
	plan_free(plan);
	return ok;
}

/* -- of the database ------------------------------------------------------------ */

/* Whoever drops a file chooses its name, and shells expand the words they
 * complete: only names without a sign that means anything to them, others by
 * their ids. */
static const char sources_sql[] =
	"select case when last ~ '^[A-Za-z0-9_][A-Za-z0-9._+@%,-]*$' then last"
	" else source_id::text end from (select source_id,"
	" regexp_replace(name, '^.*/', '') as last from meta.source"
	" order by source_id desc limit 200) s group by 1"
	" order by max(source_id) desc";

static bool ask_sources(const struct config *config, int stop_fd,
	struct buf *out, struct err *err)
{
	struct db *db = connect_db_until(config, &config->reader, true,
		PATIENCE_MS, stop_fd, err);
	struct db_result *rows = NULL;
	bool ok = db != NULL &&
		db_query(db, sources_sql, 0, NULL, &rows, err);

	for (size_t i = 0; ok && i < db_rows(rows); i++)
		ok = buf_printf(out, err, "%s\n", db_value(rows, i, 0));
	db_result_free(rows);
	db_close(db);
	return ok;
}

/* Where the database is not there at once, there is nothing to offer. */
static bool list_sources(const struct config *config, struct buf *out,
	struct err *err)
{
	const struct itimerspec patience = { .it_value = {
		.tv_nsec = PATIENCE_MS * 1000000L } };
	const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	bool ok;

	if (fd < 0 || timerfd_settime(fd, 0, &patience, NULL) != 0)
		ok = err_errno(err, ERR_STOP, "a timer");
	else
		ok = ask_sources(config, fd, out, err);
	if (fd >= 0)
		close(fd);
	return ok;
}

bool generate_list(const struct config *config, const char *name,
	struct buf *out, bool *known, struct err *err)
{
	static const struct list {
		const char *name;
		bool (*make)(const struct config *config, struct buf *out,
			struct err *err);
	} lists[] = {
		{ "datasets", list_datasets },
		{ "endpoints", list_endpoints },
		{ "models", list_models },
		{ "sources", list_sources },
	};

	*known = true;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		if (strcmp(lists[i].name, name) == 0)
			return lists[i].make(config, out, err);
	*known = false;
	return true;
}

/* care_reports.c - a pipeline's reports, once what was dropped is loaded. */
#include "common/log.h"
#include "consumer/care_private.h"
#include "consumer/reports.h"

/* When a source became complete and none is on its way. */
static const char due_sql[] =
	"select pipeline, finished, coalesce(ceil(extract(epoch from"
	" reported_at + greatest($1::bigint, report_ms * 9)"
	" * interval '1 ms' - clock_timestamp()) * 1000), 0)::bigint"
	" from meta.care c where finished > reported and ($2::boolean or"
	" not exists (select from meta.source s where s.pipeline = c.pipeline"
	" and s.completed_at is null)) order by pipeline";

static const char open_sql[] =
	"select from meta.care where pipeline = $1 and reported < $2::bigint";

static const char done_sql[] =
	"update meta.care set reported = greatest(reported, $2::bigint),"
	" reported_at = clock_timestamp(), report_ms = $3::bigint"
	" where pipeline = $1";

static int64_t every_ms(const struct config *config)
{
	return config->reports_every_secs * 1000;
}

static bool has(const struct pipeline *pipeline)
{
	return pipeline->report_count > 0;
}

static void say(const struct pipeline *pipeline,
	const struct pipeline_report *report,
	const struct report_result *result)
{
	const bool failed = result->error.kind != ERR_NONE;

	LOG(failed ? LOG_WARN : LOG_INFO, failed ? "report_failed" : "report",
		LOG_S("pipeline", pipeline->name), LOG_S("file", report->file),
		LOG_I("rows", result->rows), LOG_I("ms", result->ms),
		LOG_S("err", result->error.text));
}

/* One that fails does not keep the others from being written. */
static bool run(struct care_work *work, const struct pipeline *pipeline,
	struct err *err)
{
	for (size_t i = 0; i < pipeline->report_count; i++) {
		const struct pipeline_report *report = &pipeline->reports[i];
		struct report_result result;

		if (!care_asker(work, err) ||
			!report_run(work->config, pipeline, report,
				work->asker, work->writer, &result, err))
			return err_wrap(err, "report %s", report->name);
		say(pipeline, report, &result);
	}
	return true;
}

const struct chore care_reports = {
	.name = "reports",
	.due_sql = due_sql,
	.open_sql = open_sql,
	.done_sql = done_sql,
	.every_ms = every_ms,
	.has = has,
	.run = run,
};

/* care_tests.c - a pipeline's data tests, behind its loads. */
#include "consumer/care_private.h"
#include "common/log.h"
#include "consumer/datatest.h"

/* They take a tenth of the time at most, however large the tables. */
static const char due_sql[] =
	"select pipeline, changed, coalesce(ceil(extract(epoch from tested_at"
	" + greatest($1::bigint, test_ms * 9) * interval '1 ms'"
	" - clock_timestamp()) * 1000), 0)::bigint"
	" from meta.care where changed > tested and $2::boolean is not null"
	" order by pipeline";

static const char open_sql[] =
	"select from meta.care where pipeline = $1 and tested < $2::bigint";

static const char done_sql[] =
	"update meta.care set tested = greatest(tested, $2::bigint),"
	" tested_at = clock_timestamp(), test_ms = $3::bigint"
	" where pipeline = $1";

static int64_t every_ms(const struct config *config)
{
	return config->data_tests_every_secs * 1000;
}

static bool has(const struct pipeline *pipeline)
{
	return pipeline->test_count > 0;
}

static void say(const struct pipeline *pipeline,
	const struct pipeline_test *test, const struct datatest_result *result)
{
	if (result->outcome == OUTCOME_PASS)
		return;
	LOG(LOG_WARN, "data_test", LOG_S("pipeline", pipeline->name),
		LOG_S("test", test->name),
		LOG_S("outcome", outcome_name(result->outcome)),
		LOG_I("failing", result->failing),
		LOG_S("err", result->error.data));
}

static bool run_test(struct care_work *work, const struct pipeline *pipeline,
	const struct pipeline_test *test, int64_t *outcomes, struct err *err)
{
	struct datatest_result result;

	if (!care_asker(work, err) ||
		!datatest_run(pipeline, test, work->config->models_dir,
			work->asker, work->writer, &result, err))
		return false;
	outcomes[result.outcome]++;
	say(pipeline, test, &result);
	datatest_result_clear(&result);
	return true;
}

static bool run(struct care_work *work, const struct pipeline *pipeline,
	struct err *err)
{
	int64_t outcomes[OUTCOME_BROKEN + 1] = { 0 };

	for (size_t i = 0; i < pipeline->test_count; i++)
		if (!run_test(work, pipeline, &pipeline->tests[i], outcomes,
			    err))
			return err_wrap(err, "data test %s",
				pipeline->tests[i].name);
	LOG(LOG_INFO, "data_tests", LOG_S("pipeline", pipeline->name),
		LOG_I("pass", outcomes[OUTCOME_PASS]),
		LOG_I("warn", outcomes[OUTCOME_WARN]),
		LOG_I("fail", outcomes[OUTCOME_FAIL]),
		LOG_I("broken", outcomes[OUTCOME_BROKEN]));
	return true;
}

const struct chore care_tests = {
	.name = "tests",
	.due_sql = due_sql,
	.open_sql = open_sql,
	.done_sql = done_sql,
	.every_ms = every_ms,
	.has = has,
	.run = run,
};

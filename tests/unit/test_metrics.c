/* test_metrics.c - counters are exact, hostile labels stay labels, the number
 * of series has an end, and the text is what Prometheus reads. */
#include "common/metrics.h"
#include "common/clock.h"

#include <CUnit/CUnit.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *show(unsigned whose)
{
	struct buf text = { 0 };
	struct err err = { 0 };

	metrics_begin(whose);
	CU_ASSERT_TRUE_FATAL(metrics_text(&text, &err));
	return buf_take(&text);
}

static void shows(unsigned whose, const char *line)
{
	char *text = show(whose);

	if (strstr(text, line) == NULL)
		printf("\nnot shown: %s\n", line);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, line));
	free(text);
}

static void counters_only_grow(void)
{
	metrics_add(METRIC_RECORDS, 0, "a.b", "updated");
	metrics_add(METRIC_RECORDS, 100, "a.b", "inserted");
	metrics_add(METRIC_RECORDS, 8, "a.b", "inserted");
	metrics_add(METRIC_RECORDS, -5, "a.b", "inserted");
	CU_ASSERT_EQUAL(metrics_count(METRIC_RECORDS, "a.b", "inserted"), 108);
	CU_ASSERT_EQUAL(metrics_count(METRIC_RECORDS, "a.b", "none"), 0);
	shows(METRIC_OF_CONSUMER, "\n# TYPE sluice_records_total counter\n"
		"sluice_records_total{dataset=\"a.b\",result=\"updated\"} 0\n"
		"sluice_records_total{dataset=\"a.b\",result=\"inserted\"} "
		"108\n");
}

static void each_program_shows_its_own(void)
{
	char *text = show(METRIC_OF_PRODUCER);

	CU_ASSERT_PTR_NULL(strstr(text, "sluice_records_total"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "sluice_confirms_in_flight 0\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nprocess_start_time_seconds "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nprocess_threads "));
	free(text);
}

static void hostile_labels_stay_labels(void)
{
	char large[4096];

	metrics_set(METRIC_TROUBLE, 1, "a\"} 1\nb\\{\xff", NULL);
	shows(METRIC_OF_CONSUMER,
		"sluice_trouble_seconds{part=\"a\\\"} 1\\nb\\\\{?\"} 1\n");
	memset(large, 'x', sizeof(large));
	memcpy(large + 125, "\xe2\x82\xac", 3); /* does not fit whole */
	large[4095] = '\0';
	metrics_forget(METRIC_TROUBLE);
	metrics_set(METRIC_TROUBLE, 2, large, NULL);
	memcpy(large + 125, "\"} 2\n", sizeof("\"} 2\n"));
	shows(METRIC_OF_CONSUMER, large + 60);
	metrics_forget(METRIC_TROUBLE);
}

static void there_is_an_end_to_series(void)
{
	char name[32];
	char *text;
	size_t lines = 0;

	for (int i = 0; i < 3 * METRIC_SERIES; i++) {
		(void)snprintf(name, sizeof(name), "dataset %d", i);
		metrics_add(METRIC_REJECTS, 1, name, "code");
		metrics_add(METRIC_REJECTS, 1, name, "code");
	}
	CU_ASSERT_EQUAL(metrics_count(METRIC_REJECTS, "dataset 0", "code"), 2);
	CU_ASSERT_EQUAL(metrics_count(METRIC_REJECTS, "other", "other"),
		2 * (3 * METRIC_SERIES - METRIC_SERIES));
	text = show(METRIC_OF_CONSUMER);
	for (const char *at = text;
		(at = strstr(at, "\nsluice_rejects_total{")) != NULL; at++)
		lines++;
	CU_ASSERT_EQUAL(lines, METRIC_SERIES + 1);
	free(text);
	metrics_forget(METRIC_REJECTS);
}

static void histograms_add_up(void)
{
	metrics_took(METRIC_STAGE, 1000, "commit");
	metrics_took(METRIC_STAGE, 1001, "commit");
	metrics_took(METRIC_STAGE, -7, "commit");
	metrics_took(METRIC_STAGE, INT64_C(7200) * 1000000, "commit");
	shows(METRIC_OF_CONSUMER,
		"sluice_stage_seconds_bucket{stage=\"commit\",le=\"0.001\"} 2\n"
		"sluice_stage_seconds_bucket{stage=\"commit\",le=\"0.0025\"} "
		"3\n");
	shows(METRIC_OF_CONSUMER,
		"sluice_stage_seconds_bucket{stage=\"commit\",le=\"1800\"} 3\n"
		"sluice_stage_seconds_bucket{stage=\"commit\",le=\"+Inf\"} 4\n"
		"sluice_stage_seconds_sum{stage=\"commit\"} 7200.002001\n"
		"sluice_stage_seconds_count{stage=\"commit\"} 4\n");
}

static void ages_grow_by_themselves(void)
{
	char *text;
	const char *at;

	metrics_since(METRIC_OLDEST_UNCOMMITTED,
		clock_wall_us() - INT64_C(90) * 1000000);
	text = show(METRIC_OF_CONSUMER);
	at = strstr(text, "\nsluice_oldest_uncommitted_seconds ");
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	CU_ASSERT_TRUE(strtod(strchr(at, ' '), NULL) >= 90);
	free(text);
	metrics_since(METRIC_OLDEST_UNCOMMITTED, 0);
	shows(METRIC_OF_CONSUMER, "\nsluice_oldest_uncommitted_seconds 0\n");
	metrics_since(METRIC_OLDEST_UNCOMMITTED,
		clock_wall_us() + INT64_C(90) * 1000000);
	shows(METRIC_OF_CONSUMER, "\nsluice_oldest_uncommitted_seconds 0\n");
}

static void *count_much(void *name)
{
	for (int i = 0; i < 10000; i++) {
		metrics_add(METRIC_MESSAGES, 1, name, NULL);
		metrics_add(METRIC_MESSAGE_BYTES, 3, NULL, NULL);
	}
	return NULL;
}

static void threads_count_together(void)
{
	char names[][8] = { "new", "old", "new" };
	pthread_t threads[3];

	for (size_t i = 0; i < 3; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL,
			count_much, names[i]), 0);
	for (size_t i = 0; i < 3; i++)
		(void)pthread_join(threads[i], NULL);
	CU_ASSERT_EQUAL(metrics_count(METRIC_MESSAGES, "new", NULL), 20000);
	CU_ASSERT_EQUAL(metrics_count(METRIC_MESSAGES, "old", NULL), 10000);
	CU_ASSERT_EQUAL(metrics_count(METRIC_MESSAGE_BYTES, NULL, NULL),
		90000);
}

static void names_are_as_expected(void)
{
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		const struct metric_row *row = metric_row((enum metric)i);
		const char *end = strrchr(row->name, '_');
		const bool total = end != NULL && strcmp(end, "_total") == 0;

		CU_ASSERT_EQUAL(strncmp(row->name, "sluice_", 7), 0);
		CU_ASSERT_EQUAL(total, row->kind == METRIC_COUNTER);
		CU_ASSERT_TRUE(row->whose != 0);
		CU_ASSERT_PTR_NULL(strpbrk(row->help, "\\\n"));
		if (row->kind == METRIC_HISTOGRAM || row->kind == METRIC_AGE)
			CU_ASSERT_STRING_EQUAL(end, "_seconds");
	}
}

static void document_is_in_step(void)
{
	struct buf want = { 0 }, have = { 0 };
	struct err err = { 0 };
	char chunk[4096];
	size_t got;
	FILE *file;

	CU_ASSERT_TRUE_FATAL(metrics_document(&want, &err));
	if (getenv("SLUICE_WRITE_DOCS") != NULL) {
		file = fopen("docs/METRICS.md", "w");
		CU_ASSERT_PTR_NOT_NULL_FATAL(file);
		(void)fputs(want.data, file);
		(void)fclose(file);
	}
	file = fopen("docs/METRICS.md", "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		CU_ASSERT_TRUE(buf_add(&have, chunk, got, &err));
	(void)fclose(file);
	CU_ASSERT_STRING_EQUAL(have.data != NULL ? have.data : "", want.data);
	buf_clear(&want);
	buf_clear(&have);
}

CU_TestInfo metrics_tests[] = {
	{ "counters only grow", counters_only_grow },
	{ "each program shows its own", each_program_shows_its_own },
	{ "hostile labels stay labels", hostile_labels_stay_labels },
	{ "there is an end to series", there_is_an_end_to_series },
	{ "histograms add up", histograms_add_up },
	{ "ages grow by themselves", ages_grow_by_themselves },
	{ "threads count together", threads_count_together },
	{ "names are as expected", names_are_as_expected },
	{ "docs/METRICS.md is in step", document_is_in_step },
	CU_TEST_INFO_NULL,
};

/* latency.c - how long one dropped file takes to be seen in the models.
 *
 * usage: latency FOLDER COUNT
 * Renames COUNT files of one event each into FOLDER, one after another, and
 * after each looks at modelled.events_by_date until its day is there. Prints
 * the median, 95th and 99th percentile and maximum in milliseconds. */
#include "cli/connect.h"
#include "common/clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_COUNT 10000
#define GIVE_UP_US ((int64_t)30 * 1000000)

/* A day that no other run uses, as good as surely: 28 days a month. */
static void day_text(long n, char *out, size_t size)
{
	const long day = (long)getpid() * 131 % 2000000 + n;

	(void)snprintf(out, size, "%04ld-%02ld-%02ld", 1000 + day / 336,
		day / 28 % 12 + 1, day % 28 + 1);
}

/* Writes the event of day n under a hidden name. */
static bool write_file(const char *folder, long n, char *hidden, char *shown,
	size_t size, struct err *err)
{
	char day[64];
	FILE *file;

	day_text(n, day, sizeof(day));
	(void)snprintf(hidden, size, "%s/.latency_%ld_%d", folder, n, getpid());
	(void)snprintf(shown, size, "%s/latency_%ld_%d.json", folder, n,
		getpid());
	file = fopen(hidden, "w");
	if (file == NULL)
		return err_errno(err, ERR_STOP, "open %s", hidden);
	(void)fprintf(file,
		"{\"id\":\"latency%ld_%d\",\"event_type\":\"User Created\","
		"\"username\":\"u\",\"received_at\":\"%s 00:00:00\"}\n",
		n, getpid(), day);
	return fclose(file) == 0 || err_errno(err, ERR_STOP, "write %s", hidden);
}

static bool visible(struct db *db, long n, bool *seen, struct err *err)
{
	struct db_result *result = NULL;
	char day[64];
	const char *values[] = { day };

	day_text(n, day, sizeof(day));
	if (!db_query(db,
		    "select 1 from modelled.events_by_date where date = $1", 1,
		    values, &result, err))
		return false;
	*seen = db_rows(result) > 0;
	db_result_free(result);
	return true;
}

static bool measure(struct db *db, const char *folder, long n, int64_t *took,
	struct err *err)
{
	char hidden[4096], shown[4096];
	bool seen = false;
	int64_t start;

	if (!write_file(folder, n, hidden, shown, sizeof(shown), err))
		return false;
	start = clock_now_us();
	if (rename(hidden, shown) != 0)
		return err_errno(err, ERR_STOP, "rename %s", hidden);
	while (!seen && clock_now_us() - start < GIVE_UP_US) {
		if (!visible(db, n, &seen, err))
			return false;
		(void)poll(NULL, 0, 1);
	}
	*took = clock_now_us() - start;
	(void)poll(NULL, 0, 50); /* idle again before the next */
	return seen || err_set(err, ERR_STOP, "%s was not loaded", shown);
}

static int by_size(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double at(const int64_t *sorted, long count, double share)
{
	return (double)sorted[(long)((double)(count - 1) * share)] / 1000.0;
}

int main(int argc, char **argv)
{
	static int64_t took[MAX_COUNT];
	const long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	struct config config = { 0 };
	struct err err = { 0 };
	struct db *db = NULL;
	bool ok;

	if (count < 1 || count > MAX_COUNT) {
		(void)fprintf(stderr, "usage: %s FOLDER COUNT\n", argv[0]);
		return 64;
	}
	ok = config_load(&config, NULL, NULL, &err) &&
		(db = connect_db(&config, &config.reader, true, 0, &err)) !=
			NULL;
	for (long n = 0; ok && n < count; n++)
		ok = measure(db, argv[1], n, &took[n], &err);
	if (ok) {
		qsort(took, (size_t)count, sizeof(*took), by_size);
		printf("p50=%.1f p95=%.1f p99=%.1f max=%.1f\n",
			at(took, count, 0.5), at(took, count, 0.95),
			at(took, count, 0.99), at(took, count, 1.0));
	} else {
		(void)fprintf(stderr, "latency: %s\n", err.text);
	}
	db_close(db);
	config_clear(&config);
	return ok ? 0 : err_exit_code(&err);
}

/* metrics_text.c - metrics as Prometheus reads them: text, format 0.0.4. */
#include "common/metrics_private.h"
#include "common/clock.h"

#include <inttypes.h>
#include <string.h>

static bool add_value(struct buf *out, const char *value, struct err *err)
{
	for (; *value != '\0'; value++) {
		const bool ok = *value == '\n' ? buf_add_str(out, "\\n", err) :
			*value == '"' || *value == '\\' ?
			buf_printf(out, err, "\\%c", *value) :
			buf_add_char(out, *value, err);

		if (!ok)
			return false;
	}
	return true;
}

/* {dataset="a",le="1"}; nothing when there is no label. */
static bool add_labels(struct buf *out, const struct metric_row *row,
	const struct metric_series *series, const char *le, struct err *err)
{
	const char *before = "{";
	bool ok = true;

	for (size_t i = 0; ok && i < METRIC_LABELS; i++) {
		if (row->labels[i] == NULL)
			break;
		ok = buf_printf(out, err, "%s%s=\"", before, row->labels[i]) &&
			add_value(out, series->labels[i], err) &&
			buf_add_char(out, '"', err);
		before = ",";
	}
	if (ok && le != NULL) {
		ok = buf_printf(out, err, "%sle=\"%s\"", before, le);
		before = ",";
	}
	return ok && (*before == '{' || buf_add_char(out, '}', err));
}

static bool add_bucket(struct buf *out, const struct metric_row *row,
	const struct metric_series *series, const char *le, int64_t count,
	struct err *err)
{
	return buf_printf(out, err, "%s_bucket", row->name) &&
		add_labels(out, row, series, le, err) &&
		buf_printf(out, err, " %" PRId64 "\n", count);
}

static bool add_histogram(struct buf *out, const struct metric_row *row,
	const struct metric_series *series, struct err *err)
{
	int64_t count = 0;
	bool ok = true;

	for (size_t i = 0; ok && i < METRIC_BUCKETS; i++) {
		struct buf le = { 0 };

		count += series->buckets[i];
		ok = buf_printf(&le, err, "%g",
			     (double)metric_buckets[i] / 1e6) &&
			add_bucket(out, row, series, le.data, count, err);
		buf_clear(&le);
	}
	return ok && add_bucket(out, row, series, "+Inf", series->count,
			err) &&
		buf_printf(out, err, "%s_sum", row->name) &&
		add_labels(out, row, series, NULL, err) &&
		buf_printf(out, err, " %.6f\n%s_count",
			(double)series->sum_us / 1e6, row->name) &&
		add_labels(out, row, series, NULL, err) &&
		buf_printf(out, err, " %" PRId64 "\n", series->count);
}

/* A wall clock that was set back makes nothing younger than new. */
static double age_of(double wall_us)
{
	const double us = (double)clock_wall_us() - wall_us;

	return wall_us > 0 && us > 0 ? us / 1e6 : 0;
}

static bool add_sample(struct buf *out, const struct metric_row *row,
	const struct metric_series *series, struct err *err)
{
	if (row->kind == METRIC_HISTOGRAM)
		return add_histogram(out, row, series, err);
	if (!buf_add_str(out, row->name, err) ||
		!add_labels(out, row, series, NULL, err))
		return false;
	if (row->kind == METRIC_COUNTER)
		return buf_printf(out, err, " %" PRId64 "\n", series->count);
	return buf_printf(out, err, " %.15g\n", row->kind == METRIC_AGE ?
		age_of(series->value) : series->value);
}

static bool add_metric(struct buf *out, enum metric metric, struct err *err)
{
	static const char *const kinds[] = { "counter", "gauge", "gauge",
		"histogram" };
	const struct metric_row *row = metric_row(metric);
	const struct metric_series *series = metrics.lists[metric].first;
	bool ok;

	if ((row->whose & metrics.whose) == 0)
		return true;
	ok = buf_printf(out, err, "# HELP %s %s\n# TYPE %s %s\n", row->name,
		row->help, row->name, kinds[row->kind]);
	for (; ok && series != NULL; series = series->next)
		ok = add_sample(out, row, series, err);
	return ok;
}

bool metrics_text(struct buf *out, struct err *err)
{
	bool ok = true;

	(void)pthread_mutex_lock(&metrics.lock);
	for (size_t i = 0; ok && i < METRIC_COUNT; i++)
		ok = add_metric(out, (enum metric)i, err);
	(void)pthread_mutex_unlock(&metrics.lock);
	return ok && metrics_process(out, err);
}

/* rates.c - how much a second, from two overviews. */
#include "cli/rates.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static double rate(int64_t before, int64_t after, int64_t us)
{
	if (before < 0 || after < 0)
		return -1;
	if (us <= 0 || after <= before)
		return 0;
	return (double)(after - before) * 1e6 / (double)us;
}

struct rates rates_between(const struct overview_counts *before,
	const struct overview_counts *after, int64_t us)
{
	return (struct rates){
		.files = rate(before->files, after->files, us),
		.published = rate(before->published, after->published, us),
		.loaded = rate(before->loaded, after->loaded, us),
		.rejected = rate(before->rejected, after->rejected, us),
	};
}

static const struct rates unknown = { -1, -1, -1, -1 };

struct rates rates_overview(const struct overview *before,
	const struct overview *after)
{
	if (!before->asked || !after->asked)
		return unknown;
	return rates_between(&before->counts, &after->counts,
		after->at_us - before->at_us);
}

struct rates rates_dataset(const struct overview *before,
	const struct overview *after, const struct overview_dataset *dataset)
{
	for (size_t i = 0; before->asked && after->asked &&
		i < before->dataset_count; i++)
		if (strcmp(before->datasets[i].name, dataset->name) == 0)
			return rates_between(&before->datasets[i].counts,
				&dataset->counts,
				after->at_us - before->at_us);
	return unknown;
}

const char *rates_text(double value, char out[RATES_TEXT])
{
	if (value < 0)
		(void)snprintf(out, RATES_TEXT, "-");
	else if (value > 0 && value < 99.95)
		(void)snprintf(out, RATES_TEXT, "%.1f", value);
	else
		(void)rates_count((int64_t)(value + 0.5), out);
	return out;
}

const char *rates_count(int64_t count, char out[RATES_TEXT])
{
	static const char units[] = "MGTPE";
	double value = (double)count / 1e6;
	size_t unit = 0;

	if (count < 0)
		(void)snprintf(out, RATES_TEXT, "-");
	else if (count < 1000000)
		(void)snprintf(out, RATES_TEXT, "%" PRId64, count);
	else {
		while (value >= 1000 && units[unit + 1] != '\0') {
			value /= 1000;
			unit++;
		}
		(void)snprintf(out, RATES_TEXT, "%.1f%c", value, units[unit]);
	}
	return out;
}

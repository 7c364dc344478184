/* sample_read.c - the records of files, read as the producer reads them. */
#include "cli/sample.h"

#include "common/place.h"
#include "producer/split.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define WINDOW ((size_t)256 << 10)

static bool walk(const struct sample_input *input, size_t number, int fd,
	sample_take *take, void *context, struct err *err)
{
	struct split split;
	struct item item = { .kind = ITEM_RECORD };
	uint64_t count = 0;
	bool ok = split_init(&split, fd, input->records, input->max_record,
		WINDOW, WINDOW, err);

	while (ok && split_next(&split, &item, err)) {
		const bool record = item.kind == ITEM_RECORD;
		const struct sample_place place = { number,
			record ? item.line : item.fault_line, ++count };

		if (item.kind == ITEM_END) {
			split_clear(&split);
			return true;
		}
		ok = take(context, record ? item.text : NULL, item.text_len,
			place, record ? NULL : item.what, err);
	}
	split_clear(&split);
	return false;
}

static bool walk_file(const struct sample_input *input, size_t number,
	sample_take *take, void *context, struct err *err)
{
	const char *path = input->files[number];
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	const char *fault;
	bool ok;

	if (fd < 0)
		return err_errno(err, ERR_STOP, "%s", path);
	ok = fstat(fd, &st) == 0 || err_errno(err, ERR_STOP, "%s", path);
	fault = ok ? place_fault(&st, UINT64_MAX) : NULL;
	if (fault != NULL)
		ok = err_stop(err, EXIT_IO, "%s: %s", path, fault);
	ok = ok && (walk(input, number, fd, take, context, err) ||
		err_wrap(err, "%s", path));
	(void)close(fd);
	return ok;
}

bool sample_walk(const struct sample_input *input, sample_take *take,
	void *context, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < input->count; i++)
		ok = walk_file(input, i, take, context, err);
	return ok;
}

static bool note(void *context, const char *record, size_t len,
	struct sample_place place, const char *why, struct err *err)
{
	struct sample *sample = context;

	if (record != NULL)
		return sample_record(sample, record, len, place, err);
	if (sample->bad++ == 0) {
		sample->bad_at = place;
		(void)strncpy(sample->bad_why, why,
			sizeof(sample->bad_why) - 1);
	}
	return true;
}

bool sample_files(struct sample *sample, struct err *err)
{
	return sample_walk(sample->input, note, sample, err);
}

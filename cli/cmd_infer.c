/* cmd_infer.c - `sluice infer`: a pipeline file for records that lie there. */
#include "cli/args.h"
#include "cli/infer.h"
#include "cli/output.h"
#include "common/place.h"
#include "common/pointer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 1024

struct infer_words {
	const char *files[FILES_MAX];
	size_t count;
	const char *name, *output, *records, *diff, *dataset;
	bool values;
};

/* -- the proposal ------------------------------------------------------- */

/* Reads what was written back, and maps every record with it: then `load`
 * will as well. */
static bool try_out(const struct infer *infer, struct infer_check *check,
	struct err *err)
{
	struct pipeline pipeline = { 0 };
	struct buf text = { 0 };
	bool ok = infer_write(infer, "", &text, err) &&
		pipeline_parse(text.data, text.len, "the proposal", &pipeline,
			err) &&
		infer_check(&pipeline.datasets[0], infer->sample->input, check,
			err);

	pipeline_clear(&pipeline);
	buf_clear(&text);
	return ok;
}

static bool describe(const struct infer_words *words,
	const struct infer_check *check, struct buf *out, struct err *err)
{
	if (check->rejects == 0)
		return buf_add_str(out, "Every record fits", err);
	return buf_printf(out, err, "%" PRIu64 " of %" PRIu64 " would be "
		       "rejects; the first at ", check->rejects,
		       check->records) &&
		infer_add_place(words->files, check->first, out, err) &&
		buf_add_str(out, ": ", err) &&
		output_add_shown(out, check->why, strlen(check->why), "'\"\\",
			err);
}

/* Never over a file that is there. */
static bool write_file(const char *path, const struct buf *text,
	struct err *err)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		0666);
	bool ok;

	if (fd < 0 && errno == EEXIST)
		return err_stop(err, EXIT_USAGE, "%s is there already; choose "
			"another name, or remove it", path);
	if (fd < 0)
		return err_errno(err, ERR_STOP, "%s", path);
	ok = place_write(fd, text->data, text->len) ||
		err_errno(err, ERR_STOP, "write %s", path);
	if (close(fd) != 0 && ok)
		ok = err_errno(err, ERR_STOP, "write %s", path);
	if (!ok)
		(void)unlink(path);
	return ok;
}

static bool deliver(const struct infer *infer, const struct infer_words *words,
	const char *checked, struct err *err)
{
	struct buf text = { 0 };
	bool ok = infer_write(infer, checked, &text, err);

	if (ok && words->output == NULL)
		(void)fputs(text.data, stdout);
	else if (ok)
		ok = write_file(words->output, &text, err);
	if (ok)
		(void)fprintf(stderr, "%s: %" PRIu64 " record%s, %zu column%s. "
			"%s.\n", infer->name, infer->sample->records,
			infer->sample->records == 1 ? "" : "s", infer->count,
			infer->count == 1 ? "" : "s", checked);
	buf_clear(&text);
	return ok;
}

static bool propose_for(const struct sample *sample,
	const struct infer_words *words, struct err *err)
{
	struct infer infer = { 0 };
	struct infer_check check;
	struct buf checked = { 0 };
	bool ok = infer_choose(&infer, sample, words->name, err) &&
		try_out(&infer, &check, err) &&
		describe(words, &check, &checked, err) &&
		deliver(&infer, words, checked.data, err);

	buf_clear(&checked);
	infer_clear(&infer);
	return ok;
}

static bool propose(const struct infer_words *words,
	const struct cmd_context *context, struct err *err)
{
	const struct sample_input input = {
		.files = words->files,
		.count = words->count,
		.records = words->records != NULL ? words->records : "",
		.max_record = (size_t)context->config->max_record_bytes,
	};
	struct sample sample = { 0 };
	const bool ok = sample_init(&sample, &input, err) &&
		sample_files(&sample, err) &&
		propose_for(&sample, words, err);

	sample_clear(&sample);
	return ok;
}

/* -- differences -------------------------------------------------------- */

static const struct dataset *only_dataset(const struct pipeline *pipeline,
	const char *name, struct err *err)
{
	const struct dataset *found = NULL;
	size_t count = 0;

	for (size_t i = 0; i < pipeline->dataset_count; i++) {
		const struct dataset *dataset = &pipeline->datasets[i];

		if (name != NULL ? strcmp(dataset->name, name) != 0 :
				   dataset->from != NULL)
			continue;
		found = dataset;
		count++;
	}
	if (count == 1)
		return found;
	(void)(name != NULL ? err_stop(err, EXIT_USAGE,
		"the pipeline %s has no dataset %s", pipeline->name, name) :
		err_stop(err, EXIT_USAGE, "the pipeline %s has %zu datasets: "
			"say which with --dataset", pipeline->name, count));
	return NULL;
}

static bool compare(const struct dataset *dataset,
	const struct sample *sample, const struct infer_words *words,
	bool json, bool *differs, struct err *err)
{
	struct infer_diff diff = { .count = 0 };
	bool ok = infer_compare(dataset, sample, &diff, err);

	if (ok && words->values)
		ok = infer_find_values(&diff, sample, err);
	ok = ok && (json ? infer_show_json : infer_show)(&diff, sample, err);
	*differs = diff.count > 0 || sample->bad > 0;
	infer_diff_clear(&diff);
	return ok;
}

/* The records of a derived dataset stand in those of others, not in files. */
static bool read_and_compare(const struct dataset *dataset,
	const struct infer_words *words, const struct cmd_context *context,
	bool *differs, struct err *err)
{
	const struct sample_input input = {
		.files = words->files,
		.count = words->count,
		.records = dataset->records != NULL ? dataset->records : "",
		.max_record = (size_t)context->config->max_record_bytes,
	};
	struct sample sample = { 0 };
	bool ok;

	if (dataset->from != NULL)
		return err_stop(err, EXIT_USAGE, "%s is made out of %s and "
			"has no files of its own", dataset->name,
			dataset->from);
	ok = sample_init(&sample, &input, err) && sample_files(&sample, err) &&
		compare(dataset, &sample, words, context->json, differs, err);
	sample_clear(&sample);
	return ok;
}

/* A file, or the name of a pipeline below pipelines_dir. */
static bool find_differences(const struct infer_words *words,
	const struct cmd_context *context, bool *differs, struct err *err)
{
	const char *name = words->diff;
	struct pipeline_set set = { 0 };
	struct pipeline one = { 0 };
	const struct pipeline *pipeline = &one;
	const struct dataset *dataset = NULL;
	bool ok;

	if (strchr(name, '/') != NULL || strchr(name, '.') != NULL) {
		ok = pipeline_read(name, &one, err);
	} else {
		ok = pipeline_set_read(context->config->pipelines_dir, &set,
			err);
		pipeline = ok ? pipeline_find(&set, name) : NULL;
		if (ok && pipeline == NULL)
			ok = err_stop(err, EXIT_USAGE, "no pipeline %s in %s; "
				"see `sluice pipeline list`", name,
				context->config->pipelines_dir);
	}
	if (ok)
		dataset = only_dataset(pipeline, words->dataset, err);
	ok = dataset != NULL && read_and_compare(dataset, words, context,
		differs, err);
	pipeline_clear(&one);
	pipeline_set_clear(&set);
	return ok;
}

/* -- the verb ----------------------------------------------------------- */

static bool check_records(const char *pointer, struct err *err)
{
	char *steps[POINTER_STEPS_MAX];
	struct err wrong = { 0 };
	size_t count = 0;
	const bool ok = pointer == NULL ||
		pointer_parse(pointer, steps, &count, &wrong);

	for (size_t i = 0; i < count; i++)
		free(steps[i]);
	if (ok)
		return true;
	if (wrong.kind == ERR_REJECT)
		return err_stop(err, EXIT_USAGE, "--records: %s", wrong.text);
	*err = wrong;
	return false;
}

static int act(const struct cmd_context *context,
	const struct infer_words *words)
{
	struct err err = { 0 };
	bool differs = false;

	if (!check_records(words->records, &err))
		return cmd_fail(&err);
	if (words->diff != NULL ?
			find_differences(words, context, &differs, &err) :
			propose(words, context, &err))
		return differs ? EXIT_DATA : EXIT_FINE;
	return cmd_fail(&err);
}

static const char *unfit(const struct infer_words *words)
{
	char name[INFER_NAME_MAX + 1];

	if (words->count == 0)
		return "which FILE?";
	if (words->diff != NULL &&
		(words->output != NULL || words->name != NULL ||
			words->records != NULL))
		return "--output, --name and --records do not go with --diff";
	if (words->diff == NULL && (words->dataset != NULL || words->values))
		return "--dataset and --values go with --diff";
	if (words->name == NULL)
		return NULL;
	infer_make_name(words->name, sizeof(name) - 1, name);
	return strcmp(name, words->name) != 0 || strlen(name) > 47 ?
		"--name wants a small letter, then small letters, digits and "
		"_, at most 47 in all" : NULL;
}

static int run(const struct cmd_context *context)
{
	static struct infer_words words;
	const struct arg table[] = {
		{ .name = "--name", .text = &words.name },
		{ .name = "--records", .text = &words.records },
		{ .name = "--output", .text = &words.output },
		{ .name = "-o", .text = &words.output },
		{ .name = "--diff", .text = &words.diff },
		{ .name = "--dataset", .text = &words.dataset },
		{ .name = "--values", .flag = &words.values },
		{ .name = NULL },
	};
	struct err err = { 0 };
	const char *wrong;

	words = (struct infer_words){ 0 };
	if (!args_parse(context, table, words.files, FILES_MAX, &words.count,
		    &err))
		return cmd_usage(&cmd_infer, "%s", err.text);
	wrong = unfit(&words);
	return wrong != NULL ? cmd_usage(&cmd_infer, "%s", wrong) :
			       act(context, &words);
}

const struct cmd cmd_infer = {
	.name = "infer",
	.usage = "FILE... [--records POINTER] [-o PIPELINE.yaml] [--name NAME] "
		"| --diff PIPELINE FILE... [--dataset NAME] [--values]",
	.summary = "propose a pipeline file for files, or say what changed",
	.help =
"Reads all records of the files, as the producer reads them (an array, one\n"
"object, an object a line, objects behind each other; plain, gzip or zstd),\n"
"and writes a pipeline file for one dataset to standard output:\n"
"\n"
"- a column for each member, members of nested objects too (`from:`), with\n"
"  the narrowest type that takes every value, room above the longest text,\n"
"  and `required` where it never was missing or null. Arrays, objects of\n"
"  more than 40 members, and those whose member names look like data stay\n"
"  whole (json)\n"
"- as key the member, or the combination of up to four, that no two different\n"
"  records share; names such as id are preferred\n"
"- newest and date by the names of times (updated_at, created_at)\n"
"\n"
"Comments say where it is unsure. The proposal is tried on the same files\n"
"before it is written; what would be refused is said. Then:\n"
"\n"
"  sluice infer orders.json -o pipelines/orders.yaml\n"
"  sluice pipeline check\n"
"  sluice apply\n"
"  sluice load orders --file orders.json\n"
"\n"
"-o, --output FILE  there instead; never over a file that exists\n"
"--records POINTER  where the records stand inside of the files, as a JSON\n"
"                   Pointer: /data/items\n"
"--name NAME        of pipeline, dataset, folder and table; else the first\n"
"                   file's name without its endings\n"
"\n"
"--diff PIPELINE    says what differs between a pipeline (its name, or a\n"
"                   file) and the records: new members with the column they\n"
"                   would be, columns that are in no record, values of other\n"
"                   types, missing values, longer texts; how many, and where\n"
"                   the first is (file:line)\n"
"--dataset NAME     which one, when the pipeline has several\n"
"--values           shows the first such value too\n"
"--json             with --diff: files, records, bad, differences[] (change,\n"
"                   column, pointer, values, shapes[], file, line, record,\n"
"                   value)\n"
"\n"
"  sluice infer --diff orders today.json\n"
"\n"
"Exits 0 when it is written or nothing differs, 1 when something differs or\n"
"nothing can be proposed, 64 for wrong words, 74 when a file cannot be read\n"
"or written, 78 when the pipeline file is wrong.",
	.run = run,
};

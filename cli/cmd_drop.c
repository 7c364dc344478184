/* cmd_drop.c - `sluice drop`: a file, whole and at once, into a folder. */
#include "cli/args.h"
#include "cli/drop.h"
#include "cli/folders.h"
#include "cli/output.h"

#include <string.h>

static int show(const struct cmd_context *context,
	const struct dropped *dropped)
{
	const struct dataset *dataset = dropped->dataset;
	struct buf shown = { 0 };
	struct err err = { 0 };
	struct json *root;
	bool ok = true;

	if (context->json) {
		root = json_object();
		json_put_text(root, "path", dropped->path.data);
		json_put_text(root, "pipeline", dataset->pipeline->name);
		json_put_text(root, "dataset", dataset->name);
		json_put_int(root, "bytes", dropped->bytes);
		ok = output_json(root, &err);
	} else {
		output_line("dropped %s",
			output_escape(&shown, dropped->path.data));
	}
	buf_clear(&shown);
	return ok ? EXIT_FINE : cmd_fail(&err);
}

static int run(const struct cmd_context *context)
{
	const char *file = NULL, *dataset = NULL;
	const struct arg table[] = {
		{ .name = "--dataset", .text = &dataset },
		{ .name = NULL },
	};
	struct pipeline_set set = { 0 };
	struct dropped dropped = { 0 };
	struct err err = { 0 };
	size_t count;
	int code;

	if (!args_parse(context, table, &file, 1, &count, &err))
		return cmd_usage(&cmd_drop, "%s", err.text);
	if (pipeline_set_read(context->config->pipelines_dir, &set, &err) &&
		drop_choose(&set, dataset, &dropped.dataset, &err) &&
		drop_file(context->config, file, &dropped, &err))
		code = show(context, &dropped);
	else
		code = cmd_fail(&err);
	dropped_clear(&dropped);
	pipeline_set_clear(&set);
	return code;
}

const struct cmd cmd_drop = {
	.name = "drop",
	.usage = "[FILE] [--dataset NAME]",
	.summary = "put a file, or the sample, where the producer takes it",
	.help =
"Copies FILE into the folder of a dataset: under a name with a leading dot,\n"
"synced to the disk, then renamed, so that the producer sees it whole. FILE\n"
"itself stays. A name that is taken there gets eight random hex digits.\n"
"Without FILE it is the sample (setting sample_file), under a random name.\n"
"\n"
"  --dataset NAME  which dataset: \"events\", or \"pipeline.dataset\" where\n"
"                  several pipelines have one of that name. Default: the\n"
"                  dataset \"events\" when there is one, else the only one\n"
"\n"
"Prints the path it has there; with --json: path, pipeline, dataset, bytes.\n"
"\n"
"  sluice drop\n"
"  sluice drop export.json\n"
"  sluice drop 2024-04-02.ndjson.gz --dataset gharchive\n"
"  sluice drop answer.json --dataset crm.customers\n"
"\n"
"Exits 0 when it is there, 1 when the dataset does not take such a name, 64\n"
"when there is no such dataset, 74 when FILE or the folder could not be used.",
	.run = run,
};

/* cmd_console.c - `sluice console`: what happens, and keys that do something. */
#include "cli/args.h"
#include "cli/console.h"
#include "cli/drop.h"
#include "cli/screen.h"

static int run(const struct cmd_context *context)
{
	const char *name = NULL;
	bool plain = false;
	const struct arg table[] = {
		{ .name = "--dataset", .text = &name },
		{ .name = "--plain", .flag = &plain },
		{ .name = NULL },
	};
	struct pipeline_set set = { 0 };
	const struct dataset *dataset;
	struct err err = { 0 };
	int code = EXIT_FINE;
	size_t count;
	bool ok;

	if (!args_parse(context, table, NULL, 0, &count, &err))
		return cmd_usage(&cmd_console, "%s", err.text);
	ok = pipeline_set_read(context->config->pipelines_dir, &set, &err) &&
		drop_choose(&set, name, &dataset, &err);
	if (ok && (plain || !screen_possible()))
		console_menu(context, dataset);
	else if (ok)
		ok = console_full(context, dataset, &code, &err);
	pipeline_set_clear(&set);
	return ok ? code : cmd_fail(&err);
}

const struct cmd cmd_console = {
	.name = "console",
	.usage = "[--dataset NAME] [--plain]",
	.summary = "a live screen with keys; --plain: numbered choices",
	.help =
"The whole terminal, drawn anew each second: servers and daemons, and why one\n"
"does not work; files, records published, loaded and rejected a second, with\n"
"what they were before; lag and queues; sources under way; the last loads;\n"
"rejects by cause; models and data tests with their state; endpoints. From 132\n"
"columns on the lists stand side by side. Keys:\n"
"\n"
"  d        drop the sample into the dataset's folder, under the name\n"
"           events_sample_<random>.json\n"
"  c        drop custom_sample.json: moved from the folder you are in, else\n"
"           from the one of sluice.yaml\n"
"  l        load a day: asks for it; without a broker the files in the folders\n"
"           of the pipeline (`sluice load`), else once more what came on that\n"
"           day (`sluice replay`)\n"
"  r        rejects by cause; up and down choose one, Enter shows the latest\n"
"  R        replay a source: asks for its number, drop id or name\n"
"  p        pause the consumer, or resume it\n"
"  m        build the models that are stale\n"
"  Tab      one list after the other, alone; 0 or Escape: all of them\n"
"  1, 2, 3  the choices of the plain form, which are written there as well\n"
"  ? or h   help     q or ctrl-c  leave     ctrl-z  stop     ctrl-l  redraw\n"
"\n"
"Figures come from behind: a slow server keeps no key waiting. Colours unless\n"
"NO_COLOR is set.\n"
"\n"
"--plain, and where input and output are no terminal or a dumb one: reads\n"
"choices from standard input, one a line:\n"
"\n"
"  (1) drop file in raw data dir         as d\n"
"  (2) drop custom file in raw data dir  as c; or says where to put it\n"
"  (3) exit\n"
"  (4) show status                       the same as `sluice status`\n"
"\n"
"Where there is no broker (the setting `broker: false`), they are:\n"
"\n"
"  (1) load all events                 the files in the folders of the pipeline\n"
"  (2) load specific date from events  asks for the day; again until it is one\n"
"  (3) exit\n"
"\n"
"and run `sluice load`: what is loaded already is not loaded again.\n"
"\n"
"  --dataset NAME  whose folder; see `sluice help drop`\n"
"\n"
"Exits 0, 64 when there is no such dataset, 74 when the terminal went away, 78\n"
"when a pipeline file is wrong.",
	.run = run,
};

/* cmd_prove.c - `sluice prove`: nothing lost, nothing doubled, by trying. */
#include "cli/args.h"
#include "cli/output.h"
#include "cli/prove_run.h"
#include "common/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORDS "100000"
#define MINUTES "5"
#define MINUTES_MAX (7 * 24 * 60)
#define PLAIN_MS 10000 /* between two lines where there is no terminal */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

/* -- the words ----------------------------------------------------- */

struct words {
	const char *minutes, *seed, *bin;
	int64_t records;
	bool keep;
};

static bool read_minutes(const char *text, int64_t *ms)
{
	char *end;
	double minutes;

	errno = 0;
	minutes = strtod(text, &end);
	if (text[strspn(text, "0123456789.")] != '\0' || end == text ||
		*end != '\0' || errno != 0 || !(minutes >= 0.05) ||
		minutes > MINUTES_MAX)
		return false;
	*ms = (int64_t)(minutes * 60000);
	return true;
}

static bool read_seed(const char *text, uint64_t *seed)
{
	char *end;

	errno = 0;
	*seed = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

/* Small enough to be typed again. */
static bool draw_seed(uint64_t *seed, struct err *err)
{
	struct uuid uuid;

	if (!uuid_random(&uuid, err))
		return false;
	memcpy(seed, uuid.bytes, sizeof(*seed));
	*seed %= 1000000000;
	return true;
}

/* -- while it goes on ---------------------------------------------- */

struct screen {
	bool terminal;
	int64_t next_ms;
	bool open; /* a line that is not ended */
};

static void say(void *context, const struct prove_progress *progress)
{
	struct screen *screen = context;
	const int64_t now_ms = clock_now_ms();
	int64_t kills = 0;

	if (now_ms < screen->next_ms)
		return;
	screen->next_ms = now_ms + (screen->terminal ? 0 : PLAIN_MS);
	for (size_t i = 0; i < PROVE_KILLS; i++)
		kills += progress->kills[i];
	(void)fprintf(stderr, "%s%02" PRId64 ":%02" PRId64 " %s: %" PRId64
		" records issued, %" PRId64 " accounted for, %" PRId64
		" kills, %" PRId64 " duplicates absorbed%s",
		screen->terminal ? "\r" : "", progress->elapsed_ms / 60000,
		progress->elapsed_ms / 1000 % 60, progress->phase,
		progress->issued, progress->accounted, kills,
		progress->duplicates, screen->terminal ? "\033[K" : "\n");
	screen->open = screen->terminal;
}

static void note(struct screen *screen, const char *text)
{
	(void)fprintf(stderr, "%s%s\n", screen->open ? "\n" : "", text);
	screen->open = false;
}

/* -- the verdict --------------------------------------------------- */

struct proof {
	struct prove_options options;
	struct prove_progress progress;
	struct prove_verdict verdict;
	const struct words *words;
	const char *dir; /* what was kept; NULL: nothing */
};

static void show_kills(const struct prove_progress *progress)
{
	static const char *const separators[PROVE_KILLS] = { "", ", ", ", ",
		",\n                          ", ", ", ", " };
	struct buf text = { 0 };
	struct err err = { 0 };
	int64_t sum = 0;
	bool ok = true;

	for (size_t i = 0; ok && i < PROVE_KILLS; i++) {
		sum += progress->kills[i];
		ok = buf_printf(&text, &err, "%s%s %" PRId64,
			separators[i], prove_kill_name((enum prove_kill)i),
			progress->kills[i]);
	}
	output_line("kills           %8" PRId64 "  %s", sum,
		text.data != NULL ? text.data : "");
	buf_clear(&text);
}

static void show_counts(const struct proof *proof)
{
	const struct prove_verdict *v = &proof->verdict;
	const struct {
		const char *what;
		int64_t count;
		const char *more;
	} lines[] = {
		{ "records issued", v->issued, "" },
		{ "loaded", v->loaded, "each once, as issued" },
		{ "rejected", v->rejected, "each once, for its reason" },
		{ "lost", v->lost, "" },
		{ "doubled", v->doubled, "" },
		{ "altered", v->altered + v->strange, "" },
		{ "keys", v->keys, "in the master" },
		{ "wrong versions", v->wrong_keys, "" },
		{ "duplicates", v->duplicates,
			"messages came again and were absorbed" },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		output_line("%-15s %8" PRId64 "%s%s", lines[i].what,
			lines[i].count, lines[i].more[0] != '\0' ? "  " : "",
			lines[i].more);
}

static void show_rest(const struct proof *proof)
{
	const struct prove_verdict *v = &proof->verdict;

	show_kills(&proof->progress);
	output_line("longest stall   %8.1f  seconds, %.1f with all servers and "
		"daemons up", (double)proof->progress.stall_ms / 1000,
		(double)proof->progress.up_stall_ms / 1000);
	output_line("receipts        %8" PRId64 "  hold, %" PRId64 " do not",
		v->receipts, v->broken_receipts);
	output_line("models          %8" PRId64 "  worked out again: %" PRId64
		" rows differ", v->models, v->model_differences);
	output_line("queues          %8" PRId64 "  messages left", v->queued);
	output_line("files           %8" PRId64 "  processed, %" PRId64
		" failed as they must, %" PRId64 " misplaced", v->processed,
		v->failed, v->misplaced);
}

static void show_replay(const struct proof *proof)
{
	const struct words *words = proof->words;
	struct buf shown = { 0 };

	output_line("replay: sluice prove --seed %" PRIu64
		" --minutes %s --records %" PRId64 "%s%s",
		proof->options.plan.seed, words->minutes, words->records,
		words->bin != NULL ? " --bin " : "", words->bin != NULL ?
			output_escape(&shown, words->bin) : "");
	buf_clear(&shown);
}

static void show(const struct proof *proof)
{
	const struct prove_verdict *v = &proof->verdict;
	struct buf shown = { 0 };
	char age[OUTPUT_TEXT];

	output_line("seed %" PRIu64 ", %" PRId64 " files, %s\n",
		proof->options.plan.seed, v->files,
		output_age(proof->progress.elapsed_ms / 1000, age));
	show_counts(proof);
	show_rest(proof);
	output_line("\n%s%s%s", output_paint(v->faults == 0 ? PAINT_GREEN :
		PAINT_RED), v->faults == 0 ? "HOLDS" : "FAILED",
		output_paint(PAINT_NONE));
	if (v->faults > 0) {
		(void)fputs(v->text.data, stdout);
		if (v->faults > PROVE_FAULTS_MAX)
			output_line("and %zu more",
				v->faults - PROVE_FAULTS_MAX);
		show_replay(proof);
	}
	if (proof->dir != NULL)
		output_line("kept: %s", output_escape(&shown, proof->dir));
	buf_clear(&shown);
}

static void put_kills(struct json *root, const struct prove_progress *progress)
{
	static const char *const keys[] = { "producer", "consumer",
		"consumer_after_commit", "broker", "postmaster", "backend" };
	struct json *kills = json_put_object(root, "kills");

	for (size_t i = 0; i < PROVE_KILLS; i++)
		json_put_int(kills, keys[i], progress->kills[i]);
}

static void put_faults(struct json *root, const struct prove_verdict *v)
{
	struct json *array = json_put_array(root, "faults");
	const char *at = v->faults > 0 ? v->text.data : "";
	char line[600];

	while (*at != '\0') {
		const size_t len = strcspn(at, "\n");

		(void)snprintf(line, sizeof(line), "%.*s", (int)len, at);
		json_add_text(array, line);
		at += len + (at[len] == '\n');
	}
}

static bool show_json(const struct proof *proof, struct err *err)
{
	const struct prove_verdict *v = &proof->verdict;
	const struct {
		const char *key;
		int64_t value;
	} all[] = {
		{ "seed", (int64_t)proof->options.plan.seed },
		{ "elapsed_ms", proof->progress.elapsed_ms },
		{ "files", v->files }, { "issued", v->issued },
		{ "loaded", v->loaded }, { "rejected", v->rejected },
		{ "lost", v->lost }, { "doubled", v->doubled },
		{ "altered", v->altered }, { "strange", v->strange },
		{ "keys", v->keys }, { "wrong_keys", v->wrong_keys },
		{ "duplicates", v->duplicates },
		{ "longest_stall_ms", proof->progress.stall_ms },
		{ "longest_stall_up_ms", proof->progress.up_stall_ms },
		{ "receipts", v->receipts },
		{ "broken_receipts", v->broken_receipts },
		{ "models", v->models },
		{ "model_differences", v->model_differences },
		{ "queued", v->queued }, { "processed", v->processed },
		{ "failed", v->failed }, { "misplaced", v->misplaced },
	};
	struct json *root = json_object();

	json_put_bool(root, "holds", v->faults == 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		json_put_int(root, all[i].key, all[i].value);
	put_kills(root, &proof->progress);
	put_faults(root, v);
	if (proof->dir != NULL)
		json_put_text(root, "kept", proof->dir);
	else
		json_put_null(root, "kept");
	return output_json(root, err);
}

/* -- the verb ------------------------------------------------------ */

static bool work(struct prove_site *site, struct proof *proof,
	struct screen *screen, struct err *err)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "seed %" PRIu64
		": starting servers", proof->options.plan.seed);
	note(screen, text);
	if (!prove_site_open(site, proof->words->bin, err) ||
		!prove_run(site, &proof->options, &proof->progress,
			&proof->verdict, err))
		return false;
	note(screen, "judging");
	return prove_judge(site, &proof->options.plan, proof->progress.files,
		&proof->verdict, err);
}

/* A run that ended early has no verdict, but a seed, and maybe a reason. */
static int give_up(const struct proof *proof, bool begun, const struct err *err)
{
	if (proof->verdict.faults > 0)
		(void)fputs(proof->verdict.text.data, stderr);
	if (begun && interrupted == 0)
		(void)fprintf(stderr, "seed %" PRIu64 "\n",
			proof->options.plan.seed);
	return cmd_fail(err);
}

static int prove(const struct cmd_context *context, struct proof *proof)
{
	struct screen screen = { .terminal = isatty(STDERR_FILENO) == 1 };
	struct prove_site site = { .interrupted = &interrupted };
	struct err err = { 0 };
	struct buf dir = { 0 };
	bool ok, begun, keep;
	int code;

	proof->options.say = say;
	proof->options.context = &screen;
	ok = work(&site, proof, &screen, &err);
	begun = site.configured;
	keep = site.top.len > 0 && (proof->words->keep || (begun &&
		interrupted == 0 && (!ok || proof->verdict.faults > 0)));
	if (keep && buf_add_str(&dir, site.top.data, &err))
		proof->dir = dir.data;
	note(&screen, "stopping servers");
	prove_site_close(&site, keep);
	if (ok && context->json)
		ok = show_json(proof, &err);
	else if (ok)
		show(proof);
	else if (proof->dir != NULL)
		(void)fprintf(stderr, "kept: %s\n", proof->dir);
	code = !ok ? give_up(proof, begun, &err) :
		proof->verdict.faults > 0 ? EXIT_DATA : EXIT_FINE;
	buf_clear(&dir);
	prove_verdict_clear(&proof->verdict);
	return code;
}

static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = on_signal };

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
}

/* Files small enough that there are some dozens of them. */
static uint32_t file_records(int64_t records)
{
	const int64_t some = records / 50;

	return (uint32_t)(some < 20 ? 20 : some > PROVE_FILE_RECORDS ?
		PROVE_FILE_RECORDS : some);
}

static int run(const struct cmd_context *context)
{
	struct words words = { .minutes = MINUTES,
		.records = (int64_t)strtoll(RECORDS, NULL, 10) };
	const struct arg table[] = {
		{ .name = "--minutes", .text = &words.minutes },
		{ .name = "--seed", .text = &words.seed },
		{ .name = "--records", .count = &words.records, .min = 1,
			.max = 100000000 },
		{ .name = "--bin", .text = &words.bin },
		{ .name = "--keep", .flag = &words.keep },
		{ .name = NULL },
	};
	struct proof proof = { .words = &words };
	struct err err = { 0 };
	size_t count;

	if (!args_parse(context, table, NULL, 0, &count, &err))
		return cmd_usage(&cmd_prove, "%s", err.text);
	if (!read_minutes(words.minutes, &proof.options.duration_ms))
		return cmd_usage(&cmd_prove, "--minutes is a number from 0.05 "
			"to %d", MINUTES_MAX);
	if (words.seed != NULL && !read_seed(words.seed,
		    &proof.options.plan.seed))
		return cmd_usage(&cmd_prove, "--seed is a whole number");
	if (words.bin == NULL)
		words.bin = getenv("SLUICE_BIN");
	if (words.seed == NULL && !draw_seed(&proof.options.plan.seed, &err))
		return cmd_fail(&err);
	proof.options.records = words.records;
	proof.options.plan.file_records = file_records(words.records);
	catch_signals();
	return prove(context, &proof);
}

const struct cmd cmd_prove = {
	.name = "prove",
	.usage = "[--minutes M] [--seed S] [--records N] [--bin DIR] [--keep]",
	.summary = "kill everything while files drop, and account for all",
	.help =
"Starts a PostgreSQL and a RabbitMQ of its own in a new folder below $TMPDIR\n"
"(/tmp), and a producer and a consumer. Drops generated files for a while:\n"
"arrays, lines, objects, gzip; good records, older, newer and equal versions\n"
"of earlier ones, copies, wrong records, files that are cut off. Meanwhile,\n"
"every second or two, it sends SIGKILL to one of: producer, consumer, the\n"
"consumer between its commit and the answer, the broker's node, the\n"
"postmaster, a backend. What died is started again.\n"
"\n"
"Then it waits until all is at rest, makes every file again from the seed and\n"
"compares: each good record is in the delta once, with the bytes it had; each\n"
"wrong one is a reject once, with its reason; each key of the master has the\n"
"version that must win; receipts hold, models equal their recomputation,\n"
"queues are empty, each file is where it belongs; messages came twice and\n"
"were absorbed. Nothing of an existing deployment is touched.\n"
"\n"
"  --minutes M  how long files drop; 0.05 and more. Default " MINUTES "\n"
"  --records N  how many records, spread over that time. Default " RECORDS "\n"
"  --seed S     the same files, the same kills after the same pauses; what\n"
"               the machine does between them is its own. Default: random\n"
"  --bin DIR    another producer and consumer than those beside this one; or\n"
"               $SLUICE_BIN\n"
"  --keep       leave the folder: settings, logs, data; servers are stopped.\n"
"               A failed proof is kept in any case\n"
"\n"
"The servers run without fsync: what is proven is the death of processes, not\n"
"of the machine. Progress is on standard error, the verdict on standard\n"
"output; with --json: holds, seed, elapsed_ms, files, issued, loaded,\n"
"rejected, lost, doubled, altered, strange, keys, wrong_keys, duplicates,\n"
"longest_stall_ms, longest_stall_up_ms, receipts, broken_receipts, models,\n"
"model_differences, queued, processed, failed, misplaced, kills {producer,\n"
"consumer, consumer_after_commit, broker, postmaster, backend}, faults[],\n"
"kept.\n"
"\n"
"  sluice prove\n"
"  sluice prove --minutes 60 --records 2000000\n"
"\n"
"Exits 0 when it holds, 1 when not (the command that replays it is printed)\n"
"or when it was interrupted, 64 for wrong words, 69 when PostgreSQL or\n"
"RabbitMQ is not installed or does not start.",
	.run = run,
};

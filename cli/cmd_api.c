/* cmd_api.c - `sluice api`: endpoints, what they last did, and what to do. */
#include "cli/api.h"
#include "cli/args.h"
#include "cli/output.h"

#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* -- finding ------------------------------------------------------------- */

/* "issues" or "github.issues". */
static const struct dataset *choose(const struct pipeline_set *set,
	const char *name, struct err *err)
{
	const struct dataset *found = NULL;
	char full[API_NAME_MAX];

	for (size_t i = 0; i < set->count; i++)
		for (size_t k = 0; k < set->pipelines[i].dataset_count; k++) {
			const struct dataset *at =
				&set->pipelines[i].datasets[k];

			if (at->api == NULL)
				continue;
			api_name(at, full);
			if (strcmp(full, name) == 0)
				return at;
			if (strcmp(at->name, name) != 0)
				continue;
			if (found != NULL) {
				(void)err_stop(err, EXIT_USAGE, "several "
					"pipelines have an endpoint %s: "
					"say <pipeline>.%s", name, name);
				return NULL;
			}
			found = at;
		}
	if (found == NULL)
		(void)err_stop(err, EXIT_USAGE, "no endpoint %s: `sluice api "
			"list` shows those there are", name);
	return found;
}

/* -- list -------------------------------------------------------------------- */

static bool list_json(const struct api_facts *facts, size_t count,
	struct err *err)
{
	struct json *root = json_array();

	for (size_t i = 0; i < count; i++)
		api_facts_json(&facts[i], json_add_object(root));
	return output_json(root, err);
}

static bool list(const struct cmd_context *context,
	const struct pipeline_set *set, struct err *err)
{
	struct api_facts *facts = NULL;
	size_t count = 0;
	struct err why = { 0 };
	struct buf shown = { 0 };
	bool ok = api_facts_gather(context->config, set, &facts, &count, &why,
		err);

	if (ok && context->json)
		ok = list_json(facts, count, err);
	else if (ok && count == 0)
		output_line("no endpoints: a dataset with `source: { api: ... "
			"}` is one");
	else if (ok)
		ok = api_facts_print(facts, count, err);
	if (ok && why.kind != ERR_NONE)
		(void)fprintf(stderr, "sluice: what they did is not known: "
			"%s\n", output_escape(&shown, why.text));
	buf_clear(&shown);
	api_facts_free(facts, count);
	return ok;
}

/* -- run ----------------------------------------------------------------------- */

static bool run_dry(const struct dataset *dataset,
	const struct api_facts *facts, struct err *err)
{
	struct buf text = { 0 };
	const bool ok = api_describe(dataset, facts, &text, err);

	if (ok)
		(void)fputs(text.data, stdout);
	buf_clear(&text);
	return ok;
}

static bool dry(const struct config *config, const struct pipeline_set *set,
	const struct dataset *dataset, struct err *err)
{
	struct api_facts *facts = NULL;
	struct err why = { 0 };
	size_t count = 0;
	bool ok = api_facts_gather(config, set, &facts, &count, &why, err);

	for (size_t i = 0; ok && i < count; i++)
		if (facts[i].dataset == dataset)
			ok = run_dry(dataset, &facts[i], err);
	api_facts_free(facts, count);
	return ok;
}

static bool run_now(const struct cmd_context *context,
	const struct dataset *dataset, bool once, struct err *err)
{
	char name[API_NAME_MAX];
	const char *const words[] = { "run", api_name(dataset, name), "once" };
	struct buf text = { 0 }, shown = { 0 };
	bool daemon;
	bool ok = api_ask_daemon(context->config, words, once ? 3 : 2,
		&daemon, &text, err);

	if (ok)
		output_line("%s", output_escape(&shown, text.data));
	if (ok && !daemon)
		output_line("no producer runs: it will publish them when it "
			"starts");
	buf_clear(&text);
	buf_clear(&shown);
	return ok;
}

/* -- state ----------------------------------------------------------------------- */

static bool state_show(const struct cmd_context *context,
	const struct pipeline_set *set, const struct dataset *dataset,
	struct err *err)
{
	struct api_facts *facts = NULL;
	struct err why = { 0 };
	size_t count = 0;
	bool ok = api_facts_gather(context->config, set, &facts, &count, &why,
		err);

	for (size_t i = 0; ok && i < count; i++) {
		struct json *root;

		if (facts[i].dataset != dataset)
			continue;
		if (why.kind != ERR_NONE) {
			*err = why;
			ok = false;
			break;
		}
		if (!context->json) {
			ok = api_facts_show(&facts[i], err);
			continue;
		}
		root = json_object();
		api_facts_json(&facts[i], root);
		ok = output_json(root, err);
	}
	api_facts_free(facts, count);
	return ok;
}

static bool state_change(const struct cmd_context *context,
	const struct dataset *dataset, const char *verb, const char *value,
	struct err *err)
{
	char name[API_NAME_MAX];
	const char *const words[] = { verb, api_name(dataset, name), value };
	struct buf text = { 0 };
	bool daemon;
	const bool ok = api_ask_daemon(context->config, words,
		value != NULL ? 3 : 2, &daemon, &text, err);

	if (ok && value != NULL)
		output_line("the next run of %s begins there", name);
	else if (ok)
		output_line("%s begins from the start", name);
	buf_clear(&text);
	return ok;
}

/* -- the verb ----------------------------------------------------------------------- */

struct words {
	const char *at[4];
	size_t count;
	bool once, dry_run;
};

static bool is_verb(const struct words *words, const char *verb, size_t count)
{
	return words->count == count && strcmp(words->at[0], verb) == 0;
}

static bool dispatch(const struct cmd_context *context,
	const struct words *words, const struct pipeline_set *set,
	bool *known, struct err *err)
{
	const char *name = words->count > 2 && strcmp(words->at[0], "state") ==
		0 ? words->at[2] : words->count > 1 ? words->at[1] : NULL;
	const bool state = words->count > 2 &&
		strcmp(words->at[0], "state") == 0;
	const struct dataset *dataset = NULL;

	*known = true;
	if (is_verb(words, "list", 1))
		return list(context, set, err);
	if (name != NULL) {
		dataset = choose(set, name, err);
		if (dataset == NULL)
			return false;
	}
	if (is_verb(words, "run", 2))
		return words->dry_run ? dry(context->config, set, dataset,
			err) : run_now(context, dataset, words->once, err);
	if (is_verb(words, "preview", 2))
		return api_preview(context->config, dataset, err);
	if (is_verb(words, "record", 3))
		return api_record(context->config, dataset, words->at[2],
			err);
	if (state && words->count == 3 && strcmp(words->at[1], "show") == 0)
		return state_show(context, set, dataset, err);
	if (state && words->count == 3 && strcmp(words->at[1], "reset") == 0)
		return state_change(context, dataset, "reset", NULL, err);
	if (state && words->count == 4 && strcmp(words->at[1], "set") == 0)
		return state_change(context, dataset, "set", words->at[3],
			err);
	*known = false;
	return false;
}

static int run(const struct cmd_context *context)
{
	struct words words = { .count = 0 };
	const struct arg table[] = {
		{ .name = "--once", .flag = &words.once },
		{ .name = "--dry-run", .flag = &words.dry_run },
		{ .name = NULL },
	};
	struct pipeline_set set = { 0 };
	struct err err = { 0 };
	bool known = true;
	int code = EXIT_FINE;

	if (!args_parse(context, table, words.at, 4, &words.count, &err))
		return cmd_usage(&cmd_api, "%s", err.text);
	if (words.count == 0)
		return cmd_usage(&cmd_api, "what of it?");
	if (!pipeline_set_read(context->config->pipelines_dir, &set, &err) ||
		!dispatch(context, &words, &set, &known, &err))
		code = known ? cmd_fail(&err) : cmd_usage(&cmd_api,
			"not understood: %s", words.at[0]);
	pipeline_set_clear(&set);
	return code;
}

const struct cmd cmd_api = {
	.name = "api",
	.usage = "list | run NAME [--once] [--dry-run] | state show NAME |\n"
"       state set NAME CURSOR | state reset NAME | record NAME DIR |\n"
"       preview NAME",
	.summary = "HTTP APIs that are polled: look, run, set back, record",
	.help =
"An endpoint is a dataset with `source: { api: ... }`; its NAME is the\n"
"dataset's, or <pipeline>.<dataset>. The producer asks them by their schedule.\n"
"\n"
"  list          each endpoint: last check, last change, next run, calls left\n"
"                today, records, errors\n"
"  run           asks now, all pages, and waits until that has ended. --once:\n"
"                one request only, the next run goes on behind it. --dry-run:\n"
"                only shows the request that would be made\n"
"  state show    the cursor and what is under way\n"
"  state set     the next run asks from CURSOR on\n"
"  state reset   forgets cursor, ETags and hashes: all is loaded once more\n"
"  record        asks for all pages and writes answers and headers to DIR, as a\n"
"                cassette for tests, without secrets; loads nothing. With a\n"
"                parent: one page of that, and all pages of its first records\n"
"  preview       asks for one page and shows its records as the columns would\n"
"                hold them; writes nothing. With a parent: one page of that,\n"
"                then of its first record that has some\n"
"\n"
"run and state go through the producer, which alone owns its state file, by a\n"
"socket beside it. Where none runs, `sluice` takes the state file itself for\n"
"that time; what it fetches is published by the next producer. Where one runs,\n"
"requests of record and preview count in its hosts' budgets, too, and wait for\n"
"them, a minute at most.\n"
"\n"
"  sluice api run github.issues\n"
"  sluice api state set github.issues 2024-01-01T00:00:00Z\n"
"  sluice api preview crm.customers\n"
"\n"
"Exits 0 when it is done, 1 when the endpoint's run failed, 64 when there is\n"
"no such endpoint, 69 when a server is not there, 74 when a file could not be\n"
"used, 78 on bad configuration.",
	.run = run,
};

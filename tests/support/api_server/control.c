/* control.c - what tests ask and tell the server under /_control. */
#include "tests/support/api_server/behave.h"

#include <string.h>

static const char *word(const struct request *request, const char *name)
{
	const char *value = pairs_get(&request->query, name);

	return value == NULL ? "" : value;
}

static unsigned status_of(const struct request *request)
{
	return (unsigned)pairs_int(&request->query, "status", 0);
}

static void requests(struct site *site, const struct request *request,
	struct answer *answer)
{
	pairs_set(&answer->headers, "Content-Type", "application/x-ndjson");
	journal_show(site->journal, word(request, "target"),
		status_of(request), &answer->body);
}

static void count(struct site *site, const struct request *request,
	struct answer *answer)
{
	answer_text(answer, "%lld\n", (long long)journal_count(site->journal,
		word(request, "target"), status_of(request)));
}

static void stats(struct site *site, const struct request *request,
	struct answer *answer)
{
	(void)request;
	pairs_set(&answer->headers, "Content-Type", "application/json");
	journal_stats(site->journal, &answer->body);
}

static void tokens(struct site *site, const struct request *request,
	struct answer *answer)
{
	(void)request;
	answer_text(answer, "%lld\n", (long long)auth_tokens_given(site->auth));
}

static void show_rules(struct site *site, const struct request *request,
	struct answer *answer)
{
	(void)request;
	answer_text(answer, "%s", "");
	rules_show(site->rules, &answer->body);
}

static void refused(const struct err *err, struct answer *answer)
{
	answer_text(answer, "%s\n", err->text);
	answer->status = 400;
}

static void add_rules(struct site *site, const struct request *request,
	struct answer *answer)
{
	struct err err = { 0 };

	if (request->body.len > 0 && !rules_add(site->rules,
		request->body.data, false, &err))
		refused(&err, answer);
}

static void forget_rules(struct site *site, const struct request *request,
	struct answer *answer)
{
	(void)request;
	(void)answer;
	rules_forget(site->rules);
}

static void load(struct site *site, const struct request *request,
	struct answer *answer)
{
	struct err err = { 0 };

	if (!cassette_load(site->cassette, word(request, "folder"), &err))
		refused(&err, answer);
}

static void grow(struct site *site, const struct request *request,
	struct answer *answer)
{
	(void)answer;
	site->grown += pairs_int(&request->query, "by", 1);
}

static void expire(struct site *site, const struct request *request,
	struct answer *answer)
{
	(void)request;
	(void)answer;
	auth_expire(site->auth);
}

static void reset(struct site *site, const struct request *request,
	struct answer *answer)
{
	forget_rules(site, request, answer);
	expire(site, request, answer);
	journal_forget(site->journal);
	cassette_rewind(site->cassette);
	site->grown = 0;
}

static const struct {
	const char *method, *path;
	void (*act)(struct site *site, const struct request *request,
		struct answer *answer);
} acts[] = {
	{ "GET", "/_control/requests", requests },
	{ "GET", "/_control/count", count },
	{ "GET", "/_control/stats", stats },
	{ "GET", "/_control/tokens", tokens },
	{ "GET", "/_control/rules", show_rules },
	{ "POST", "/_control/rules", add_rules },
	{ "DELETE", "/_control/rules", forget_rules },
	{ "POST", "/_control/load", load },
	{ "POST", "/_control/grow", grow },
	{ "POST", "/_control/expire", expire },
	{ "POST", "/_control/reset", reset },
};

void control(struct site *site, const struct request *request,
	struct answer *answer)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(acts[i].path, request->path) == 0 &&
			strcmp(acts[i].method, request->method) == 0) {
			acts[i].act(site, request, answer);
			return;
		}
	answer_message(answer, 404, "no such control");
}

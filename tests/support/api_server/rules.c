/* rules.c - see rules.h. */
#include "tests/support/api_server/rules.h"

#include "common/clock.h"
#include "tests/support/api_server/behave.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rule {
	struct rule *next;
	char *line; /* as it was given */
	char *path;
	struct pairs query;
	struct pairs words;
	bool fixed;
	int64_t spared, left; /* left -1: for ever */
	int64_t limit, window_ms, used, window_began_ms;
};

struct rules {
	pthread_mutex_t lock;
	struct rule *first;
};

struct rules *rules_new(void)
{
	struct rules *rules = must_have(calloc(1, sizeof(struct rules)));

	(void)pthread_mutex_init(&rules->lock, NULL);
	return rules;
}

static void rule_free(struct rule *rule)
{
	pairs_clear(&rule->query);
	pairs_clear(&rule->words);
	free(rule->line);
	free(rule->path);
	free(rule);
}

/* -- reading ----------------------------------------------------------- */

static bool read_budget(struct rule *rule, struct err *err)
{
	const char *text = pairs_get(&rule->words, "rate");
	const char *slash = text == NULL ? NULL : strchr(text, '/');

	if (text == NULL)
		return true;
	rule->limit = strtoll(text, NULL, 10);
	rule->window_ms = slash == NULL ? 0 :
		strtoll(slash + 1, NULL, 10) * 1000;
	if (rule->limit < 0 || rule->window_ms <= 0)
		return err_set(err, ERR_REJECT, "rate=%s is not N/SECONDS",
			text);
	return true;
}

static void read_match(struct rule *rule, char *text)
{
	char *query = strchr(text, '?');

	if (query != NULL) {
		*query++ = '\0';
		pairs_read_query(&rule->query, query, strlen(query));
	}
	rule->path = copy_of(text, strlen(text));
}

static bool read_words(struct rule *rule, char *text, struct err *err)
{
	char *word = strsep(&text, " \t");

	if (word[0] != '/')
		return err_set(err, ERR_REJECT, "a rule begins with a path, "
			"not with %s", word);
	read_match(rule, word);
	while ((word = strsep(&text, " \t")) != NULL) {
		char *value = strchr(word, '=');

		if (word[0] == '\0')
			continue;
		if (value == NULL)
			return err_set(err, ERR_REJECT, "%s is not WORD=VALUE",
				word);
		*value++ = '\0';
		if (!behave_knows(word))
			return err_set(err, ERR_REJECT, "no word %s", word);
		(void)percent_decode(value, false);
		pairs_add(&rule->words, word, value);
	}
	rule->left = pairs_int(&rule->words, "times", -1);
	rule->spared = pairs_int(&rule->words, "after", 0);
	return read_budget(rule, err);
}

static struct rule *read_rule(const char *line, struct err *err)
{
	struct rule *rule = must_have(calloc(1, sizeof(struct rule)));
	char *copy = copy_of(line, strlen(line));
	bool ok;

	rule->line = copy_of(line, strlen(line));
	ok = read_words(rule, copy, err);
	free(copy);
	if (ok)
		return rule;
	rule_free(rule);
	return NULL;
}

static void append(struct rules *rules, struct rule *rule)
{
	struct rule **last = &rules->first;

	(void)pthread_mutex_lock(&rules->lock);
	while (*last != NULL)
		last = &(*last)->next;
	*last = rule;
	(void)pthread_mutex_unlock(&rules->lock);
}

bool rules_add(struct rules *rules, const char *text, bool fixed,
	struct err *err)
{
	char *copy = copy_of(text, strlen(text));
	char *next = copy;
	char *line;
	bool ok = true;

	while (ok && (line = strsep(&next, "\n")) != NULL) {
		struct rule *rule;

		line += strspn(line, " \t");
		line[strcspn(line, "#\r")] = '\0';
		if (line[0] == '\0')
			continue;
		rule = read_rule(line, err);
		ok = rule != NULL;
		if (!ok)
			break;
		rule->fixed = fixed;
		append(rules, rule);
	}
	free(copy);
	return ok;
}

void rules_forget(struct rules *rules)
{
	struct rule **at = &rules->first;

	(void)pthread_mutex_lock(&rules->lock);
	while (*at != NULL) {
		struct rule *rule = *at;

		if (rule->fixed) {
			rule->used = 0;
			at = &rule->next;
			continue;
		}
		*at = rule->next;
		rule_free(rule);
	}
	(void)pthread_mutex_unlock(&rules->lock);
}

/* -- matching ---------------------------------------------------------- */

static bool is_below(const char *path, const char *top)
{
	const size_t len = strlen(top);

	if (strncmp(path, top, len) != 0)
		return false;
	return path[len] == '\0' || path[len] == '/' || top[len - 1] == '/';
}

static bool matches(const struct rule *rule, const struct request *request)
{
	if (rule->left == 0 || !is_below(request->path, rule->path))
		return false;
	for (size_t i = 0; i < rule->query.count; i++) {
		const struct pair *want = &rule->query.list[i];
		const char *got = pairs_get(&request->query, want->name);

		if (got == NULL || strcmp(got, want->value) != 0)
			return false;
	}
	return true;
}

static void put_number(struct pairs *words, const char *name, int64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)number);
	pairs_set(words, name, text);
}

static void take_budget(struct rule *rule, struct pairs *words)
{
	const int64_t now = clock_now_ms();
	int64_t reset;

	if (rule->used == 0 || now - rule->window_began_ms >= rule->window_ms) {
		rule->window_began_ms = now;
		rule->used = 0;
	}
	rule->used++;
	reset = rule->window_began_ms + rule->window_ms - now;
	put_number(words, "rate-limit", rule->limit);
	put_number(words, "rate-left", rule->used > rule->limit ? -1 :
		rule->limit - rule->used);
	put_number(words, "rate-reset", (reset + 999) / 1000);
}

static void use(struct rule *rule, struct pairs *words)
{
	if (rule->spared > 0) {
		rule->spared--;
		return;
	}
	if (rule->left > 0)
		rule->left--;
	for (size_t i = 0; i < rule->words.count; i++) {
		const struct pair *word = &rule->words.list[i];

		if (strcmp(word->name, "header") == 0)
			pairs_add(words, word->name, word->value);
		else
			pairs_set(words, word->name, word->value);
	}
	if (rule->window_ms > 0)
		take_budget(rule, words);
}

void rules_match(struct rules *rules, const struct request *request,
	struct pairs *words)
{
	(void)pthread_mutex_lock(&rules->lock);
	for (struct rule *rule = rules->first; rule != NULL;
		rule = rule->next)
		if (matches(rule, request))
			use(rule, words);
	(void)pthread_mutex_unlock(&rules->lock);
}

void rules_show(struct rules *rules, struct buf *out)
{
	(void)pthread_mutex_lock(&rules->lock);
	for (const struct rule *rule = rules->first; rule != NULL;
		rule = rule->next)
		if (rule->left != 0)
			say(out, "%s\n", rule->line);
	(void)pthread_mutex_unlock(&rules->lock);
}

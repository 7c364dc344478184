/* listeners.c - who is told what: `notify:` in sluice.yaml. */
#include "common/listeners.h"
#include "common/pipeline_field.h"

#include <stdlib.h>
#include <string.h>

#define TARGETS_MAX 50
#define TO_MAX 50
#define TEXT_MAX_BYTES 2000

static const char *const events[] = {
	[NOTICE_LOAD] = "load",
	[NOTICE_MODEL] = "model",
	[NOTICE_TEST] = "test",
	[NOTICE_REJECTS] = "rejects",
	[NOTICE_EVENTS] = NULL,
};

const char *notice_event_name(enum notice_event event)
{
	return events[event];
}

/* -- values ------------------------------------------------------------- */

/* One line without blanks or controls: it goes into headers. */
static bool read_word(struct reading *in, const struct doc *value,
	const char *example, void *to)
{
	if (!field_expect(in, value, DOC_TEXT, example))
		return false;
	if (value->text[0] == '\0' || strlen(value->text) > TEXT_MAX_BYTES)
		return FAIL(value, "this must be 1 to %d bytes long, e.g. %s",
			TEXT_MAX_BYTES, example);
	for (const char *c = value->text; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return FAIL(value, "no blanks and control characters "
				"here, e.g. %s", example);
	return field_copy(in, value->text, to);
}

static bool read_file(struct reading *in, const struct doc *value, void *to)
{
	return field_expect(in, value, DOC_TEXT, "secrets/hook") &&
		(value->text[0] != '\0' ||
			FAIL(value, "the name of a file")) &&
		field_copy(in, value->text, to);
}

static bool read_user(struct reading *in, const struct doc *value, void *to)
{
	return read_word(in, value, "sluice@example.org", to);
}

static bool is_address(const char *text)
{
	const char *at = strchr(text, '@');

	return at != NULL && at > text && at[1] != '\0' &&
		strchr(at + 1, '@') == NULL &&
		strpbrk(text, "<>()[],;:\\\"") == NULL;
}

static bool read_address(struct reading *in, const struct doc *value, void *to)
{
	if (!read_word(in, value, "sluice@example.org", to))
		return false;
	return is_address(value->text) || FAIL(value, "\"%s\" is not a mail "
		"address, e.g. sluice@example.org", value->text);
}

/* A list that ends with NULL, also while it is being read. */
static bool read_list(struct reading *in, const struct doc *value,
	const char *example,
	bool (*read)(struct reading *in, const struct doc *value, void *to),
	char ***to)
{
	if (!field_expect(in, value, DOC_LIST, example))
		return false;
	if (value->count == 0 || value->count > TO_MAX)
		return FAIL(value, "1 to %d of them, e.g. %s", TO_MAX,
			example);
	if (!field_reserve(in, value->count + 1, sizeof(char *), to))
		return false;
	for (size_t i = 0; i < value->count; i++)
		if (!read(in, &value->items[i], &(*to)[i]))
			return false;
	return true;
}

static bool read_to(struct reading *in, const struct doc *value, void *to)
{
	return read_list(in, value, "[ops@example.org]", read_address, to);
}

static bool read_pipelines(struct reading *in, const struct doc *value,
	void *to)
{
	return read_list(in, value, "[events]", field_read_name, to);
}

static bool read_events(struct reading *in, const struct doc *value, void *to)
{
	unsigned *set = to;
	size_t at;

	if (!field_expect(in, value, DOC_LIST, "[model, test, rejects]"))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		if (!field_read_word(in, &value->items[i], events, &at))
			return false;
		*set |= 1u << at;
	}
	return *set != 0 || FAIL(value, "at least one of load, model, test, "
		"rejects");
}

static bool begins_with(const char *text, const char *a, const char *b)
{
	return strncmp(text, a, strlen(a)) == 0 ||
		strncmp(text, b, strlen(b)) == 0;
}

static bool read_webhook(struct reading *in, const struct doc *value, void *to)
{
	return read_word(in, value, "https://example.org/hook", to) &&
		(begins_with(value->text, "http://", "https://") ||
			FAIL(value, "this must be https://..., or http:// on "
				"this machine"));
}

static bool read_smtp(struct reading *in, const struct doc *value, void *to)
{
	return read_word(in, value, "smtps://mail.example.org", to) &&
		(begins_with(value->text, "smtp://", "smtps://") ||
			FAIL(value, "this must be smtps://host (TLS at once) "
				"or smtp://host:587 (STARTTLS)"));
}

static bool read_form(struct reading *in, const struct doc *value, void *to)
{
	static const char *const words[] = { "json", "slack", NULL };
	size_t at;

	if (!field_read_word(in, value, words, &at))
		return false;
	*(bool *)to = at == 1;
	return true;
}

static bool read_tls(struct reading *in, const struct doc *value, void *to)
{
	static const char *const words[] = { "required", "none", NULL };
	size_t at;

	if (!field_read_word(in, value, words, &at))
		return false;
	*(bool *)to = at == 1;
	return true;
}

/* -- a target ----------------------------------------------------------- */

static const char *const mail_words[] = { "smtp", "from", "to", "user",
	"password_file", "tls", NULL };
static const char *const hook_words[] = { "webhook", "webhook_file", "form",
	"token_file", NULL };

/* The key of the map that is one of the words; NULL: none. */
static const struct doc *any_of(const struct doc *map,
	const char *const *words)
{
	for (size_t i = 0; words[i] != NULL; i++)
		for (size_t k = 0; k < map->count; k += 2)
			if (strcmp(map->items[k].text, words[i]) == 0)
				return &map->items[k];
	return NULL;
}

static bool check_kind(struct reading *in, const struct doc *map,
	struct listener *target)
{
	const struct doc *mail = any_of(map, mail_words);
	const struct doc *hook = any_of(map, hook_words);

	if (mail != NULL && hook != NULL)
		return FAIL(mail, "\"%s\" is of a mail, \"%s\" of a webhook; "
			"make two targets", mail->text, hook->text);
	target->mail = mail != NULL;
	if (target->mail && (target->url == NULL || target->from == NULL ||
		target->to == NULL))
		return FAIL(map, "a mail needs smtp, from and to");
	if (!target->mail && (target->url != NULL) + (target->url_file !=
		NULL) != 1)
		return FAIL(map, "a target needs `webhook: https://...`, or "
			"`webhook_file: file` that holds it, or `smtp: "
			"smtps://...`");
	return true;
}

#define TARGET_AT(member) offsetof(struct listener, member)

static bool read_target(struct reading *in, const struct doc *name,
	const struct doc *value, struct listener *target)
{
	static const struct field fields[] = {
		{ "webhook", read_webhook, TARGET_AT(url), false },
		{ "webhook_file", read_file, TARGET_AT(url_file), false },
		{ "form", read_form, TARGET_AT(slack), false },
		{ "token_file", read_file, TARGET_AT(token_file), false },
		{ "smtp", read_smtp, TARGET_AT(url), false },
		{ "from", read_address, TARGET_AT(from), false },
		{ "to", read_to, TARGET_AT(to), false },
		{ "user", read_user, TARGET_AT(user), false },
		{ "password_file", read_file, TARGET_AT(password_file),
			false },
		{ "tls", read_tls, TARGET_AT(plain), false },
		{ "cacert", read_file, TARGET_AT(cacert), false },
		{ "events", read_events, TARGET_AT(events), false },
		{ "pipelines", read_pipelines, TARGET_AT(pipelines), false },
	};

	target->line = name->line;
	if (!field_read_name(in, name, &target->name) ||
		!field_expect(in, value, DOC_MAP,
			"{ webhook: https://example.org/hook }"))
		return false;
	/* first whose words they are: both kinds have an url */
	if (any_of(value, mail_words) != NULL &&
		any_of(value, hook_words) != NULL)
		return check_kind(in, value, target);
	if (!field_read_map(in, value, FIELDS(fields), target) ||
		!check_kind(in, value, target))
		return false;
	if (target->events == 0)
		target->events = 1u << NOTICE_MODEL | 1u << NOTICE_TEST |
			1u << NOTICE_REJECTS;
	return true;
}

/* What is relative counts from the settings' folder. */
static bool place_file(struct reading *in, const char *base, char **file)
{
	struct buf path = { 0 };

	if (*file == NULL || **file == '/')
		return true;
	if (!buf_printf(&path, in->err, "%s/%s", base, *file))
		return false;
	free(*file);
	*file = buf_take(&path);
	return true;
}

bool listeners_read(const struct doc *map, const char *file, const char *base,
	struct listeners *targets, struct err *err)
{
	struct reading reading = { .file = file, .err = err }, *in = &reading;
	const size_t count = map->count / 2;

	if (!field_expect(in, map, DOC_MAP,
		    "ops: { webhook: https://example.org/hook }"))
		return false;
	if (count > TARGETS_MAX)
		return FAIL(map, "at most %d targets", TARGETS_MAX);
	if (!field_reserve(in, count, sizeof(*targets->items),
		    &targets->items))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct listener *target = &targets->items[targets->count++];

		if (!read_target(in, &map->items[2 * i],
			    &map->items[2 * i + 1], target) ||
			!place_file(in, base, &target->url_file) ||
			!place_file(in, base, &target->token_file) ||
			!place_file(in, base, &target->password_file) ||
			!place_file(in, base, &target->cacert))
			return false;
	}
	return true;
}

static void free_list(char **items)
{
	for (size_t i = 0; items != NULL && items[i] != NULL; i++)
		free(items[i]);
	free(items);
}

static void listener_clear(struct listener *target)
{
	char *texts[] = { target->name, target->url, target->url_file,
		target->token_file, target->user, target->password_file,
		target->from, target->cacert };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(texts[i]);
	free_list(target->to);
	free_list(target->pipelines);
}

void listeners_clear(struct listeners *targets)
{
	for (size_t i = 0; i < targets->count; i++)
		listener_clear(&targets->items[i]);
	free(targets->items);
	*targets = (struct listeners){ .count = 0 };
}

const struct listener *listener_find(const struct listeners *targets,
	const char *name)
{
	for (size_t i = 0; i < targets->count; i++)
		if (strcmp(targets->items[i].name, name) == 0)
			return &targets->items[i];
	return NULL;
}

bool listener_wants(const struct listener *target, enum notice_event event,
	const char *pipeline)
{
	if ((target->events & 1u << event) == 0)
		return false;
	for (size_t i = 0; target->pipelines != NULL &&
		target->pipelines[i] != NULL; i++)
		if (strcmp(target->pipelines[i], pipeline) == 0)
			return true;
	return target->pipelines == NULL;
}

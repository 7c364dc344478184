/* test_listeners.c - who is told what, as sluice.yaml says it. */
#include "common/listeners.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

static bool read_text(const char *text, struct listeners *targets,
	struct err *err)
{
	struct doc *map = doc_parse(text, strlen(text), "s.yaml", err);
	const bool ok = map != NULL &&
		listeners_read(map, "s.yaml", "/etc/sluice", targets, err);

	doc_free(map);
	return ok;
}

static void both_kinds_are_read(void)
{
	static const char text[] =
		"ops:\n"
		"  webhook_file: secrets/hook\n"
		"  token_file: /run/token\n"
		"  form: slack\n"
		"  events: [load, test]\n"
		"  pipelines: [events]\n"
		"mail:\n"
		"  smtp: smtps://mail.example.org\n"
		"  from: s@example.org\n"
		"  to: [a@example.org, b@example.org]\n"
		"  user: me\n"
		"  password_file: p\n";
	struct listeners targets = { 0 };
	const struct listener *ops, *mail;
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(read_text(text, &targets, &err));
	ops = listener_find(&targets, "ops");
	mail = listener_find(&targets, "mail");
	CU_ASSERT_PTR_NOT_NULL_FATAL(ops);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mail);
	CU_ASSERT_PTR_NULL(listener_find(&targets, "nobody"));
	CU_ASSERT_TRUE(ops->slack && !ops->mail && mail->mail);
	CU_ASSERT_STRING_EQUAL(ops->url_file, "/etc/sluice/secrets/hook");
	CU_ASSERT_STRING_EQUAL(ops->token_file, "/run/token");
	CU_ASSERT_STRING_EQUAL(mail->password_file, "/etc/sluice/p");
	CU_ASSERT_STRING_EQUAL(mail->to[1], "b@example.org");
	CU_ASSERT_PTR_NULL(mail->to[2]);
	CU_ASSERT_TRUE(listener_wants(ops, NOTICE_LOAD, "events"));
	CU_ASSERT_FALSE(listener_wants(ops, NOTICE_LOAD, "others"));
	CU_ASSERT_FALSE(listener_wants(ops, NOTICE_MODEL, "events"));
	CU_ASSERT_TRUE(listener_wants(mail, NOTICE_MODEL, "others"));
	CU_ASSERT_FALSE(listener_wants(mail, NOTICE_LOAD, "others"));
	listeners_clear(&targets);
}

#define MAIL "smtp: smtp://h, from: a@b.c"

static const struct {
	const char *text;
	const char *says;
} refusals[] = {
	{ "[a]", "s.yaml:1:1: this must be a map" },
	{ "a: {}", "s.yaml:1:4: a target needs `webhook" },
	{ "A: { webhook: https://h }", "s.yaml:1:1: \"A\" is not a name" },
	{ "a: { webhook: ftp://h }", "s.yaml:1:15: this must be https://" },
	{ "a: { webhook: \"https://h/ b\" }", "s.yaml:1:15: no blanks" },
	{ "a: { webhook: \"https://h/\\nb\" }", "s.yaml:1:15: no blanks" },
	{ "a: { webhook: https://h, webhook_file: f }",
		"s.yaml:1:4: a target needs `webhook" },
	{ "a: { webhook: https://h, to: [a@b.c] }",
		"s.yaml:1:26: \"to\" is of a mail, \"webhook\" of a webhook" },
	{ "a: { webhook: https://h, event: [load] }",
		"s.yaml:1:26: unknown key \"event\"" },
	{ "a: { webhook: https://h, events: [loads] }",
		"s.yaml:1:35: \"loads\" is not allowed here; allowed: load, "
		"model, test, rejects" },
	{ "a: { webhook: https://h, events: [] }",
		"s.yaml:1:34: at least one of load" },
	{ "a: { " MAIL " }", "s.yaml:1:4: a mail needs smtp, from and to" },
	{ "a: { " MAIL ", to: [] }", "s.yaml:1:39: 1 to 50" },
	{ "a: { " MAIL ", to: [nobody] }",
		"s.yaml:1:40: \"nobody\" is not a mail address" },
	{ "a: { " MAIL ", to: [\"a@b.c>\"] }",
		"s.yaml:1:40: \"a@b.c>\" is not a mail address" },
	{ "a: { " MAIL ", to: [\"a@b.c\\r\\nBcc: d@e.f\"] }",
		"s.yaml:1:40: no blanks" },
	{ "a: { smtp: mail.example.org, from: a@b.c, to: [a@b.c] }",
		"s.yaml:1:12: this must be smtps://host" },
	{ "a: { " MAIL ", to: [a@b.c], tls: no }",
		"s.yaml:1:53: \"no\" is not allowed here" },
};

static void what_cannot_be_is_refused_with_its_place(void)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		struct listeners targets = { 0 };
		struct err err = { 0 };

		CU_ASSERT_FALSE(read_text(refusals[i].text, &targets, &err));
		CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_CONFIG);
		if (strstr(err.text, refusals[i].says) != err.text) {
			(void)fprintf(stderr, "\n%s\ngot:  %s\nwant: %s\n",
				refusals[i].text, err.text, refusals[i].says);
			CU_FAIL("another message");
		}
		listeners_clear(&targets);
	}
}

CU_TestInfo listeners_tests[] = {
	{ "webhooks and mails are read", both_kinds_are_read },
	{ "what cannot be is refused with its place",
		what_cannot_be_is_refused_with_its_place },
	CU_TEST_INFO_NULL,
};

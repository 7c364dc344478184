/* test_notice.c - what a notification says. */
#include "common/json.h"
#include "consumer/notice.h"

#include <CUnit/CUnit.h>
#include <string.h>

static const struct notice load = {
	.key = "01234567-89ab-cdef-0123-456789abcdef",
	.event = "load", .pipeline = "shop",
	.first_at = "2024-02-29T10:00:00Z", .last_at = "2024-02-29T10:00:05Z",
	.database = "sluice", .times = 4, .sources = 1, .records = 2000,
	.inserted = 1990, .updated = 4, .unchanged = 5, .rejected = 1,
	.items = "[]",
};

static void numbers_are_told(void)
{
	struct buf text = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(notice_text(&load, &text, &err));
	CU_ASSERT_STRING_EQUAL(text.data,
		"shop: 1 source loaded, 2000 records\n"
		"1990 inserted, 4 updated, 5 unchanged, 1 rejected\n"
		"2024-02-29T10:00:00Z to 2024-02-29T10:00:05Z, "
		"database sluice\n");
	buf_clear(&text);
}

static void items_are_one_line_each(void)
{
	struct notice notice = load;
	struct buf text = { 0 };
	struct err err = { 0 };

	notice.event = "test";
	notice.items = "[\"a: 3 failing\", \"b\\nc\\u001b[31m\", 7]";
	CU_ASSERT_TRUE_FATAL(notice_text(&notice, &text, &err));
	CU_ASSERT_STRING_EQUAL(text.data,
		"shop: 4 data tests failed\n"
		"- a: 3 failing\n"
		"- b\\nc\\x1b[31m\n"
		"- and 1 more\n"
		"See `sluice test-data`.\n"
		"2024-02-29T10:00:00Z to 2024-02-29T10:00:05Z, "
		"database sluice\n");
	buf_clear(&text);
}

static void the_body_is_json(void)
{
	struct buf body = { 0 };
	struct err err = { 0 };
	struct json *root;

	CU_ASSERT_TRUE_FATAL(notice_body(&load, false, &body, &err));
	root = json_read(body.data, body.len, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	CU_ASSERT_STRING_EQUAL(json_text(json_get(root, "key")), load.key);
	CU_ASSERT_STRING_EQUAL(json_text(json_get(root, "event")), "load");
	CU_ASSERT_EQUAL(json_int(json_get(root, "inserted"), -1), 1990);
	CU_ASSERT_EQUAL(json_size(json_get(root, "items")), 0);
	json_free(root);
	buf_clear(&body);
}

/* Nobody's test name notifies a whole channel, or hides behind a link. */
static void slack_sees_no_markup(void)
{
	struct notice notice = load;
	struct buf body = { 0 };
	struct err err = { 0 };
	struct json *root;

	notice.event = "test";
	notice.items = "[\"<!channel> & <http://a|b>\"]";
	CU_ASSERT_TRUE_FATAL(notice_body(&notice, true, &body, &err));
	root = json_read(body.data, body.len, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	CU_ASSERT_PTR_NOT_NULL(strstr(json_text(json_get(root, "text")),
		"- &lt;!channel&gt; &amp; &lt;http://a|b&gt;\n"));
	CU_ASSERT_PTR_NULL(json_get(root, "key"));
	json_free(root);
	buf_clear(&body);
}

static void a_mail_is_rfc_5322(void)
{
	static char from[] = "s@example.org", a[] = "a@b.c", b[] = "d@e.f";
	static char *to[] = { a, b, NULL };
	const struct listener target = { .from = from, .to = to };
	struct buf mail = { 0 };
	struct err err = { 0 };
	static const char head[] =
		"Date: Thu, 29 Feb 2024 10:04:05 +0000\r\n"
		"From: Sluice <s@example.org>\r\n"
		"To: <a@b.c>,\r\n <d@e.f>\r\n"
		"Subject: [sluice] shop: 1 source loaded, 2000 records\r\n"
		"Message-ID: <01234567-89ab-cdef-0123-456789abcdef@example.org>"
		"\r\n";
	const char *body;

	CU_ASSERT_TRUE_FATAL(notice_mail(&load, &target, 1709201045000000,
		&mail, &err));
	body = strstr(mail.data, "\r\n\r\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(body);
	CU_ASSERT_PTR_EQUAL(strstr(mail.data, head), mail.data);
	CU_ASSERT_PTR_NOT_NULL(strstr(body,
		"\r\n\r\nc2hvcDogMSBzb3VyY2UgbG9hZGVkLCAyMDAwIHJlY29yZHMKMTk5MC"
		"BpbnNlcnRlZCwgNCB1cGRh\r\n"));
	for (const char *at = mail.data; (at = strchr(at, '\n')) != NULL; at++)
		CU_ASSERT_EQUAL(at[-1], '\r');
	buf_clear(&mail);
}

CU_TestInfo notice_tests[] = {
	{ "numbers are told", numbers_are_told },
	{ "items are one line each", items_are_one_line_each },
	{ "a webhook's body is JSON", the_body_is_json },
	{ "Slack sees no markup", slack_sees_no_markup },
	{ "a mail is as RFC 5322 has it", a_mail_is_rfc_5322 },
	CU_TEST_INFO_NULL,
};

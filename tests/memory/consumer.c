/* consumer.c - operations of consumer/. */
#include "consumer/acks.h"
#include "consumer/arrays.h"
#include "consumer/batch.h"
#include "consumer/copybin.h"
#include "consumer/derive.h"
#include "consumer/held.h"
#include "consumer/models.h"
#include "consumer/notice.h"
#include "consumer/plan.h"
#include "consumer/sheet.h"
#include "consumer/sqltext.h"
#include "consumer/tables.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

static bool read_set(struct pipeline_set *set, struct err *err)
{
	return pipeline_set_read("pipelines", set, err);
}

static bool do_tables(struct err *err)
{
	struct pipeline_set set = { 0 };
	struct buf sql = { 0 };
	bool ok = read_set(&set, err);

	for (size_t i = 0; ok && i < set.pipelines[0].dataset_count; i++) {
		const struct dataset *dataset = &set.pipelines[0].datasets[i];

		ok = tables_create_sql(dataset, &sql, err) &&
			tables_copy_sql(dataset, "raw.a_1", &sql, err) &&
			tables_upsert_sql(dataset, "raw.a_1", &sql, err) &&
			tables_add_column_sql(dataset, &dataset->columns[0],
				&sql, err);
	}
	if (ok)
		memory_note(sql.data, sql.len);
	buf_clear(&sql);
	pipeline_set_clear(&set);
	return ok;
}

static bool do_models(struct err *err)
{
	struct pipeline_set set = { 0 };
	struct models *models = NULL;

	if (read_set(&set, err))
		models = models_read("sql/models", &set, err);
	for (size_t i = 0; models != NULL && i < models_count(models); i++)
		memory_note_text(models_info(models, i).relation);
	const bool ok = models != NULL;
	models_free(models);
	pipeline_set_clear(&set);
	return ok;
}

static bool do_plan(struct err *err)
{
	static const struct config_flag none[] = { { NULL, NULL } };
	struct config config = { 0 };
	struct plan *plan = NULL;
	bool ok = config_load(&config, NULL, none, err);

	if (ok) {
		plan = plan_read(&config, err);
		ok = plan != NULL;
	}
	if (ok)
		memory_note(&plan->set.count, sizeof(plan->set.count));
	plan_free(plan);
	config_clear(&config);
	return ok;
}

static bool do_sqltext(struct err *err)
{
	static const char sql[] = "select a, count(*) from raw.a where b = "
		"'raw.a' group by a";
	struct buf out = { 0 };
	const bool ok = sql_replace_relation(sql, strlen(sql), "raw", "a",
		"pg_temp.fresh", &out, err);

	if (ok)
		memory_note(out.data, out.len);
	buf_clear(&out);
	return ok;
}

static bool do_arrays(struct err *err)
{
	struct uuid uuid = { { 1 } };
	struct buf array = { 0 };
	const bool ok = array_add_int(&array, -1, err) &&
		array_add_uint(&array, 1, err) &&
		array_add_uuid(&array, &uuid, err) &&
		array_add_text(&array, "a\"b", err) &&
		array_add_escaped(&array, "\xff", 1, err) &&
		array_add_null(&array, err);

	if (ok)
		memory_note_text(array_text(&array));
	arrays_clear(&array, 1);
	return ok;
}

static bool do_copybin(struct err *err)
{
	const int64_t extra[] = { 1, 2, 3 };
	const struct cell cells[] = {
		{ .type = COLUMN_TEXT, .v.s = { "text", 4 } },
		{ .type = COLUMN_NUMERIC, .v.s = { "-12345.678e3", 12 } },
		{ .type = COLUMN_JSON, .v.s = { "{}", 2 } },
		{ .type = COLUMN_INTEGER, .v.i = 1 },
		{ .type = COLUMN_UUID, .null = true },
	};
	struct buf out = { 0 };
	bool ok = copybin_header(&out, err);

	for (int i = 0; ok && i < 50; i++)
		ok = copybin_row(&out, cells, 5, extra, 3, err);
	ok = ok && copybin_trailer(&out, err);
	if (ok)
		memory_note(out.data, out.len);
	buf_clear(&out);
	return ok;
}

static bool do_acks(struct err *err)
{
	struct acks acks = { 0 };
	bool multiple = false;
	uint64_t tag = 0;
	bool ok = true;

	for (uint64_t i = 1; ok && i <= 300; i++)
		ok = acks_delivered(&acks, i, err);
	for (uint64_t i = 1; ok && i <= 300; i++)
		acks_done(&acks, i);
	if (ok && acks_next(&acks, &tag, &multiple))
		memory_note(&tag, sizeof(tag));
	acks_clear(&acks);
	return ok;
}

/* -- messages ----------------------------------------------------------- */

static const char body[] = "[{\"id\":\"1\"},{\"id\":\"2\"}]";

/* What the door would have made; NULL: out of memory. */
static struct delivery *deliver(struct err *err)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (delivery != NULL)
		delivery->memory = strdup("sluice.events");
	if (delivery == NULL || delivery->memory == NULL) {
		free(delivery);
		err_memory(err);
		return NULL;
	}
	delivery->queue = delivery->memory;
	delivery->message = (struct message){
		.routing_key = "events.events",
		.content_type = TYPE_JSON,
		.message_id = "id",
		.body = { body, strlen(body) },
	};
	return delivery;
}

static struct work *make_work(struct err *err)
{
	struct delivery *delivery = deliver(err);

	return delivery == NULL ? NULL : work_new(delivery, 1, err);
}

static bool read_all(struct work **works, size_t count, struct err *err)
{
	const struct work_rules rules = { "producer", 1000 };
	struct buf name = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++)
		ok = work_read(works[i], &rules, err) &&
			work_make_key(works[i], err) &&
			work_foreign_name(works[i], &name, err);
	ok = ok && work_set_aside(works[0], "database", "why", err);
	if (ok) {
		memory_note(name.data, name.len);
		memory_note_text(works[0]->key);
	}
	buf_clear(&name);
	return ok;
}

static bool do_work(struct err *err)
{
	enum { COUNT = 3 };
	struct work *works[COUNT] = { 0 };
	struct batch batch = { 0 };
	size_t count = 0;
	bool ok = true;

	while (ok && count < COUNT) {
		works[count] = make_work(err);
		ok = works[count] != NULL;
		count += ok;
	}
	ok = ok && read_all(works, count, err) &&
		batch_build(&batch, works, count, err);
	if (ok)
		memory_note(&batch.source_count, sizeof(batch.source_count));
	batch_clear(&batch);
	for (size_t i = 0; i < count; i++)
		work_free(works[i]);
	return ok;
}

static bool hold(struct held_set *set, const struct dataset *dataset,
	struct err *err)
{
	struct held *held = held_add(set, dataset, err);
	struct work *work;
	bool ok = held != NULL;

	for (int i = 0; ok && i < 40; i++) {
		work = make_work(err);
		ok = work != NULL && held_push(held, work, 1, err);
		if (!ok)
			work_free(work);
	}
	return ok;
}

static bool do_held(struct err *err)
{
	struct pipeline_set pipelines = { 0 };
	struct held_set set = { 0 };
	bool ok = read_set(&pipelines, err);

	for (size_t i = 0; ok && i < pipelines.pipelines[0].dataset_count; i++)
		ok = hold(&set, &pipelines.pipelines[0].datasets[i], err);
	if (ok)
		memory_note(&set.count, sizeof(set.count));
	held_clear(&set);
	pipeline_set_clear(&pipelines);
	return ok;
}

/* -- derived ------------------------------------------------------------ */

static bool derive_all(const struct dataset *dataset, struct derive *derive,
	struct err *err)
{
	static const char text[] = "{\"k\":\"1\",\"a\":[{\"k\":1},{\"k\":2}],"
		"\"\\u0062\":{\"k\":3}}";
	const struct record parent = { .text = text, .len = strlen(text) };
	struct record value;
	bool found = true;
	bool ok = derive_open(derive, dataset, &parent, err);

	while (ok && found) {
		ok = derive_next(derive, &value, &found, err);
		if (ok && found)
			memory_note(value.text, value.len);
	}
	return ok;
}

static bool do_derive(struct err *err)
{
	static const char file[] =
		"pipeline: p\n"
		"datasets:\n"
		"  a:\n"
		"    source: { directory: a }\n"
		"    table: raw.a\n"
		"    key: [k]\n"
		"    columns: [{ name: k, type: integer }]\n"
		"  b:\n"
		"    from: a\n"
		"    each: [/a, /b]\n"
		"    table: raw.b\n"
		"    key: [k]\n"
		"    columns: [{ name: k, type: integer }]\n";
	struct pipeline pipeline = { 0 };
	struct derive derive = { 0 };
	bool ok;

	if (!pipeline_parse(file, strlen(file), "p.yaml", &pipeline, err))
		return false;
	ok = derive_all(dataset_find(&pipeline, "b"), &derive, err);
	derive_clear(&derive);
	pipeline_clear(&pipeline);
	return ok;
}

static bool read_listeners(struct listeners *listeners, struct err *err)
{
	static const char text[] =
		"ops: { webhook_file: hook, token_file: token, form: slack,"
		" events: [load, test], pipelines: [events] }\n"
		"mail: { smtp: \"smtp://h\", from: a@b.c, to: [d@e.f, g@h.i],"
		" user: u, password_file: p, cacert: c }\n";
	struct doc *map = doc_parse(text, sizeof(text) - 1, "s.yaml", err);
	const bool ok = map != NULL &&
		listeners_read(map, "s.yaml", "/etc", listeners, err);

	doc_free(map);
	return ok;
}

static bool do_notice(struct err *err)
{
	static const struct notice notice = {
		.key = "01234567-89ab-cdef-0123-456789abcdef",
		.event = "test", .pipeline = "p", .first_at = "a",
		.last_at = "b", .database = "d", .times = 3,
		.items = "[\"one\", \"two <&>\"]",
	};
	struct listeners listeners = { 0 };
	struct buf text = { 0 };
	bool ok;

	ok = read_listeners(&listeners, err) &&
		notice_body(&notice, false, &text, err) &&
		notice_body(&notice, true, &text, err) &&
		notice_mail(&notice, listener_find(&listeners, "mail"), 0,
			&text, err);
	if (ok)
		memory_note(text.data, text.len);
	buf_clear(&text);
	listeners_clear(&listeners);
	return ok;
}

static bool do_sheet(struct err *err)
{
	static const char *const names[] = { "x", "y" };
	static const struct sheet_cell cells[] = { { "a", 1 }, { "7", 1 } };
	static char x[] = "x", y[] = "y", name[] = "n.html";
	const struct pipeline_report report = { .format = REPORT_HTML,
		.name = name, .file = name, .chart_x = x, .chart_y = y };
	FILE *file = fopen("/dev/null", "w");
	struct sheet sheet = { .file = NULL };
	bool ok;

	if (file == NULL)
		return err_memory(err);
	ok = sheet_begin(&sheet, &report, file, names, 2, err);
	if (ok) {
		sheet_row(&sheet, cells);
		sheet_end(&sheet, 1);
		memory_note(&sheet.points[0].value, sizeof(double));
	}
	sheet_clear(&sheet);
	(void)fclose(file);
	return ok;
}

const struct operation consumer_operations[] = {
	{ "tables", do_tables },
	{ "models", do_models },
	{ "plan", do_plan },
	{ "sqltext", do_sqltext },
	{ "arrays", do_arrays },
	{ "copybin", do_copybin },
	{ "acks", do_acks },
	{ "work", do_work },
	{ "held", do_held },
	{ "derive", do_derive },
	{ "notice", do_notice },
	{ "sheet", do_sheet },
	{ NULL, NULL },
};

/* common.c - operations of common/. */
#include "common/config.h"
#include "common/db.h"
#include "common/doc.h"
#include "common/dupkeys.h"
#include "common/envelope.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/options.h"
#include "common/pointer.h"
#include "common/pipeline.h"
#include "common/queue.h"
#include "common/rowmap.h"
#include "common/sqlite.h"
#include "common/table_rows.h"
#include "common/units.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool do_buf(struct err *err)
{
	struct buf buf = { 0 };
	bool ok = buf_add_str(&buf, "text", err) &&
		buf_add_varint(&buf, 1u << 20, err) &&
		buf_add_u64(&buf, 7, err) &&
		buf_printf(&buf, err, "%0900d", 1) &&
		buf_add_escaped(&buf, "\x01\xff\n", 3, err) &&
		buf_grow(&buf, 100000, err);

	if (ok)
		memory_note(buf.data, buf.len);
	buf_clear(&buf);
	return ok;
}

static bool do_hash(struct err *err)
{
	struct sha256 *hash = sha256_new(err);
	uint8_t sum[SHA256_BYTES];
	bool ok = hash != NULL && sha256_add(hash, "abc", 3, err) &&
		sha256_end(hash, sum, err) && sha256_once("x", 1, sum, err);

	if (ok)
		memory_note(sum, sizeof(sum));
	sha256_free(hash);
	return ok;
}

static bool do_queue(struct err *err)
{
	struct queue *queue = queue_new(100, 1000, err);
	bool ok = queue != NULL;

	for (int i = 0; ok && i < 100; i++)
		ok = queue_push(queue, queue, 1, 0) || err_memory(err);
	while (ok && queue_pop(queue, 0) != NULL)
		memory_note("i", 1);
	queue_free(queue);
	return ok;
}

/* -- JSON --------------------------------------------------------------- */

static const char object[] =
	"{\"id\":\"a\\u00e4\",\"n\":12,\"x\":1.50,\"d\":2.5,\"b\":true,"
	"\"t\":\"2020-12-31 23:59:59.5\",\"z\":\"2020-12-31T23:59:59Z\","
	"\"day\":\"2020-02-29\",\"u\":\"6f1c2d3e-4b5a-4978-8695-a4b3c2d1e0f1\","
	"\"j\":{\"k\":[1,2,{\"l\":null}]},\"more\":[1],\"and\":{\"more\":\"\\n\"}}";

static bool do_jsonscan(struct err *err)
{
	struct dupkeys scratch = { 0 };
	struct json_tape tape = { 0 };
	struct buf text = { 0 };
	struct json_fault fault = { 0 };
	size_t at = 0;
	bool ok = json_parse(object, strlen(object), &tape, &fault) ==
		JSON_OK || err_memory(err);

	ok = ok && dupkeys_find(&scratch, object, &tape, &at, err);
	for (size_t i = 0; ok && i < tape.count; i++)
		if (tape.nodes[i].type == JSON_STRING)
			ok = json_decode(object, &tape.nodes[i], &text,
				     &fault) || err_memory(err);
	if (ok)
		memory_note(text.data, text.len);
	buf_clear(&text);
	dupkeys_clear(&scratch);
	json_tape_clear(&tape);
	return ok;
}

static bool do_json(struct err *err)
{
	struct json *root = json_object();
	struct json *list = json_put_array(root, "list");
	struct json *item = json_add_object(list);
	struct json *again = NULL;
	struct buf text = { 0 };
	bool ok;

	json_add_text(list, "text");
	json_put_int(item, "int", 1);
	json_put_double(item, "double", 0.5);
	json_put_bool(item, "bool", true);
	json_put_null(item, "null");
	json_put_text(json_put_object(root, "object"), "text", "text");
	ok = json_print(root, true, &text, err);
	if (ok) {
		memory_note(text.data, text.len);
		again = json_read(text.data, text.len, err);
		ok = again != NULL;
	}
	if (ok)
		memory_note_text(json_text(
			json_get(json_get(again, "object"), "text")));
	json_free(again);
	json_free(root);
	buf_clear(&text);
	return ok;
}

/* -- files -------------------------------------------------------------- */

static const char pipeline_text[] =
	"pipeline: p\n"
	"datasets:\n"
	"  a:\n"
	"    source: { directory: a, pattern: [\"*.json\", \"*.gz\"] }\n"
	"    table: raw.a\n"
	"    key: [id, n]\n"
	"    newest: t\n"
	"    unknown: keep\n"
	"    columns:\n"
	"      - { name: id, type: text, max_length: 10 }\n"
	"      - { name: n, type: integer, coerce: true }\n"
	"      - { name: x, type: numeric }\n"
	"      - { name: d, type: double }\n"
	"      - { name: b, type: boolean }\n"
	"      - { name: t, type: timestamp }\n"
	"      - { name: z, type: timestamptz }\n"
	"      - { name: day, type: date }\n"
	"      - { name: u, type: uuid }\n"
	"      - { name: j, type: json }\n"
	"      - { name: l, type: json, from: /j/k/2 }\n"
	"  b:\n"
	"    from: a\n"
	"    each: [/j, /more]\n"
	"    table: raw.b\n"
	"    key: [id]\n"
	"    columns: [{ name: id, type: text, max_length: 9 }]\n";

static bool do_doc(struct err *err)
{
	struct doc *root = doc_parse(pipeline_text, strlen(pipeline_text),
		"p.yaml", err);

	if (root != NULL)
		memory_note_text(doc_get(root, "pipeline")->text);
	doc_free(root);
	return root != NULL;
}

static bool do_pipeline(struct err *err)
{
	struct pipeline pipeline = { 0 };
	const bool ok = pipeline_parse(pipeline_text, strlen(pipeline_text),
		"p.yaml", &pipeline, err);

	for (size_t i = 0; ok && i < pipeline.dataset_count; i++)
		memory_note(&pipeline.datasets[i].column_count,
			sizeof(size_t));
	if (ok)
		pipeline_clear(&pipeline);
	return ok;
}

static bool do_pipelines(struct err *err)
{
	struct pipeline_set set = { 0 };
	const bool ok = pipeline_set_read("pipelines", &set, err);

	for (size_t i = 0; ok && i < set.count; i++)
		memory_note_text(set.pipelines[i].name);
	if (ok)
		pipeline_set_clear(&set);
	return ok;
}

static bool do_config(struct err *err)
{
	static const struct config_flag flags[] = {
		{ "raw_dir", "/somewhere" }, { "chunk_bytes", "1 MiB" },
		{ NULL, NULL } };
	struct config config = { 0 };
	struct buf text = { 0 };
	const char *source;
	size_t count;
	bool ok = config_load(&config, NULL, flags, err);

	(void)config_settings(&count);
	for (size_t i = 0; ok && i < count; i++)
		ok = config_value(&config, i, &text, &source, err);
	ok = ok && config_document(&text, err);
	if (ok)
		memory_note(text.data, text.len);
	buf_clear(&text);
	config_clear(&config);
	return ok;
}

static bool do_help(struct err *err)
{
	struct buf text = { 0 };
	const bool ok = options_help("sluice", "Does.", &text, err) &&
		units_format(1 << 20, UNIT_BYTES, &text, err);

	if (ok)
		memory_note(text.data, text.len);
	buf_clear(&text);
	return ok;
}

static bool do_sql(struct err *err)
{
	struct buf sql = { 0 };
	const bool ok = sql_add_ident(&sql, "a\"b", err) &&
		sql_add_literal(&sql, "it's \\", err) &&
		sql_add_array_item(&sql, "a\"", 2, err) &&
		sql_add_array_item(&sql, NULL, 0, err);

	if (ok)
		memory_note(sql.data, sql.len);
	buf_clear(&sql);
	return ok;
}

static bool do_sqlite(struct err *err)
{
	struct sqlite *db = sqlite_open_file(":memory:", err);
	struct sqlite_stmt *stmt = NULL;
	bool row = false;
	bool ok = db != NULL &&
		sqlite_run(db, "create table t (a integer, b text)", err) &&
		sqlite_run(db, "insert into t values (1, 'one')", err);

	if (ok)
		stmt = sqlite_prepared(db, "select b from t where a = ?", err);
	ok = stmt != NULL && sqlite_bind_int(stmt, 1, 1, err) &&
		sqlite_step_row(stmt, &row, err);
	if (ok && row)
		memory_note_text(sqlite_text(stmt, 0));
	sqlite_close_file(db);
	(void)unlink(":memory:"); /* the door makes every file itself */
	return ok;
}

/* -- records ------------------------------------------------------------ */

static bool map_rows(const struct dataset *dataset, struct err *err)
{
	struct rowmap *map = rowmap_new(dataset, err);
	struct cell cells[32];
	struct row_fault fault;
	enum row_status status = ROW_FAILED;

	if (map == NULL)
		return false;
	status = rowmap_record(map, object, strlen(object), cells, &fault, err);
	if (status != ROW_FAILED) {
		memory_note(&status, sizeof(status));
		status = rowmap_record(map, "{\"id\":\"\\ud800\"}", 15, cells,
			&fault, err);
		if (status == ROW_REJECT)
			memory_note_text(fault.code);
	}
	rowmap_free(map);
	return status != ROW_FAILED;
}

static bool do_rowmap(struct err *err)
{
	struct pipeline pipeline = { 0 };
	bool ok = pipeline_parse(pipeline_text, strlen(pipeline_text),
		"p.yaml", &pipeline, err);

	if (!ok)
		return false;
	for (size_t i = 0; ok && i < pipeline.dataset_count; i++)
		ok = map_rows(&pipeline.datasets[i], err);
	pipeline_clear(&pipeline);
	return ok;
}

static bool do_envelope(struct err *err)
{
	struct envelope_record last = { 0 }, record = { 0 };
	struct envelope envelope = { .kind = ENVELOPE_CHUNK, .hi = 4096 };
	struct envelope decoded;
	struct message message = { 0 };
	char id[ENVELOPE_ID_TEXT];
	struct buf index = { 0 };
	struct err why = { 0 };
	bool ok = true;

	for (uint32_t i = 0; ok && i < 64; i++) {
		record = (struct envelope_record){ i * 64u, 63, i + 1 };
		ok = envelope_index_add(&index, &last, &record, err);
	}
	if (ok) {
		envelope.source = (struct bytes){ "a.json", 6 };
		envelope.first_record = envelope.first_line = 1;
		envelope.records = 64;
		envelope.claimed_us = 1;
		envelope.index = (struct bytes){ index.data, index.len };
		envelope_encode(&envelope, id, &message);
		memory_note_text(id);
		memory_note_text(envelope_decode(&message, &decoded, &why) ?
			"ours" : why.text);
	}
	buf_clear(&index);
	return ok;
}

/* -- tables and pointers ------------------------------------------------ */

/* HTML is left out: what libxml2 does without memory is its own affair. */
static bool do_tables(struct err *err)
{
	static const char csv[] = "a,b\n1,\"x\n\"\"\"\n2\n";
	static const char arrays[] = "[[\"a\",\"\\u0062\"],[1,{\"x\":2}],[3]]";
	const struct table_options by_line = { .format = TABLE_CSV };
	const struct table_options by_array = { .format = TABLE_ARRAYS };
	struct table_report report;
	struct buf lines = { 0 };
	const bool ok = table_to_ndjson(&by_line, csv, sizeof(csv) - 1,
			       table_write_buf, &lines, &report, err) &&
		table_to_ndjson(&by_array, arrays, sizeof(arrays) - 1,
			table_write_buf, &lines, &report, err);

	if (ok)
		memory_note(lines.data, lines.len);
	buf_clear(&lines);
	return ok;
}

static bool do_pointer(struct err *err)
{
	static const char text[] = "{\"\\u0061\":[1,{\"b~\":true}]}";
	char *steps[POINTER_STEPS_MAX];
	struct pointer_span span;
	size_t count = 0;
	const bool ok = pointer_parse("/a/1/b~0", steps, &count, err) &&
		pointer_slice(text, sizeof(text) - 1, steps, count, &span,
			err);

	for (size_t i = 0; i < count; i++)
		free(steps[i]);
	if (ok)
		memory_note(text + span.start, span.len);
	return ok;
}

const struct operation common_operations[] = {
	{ "buf", do_buf },
	{ "hash", do_hash },
	{ "queue", do_queue },
	{ "jsonscan", do_jsonscan },
	{ "json", do_json },
	{ "doc", do_doc },
	{ "pipeline", do_pipeline },
	{ "pipelines", do_pipelines },
	{ "config", do_config },
	{ "help", do_help },
	{ "sql", do_sql },
	{ "sqlite", do_sqlite },
	{ "table_rows", do_tables },
	{ "pointer", do_pointer },
	{ "rowmap", do_rowmap },
	{ "envelope", do_envelope },
	{ NULL, NULL },
};

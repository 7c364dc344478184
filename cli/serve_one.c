/* serve_one.c - single things: a receipt, the bytes of a reject, endpoints. */
#include "cli/api.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/paper.h"
#include "cli/serve.h"

#include <stdlib.h>
#include <string.h>

/* -- a receipt ------------------------------------------------------------- */

/* Several statements, one picture: a snapshot. */
static const char snapshot_sql[] =
	"begin transaction isolation level repeatable read, read only";

void serve_source(struct serve_call *call)
{
	const struct config *config = call->serve->config;
	struct paper paper = { 0 };
	struct err err = { 0 };
	struct db *db = serve_borrow(call->serve, &err);
	struct json *root = json_object();
	const bool ok = db != NULL && db_exec(db, snapshot_sql, &err) &&
		paper_gather(db, strtoll(call->id, NULL, 10), &paper, &err);

	if (db != NULL) {
		db_rollback(db);
		serve_return(call->serve, db, ok);
	}
	if (ok && paper_locate(config, &paper, &err)) {
		paper_json(&paper, root);
		serve_json(call, root);
		root = NULL;
	} else if (err.kind == ERR_REJECT) {
		serve_error(call, 404, "not_found", "%s", err.text);
	} else {
		serve_fail(call, &err);
	}
	json_free(root);
	paper_clear(&paper);
}

/* -- the bytes of a reject ------------------------------------------------- */

static const char bytes_sql[] =
	"select encode(bytes, 'hex'), detail, hi - lo\n"
	"from meta.reject\n"
	"where reject_id = $1";

static bool put_bytes(struct json *root, const struct db_result *result,
	struct err *err)
{
	struct buf bytes = { 0 }, shown = { 0 };
	/* backslashes doubled: what is shown can be read back */
	const bool ok = buf_add_unhexed(&bytes, db_value(result, 0, 0),
			db_value_len(result, 0, 0), err) &&
		output_add_shown(&shown, bytes.data, bytes.len, "\"", err);

	if (ok) {
		json_put_text(root, "detail", db_value(result, 0, 1));
		json_put_int(root, "bytes_length", db_int(result, 0, 2));
		json_put_int(root, "bytes_kept", (int64_t)bytes.len);
		json_put_text(root, "bytes_escaped",
			shown.len > 0 ? shown.data : "");
	}
	buf_clear(&bytes);
	buf_clear(&shown);
	return ok;
}

/* As the loader: the reader may not see them. */
void serve_reject_bytes(struct serve_call *call)
{
	const struct config *config = call->serve->config;
	const char *slash = strchr(call->id, '/');
	struct buf id = { 0 };
	struct err err = { 0 };
	struct db_result *result = NULL;
	struct json *root = json_object();
	struct db *db = connect_db(config, &config->loader, true, SERVE_SQL_MS,
		&err);
	const bool ok = db != NULL &&
		buf_add(&id, call->id, (size_t)(slash - call->id), &err) &&
		db_query(db, bytes_sql, 1, (const char *const *)&id.data,
			&result, &err);

	if (ok && db_rows(result) == 0) {
		serve_error(call, 404, "not_found", "there is no such reject");
	} else if (ok && put_bytes(root, result, &err)) {
		serve_json(call, root);
		root = NULL;
	} else {
		serve_fail(call, &err);
	}
	json_free(root);
	db_result_free(result);
	db_close(db);
	buf_clear(&id);
}

/* -- endpoints ------------------------------------------------------------- */

static void put_endpoints(struct json *root, struct api_facts *facts,
	size_t count)
{
	struct json *array = json_put_array(root, "items");

	for (size_t i = 0; i < count; i++)
		api_facts_json(&facts[i], json_add_object(array));
	json_put_null(root, "next");
}

void serve_endpoints(struct serve_call *call)
{
	const struct config *config = call->serve->config;
	struct pipeline_set set = { .count = 0 };
	struct api_facts *facts = NULL;
	struct err why = { 0 }, err = { 0 };
	struct json *root = json_object();
	size_t count = 0;

	if (pipeline_set_read(config->pipelines_dir, &set, &err) &&
		api_facts_gather(config, &set, &facts, &count, &why, &err)) {
		put_endpoints(root, facts, count);
		if (why.kind != ERR_NONE)
			json_put_text(root, "unknown", why.text);
		else
			json_put_null(root, "unknown");
		serve_json(call, root);
	} else {
		json_free(root);
		serve_fail(call, &err);
	}
	api_facts_free(facts, count);
	pipeline_set_clear(&set);
}

/* -- who is asking --------------------------------------------------------- */

void serve_session(struct serve_call *call)
{
	struct json *root = json_object();

	json_put_text(root, "version", SLUICE_VERSION);
	json_put_bool(root, "trusted", call->trusted);
	json_put_bool(root, "broker", call->serve->config->broker);
	serve_json(call, root);
}

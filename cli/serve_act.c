/* serve_act.c - what the page does, not only shows. */
#include "cli/operate.h"
#include "cli/serve.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODELS_MAX 64
#define BY "web page"

/* -- pauses ---------------------------------------------------------------- */

static void put_pauses(struct serve_call *call, const struct db_result *rows)
{
	struct json *root = json_object();
	struct json *array = json_put_array(root, "items");

	for (size_t i = 0; i < db_rows(rows); i++) {
		struct json *object = json_add_object(array);

		json_put_text(object, "dataset", db_value(rows, i, OP_DATASET));
		json_put_text(object, "since", db_value(rows, i, OP_SINCE));
		json_put_int(object, "seconds", db_int(rows, i, OP_SECS));
		json_put_text(object, "by", db_value(rows, i, OP_BY));
		json_put_text(object, "reason", db_value(rows, i, OP_REASON));
	}
	json_put_null(root, "next");
	serve_json(call, root);
}

void serve_pauses(struct serve_call *call)
{
	struct db_result *rows = NULL;
	struct err err = { 0 };
	struct db *db = serve_borrow(call->serve, &err);
	const bool ok = db != NULL && operate_pauses(db, &rows, &err);

	if (db != NULL)
		serve_return(call->serve, db, ok);
	if (ok)
		put_pauses(call, rows);
	else
		serve_fail(call, &err);
	db_result_free(rows);
}

/* -- what was asked for ---------------------------------------------------- */

/* The object in the body; NULL: there is none, answered. */
static struct json *read_body(struct serve_call *call)
{
	const struct buf *body = httpd_body(call->request);
	struct err err = { 0 };
	struct json *root = json_read(body->len > 0 ? body->data : "{}",
		body->len > 0 ? body->len : 2, &err);

	if (root == NULL)
		serve_error(call, 400, "bad_body", "%s", err.text);
	return root;
}

static void hold(struct serve_call *call,
	bool (*step)(const struct config *config,
		const struct operate_order *order, struct buf *name,
		bool *changed, struct err *err))
{
	struct json *body = read_body(call), *root;
	const struct operate_order order = {
		.dataset = json_text(json_get(body, "dataset")),
		.reason = json_text(json_get(body, "reason")),
		.by = BY,
	};
	struct buf name = { 0 };
	struct err err = { 0 };
	bool changed = false;

	if (body == NULL)
		return;
	if (step(call->serve->config, &order, &name, &changed, &err)) {
		root = json_object();
		json_put_text(root, "dataset", name.data);
		json_put_bool(root, "changed", changed);
		serve_json(call, root);
	} else {
		serve_fail(call, &err);
	}
	buf_clear(&name);
	json_free(body);
}

void serve_pause(struct serve_call *call)
{
	hold(call, operate_pause);
}

void serve_resume(struct serve_call *call)
{
	hold(call, operate_resume);
}

/* -- loading again --------------------------------------------------------- */

static void put_replay(struct serve_call *call, const struct again_list *list)
{
	struct json *root = json_object();
	int64_t bytes = 0;

	for (size_t i = 0; i < list->count; i++)
		bytes += list->sources[i].bytes;
	json_put_int(root, "sources", (int64_t)list->count);
	json_put_int(root, "bytes", bytes);
	serve_json(call, root);
}

void serve_replay(struct serve_call *call)
{
	struct json *body = read_body(call);
	const int64_t id = json_int(json_get(body, "source_id"), -1);
	struct again_list list = { .say = NULL };
	struct err err = { 0 };
	char given[32];

	if (body == NULL)
		return;
	(void)snprintf(given, sizeof(given), "%" PRId64, id);
	if (id <= 0)
		serve_error(call, 400, "bad_body", "source_id is the number "
			"of a source");
	else if (operate_replay(call->serve->config, given, &list, &err))
		put_replay(call, &list);
	else
		serve_fail(call, &err);
	again_list_clear(&list);
	json_free(body);
}

/* -- building -------------------------------------------------------------- */

static void put_built(void *context, const struct build_report *report)
{
	static const char *const words[] = {
		[BUILD_DONE] = "built",
		[BUILD_FAILED] = "failed",
		[BUILD_SKIPPED] = "skipped",
	};
	struct json *object = json_add_object(context);

	json_put_text(object, "pipeline", report->model.pipeline);
	json_put_text(object, "name", report->model.name);
	json_put_text(object, "outcome", words[report->outcome]);
	json_put_int(object, "rows", report->rows);
	json_put_int(object, "ms", report->ms);
	if (report->why != NULL)
		json_put_text(object, "why", report->why);
	else
		json_put_null(object, "why");
}

/* Names, in the body's order. False: one is no text, or they are too many. */
static bool read_names(const struct json *list, const char **names,
	size_t *count)
{
	*count = json_size(list);
	for (size_t i = 0; i < *count && *count <= MODELS_MAX; i++)
		if ((names[i] = json_text(json_at(list, i))) == NULL)
			return false;
	return *count <= MODELS_MAX;
}

void serve_run_models(struct serve_call *call)
{
	struct json *body = read_body(call);
	const char *names[MODELS_MAX];
	struct build_choice choice = { .names = names };
	struct json *root = json_object();
	struct json *array = json_put_array(root, "items");
	struct err err = { 0 };
	int64_t amiss = 0;

	if (body != NULL && !read_names(json_get(body, "models"), names,
		&choice.count)) {
		serve_error(call, 400, "bad_body", "models is a list of names");
	} else if (body != NULL && operate_models(call->serve->config,
		&choice, put_built, array, &amiss, &err)) {
		json_put_int(root, "amiss", amiss);
		serve_json(call, root);
		root = NULL;
	} else if (body != NULL) {
		serve_fail(call, &err);
	}
	json_free(root);
	json_free(body);
}

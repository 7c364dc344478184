/* models_graph.c - who reads whom, for people and for Graphviz. Pure. */
#include "consumer/model.h"

#include <string.h>

/* -- a tree for people -------------------------------------------------- */

/* Whether this source reads the relation `at` stands for. */
static bool reads(const struct model *model, const struct relation *relation)
{
	for (size_t i = 0; i < model->source_count; i++)
		if (strcmp(model->sources[i].relation.quoted,
			    relation->quoted) == 0)
			return true;
	return false;
}

/* What reads the relation, each with what reads that; the depth is bounded,
 * for there are no cycles. */
static bool add_readers(const struct models *models,
	const struct relation *relation, size_t depth, struct buf *out,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < models->count; i++) {
		const struct model *model = &models->items[i];

		if (!reads(model, relation))
			continue;
		ok = buf_printf(out, err, "%*s%s.%s  (%s)\n", (int)depth * 4,
			     "", model->relation.schema, model->relation.table,
			     model_kind_name(model->kind)) &&
			add_readers(models, &model->relation, depth + 1, out,
				err);
	}
	return ok;
}

/* True for the first model and source that read this master or delta. */
static bool is_first(const struct models *models, size_t at, size_t source)
{
	const char *quoted = models->items[at].sources[source].relation.quoted;

	for (size_t i = 0; i <= at; i++) {
		const struct model *model = &models->items[i];
		const size_t count = i < at ? model->source_count : source;

		for (size_t k = 0; k < count; k++)
			if (strcmp(model->sources[k].relation.quoted,
				    quoted) == 0)
				return false;
	}
	return models->items[at].sources[source].model == SIZE_MAX;
}

static bool add_tree(const struct models *models, struct buf *out,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < models->count; i++)
		for (size_t k = 0; ok && k < models->items[i].source_count;
			k++) {
			const struct relation *relation =
				&models->items[i].sources[k].relation;

			if (is_first(models, i, k))
				ok = buf_printf(out, err, "%s.%s\n",
					     relation->schema,
					     relation->table) &&
					add_readers(models, relation, 1, out,
						err);
		}
	return ok;
}

/* -- DOT ---------------------------------------------------------------- */

/* Names are checked where they are read: nothing in them needs quoting but
 * the dot. */
static bool add_edges(const struct model *model, struct buf *out,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < model->source_count; i++)
		ok = buf_printf(out, err, "\t\"%s.%s\" -> \"%s.%s\";\n",
			model->sources[i].relation.schema,
			model->sources[i].relation.table,
			model->relation.schema, model->relation.table);
	return ok;
}

static bool add_dot(const struct models *models, struct buf *out,
	struct err *err)
{
	static const char *const shapes[] = {
		[MODEL_INCREMENTAL] = "box",
		[MODEL_TABLE] = "folder",
		[MODEL_VIEW] = "ellipse",
	};
	bool ok = buf_add_str(out, "digraph models {\n\trankdir=LR;\n"
		"\tnode [shape=cylinder];\n", err);

	for (size_t i = 0; ok && i < models->count; i++) {
		const struct model *model = &models->items[i];

		ok = buf_printf(out, err,
			     "\t\"%s.%s\" [shape=%s, tooltip=\"%s\"];\n",
			     model->relation.schema, model->relation.table,
			     shapes[model->kind],
			     model_kind_name(model->kind)) &&
			add_edges(model, out, err);
	}
	return ok && buf_add_str(out, "}\n", err);
}

bool models_graph(const struct models *models, bool dot, struct buf *out,
	struct err *err)
{
	return dot ? add_dot(models, out, err) : add_tree(models, out, err);
}

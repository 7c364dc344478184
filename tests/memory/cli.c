/* cli.c - operations of cli/. */
#include "cli/output.h"
#include "cli/topology.h"
#include "cli/urls.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

static bool do_output(struct err *err)
{
	static const char *const heads[] = { "one", "two", NULL };
	struct table table;
	struct buf out = { 0 };
	bool ok;

	table_init(&table, heads);
	for (int i = 0; i < 20; i++) {
		table_add(&table, "a\nb");
		table_add_int(&table, i);
	}
	ok = table_format(&table, 2, &out, err);
	if (ok)
		memory_note(out.data, out.len);
	table_clear(&table);
	buf_clear(&out);
	return ok;
}

static bool plan_topology(const struct config *config, struct buf *text,
	struct err *err)
{
	struct pipeline_set set = { 0 };
	bool ok = pipeline_set_read("pipelines", &set, err) &&
		topology_plan(config, &set, text, err);

	pipeline_set_clear(&set);
	return ok;
}

static bool do_topology(struct err *err)
{
	static const struct config_flag flags[] = {
		{ "producer_password", "p" }, { "consumer_password", "c" },
		{ NULL, NULL } };
	struct config config = { 0 };
	struct buf text = { 0 };
	const bool ok = config_load(&config, NULL, flags, err) &&
		plan_topology(&config, &text, err) &&
		urls_amqp(&config, "u", "p@", &text, err) &&
		urls_database(&config, "u", "p@", &text, err);

	if (ok)
		memory_note(text.data, text.len);
	buf_clear(&text);
	config_clear(&config);
	return ok;
}

const struct operation cli_operations[] = {
	{ "output", do_output },
	{ "topology", do_topology },
	{ NULL, NULL },
};

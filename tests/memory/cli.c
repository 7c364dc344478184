/* cli.c - operations of cli/. */
#include "cli/infer.h"
#include "cli/output.h"
#include "cli/topology.h"
#include "cli/urls.h"
#include "memory.h"
#include "tests/support/pieces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static const char two[] = "[{\"id\":1,\"a\":{\"b\":\"x\",\"c\":[1]},"
	"\"at\":\"2020-01-01\"},\n{\"id\":2,\"a\":null,\"n\\u0061\":1.5}]";

static bool infer_from(const struct sample *sample, struct buf *text,
	struct err *err)
{
	struct infer infer = { 0 };
	struct pipeline pipeline = { 0 };
	struct infer_diff diff = { 0 };
	bool ok = infer_choose(&infer, sample, "memory", err) &&
		infer_write(&infer, "tried", text, err) &&
		pipeline_parse(text->data, text->len, "p", &pipeline, err) &&
		infer_compare(&pipeline.datasets[0], sample, &diff, err);

	infer_diff_clear(&diff);
	pipeline_clear(&pipeline);
	infer_clear(&infer);
	return ok;
}

static bool do_infer(struct err *err)
{
	const int fd = pieces_file(two, sizeof(two) - 1);
	struct sample sample = { 0 };
	struct buf text = { 0 };
	char path[64];
	const char *files[] = { path };
	const struct sample_input input = { files, 1, "", 1000 };
	bool ok;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ok = sample_init(&sample, &input, err) && sample_files(&sample, err) &&
		infer_from(&sample, &text, err);
	if (ok)
		memory_note(text.data, text.len);
	buf_clear(&text);
	sample_clear(&sample);
	(void)close(fd);
	return ok;
}

const struct operation cli_operations[] = {
	{ "infer", do_infer },
	{ "output", do_output },
	{ "topology", do_topology },
	{ NULL, NULL },
};

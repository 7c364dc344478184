/* console_section.c - the console's lists. Names stand last in their row: what
 * a strange one does to a terminal, it does to nothing behind it. */
#include "cli/console_section.h"
#include "cli/api.h"
#include "cli/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BAR 12
#define BAR_COLUMNS 50 /* a row with less has no bar */

/* A row of a section: what is put goes on behind what was. */
struct line {
	struct canvas *canvas;
	size_t row, column, end;
	bool selected;
};

static void put(struct line *line, size_t width, enum style style,
	const char *text)
{
	if (line->column >= line->end)
		return;
	if (width > line->end - line->column)
		width = line->end - line->column;
	(void)canvas_put(line->canvas, line->row, line->column, width,
		line->selected ? STYLE_REVERSE : style, text);
	line->column += width + 1;
}

static void put_right(struct line *line, size_t width, enum style style,
	const char *text)
{
	if (line->column >= line->end)
		return;
	if (width > line->end - line->column)
		width = line->end - line->column;
	canvas_put_right(line->canvas, line->row, line->column, width,
		line->selected ? STYLE_REVERSE : style, text);
	line->column += width + 1;
}

static void put_count(struct line *line, size_t width, int64_t count)
{
	char text[RATES_TEXT];

	put_right(line, width, STYLE_PLAIN, rates_count(count, text));
}

static void put_age(struct line *line, int64_t secs)
{
	char age[OUTPUT_TEXT];

	put_right(line, 11, STYLE_PLAIN, secs < 0 ? "never" :
		output_age(secs, age));
}

/* The rest of the row: ours, and then theirs. */
static void put_rest(struct line *line, enum style style, const char *text)
{
	put(line, SIZE_MAX, style, text);
}

/* -- rows ------------------------------------------------------------------- */

static int percent_of(const struct overview_source *source)
{
	if (source->size <= 0)
		return -1;
	return source->bytes_done >= source->size ? 100 :
		(int)((double)source->bytes_done / (double)source->size * 100);
}

static void draw_source(const struct overview *overview, size_t at,
	struct line *line)
{
	const struct overview_source *source = &overview->sources[at];
	const int percent = percent_of(source);
	char text[RATES_TEXT];

	if (line->end - line->column >= BAR_COLUMNS) {
		canvas_bar(line->canvas, line->row, line->column, BAR,
			STYLE_GREEN, percent < 0 ? 0 : percent);
		line->column += BAR + 1;
	}
	(void)snprintf(text, sizeof(text), "%d %%", percent);
	put_right(line, 5, STYLE_PLAIN, percent < 0 ? "? %" : text);
	put_count(line, 7, source->records_done);
	put(line, 4, STYLE_PLAIN, source->reading ? "sent" : "of");
	put_count(line, 7, source->reading ? source->records_sent :
		source->records);
	put_age(line, source->age_secs);
	put_rest(line, STYLE_CYAN, source->name);
}

static void draw_load(const struct overview *overview, size_t at,
	struct line *line)
{
	const struct overview_load *load = &overview->loads[at];
	char text[200];

	put_age(line, load->age_secs);
	put_count(line, 7, load->records);
	(void)snprintf(text, sizeof(text), "in %" PRId64 " ms: %" PRId64
		" inserted, %" PRId64 " updated, %" PRId64 " unchanged, %"
		PRId64 " rejected", load->ms, load->inserted, load->updated,
		load->unchanged, load->rejected);
	put_rest(line, load->rejected > 0 ? STYLE_YELLOW : STYLE_PLAIN, text);
}

static void draw_cause(const struct overview *overview, size_t at,
	struct line *line)
{
	const struct overview_cause *cause = &overview->causes[at];
	char text[OVERVIEW_NAME + 64];

	put_count(line, 7, cause->count);
	put_age(line, cause->age_secs);
	(void)snprintf(text, sizeof(text), "%s in %s, the latest %" PRId64,
		cause->code, cause->dataset, cause->latest);
	put_rest(line, STYLE_RED, text);
}

static void draw_model(const struct overview *overview, size_t at,
	struct line *line)
{
	const struct overview_model *model = &overview->models[at];
	char cost[RATES_TEXT], text[1400];

	put(line, 5, model->fresh ? STYLE_GREEN : STYLE_YELLOW,
		model->fresh ? "fresh" : "stale");
	put_age(line, model->age_secs);
	(void)snprintf(cost, sizeof(cost), "%.1f ms", model->refreshes == 0 ?
		0.0 : (double)model->refresh_us / (double)model->refreshes /
			1000);
	put_right(line, 9, STYLE_PLAIN, model->refreshes == 0 ? "-" : cost);
	(void)snprintf(text, sizeof(text), "%s%s%.1000s", model->model,
		model->error[0] != '\0' ? ": " : "", model->error);
	put_rest(line, model->fresh ? STYLE_PLAIN : STYLE_YELLOW, text);
}

static void draw_test(const struct overview *overview, size_t at,
	struct line *line)
{
	const struct overview_test *test = &overview->tests[at];
	const char *outcome = test->outcome != NULL ? test->outcome : "-";
	const bool well = strcmp(outcome, "pass") == 0;
	char text[1400];

	put(line, 6, well ? STYLE_GREEN : test->outcome == NULL ? STYLE_DIM :
		strcmp(outcome, "warn") == 0 ? STYLE_YELLOW : STYLE_RED,
		outcome);
	put_age(line, test->age_secs);
	put_count(line, 7, test->failing);
	(void)snprintf(text, sizeof(text), "%s.%s%s%.1000s",
		test->pipeline->name, test->test->name,
		test->error[0] != '\0' ? ": " : "", test->error);
	put_rest(line, STYLE_PLAIN, text);
}

static void draw_endpoint(const struct overview *overview, size_t at,
	struct line *line)
{
	const struct api_facts *facts = &overview->endpoints[at];
	const char *error = facts->row.error;
	char next[OUTPUT_TEXT + 8], text[1400];

	put(line, 14, STYLE_PLAIN, facts->known ?
		api_facts_next(facts, next) : "not known");
	put_count(line, 7, facts->known ? facts->row.records : -1);
	put_count(line, 5, facts->known ? facts->row.errors : -1);
	(void)snprintf(text, sizeof(text), "%s%s%.1000s", facts->name,
		error != NULL ? ": " : "", error != NULL ? error : "");
	put_rest(line, error != NULL ? STYLE_YELLOW : STYLE_PLAIN, text);
}

/* -- sections ----------------------------------------------------------------- */

struct section {
	const char *title;
	const char *heads; /* what the columns are, where there is room */
	void (*draw)(const struct overview *overview, size_t at,
		struct line *line);
	size_t (*count)(const struct overview *overview);
	bool silent; /* not there when there is nothing */
};

static size_t count_sources(const struct overview *overview)
{
	return overview->source_count;
}

static size_t count_loads(const struct overview *overview)
{
	return overview->load_count;
}

static size_t count_causes(const struct overview *overview)
{
	return overview->cause_count;
}

static size_t count_models(const struct overview *overview)
{
	return overview->model_count;
}

static size_t count_tests(const struct overview *overview)
{
	return overview->test_count;
}

static size_t count_endpoints(const struct overview *overview)
{
	return overview->endpoint_count;
}

static const struct section sections[CONSOLE_PAGES] = {
	[CONSOLE_SOURCES] = { "under way", "committed, of, since, source",
		draw_source, count_sources, false },
	[CONSOLE_LOADS] = { "loads", "ago, records", draw_load, count_loads,
		false },
	[CONSOLE_REJECTS] = { "rejects", "how many, the latest, cause",
		draw_cause, count_causes, false },
	[CONSOLE_MODELS] = { "models", "refreshed, cost each, model",
		draw_model, count_models, true },
	[CONSOLE_TESTS] = { "tests", "asked, failing, test", draw_test,
		count_tests, true },
	[CONSOLE_ENDPOINTS] = { "endpoints", "next run, records, errors",
		draw_endpoint, count_endpoints, true },
};

size_t section_wants(const struct overview *overview, enum console_page page)
{
	const struct section *section = &sections[page];
	const size_t count = overview != NULL && section->count != NULL ?
		section->count(overview) : 0;

	return count == 0 && section->silent ? 0 : count + 1;
}

/* Without the database only what the state file and the folders tell. */
static bool is_known(const struct overview *overview,
	const struct section *section)
{
	return overview->asked || section->draw == draw_source ||
		section->draw == draw_endpoint;
}

static void draw_title(const struct overview *overview,
	const struct section *section, struct canvas *canvas,
	const struct area *area)
{
	const size_t count = section->count(overview);
	size_t at = area->column;
	const size_t end = area->column + area->columns;

	at += canvas_put(canvas, area->row, at, end - at, STYLE_BOLD,
		section->title);
	if (count == 0)
		at += canvas_put(canvas, area->row, at, end - at, STYLE_DIM,
			is_known(overview, section) ? " none" :
			" not known");
	else if (at + strlen(section->heads) + 12 < end)
		at += canvas_putf(canvas, area->row, at, end - at, STYLE_DIM,
			" %zu (%s)", count, section->heads);
	else
		at += canvas_putf(canvas, area->row, at, end - at, STYLE_DIM,
			" %zu", count);
	for (at++; at < end; at++)
		(void)canvas_put(canvas, area->row, at, 1, STYLE_DIM,
			canvas->ascii ? "-" : "\u2500");
}

void section_draw(const struct overview *overview, enum console_page page,
	struct canvas *canvas, const struct area *area, size_t first,
	size_t selected)
{
	const struct section *section = &sections[page];
	const size_t count = section->count(overview);

	draw_title(overview, section, canvas, area);
	for (size_t i = 0; i + 1 < area->rows && first + i < count; i++) {
		struct line line = { canvas, area->row + 1 + i, area->column,
			area->column + area->columns, first + i == selected };

		section->draw(overview, first + i, &line);
	}
}

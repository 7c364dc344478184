/* paper_json.c - a receipt as a document. */
#include "cli/paper.h"

#include <stdio.h>
#include <string.h>

static const char *const place_words[] = {
	[PLACE_UNKNOWN] = "not found",
	[PLACE_CLAIMED] = "claimed",
	[PLACE_PROCESSED] = "processed",
	[PLACE_FAILED] = "failed",
};

const char *paper_place(const struct paper *paper)
{
	return strcmp(paper_text(paper, PAPER_KIND), "foreign") == 0 ?
		"a message" : place_words[paper->located.place];
}

static void put_faults(struct json *object,
	const struct receipt_judgement *judgement)
{
	struct json *array = json_put_array(object, "faults");
	char line[512];
	const char *at = judgement->text.len > 0 ? judgement->text.data : "";

	while (*at != '\0') {
		const size_t len = strcspn(at, "\n");

		(void)snprintf(line, sizeof(line), "%.*s", (int)len, at);
		json_add_text(array, line);
		at += len + (at[len] == '\n');
	}
}

/* Null columns become null; numbers stay numbers. */
static void put_columns(struct json *object, const struct paper *paper)
{
	static const struct {
		const char *key;
		enum paper_column column;
		bool number;
	} all[] = {
		{ "source_id", PAPER_SOURCE_ID, true },
		{ "drop_id", PAPER_DROP_ID, false },
		{ "pipeline", PAPER_PIPELINE, false },
		{ "dataset", PAPER_DATASET, false },
		{ "kind", PAPER_KIND, false },
		{ "name", PAPER_NAME, false },
		{ "claimed_at", PAPER_CLAIMED_AT, false },
		{ "completed_at", PAPER_COMPLETED_AT, false },
		{ "format", PAPER_FORMAT, false },
		{ "file_size", PAPER_FILE_SIZE, true },
		{ "size", PAPER_SIZE, true },
		{ "sha256", PAPER_SHA256, false },
		{ "manifest_records", PAPER_M_RECORDS, true },
		{ "manifest_chunks", PAPER_M_CHUNKS, true },
		{ "manifest_rejects", PAPER_M_REJECTS, true },
		{ "chunks", PAPER_CHUNKS, true },
		{ "reader_rejects", PAPER_READER_REJECTS, true },
		{ "records", PAPER_RECORDS, true },
		{ "inserted", PAPER_INSERTED, true },
		{ "updated", PAPER_UPDATED, true },
		{ "unchanged", PAPER_UNCHANGED, true },
		{ "rejected", PAPER_REJECTED, true },
		{ "filtered", PAPER_FILTERED, true },
		{ "resolved", PAPER_RESOLVED, true },
		{ "replay_of", PAPER_REPLAY_OF, false },
		{ "undone_at", PAPER_UNDONE_AT, false },
		{ "undone_by", PAPER_UNDONE_BY, false },
		{ "undone_reason", PAPER_UNDONE_REASON, false },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (paper_is_null(paper, all[i].column))
			json_put_null(object, all[i].key);
		else if (all[i].number)
			json_put_int(object, all[i].key,
				paper_number(paper, all[i].column));
		else
			json_put_text(object, all[i].key,
				paper_text(paper, all[i].column));
}

static void put_derived(struct json *object, const struct paper *paper)
{
	struct json *array = json_put_array(object, "derived");

	for (size_t i = 0; i < paper->receipt.derived_count; i++) {
		const struct receipt_derived *d = &paper->receipt.derived[i];
		struct json *one = json_add_object(array);

		json_put_text(one, "dataset", d->dataset);
		json_put_int(one, "records", d->records);
		json_put_int(one, "inserted", d->inserted);
		json_put_int(one, "updated", d->updated);
		json_put_int(one, "unchanged", d->unchanged);
		json_put_int(one, "rejected", d->rejected);
		json_put_int(one, "delta_rows", d->delta_rows);
	}
}

void paper_json(const struct paper *paper, struct json *object)
{
	const struct receipt_judgement *judgement = &paper->judgement;

	json_put_text(object, "verdict", receipt_word(judgement->verdict));
	put_columns(object, paper);
	if (judgement->in_flight >= 0)
		json_put_int(object, "in_flight", judgement->in_flight);
	else
		json_put_null(object, "in_flight");
	json_put_int(object, "ranges", (int64_t)paper->receipt.range_count);
	json_put_int(object, "gaps", (int64_t)judgement->gaps);
	json_put_int(object, "overlaps", (int64_t)judgement->overlaps);
	json_put_int(object, "delta_rows", paper->receipt.delta_rows);
	put_derived(object, paper);
	json_put_text(object, "place", paper_place(paper));
	if (paper->located.path.len > 0)
		json_put_text(object, "path", paper->located.path.data);
	else
		json_put_null(object, "path");
	put_faults(object, judgement);
}

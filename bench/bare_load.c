/* bare_load.c - the limit: the same rows into the same tables with nothing
 * else around. Everything is parsed and encoded before the clock starts; then
 * for each batch: begin, COPY into the delta, the upsert, the models if the
 * dataset has any, commit.
 *
 * usage: bare_load [-t TIMES] PIPELINE DATASET FILE [BATCH_ROWS]
 * FILE has one event a line (array brackets and commas are tolerated). It is
 * loaded TIMES times, as if it were dropped again: from the second time on all
 * keys are there. Prints "rows SECONDS rate" for each. */
#include "cli/connect.h"
#include "common/clock.h"
#include "consumer/copybin.h"
#include "consumer/models.h"
#include "consumer/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_BATCHES 4096

struct bare {
	struct config config;
	struct pipeline_set set;
	const struct dataset *dataset;
	struct models *models;
	struct db *db;
	int64_t loads; /* ours begin behind: no load of Sluice's comes that far */
	struct buf batches[MAX_BATCHES];
	size_t batch_count;
	size_t batch_rows;
	size_t room; /* rows that the last batch still takes */
	int64_t rows;
	char partition[256];
};

static bool find_partition(struct bare *bare, struct err *err)
{
	struct db_result *result = NULL;
	char name[512];
	const char *values[] = { name };

	(void)snprintf(name, sizeof(name), "%s.%s",
		bare->dataset->pipeline->name, bare->dataset->name);
	if (!db_query(bare->db,
		    "select meta.delta_partition($1, current_date)", 1, values,
		    &result, err))
		return false;
	(void)snprintf(bare->partition, sizeof(bare->partition), "%s",
		db_value(result, 0, 0));
	db_result_free(result);
	result = NULL;
	(void)snprintf(name, sizeof(name), "select 1000000"
		" + coalesce(max(_load), 0) from %s", bare->partition);
	if (!db_query(bare->db, name, 0, NULL, &result, err))
		return false;
	bare->loads = db_int(result, 0, 0);
	db_result_free(result);
	return db_exec(bare->db,
		"insert into meta.source (drop_id, pipeline, dataset, kind,"
		" name, claimed_at) values (gen_random_uuid(), 'bench',"
		" 'bench', 'file', 'bare', now())", err);
}

static bool encode_line(struct bare *bare, struct rowmap *map, char *line,
	int64_t offset, struct err *err)
{
	struct cell cells[64];
	struct row_fault fault;
	char *start = strchr(line, '{'), *end = strrchr(line, '}');
	struct buf *out;
	int64_t extra[3];

	if (start == NULL || end == NULL)
		return true;
	if (bare->room == 0) {
		if (bare->batch_count == MAX_BATCHES)
			return err_set(err, ERR_STOP, "too many batches");
		bare->room = bare->batch_rows;
		out = &bare->batches[bare->batch_count++];
		if (!copybin_header(out, err))
			return false;
	}
	out = &bare->batches[bare->batch_count - 1];
	extra[0] = 1;
	extra[1] = offset;
	extra[2] = bare->loads + (int64_t)bare->batch_count;
	if (rowmap_record(map, start, (size_t)(end - start) + 1, cells, &fault,
		    err) != ROW_OK)
		return err_set(err, ERR_STOP, "a bad record at %jd",
			(intmax_t)offset);
	bare->rows++;
	bare->room--;
	return copybin_row(out, cells, rowmap_width(map), extra, 3, err);
}

/* Offsets go on from *offset: rows of another time are later versions. */
static bool encode_file(struct bare *bare, const char *name, int64_t *offset,
	struct err *err)
{
	struct rowmap *map = rowmap_new(bare->dataset, err);
	FILE *file = fopen(name, "r");
	size_t first = bare->batch_count;
	char *line = NULL;
	size_t cap = 0;
	ssize_t got;
	bool ok = map != NULL &&
		(file != NULL || err_errno(err, ERR_STOP, "open %s", name));

	bare->rows = 0;
	bare->room = 0;
	while (ok && (got = getline(&line, &cap, file)) > 0) {
		ok = encode_line(bare, map, line, *offset, err);
		*offset += got;
	}
	for (; ok && first < bare->batch_count; first++)
		ok = copybin_trailer(&bare->batches[first], err);
	free(line);
	if (file != NULL)
		(void)fclose(file);
	rowmap_free(map);
	return ok;
}

static bool load_batch(struct bare *bare, size_t at, const char *copy,
	const char *upsert, struct err *err)
{
	const struct models_delta delta = { bare->dataset, bare->partition };
	const struct buf *batch = &bare->batches[at];
	char load_id[32];
	const char *values[] = { load_id, "{1}", "{1}" };
	int64_t rows;

	(void)snprintf(load_id, sizeof(load_id), "%jd",
		(intmax_t)bare->loads + (intmax_t)at + 1);
	return db_begin(bare->db, err) &&
		db_copy_begin(bare->db, copy, err) &&
		db_copy_put(bare->db, batch->data, batch->len, err) &&
		db_copy_end(bare->db, &rows, err) &&
		db_query(bare->db, upsert, 3, values, NULL, err) &&
		models_refresh(bare->models, bare->db,
			bare->loads + (int64_t)at + 1, &delta, 1, NULL, err) &&
		db_commit(bare->db, err);
}

/* The batches of one time. */
static bool load_time(struct bare *bare, size_t from, size_t until,
	const char *copy, const char *upsert, struct err *err)
{
	const int64_t started = clock_now_us();
	double secs;

	for (; from < until; from++)
		if (!load_batch(bare, from, copy, upsert, err))
			return false;
	secs = (double)(clock_now_us() - started) / 1e6;
	printf("%jd %.3f %.0f\n", (intmax_t)bare->rows, secs,
		(double)bare->rows / secs);
	return true;
}

static bool load_all(struct bare *bare, size_t times, struct err *err)
{
	const size_t each = bare->batch_count / times;
	struct buf copy = { 0 }, upsert = { 0 };
	bool ok = tables_copy_sql(bare->dataset, bare->partition, &copy, err) &&
		tables_upsert_sql(bare->dataset, bare->partition, &upsert,
			err) &&
		models_session(bare->models, bare->db, err);

	for (size_t i = 0; ok && i < times; i++)
		ok = load_time(bare, i * each, (i + 1) * each, copy.data,
			upsert.data, err);
	buf_clear(&copy);
	buf_clear(&upsert);
	return ok;
}

static bool run(struct bare *bare, size_t times, char **argv, struct err *err)
{
	const struct pipeline *pipeline;
	int64_t offset = 0;
	bool ok;

	if (!config_load(&bare->config, NULL, NULL, err) ||
		!pipeline_set_read(bare->config.pipelines_dir, &bare->set, err))
		return false;
	pipeline = pipeline_find(&bare->set, argv[0]);
	bare->dataset =
		pipeline != NULL ? dataset_find(pipeline, argv[1]) : NULL;
	if (bare->dataset == NULL)
		return err_set(err, ERR_STOP, "no dataset %s.%s", argv[0],
			argv[1]);
	bare->models = models_read(bare->config.models_dir, &bare->set, err);
	if (bare->models == NULL)
		return false;
	bare->db = connect_db(&bare->config, &bare->config.loader, false, 0,
		err);
	ok = bare->db != NULL && find_partition(bare, err);
	for (size_t i = 0; ok && i < times; i++)
		ok = encode_file(bare, argv[2], &offset, err);
	return ok && load_all(bare, times, err);
}

int main(int argc, char **argv)
{
	static struct bare bare;
	struct err err = { 0 };
	size_t times = 1;
	int option;
	bool ok;

	while ((option = getopt(argc, argv, "t:")) == 't')
		times = strtoull(optarg, NULL, 10);
	argc -= optind;
	if (option != -1 || times == 0 || argc < 3 || argc > 4) {
		(void)fprintf(stderr, "usage: %s [-t TIMES] PIPELINE DATASET "
				      "FILE [BATCH_ROWS]\n", argv[0]);
		return EXIT_USAGE;
	}
	argv += optind;
	bare.batch_rows = argc > 3 ? strtoull(argv[3], NULL, 10) : 50000;
	ok = bare.batch_rows > 0 && run(&bare, times, argv, &err);
	if (!ok)
		(void)fprintf(stderr, "bare_load: %s\n", err.text);
	for (size_t i = 0; i < bare.batch_count; i++)
		buf_clear(&bare.batches[i]);
	db_close(bare.db);
	models_free(bare.models);
	pipeline_set_clear(&bare.set);
	config_clear(&bare.config);
	return ok ? 0 : err_exit_code(&err);
}

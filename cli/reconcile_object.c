/* reconcile_object.c - sources whose bytes are in the object store: fetched
 * for those that are sent again, and read back for all. */
#include "cli/reconcile.h"
#include "cli/output.h"
#include "common/clock.h"
#include "common/place.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRATCH "/var/tmp"

/* -- one that is to be sent again ------------------------------------------- */

static const char *scratch(void)
{
	const char *folder = getenv("TMPDIR");

	return folder != NULL && folder[0] == '/' ? folder : SCRATCH;
}

static bool open_fetched(struct reconcile *r, struct err *err)
{
	if (r->fetched.len > 0)
		return true;
	if (!buf_printf(&r->fetched, err, "%s/sluice-reconcile-XXXXXX",
		scratch()))
		return false;
	if (mkdtemp(r->fetched.data) != NULL)
		return true;
	(void)err_errno(err, ERR_STOP, "a folder in %s", scratch());
	err->exit_code = EXIT_IO;
	buf_reset(&r->fetched);
	return false;
}

/* What is loaded again has no bytes of its own: its original has. */
static bool origin_of(struct reconcile *r, const struct source *source,
	struct uuid *origin, struct err *err)
{
	char drop[UUID_TEXT];
	struct db_result *rows = NULL;
	bool ok;

	*origin = uuid_is_nil(&source->replay_of) ? source->drop :
		source->replay_of;
	uuid_format(&source->drop, drop);
	ok = db_query(r->db, "select replay_of from meta.source"
		" where drop_id = $1::uuid and replay_of is not null", 1,
		(const char *const[]){ drop }, &rows, err);
	if (ok && db_rows(rows) > 0)
		ok = uuid_parse(db_value(rows, 0, 0), db_value_len(rows, 0, 0),
			origin) || err_stop(err, EXIT_BUG, "a drop id is none");
	db_result_free(rows);
	return ok;
}

static bool copy_text(char **to, const char *from, struct err *err)
{
	*to = from == NULL ? NULL : strdup(from);
	return from == NULL || *to != NULL || err_memory(err);
}

static bool describe(struct reconcile *r, const struct amiss *amiss,
	struct again_source *again, struct err *err)
{
	const struct source *source = amiss->source;
	const struct pipeline *pipeline = pipeline_find(&r->set,
		source->pipeline);

	*again = (struct again_source){ .bytes = -1, .loaded_bytes = -1,
		.claimed_us = source->claimed_us,
		.dataset = pipeline == NULL ? NULL :
			dataset_find(pipeline, source->dataset) };
	return copy_text(&again->order.pipeline, source->pipeline, err) &&
		copy_text(&again->order.dataset, source->dataset, err) &&
		copy_text(&again->order.name, source->name, err) &&
		copy_text(&again->order.object, source->object, err) &&
		origin_of(r, source, &again->order.replay_of, err);
}

static bool fetch(struct reconcile *r, const struct again_source *again,
	const char *name, struct err *err)
{
	const int folder = place_again(r->fetched.data, err);
	const int fd = folder < 0 ? -1 : openat(folder, name,
		O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok = fd >= 0 || (folder >= 0 &&
		err_errno(err, ERR_STOP, "create %s", name));

	ok = ok && again_copy(&r->places, again, fd, err);
	if (fd >= 0)
		(void)close(fd);
	if (fd >= 0 && !ok)
		(void)unlinkat(folder, name, 0);
	if (folder >= 0)
		(void)close(folder);
	return ok;
}

static bool take(struct reconcile *r, struct amiss *amiss,
	const struct again_source *again, struct err *err)
{
	struct source *source = amiss->source;
	char name[UUID_TEXT];

	uuid_format(&source->drop, name);
	if (!open_fetched(r, err) || !fetch(r, again, name, err) ||
		!copy_text(&source->kept, name, err))
		return false;
	source->kept_root = r->fetched.data;
	amiss->fetched = true;
	if (again_is_answer(again)) /* they are cut out already */
		source->limits.records[0] = '\0';
	buf_reset(&amiss->path);
	return buf_printf(&amiss->path, err, "%s/%s",
		object_store_place(r->places.store), again->order.object);
}

bool reconcile_fetch(struct reconcile *r, struct amiss *amiss,
	struct err *err)
{
	struct again_source again;
	bool ok = describe(r, amiss, &again, err);

	r->places.config = r->config;
	if (ok && again.dataset != NULL)
		ok = again_find_object(&r->places, &again, err);
	if (ok && again.dataset != NULL && again.order.object != NULL) {
		free(amiss->source->kept);
		amiss->source->kept = NULL;
		ok = take(r, amiss, &again, err) ||
			err_wrap(err, "%s", again.order.object);
	}
	again_source_clear(&again);
	return ok;
}

void reconcile_unfetch(struct reconcile *r)
{
	char name[UUID_TEXT];
	struct err none = { 0 };
	const int folder = r->fetched.len == 0 ? -1 :
		place_again(r->fetched.data, &none);

	for (const struct amiss *amiss = r->first; amiss != NULL;
		amiss = amiss->next)
		if (amiss->fetched && folder >= 0) {
			uuid_format(&amiss->source->drop, name);
			(void)unlinkat(folder, name, 0);
		}
	if (folder >= 0) {
		(void)close(folder);
		(void)rmdir(r->fetched.data);
	}
	buf_clear(&r->fetched);
	again_places_clear(&r->places);
}

/* -- all that is kept --------------------------------------------------------- */

struct audit {
	struct again_list list;
	size_t objects, files, others; /* what is as it was; what is not */
	int64_t bytes;
	struct json *faults; /* NULL: for people */
};

static void say_missing(const char *line)
{
	struct buf shown = { 0 };

	output_line("not kept: %s", output_escape(&shown, line));
	buf_clear(&shown);
}

static void say_other(struct audit *audit, const struct again_source *source,
	const char *why)
{
	struct buf shown = { 0 }, text = { 0 };
	const char *where = source->path != NULL ? source->path :
		source->order.object;
	struct json *fault;

	audit->others++;
	if (audit->faults != NULL) {
		fault = json_add_object(audit->faults);
		json_put_int(fault, "source_id", source->id);
		json_put_text(fault, "kept", output_escape(&shown, where));
		json_put_text(fault, "fault", output_escape(&text, why));
	} else
		output_line("source %" PRId64 ", %s: %s", source->id,
			output_escape(&shown, where),
			output_escape(&text, why));
	buf_clear(&shown);
	buf_clear(&text);
}

static bool read_back(struct audit *audit, const struct again_source *source,
	int fd, struct err *err)
{
	struct err why = { 0 };

	if (ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0)
		return err_errno(err, ERR_STOP, "a file in %s", scratch());
	if (!again_copy(&audit->list.places, source, fd, &why) ||
		!again_check(source, fd, &why)) {
		if (why.kind != ERR_REJECT) {
			*err = why;
			return false;
		}
		if (again_is_answer(source))
			(void)err_wrap(&why, "its records (were `records` or "
				"`format` changed?)");
		say_other(audit, source, why.text);
		return true;
	}
	audit->bytes += lseek(fd, 0, SEEK_END);
	if (source->path == NULL)
		audit->objects++;
	else
		audit->files++;
	return true;
}

static bool read_all(struct audit *audit, struct err *err)
{
	const int fd = open(scratch(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	bool ok = fd >= 0 || err_errno(err, ERR_STOP, "a file in %s",
		scratch());

	for (size_t i = 0; ok && i < audit->list.count; i++)
		ok = read_back(audit, &audit->list.sources[i], fd, err);
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static bool show(struct audit *audit, struct json *root, struct err *err)
{
	if (root == NULL) {
		output_line("%zu objects and %zu files read back, %" PRId64
			" bytes of records: as they were loaded; %zu are not, "
			"%zu are not kept", audit->objects, audit->files,
			audit->bytes, audit->others, audit->list.missing);
		return true;
	}
	json_put_int(root, "objects", (int64_t)audit->objects);
	json_put_int(root, "files", (int64_t)audit->files);
	json_put_int(root, "bytes", audit->bytes);
	json_put_int(root, "others", (int64_t)audit->others);
	json_put_int(root, "not_kept", (int64_t)audit->list.missing);
	return output_json(root, err);
}

/* What was to be kept that long, and no longer. */
static void first_day(const struct config *config, char day[CLOCK_TEXT])
{
	const int64_t keep = config->object_store_keep_secs;

	clock_format_date(keep == 0 ? 0 : clock_wall_us() - keep * 1000000,
		day);
}

bool reconcile_kept(const struct cmd_context *context, bool *fine,
	struct err *err)
{
	struct json *root = context->json ? json_object() : NULL;
	struct audit audit = { .faults = root == NULL ? NULL :
		json_put_array(root, "faults") };
	char from[CLOCK_TEXT];
	const struct again_words words = { .from = from, .to = "9999-12-30",
		.complete = true };
	bool ok;

	first_day(context->config, from);
	audit.list.say = root == NULL ? say_missing : NULL;
	ok = again_choose(context->config, &words, &audit.list, err) &&
		read_all(&audit, err);
	if (ok)
		ok = show(&audit, root, err);
	else
		json_free(root);
	*fine = audit.others == 0 && audit.list.missing == 0;
	again_list_clear(&audit.list);
	return ok;
}

/* reconcile.c - the witnesses, and the list of what is amiss. */
#include "cli/reconcile.h"
#include "cli/connect.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- opening ------------------------------------------------------------ */

/* Without a state file there still are the database and .claimed. */
static bool open_state(struct reconcile *r, struct err *err)
{
	struct err why = { 0 };

	r->state = state_look(r->config->state_file, &why);
	if (r->state != NULL || why.kind == ERR_REJECT)
		return true;
	*err = why;
	return err_wrap(err, "the producer's state file (run this as the user "
		"of the daemons, or as root)");
}

bool reconcile_open(struct reconcile *r, const struct config *config,
	struct err *err)
{
	r->config = config;
	if (!pipeline_set_read(config->pipelines_dir, &r->set, err)) {
		r->set = (struct pipeline_set){ 0 };
		return false;
	}
	if (!open_state(r, err))
		return false;
	r->db = connect_db(config, &config->reader, true, 0, err);
	return r->db != NULL;
}

void reconcile_close(struct reconcile *r)
{
	reconcile_unfetch(r);
	reconcile_forget(r);
	for (size_t i = 0; i < r->wanted_count; i++)
		buf_clear(&r->wanted[i].name);
	db_close(r->db);
	state_close(r->state);
	pipeline_set_clear(&r->set);
}

/* -- the list ----------------------------------------------------------- */

static size_t bucket_of(const struct uuid *drop)
{
	return (size_t)(drop->bytes[0] | drop->bytes[1] << 8) % AMISS_BUCKETS;
}

struct amiss *reconcile_find(const struct reconcile *r,
	const struct uuid *drop)
{
	struct amiss *amiss = r->index[bucket_of(drop)];

	while (amiss != NULL && !uuid_equal(&amiss->source->drop, drop))
		amiss = amiss->neighbour;
	return amiss;
}

static void amiss_free(struct amiss *amiss)
{
	source_free(amiss->source);
	buf_clear(&amiss->name);
	buf_clear(&amiss->path);
	free(amiss);
}

void reconcile_forget(struct reconcile *r)
{
	while (r->first != NULL) {
		struct amiss *amiss = r->first;

		r->first = amiss->next;
		amiss_free(amiss);
	}
	r->last = NULL;
	r->count = 0;
	memset(r->index, 0, sizeof(r->index));
}

struct amiss *reconcile_add(struct reconcile *r, struct source *source,
	struct err *err)
{
	struct amiss *amiss = calloc(1, sizeof(*amiss));
	struct amiss **bucket = &r->index[bucket_of(&source->drop)];

	if (amiss == NULL) {
		source_free(source);
		(void)err_memory(err);
		return NULL;
	}
	amiss->source = source;
	amiss->file_size = -1;
	amiss->missing = -1;
	if (!buf_add_escaped(&amiss->name, source->name, strlen(source->name),
		err)) {
		amiss_free(amiss);
		return NULL;
	}
	amiss->neighbour = *bucket;
	*bucket = amiss;
	if (r->last != NULL)
		r->last->next = amiss;
	else
		r->first = amiss;
	r->last = amiss;
	r->count++;
	return amiss;
}

/* -- words of the command line ------------------------------------------ */

static bool ends_with_name(const char *name, const char *given)
{
	const size_t len = strlen(name), tail = strlen(given);

	return strcmp(name, given) == 0 || (len > tail &&
		strcmp(name + len - tail, given) == 0 &&
		name[len - tail - 1] == '/');
}

/* The kept file itself was named. */
static bool is_kept_file(const struct config *config,
	const struct source *source, const char *given)
{
	char path[PATH_MAX];
	char *kept, *real;
	bool same;

	if (source->target == NULL || strchr(given, '/') == NULL)
		return false;
	(void)snprintf(path, sizeof(path), "%s/%s", source->failed ?
		config->failed_dir : config->processed_dir, source->target);
	kept = realpath(path, NULL);
	real = realpath(given, NULL);
	same = kept != NULL && real != NULL && strcmp(kept, real) == 0;
	free(kept);
	free(real);
	return same;
}

bool reconcile_wants(struct reconcile *r, const char *name,
	const struct source *source, int64_t source_id)
{
	char drop[UUID_TEXT], id[24];
	bool wants = r->wanted_count == 0;

	uuid_format(&source->drop, drop);
	(void)snprintf(id, sizeof(id), "%" PRId64, source_id);
	for (size_t i = 0; i < r->wanted_count; i++) {
		struct wanted *w = &r->wanted[i];

		if (!ends_with_name(name, w->name.data) &&
			strcmp(drop, w->given) != 0 &&
			(source_id == 0 || strcmp(id, w->given) != 0) &&
			!is_kept_file(r->config, source, w->given))
			continue;
		w->known = true;
		wants = true;
	}
	return wants;
}

/* reconcile_file.c - the kept file of each source, and what it allows. */
#include "cli/reconcile.h"
#include "cli/locate.h"
#include "producer/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- where it is ---------------------------------------------------------- */

static bool set_kept(struct amiss *amiss, const char *root, const char *path,
	struct err *err)
{
	struct source *source = amiss->source;

	free(source->kept);
	source->kept = strdup(path);
	source->kept_root = root;
	buf_reset(&amiss->path);
	return source->kept == NULL ? err_memory(err) :
		buf_printf(&amiss->path, err, "%s/%s", root, path);
}

static bool is_there(const struct amiss *amiss)
{
	struct stat st;

	return amiss->fetched || lstat(amiss->path.data, &st) == 0 ||
		errno != ENOENT;
}

static bool use_claimed(struct reconcile *r, struct amiss *amiss,
	struct err *err)
{
	struct buf path = { 0 };
	const bool ok = source_claimed_path(amiss->source, &path, err) &&
		set_kept(amiss, r->config->raw_dir, path.data, err);

	buf_clear(&path);
	return ok;
}

static bool use_target(struct reconcile *r, struct amiss *amiss,
	struct err *err)
{
	const struct source *source = amiss->source;

	return set_kept(amiss, source->failed ? r->config->failed_dir :
		r->config->processed_dir, source->target, err);
}

/* Somebody may have moved it to another day or folder; name and digest tell. */
static bool use_located(struct reconcile *r, struct amiss *amiss,
	struct err *err)
{
	const struct config *config = r->config;
	const struct source *source = amiss->source;
	char digest[SHA256_TEXT], drop[UUID_TEXT];
	struct located located = { 0 };
	const struct locate_wanted wanted = {
		.directory = source->directory,
		.name = amiss->name.data,
		.drop = drop,
		.day = "",
		.size = amiss->known ? (int64_t)source->size :
			amiss->file_size,
		.sha256 = amiss->known ? digest : amiss->sha256,
	};
	const char *root;
	bool ok;

	uuid_format(&source->drop, drop);
	sha256_format(source->sha256, digest);
	ok = locate_source(config, &wanted, &located, err);
	if (ok && located.place != PLACE_UNKNOWN) {
		root = located.place == PLACE_FAILED ? config->failed_dir :
			located.place == PLACE_PROCESSED ?
			config->processed_dir : config->raw_dir;
		ok = set_kept(amiss, root,
			located.path.data + strlen(root) + 1, err);
	}
	buf_clear(&located.path);
	return ok;
}

static bool find_file(struct reconcile *r, struct amiss *amiss,
	struct err *err)
{
	if (amiss->stray)
		return use_claimed(r, amiss, err);
	if (amiss->source->target != NULL && (!use_target(r, amiss, err) ||
		is_there(amiss)))
		return err->kind == ERR_NONE;
	if (!amiss->known && amiss->sha256[0] == '\0')
		return true;
	return use_located(r, amiss, err) && ((amiss->path.len > 0 &&
		is_there(amiss)) || reconcile_fetch(r, amiss, err));
}

/* -- what was claimed ----------------------------------------------------- */

static bool unhex(const char *hex, uint8_t *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < SHA256_BYTES; i++) {
		const char *high = strchr(digits, hex[i * 2]);
		const char *low = strchr(digits, hex[i * 2 + 1]);

		if (high == NULL || low == NULL || *high == '\0' ||
			*low == '\0')
			return false;
		out[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return true;
}

/* Of a source that only the database remembers, its manifest tells. */
static bool take_manifest(struct amiss *amiss)
{
	struct source *source = amiss->source;

	if (strlen(amiss->sha256) != SHA256_TEXT - 1 ||
		!unhex(amiss->sha256, source->sha256))
		return false;
	source->size = (uint64_t)amiss->file_size;
	return true;
}

/* The claim's time decides between versions: of a file whose row is lost, the
 * moment of its renaming is near enough. Written to after that, it is not what
 * was claimed. */
static bool take_times(struct amiss *amiss, struct err *err)
{
	struct source *source = amiss->source;
	struct stat st;

	if (lstat(amiss->path.data, &st) != 0)
		return err_errno(err, ERR_REJECT, "look at %s",
			amiss->path.data);
	if (source->claimed_us == 0)
		source->claimed_us = (int64_t)st.st_ctim.tv_sec * 1000000 +
			st.st_ctim.tv_nsec / 1000;
	return (int64_t)st.st_mtim.tv_sec <= source->claimed_us / 1000000 ||
		err_set(err, ERR_REJECT, "the file was written to after its "
			"claim: drop it again");
}

/* -- what may be sent beside what is loaded -------------------------------- */

static bool ask_loaded(struct reconcile *r, struct amiss *amiss,
	struct err *err)
{
	static const char sql[] =
		"select lo, hi\n"
		"from meta.chunk\n"
		"where drop_id = $1::uuid and dataset = $2 and replay = 0\n"
		"order by lo, hi";
	struct source *source = amiss->source;
	char drop[UUID_TEXT];
	const char *values[] = { drop, source->dataset };
	struct db_result *result = NULL;
	size_t rows;

	uuid_format(&source->drop, drop);
	if (!db_query(r->db, sql, 2, values, &result, err))
		return false;
	rows = db_rows(result);
	free(source->loaded);
	source->loaded_count = 0;
	source->loaded = calloc(rows + 1, sizeof(*source->loaded));
	for (size_t i = 0; source->loaded != NULL && i < rows; i++)
		source->loaded[source->loaded_count++] =
			(struct source_range){
				.lo = (uint64_t)db_int(result, i, 0),
				.hi = (uint64_t)db_int(result, i, 1),
			};
	db_result_free(result);
	return source->loaded != NULL || err_memory(err);
}

/* Pieces that do not lie beside those in the ledger could not be loaded: then
 * the source begins anew, as this version cuts it. */
static bool judge_ranges(struct reconcile *r, struct amiss *amiss,
	struct err *err)
{
	struct source *source = amiss->source;
	const bool sure = amiss->known &&
		source->reader_version == READER_VERSION;
	bool fits = true;

	if (!amiss->take_back && !ask_loaded(r, amiss, err))
		return false;
	if (!amiss->take_back && !sure && source->loaded_count > 0 &&
		!kept_fits(source, &fits, err))
		return false;
	amiss->take_back = amiss->take_back || !fits;
	if (amiss->take_back || source->loaded_count == 0)
		source->reader_version = READER_VERSION;
	if (amiss->take_back)
		source->loaded_count = 0;
	return true;
}

/* -- all ------------------------------------------------------------------- */

/* Named after its content, not by chance as a drop is. */
static bool is_direct(const struct amiss *amiss)
{
	return !amiss->known && !amiss->stray &&
		amiss->source->drop.bytes[6] >> 4 != 4;
}

static bool judge_file(struct reconcile *r, struct amiss *amiss,
	struct err *err)
{
	if (amiss->foreign)
		return reconcile_judge_message(r, amiss, err);
	if (is_direct(amiss) && (amiss->filtered > 0 || !amiss->take_back))
		return err_set(err, ERR_REJECT, "it came by `sluice load`%s: "
			"load it again%s", amiss->filtered > 0 ?
			", for some dates only" : " and is not complete",
			amiss->filtered > 0 ? " for all" : "");
	if (!find_file(r, amiss, err))
		return false;
	if (amiss->path.len == 0 && !amiss->known &&
		amiss->sha256[0] == '\0')
		return err_set(err, ERR_REJECT, "neither the state file nor a "
			"manifest remembers its file: drop it again");
	if (amiss->path.len == 0 || !is_there(amiss))
		return err_set(err, ERR_REJECT, "its file is not there: put it "
			"back where it was (%s), or drop it again",
			amiss->path.len > 0 ? amiss->path.data :
			r->config->processed_dir);
	if (amiss->stray && !take_times(amiss, err))
		return false;
	return kept_check(amiss->source, amiss->known || take_manifest(amiss),
		       err) &&
		judge_ranges(r, amiss, err);
}

bool amiss_can_mend(const struct amiss *amiss)
{
	return !amiss->under_way && amiss->fault.kind == ERR_NONE;
}

bool reconcile_prepare(struct reconcile *r, struct err *err)
{
	for (struct amiss *amiss = r->first; amiss != NULL;
		amiss = amiss->next) {
		if (amiss->stray && amiss->complete && !amiss->take_back)
			amiss->kind = AMISS_STRAY;
		if (amiss->under_way || judge_file(r, amiss, &amiss->fault))
			continue;
		if (amiss->fault.kind == ERR_REJECT)
			continue;
		*err = amiss->fault;
		return false;
	}
	return true;
}

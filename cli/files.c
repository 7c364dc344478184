/* files.c - which files are meant, and which datasets they are of. */
#include "cli/files.h"
#include "cli/folders.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATASETS_MAX (sizeof(((struct files *)0)->datasets) / sizeof(void *))
#define FILES_MAX 1000000
#define DEPTH_MAX 32

/* -- datasets ----------------------------------------------------------- */

static bool is_called(const struct dataset *dataset, const char *name)
{
	const size_t len = strlen(dataset->pipeline->name);

	return strcmp(dataset->name, name) == 0 ||
		(strncmp(dataset->pipeline->name, name, len) == 0 &&
			name[len] == '.' &&
			strcmp(dataset->name, name + len + 1) == 0);
}

static void add_datasets(struct files *files, const struct pipeline *pipeline,
	const char *name)
{
	for (size_t i = 0; i < pipeline->dataset_count; i++) {
		const struct dataset *dataset = &pipeline->datasets[i];

		if (dataset->directory != NULL &&
			(name == NULL || is_called(dataset, name)) &&
			files->dataset_count < DATASETS_MAX)
			files->datasets[files->dataset_count++] = dataset;
	}
}

static bool list_names(const struct files *files, struct buf *out,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < files->dataset_count; i++)
		ok = buf_printf(out, err, "%s%s.%s", i > 0 ? ", " : "",
			files->datasets[i]->pipeline->name,
			files->datasets[i]->name);
	return ok;
}

static bool refuse_dataset(const struct pipeline_set *set, const char *name,
	struct err *err)
{
	struct files all = { 0 };
	struct buf names = { 0 };

	for (size_t i = 0; i < set->count; i++)
		add_datasets(&all, &set->pipelines[i], NULL);
	if (list_names(&all, &names, err))
		(void)err_stop(err, EXIT_USAGE, "no dataset %s; there is: %s",
			name, names.data != NULL ? names.data : "nothing");
	buf_clear(&names);
	return false;
}

static bool refuse_pipeline(const struct pipeline_set *set, const char *name,
	struct err *err)
{
	struct buf names = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < set->count; i++)
		ok = buf_printf(&names, err, "%s%s", i > 0 ? ", " : "",
			set->pipelines[i].name);
	if (ok)
		(void)err_stop(err, EXIT_USAGE, "no pipeline %s; there is: %s",
			name, names.data != NULL ? names.data : "nothing");
	buf_clear(&names);
	return false;
}

static bool refuse_date(const struct files *files,
	const struct pipeline_set *set, struct err *err)
{
	struct files all = { 0 }, dated = { 0 };
	struct buf names = { 0 }, others = { 0 };

	for (size_t i = 0; i < set->count; i++)
		add_datasets(&all, &set->pipelines[i], NULL);
	for (size_t i = 0; i < all.dataset_count; i++)
		if (all.datasets[i]->date != COLUMN_NONE)
			dated.datasets[dated.dataset_count++] = all.datasets[i];
	if (list_names(files, &names, err) && list_names(&dated, &others, err))
		(void)err_stop(err, EXIT_USAGE, "%s: no `date:` column in the "
			"pipeline file, so no day can be asked for; it can of: "
			"%s", names.data != NULL ? names.data : "",
			others.data != NULL ? others.data : "nothing");
	buf_clear(&names);
	buf_clear(&others);
	return false;
}

static bool check_dates(const struct files *files,
	const struct pipeline_set *set, struct err *err)
{
	for (size_t i = 0; i < files->dataset_count; i++)
		if (files->datasets[i]->date != COLUMN_NONE)
			return true;
	return refuse_date(files, set, err);
}

bool files_choose(struct files *files, const struct config *config,
	const struct pipeline_set *set, const char *pipeline,
	const char *dataset, bool dated, struct err *err)
{
	*files = (struct files){ .config = config };
	if (pipeline != NULL && pipeline_find(set, pipeline) == NULL)
		return refuse_pipeline(set, pipeline, err);
	for (size_t i = 0; i < set->count; i++)
		if (pipeline == NULL ||
			strcmp(set->pipelines[i].name, pipeline) == 0)
			add_datasets(files, &set->pipelines[i], dataset);
	if (dataset != NULL && files->dataset_count == 0)
		return refuse_dataset(set, dataset, err);
	if (dataset != NULL && files->dataset_count > 1)
		return err_stop(err, EXIT_USAGE, "there are %zu datasets %s: "
			"say <pipeline>.%s", files->dataset_count, dataset,
			dataset);
	return !dated || check_dates(files, set, err);
}

/* -- files -------------------------------------------------------------- */

static bool add_file(struct files *files, const struct dataset *dataset,
	const char *path, struct err *err)
{
	if (files->count == FILES_MAX)
		return err_stop(err, EXIT_IO, "more than %d files", FILES_MAX);
	if (files->count == files->cap) {
		const size_t cap = files->cap * 2 + 64;
		struct file_of *more =
			realloc(files->items, cap * sizeof(*more));

		if (more == NULL)
			return err_memory(err);
		files->items = more;
		files->cap = cap;
	}
	files->items[files->count].dataset = dataset;
	files->items[files->count].path = strdup(path);
	return files->items[files->count++].path != NULL || err_memory(err);
}

/* The only one that is called as the file is: commits.json.gz. */
static const struct dataset *namesake(const struct files *files,
	const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	const size_t len = strcspn(base, ".");
	const struct dataset *found = NULL;

	for (size_t i = 0; i < files->dataset_count; i++) {
		const struct dataset *dataset = files->datasets[i];

		if (strlen(dataset->name) != len ||
			memcmp(dataset->name, base, len) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = dataset;
	}
	return found;
}

/* Of a named file: the only dataset, the one in whose folder it lies, or the
 * one it is called after. */
static const struct dataset *dataset_of(const struct files *files,
	const char *name)
{
	char path[4096], folder[4096 + 256], whole[4096];

	if (files->dataset_count == 1)
		return files->datasets[0];
	if (realpath(name, path) == NULL)
		return NULL;
	for (size_t i = 0; i < files->dataset_count; i++) {
		size_t len;

		(void)snprintf(folder, sizeof(folder), "%s/%s",
			files->config->raw_dir,
			files->datasets[i]->directory);
		if (realpath(folder, whole) == NULL)
			continue;
		len = strlen(whole);
		if (strncmp(path, whole, len) == 0 && path[len] == '/')
			return files->datasets[i];
	}
	return namesake(files, path);
}

static bool ask_which(const struct files *files, const char *what,
	struct err *err)
{
	struct buf names = { 0 };

	if (list_names(files, &names, err))
		(void)err_stop(err, EXIT_USAGE, "%s: of which dataset? Say "
			"--dataset with one of: %s", what,
			names.data != NULL ? names.data : "");
	buf_clear(&names);
	return false;
}

bool files_need_one(const struct files *files, const char *what,
	struct err *err)
{
	return files->dataset_count == 1 || ask_which(files, what, err);
}

static bool add_named(struct files *files, const char *name, struct err *err)
{
	const struct dataset *dataset = dataset_of(files, name);

	return dataset != NULL ? add_file(files, dataset, name, err) :
		ask_which(files, name, err);
}

static bool is_folder(const char *path, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool look_into(struct files *files, const struct dataset *dataset,
	const char *folder, int depth, struct err *err);

static bool look_at(struct files *files, const struct dataset *dataset,
	const char *folder, const struct dirent *entry, int depth,
	struct err *err)
{
	struct buf path = { 0 };
	bool ok = true;

	if (entry->d_name[0] == '.')
		return true;
	ok = buf_printf(&path, err, "%s/%s", folder, entry->d_name);
	if (ok && is_folder(path.data, entry))
		ok = depth == DEPTH_MAX || look_into(files, dataset, path.data,
			depth + 1, err);
	else if (ok && folders_takes(dataset, entry->d_name))
		ok = add_file(files, dataset, path.data, err);
	buf_clear(&path);
	return ok;
}

static bool look_into(struct files *files, const struct dataset *dataset,
	const char *folder, int depth, struct err *err)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	bool ok = true;

	if (dir == NULL)
		return errno == ENOENT ||
			err_errno(err, ERR_STOP, "%s", folder);
	while (ok && (entry = readdir(dir)) != NULL)
		ok = look_at(files, dataset, folder, entry, depth, err);
	(void)closedir(dir);
	return ok;
}

static int compare_paths(const void *left, const void *right)
{
	const struct file_of *a = left, *b = right;

	return strcmp(a->path, b->path);
}

static bool find_in(struct files *files, const struct dataset *dataset,
	const char *folder, struct err *err)
{
	const size_t first = files->count;

	if (!look_into(files, dataset, folder, 0, err))
		return false;
	if (files->count > first)
		qsort(files->items + first, files->count - first,
			sizeof(*files->items), compare_paths);
	return true;
}

static bool find_in_own(struct files *files, const struct dataset *dataset,
	struct err *err)
{
	struct buf folder = { 0 };
	const bool ok = buf_printf(&folder, err, "%s/%s",
			files->config->raw_dir, dataset->directory) &&
		find_in(files, dataset, folder.data, err);

	buf_clear(&folder);
	return ok;
}

/* Named by hand, it has to be there. */
static bool find_in_given(struct files *files, const char *folder,
	struct err *err)
{
	if (access(folder, R_OK | X_OK) != 0)
		return err_errno(err, ERR_STOP, "%s", folder);
	return files_need_one(files, folder, err) &&
		find_in(files, files->datasets[0], folder, err);
}

bool files_find(struct files *files, const char *const *names, size_t count,
	const char *folder, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++)
		ok = add_named(files, names[i], err);
	if (ok && folder != NULL)
		return find_in_given(files, folder, err);
	for (size_t i = 0; ok && count == 0 && i < files->dataset_count; i++)
		ok = find_in_own(files, files->datasets[i], err);
	return ok;
}

int64_t files_bytes(const struct files *files)
{
	int64_t bytes = 0;
	struct stat st;

	for (size_t i = 0; i < files->count; i++)
		if (stat(files->items[i].path, &st) == 0)
			bytes += st.st_size;
	return bytes;
}

void files_clear(struct files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->items[i].path);
	free(files->items);
	*files = (struct files){ 0 };
}

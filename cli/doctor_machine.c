/* doctor_machine.c - files, folders, limits of this machine. */
#include "cli/doctor.h"
#include "common/pipeline_api.h"
#include "producer/api_auth.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* -- pipelines ------------------------------------------------------------- */

void check_pipelines(struct doctor *doctor)
{
	if (doctor->plan == NULL)
		doctor_say(doctor, GRADE_PROBLEM, "mend the file; `sluice "
			"pipeline check` reads it again", "%s",
			doctor->plan_err.text);
	else
		doctor_say(doctor, GRADE_OK, NULL, "%zu pipelines, %zu models",
			doctor->plan->set.count,
			models_count(doctor->plan->models));
}

/* -- folders --------------------------------------------------------------- */

typedef void each_folder(struct doctor *doctor, const char *path, bool needed);

static void visit_folders(struct doctor *doctor, each_folder *visit)
{
	const struct config *config = doctor->config;
	char path[PATH_MAX];
	char *slash;

	visit(doctor, config->raw_dir, true);
	for (size_t p = 0; doctor->plan != NULL &&
		p < doctor->plan->set.count; p++)
		for (size_t d = 0;
			d < doctor->plan->set.pipelines[p].dataset_count; d++) {
			const char *directory = doctor->plan->set.pipelines[p]
				.datasets[d].directory;

			if (directory == NULL)
				continue;
			(void)snprintf(path, sizeof(path), "%s/%s",
				config->raw_dir, directory);
			visit(doctor, path, false);
		}
	visit(doctor, config->processed_dir, false);
	visit(doctor, config->failed_dir, false);
	visit(doctor, config->output_dir, false);
	if (config->object_store == OBJECTS_IN_FOLDER)
		visit(doctor, config->object_store_dir, false);
	(void)snprintf(path, sizeof(path), "%s", config->state_file);
	slash = strrchr(path, '/');
	if (slash != NULL && slash != path) {
		*slash = '\0';
		visit(doctor, path, config->broker);
	}
}

/* Whom the producer runs as: the owner of its state file, else of raw_dir. */
static bool find_daemon(const struct config *config, struct stat *st)
{
	return stat(config->state_file, st) == 0 ||
		stat(config->raw_dir, st) == 0;
}

static bool may_change(const struct stat *st, const struct stat *daemon)
{
	const mode_t wanted = st->st_uid == daemon->st_uid ? S_IRWXU :
		st->st_gid == daemon->st_gid ? S_IRWXG : S_IRWXO;

	return daemon->st_uid == 0 || (st->st_mode & wanted) == wanted;
}

static void look_at_folder(struct doctor *doctor, const char *path,
	bool needed)
{
	struct stat st, daemon;

	if (lstat(path, &st) != 0) {
		if (needed || errno != ENOENT)
			doctor_say(doctor, GRADE_PROBLEM, "make it, or give "
				"the daemons' user its parents", "%s: %s",
				path, strerror(errno));
		return; /* made when it is needed */
	}
	if (S_ISLNK(st.st_mode))
		doctor_say(doctor, GRADE_WARN, "name the folder itself: the "
			"producer follows no links below raw_dir",
			"%s is a symbolic link", path);
	else if (!S_ISDIR(st.st_mode))
		doctor_say(doctor, GRADE_PROBLEM, "move it away",
			"%s is no folder", path);
	else if (find_daemon(doctor->config, &daemon) &&
		!may_change(&st, &daemon))
		doctor_say(doctor, GRADE_PROBLEM, "give the folder to the "
			"daemons' user: chown, or chmod g+rwx",
			"%s belongs to uid %u with mode %03o: the producer's "
			"uid %u may not move files there", path,
			(unsigned)st.st_uid, (unsigned)(st.st_mode & 0777),
			(unsigned)daemon.st_uid);
	else if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
		doctor_say(doctor, GRADE_WARN, "chmod o-w, or +t where "
			"everybody is to drop files", "%s may be written, and "
			"emptied, by everybody", path);
}

void check_folders(struct doctor *doctor)
{
	const size_t before = doctor->count;

	visit_folders(doctor, look_at_folder);
	if (doctor->count == before)
		doctor_say(doctor, GRADE_OK, NULL, "below %s, and the others",
			doctor->config->raw_dir);
}

/* -- disk ------------------------------------------------------------------ */

#define LOW_BYTES ((uint64_t)1 << 30)

/* One line a file system. */
static bool seen_before(const char *path)
{
	static dev_t devices[64];
	static size_t count;
	struct stat st;

	if (stat(path, &st) != 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if (devices[i] == st.st_dev)
			return true;
	if (count < sizeof(devices) / sizeof(*devices))
		devices[count++] = st.st_dev;
	return false;
}

static unsigned percent(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 100 : (unsigned)(part * 100 / whole);
}

static void look_at_disk(struct doctor *doctor, const char *path, bool needed)
{
	struct statvfs fs;
	uint64_t bytes;
	unsigned left, inodes;

	(void)needed;
	if (seen_before(path) || statvfs(path, &fs) != 0)
		return;
	bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	left = percent(fs.f_bavail, fs.f_blocks);
	inodes = percent(fs.f_favail, fs.f_files);
	doctor_say(doctor, left < 2 || inodes < 2 ? GRADE_PROBLEM :
		left < 10 || inodes < 10 || bytes < LOW_BYTES ? GRADE_WARN :
		GRADE_OK, left < 10 || inodes < 10 || bytes < LOW_BYTES ?
			"make room: old files of processed_dir, old partitions "
			"(delta_keep), old logs" : NULL,
		"%s: %" PRIu64 " MiB (%u %%) and %u %% of the inodes are free",
		path, bytes >> 20, left, inodes);
}

void check_disk(struct doctor *doctor)
{
	visit_folders(doctor, look_at_disk);
}

/* -- inotify --------------------------------------------------------------- */

static int64_t read_limit(const char *name)
{
	char path[128], text[32] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/sys/fs/inotify/%s", name);
	file = fopen(path, "re");
	if (file == NULL)
		return -1;
	if (fgets(text, sizeof(text), file) == NULL)
		text[0] = '\0';
	(void)fclose(file);
	return text[0] != '\0' ? strtoll(text, NULL, 10) : -1;
}

void check_inotify(struct doctor *doctor)
{
	static const struct {
		const char *name;
		int64_t low;
	} limits[] = {
		{ "max_user_watches", 8192 },
		{ "max_user_instances", 64 },
		{ "max_queued_events", 8192 },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		const int64_t value = read_limit(limits[i].name);
		const bool low = value >= 0 && value < limits[i].low;

		doctor_say(doctor, low ? GRADE_WARN : GRADE_OK, low ?
			"raise it with sysctl (fs.inotify...); until then "
			"files are found by the rescan alone" : NULL,
			"fs.inotify.%s is %" PRId64, limits[i].name, value);
	}
}

/* -- secrets --------------------------------------------------------------- */

static size_t look_at_secret(struct doctor *doctor, const char *name,
	const struct account *account)
{
	struct stat st;

	if (account->password_file == NULL || account->password_file[0] == '\0')
		return 0;
	if (stat(account->password_file, &st) != 0) {
		/* in a container only those that are needed there */
		doctor_say(doctor, GRADE_WARN, "put the file back (deploying "
			"makes it), or leave it to whoever needs it",
			"%s_password_file %s: %s", name,
			account->password_file, strerror(errno));
		return 0;
	}
	if ((st.st_mode & 077) != 0)
		doctor_say(doctor, GRADE_PROBLEM, "chmod 600",
			"%s_password_file %s may be read by others (mode %03o)",
			name, account->password_file,
			(unsigned)(st.st_mode & 0777));
	return 1;
}

void check_secrets(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	const struct {
		const char *name;
		const struct account *account;
		bool broker;
	} all[] = {
		{ "owner", &config->owner, false },
		{ "loader", &config->loader, false },
		{ "reader", &config->reader, false },
		{ "admin", &config->admin, true },
		{ "producer", &config->producer, true },
		{ "consumer", &config->consumer, true },
		{ "foreign", &config->foreign, true },
		{ "tap", &config->tap, true },
		{ "s3", &config->s3, false },
	};
	const size_t before = doctor->count;
	size_t files = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (!all[i].broker || config->broker)
			files += look_at_secret(doctor, all[i].name,
				all[i].account);
	if (doctor->count == before)
		doctor_say(doctor, GRADE_OK, NULL, "%zu files, for their owner "
			"alone", files);
}

/* -- endpoints ------------------------------------------------------------- */

static void look_at_endpoint(struct doctor *doctor,
	const struct dataset *dataset)
{
	struct api_login login = { 0 };
	struct api_token token = { 0 };
	enum api_auth_need need;
	struct err err = { 0 };

	if (api_auth_login(&dataset->api->auth, &token, 0, &need, &login,
		    &err))
		doctor_say(doctor, GRADE_OK, NULL, "%s.%s",
			dataset->pipeline->name, dataset->name);
	else if (dataset->api->every_secs == 0 && dataset->api->cron == NULL &&
		dataset->api->parent == NULL)
		doctor_say(doctor, GRADE_OK, NULL, "%s.%s has no credentials "
			"here, and is asked only when told",
			dataset->pipeline->name, dataset->name);
	else
		doctor_say(doctor, GRADE_WARN, "set the variable, or make the "
			"file with mode 600, for the producer",
			"%s.%s: %s", dataset->pipeline->name, dataset->name,
			err.text);
	api_login_clear(&login);
}

void check_endpoints(struct doctor *doctor)
{
	for (size_t p = 0; doctor->plan != NULL &&
		p < doctor->plan->set.count; p++)
		for (size_t d = 0;
			d < doctor->plan->set.pipelines[p].dataset_count; d++)
			if (doctor->plan->set.pipelines[p].datasets[d].api !=
				NULL)
				look_at_endpoint(doctor, &doctor->plan->set
						.pipelines[p].datasets[d]);
}

/* prove_site.c - the private servers, folders and daemons of a proof. */
#include "cli/prove_site.h"
#include "cli/process.h"
#include "common/clock.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define START_MS 180000
#define STEP_MS 20
#define OPEN_FILES 16

static const char *const daemon_programs[] = {
	[PROVE_PRODUCER] = "sluice-producer",
	[PROVE_CONSUMER] = "sluice-consumer",
};

void prove_site_pause(int ms)
{
	(void)poll(NULL, 0, ms);
}

bool prove_site_path(const struct prove_site *site, const char *below,
	struct buf *out, struct err *err)
{
	buf_reset(out);
	return buf_printf(out, err, "%s/%s", site->dir.data, below);
}

/* -- where things are ---------------------------------------------- */

/* SLUICE_RAW_DIR for raw_dir. */
static void forget_setting(const struct setting *setting)
{
	char name[128] = "SLUICE_";
	size_t at = strlen(name);

	for (const char *from = setting->name; *from != '\0' &&
		at + 1 < sizeof(name); from++)
		name[at++] = (char)toupper((unsigned char)*from);
	name[at] = '\0';
	(void)unsetenv(name);
}

/* Whether a variable of libpq's was found and forgotten. */
static bool forget_libpq(void)
{
	char name[128];

	for (char **at = environ; *at != NULL; at++) {
		const size_t len = strcspn(*at, "=");

		if (strncmp(*at, "PG", 2) != 0 || len >= sizeof(name))
			continue;
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, *at);
		return unsetenv(name) == 0;
	}
	return false;
}

/* Other settings than the site's own must not lead elsewhere. */
static void forget_settings(void)
{
	size_t count;
	const struct setting *settings = config_settings(&count);

	for (size_t i = 0; i < count; i++)
		forget_setting(&settings[i]);
	(void)unsetenv("SLUICE_CONFIG");
	while (forget_libpq())
		;
}

static bool set_real(struct buf *out, const char *path, struct err *err)
{
	char *real = realpath(path, NULL);
	bool ok;

	if (real == NULL)
		return err_errno(err, ERR_STOP, "%s", path);
	buf_reset(out);
	ok = buf_add_str(out, real, err);
	free(real);
	return ok;
}

/* The folder this program is in. */
static bool own_folder(const struct prove_site *site, struct buf *out,
	struct err *err)
{
	const char *slash = strrchr(site->self.data, '/');

	return buf_add(out, site->self.data,
		(size_t)(slash - site->self.data), err);
}

/* In a clone the programs are in build/<preset>/bin; in a copy beside it. */
static bool find_native(struct prove_site *site, const char *folder,
	struct err *err)
{
	static const char *const ways[] = { "../deploy", "../../../deploy",
		"../share/sluice/deploy" };
	struct buf path = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && site->native.len == 0 &&
		i < sizeof(ways) / sizeof(*ways); i++) {
		buf_reset(&path);
		ok = buf_printf(&path, err, "%s/%s/native.sh", folder, ways[i]);
		if (ok && access(path.data, R_OK) == 0)
			ok = set_real(&site->native, path.data, err);
	}
	buf_clear(&path);
	return ok;
}

static bool no_programs(struct err *err)
{
	err->exit_code = EXIT_USAGE;
	return err_wrap(err, "no programs to prove");
}

static bool find_programs(struct prove_site *site, const char *bin,
	struct err *err)
{
	struct buf own = { 0 }, path = { 0 };
	bool ok = set_real(&site->self, "/proc/self/exe", err) &&
		own_folder(site, &own, err) &&
		(set_real(&site->bin, bin != NULL ? bin : own.data, err) ||
			no_programs(err));

	for (size_t i = 0; ok && i < PROVE_DAEMONS; i++) {
		buf_reset(&path);
		ok = buf_printf(&path, err, "%s/%s", site->bin.data,
			daemon_programs[i]);
		if (ok && access(path.data, X_OK) != 0)
			ok = err_errno(err, ERR_STOP, "%s", path.data) ||
				no_programs(err);
	}
	ok = ok && find_native(site, site->bin.data, err) &&
		find_native(site, own.data, err);
	if (ok && site->native.len == 0)
		ok = err_stop(err, EXIT_SERVER, "no deploy/native.sh near %s: "
			"it starts the servers of a proof", own.data);
	buf_clear(&own);
	buf_clear(&path);
	return ok;
}

/* -- jobs ---------------------------------------------------------- */

bool prove_site_reap(struct prove_site *site, pid_t *pid, int *status)
{
	if (!process_reap(pid, status))
		return false;
	for (size_t i = 0; i < PROVE_DAEMONS; i++)
		if (site->daemons[i] == *pid) {
			site->daemons[i] = 0;
			site->statuses[i] = *status;
		}
	return true;
}

/* Until that child has ended, however long the others take. */
static bool wait_for(struct prove_site *site, pid_t job, int64_t patience_ms,
	int *status)
{
	const int64_t end = clock_now_ms() + patience_ms;
	pid_t pid;

	for (;;) {
		while (prove_site_reap(site, &pid, status))
			if (pid == job)
				return true;
		if (clock_now_ms() > end || *site->interrupted != 0) {
			(void)kill(-job, SIGKILL);
			return false;
		}
		prove_site_pause(STEP_MS);
	}
}

/* The last line of a log, for an error. */
static void last_line(const char *path, char *out, size_t size)
{
	FILE *file = fopen(path, "re");

	out[0] = '\0';
	while (file != NULL && fgets(out, (int)size, file) != NULL)
		;
	out[strcspn(out, "\n")] = '\0';
	if (file != NULL)
		(void)fclose(file);
}

/* What a script could not do, in its own words, with its own exit code. */
static bool explain(const char *what, const char *log, int status,
	struct err *err)
{
	const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	char line[512], how[64];

	last_line(log, line, sizeof(line));
	process_describe(status, how, sizeof(how));
	return err_stop(err, code == EXIT_CONFIG ? EXIT_CONFIG : EXIT_SERVER,
		"%s %s: %s", what, how, line);
}

static bool run_job(struct prove_site *site, const char *const *argv,
	const char *what, struct err *err)
{
	struct buf log = { 0 };
	int status = 0;
	pid_t pid;
	bool ok = buf_printf(&log, err, "%s/proof.log", site->top.data) &&
		process_start(argv, log.data, &pid, err);

	if (ok && !wait_for(site, pid, START_MS, &status))
		ok = *site->interrupted != 0 ? err_stop(err, EXIT_DATA,
				"interrupted: nothing is proven") :
			err_stop(err, EXIT_SERVER, "%s does not end", what);
	else if (ok && status != 0)
		ok = explain(what, log.data, status, err);
	buf_clear(&log);
	return ok;
}

bool prove_site_revive(struct prove_site *site, pid_t *job, struct err *err)
{
	const char *const argv[] = { "bash", site->native.data, "start",
		site->dir.data, "--fast", NULL };
	struct buf log = { 0 };
	bool ok;

	ok = buf_printf(&log, err, "%s/proof.log", site->top.data) &&
		process_start(argv, log.data, job, err);
	buf_clear(&log);
	return ok;
}

/* -- files of the site --------------------------------------------- */

static bool give_away(const struct prove_site *site, const char *path,
	struct err *err)
{
	struct stat st;

	if (geteuid() != 0 || stat(site->dir.data, &st) != 0)
		return true;
	return lchown(path, st.st_uid, st.st_gid) == 0 ||
		err_errno(err, ERR_STOP, "chown %s", path);
}

static bool write_bytes(const char *path, const char *data, size_t len,
	int flags, struct err *err)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
	bool ok = fd >= 0;

	for (size_t at = 0; ok && at < len;) {
		const ssize_t put = write(fd, data + at, len - at);

		ok = put > 0 || (put < 0 && errno == EINTR);
		at += put > 0 ? (size_t)put : 0;
	}
	ok = ok || err_errno(err, ERR_STOP, "write %s", path);
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static bool make_folder(struct prove_site *site, const char *below,
	struct err *err)
{
	struct buf path = { 0 };
	bool ok = prove_site_path(site, below, &path, err);

	if (ok && mkdir(path.data, 0755) != 0 && errno != EEXIST)
		ok = err_errno(err, ERR_STOP, "mkdir %s", path.data);
	ok = ok && give_away(site, path.data, err);
	buf_clear(&path);
	return ok;
}

static bool put_file(struct prove_site *site, const char *below,
	const char *text, int flags, struct err *err)
{
	struct buf path = { 0 };
	bool ok = prove_site_path(site, below, &path, err) &&
		write_bytes(path.data, text, strlen(text), flags, err);

	buf_clear(&path);
	return ok;
}

bool prove_site_drop(struct prove_site *site, const struct prove_file *file,
	struct err *err)
{
	const bool in_place = file->number % 4 == 3;
	struct buf path = { 0 }, draft = { 0 };
	bool ok;

	ok = buf_printf(&path, err, "%s/raw_data/proof/%s", site->dir.data,
		     file->name) &&
		buf_printf(&draft, err, "%s/raw_data/proof/.%s",
			site->dir.data, file->name) &&
		write_bytes(in_place ? path.data : draft.data,
			file->bytes.data, file->bytes.len, O_EXCL, err) &&
		(in_place || rename(draft.data, path.data) == 0 ||
			err_errno(err, ERR_STOP, "rename %s", draft.data));
	buf_clear(&path);
	buf_clear(&draft);
	return ok;
}

/* Small chunks and batches: more moments to be killed in. Sources are put
 * together in the ledger while the proof goes on. */
static const char own_settings[] =
	"chunk_records: 25\n"
	"batch_rows: 1000\n"
	"queue_max_bytes: 1 MiB\n"
	"settle_secs: 1\n"
	"rescan_secs: 1\n"
	"ledger_keep_secs: 15\n";

static const struct {
	const char *name, *text;
} model_files[] = {
	{ "models/proof/proof_loaded.sql",
		"-- materialized: incremental\n-- grain: team, day\n"
		"-- rows: records\n-- depends: raw.proof_delta\n"
		"-- description: what was loaded, every time it was\n"
		"select team, day, count(*) as records,\n"
		"\tsum(coalesce(amount, 0)) as amount\n"
		"from raw.proof_delta\ngroup by 1, 2;\n" },
	{ "models/proof/proof_current.sql",
		"-- materialized: incremental\n-- grain: team, day\n"
		"-- rows: records\n-- depends: raw.proof\n"
		"-- description: what holds now\n"
		"select team, day, count(*) as records,\n"
		"\tsum(coalesce(amount, 0)) as amount\n"
		"from raw.proof\ngroup by 1, 2;\n" },
	{ "models/proof/proof_teams.sql",
		"-- materialized: incremental\n-- grain: team\n"
		"-- rows: days\n-- depends: proof_current\n"
		"-- description: days of each team: a model of a model\n"
		"select team, count(*) as days, sum(records) as records\n"
		"from modelled.proof_current\ngroup by 1;\n" },
};

static bool write_files(struct prove_site *site, struct err *err)
{
	bool ok = make_folder(site, "pipelines", err) &&
		make_folder(site, "models", err) &&
		make_folder(site, "models/proof", err) &&
		make_folder(site, "raw_data", err) &&
		make_folder(site, "raw_data/proof", err) &&
		put_file(site, "pipelines/proof.yaml", prove_gen_pipeline, 0,
			err);

	for (size_t i = 0; ok &&
		i < sizeof(model_files) / sizeof(*model_files); i++)
		ok = put_file(site, model_files[i].name, model_files[i].text, 0,
			err);
	return ok && put_file(site, "sluice.yaml", own_settings, O_APPEND, err);
}

/* -- opening ------------------------------------------------------- */

/* Two folders: native.sh wants one that is empty. */
static bool make_site(struct prove_site *site, struct err *err)
{
	const char *tmp = getenv("TMPDIR");

	if (!buf_printf(&site->top, err, "%s/sluice-prove-XXXXXX",
		    tmp != NULL && tmp[0] == '/' ? tmp : "/tmp"))
		return false;
	if (mkdtemp(site->top.data) == NULL) {
		(void)err_errno(err, ERR_STOP, "make %s", site->top.data);
		buf_clear(&site->top);
		return false;
	}
	return (chmod(site->top.data, 0755) == 0 ||
		err_errno(err, ERR_STOP, "chmod %s", site->top.data)) &&
		buf_printf(&site->dir, err, "%s/servers", site->top.data);
}

/* Root's servers run as the user who owns the folder then; so do the daemons,
 * where that user gets to them. */
static void choose_user(struct prove_site *site)
{
	struct stat st;
	const struct passwd *user;
	const struct group *group;

	if (geteuid() != 0 || stat(site->dir.data, &st) != 0 || st.st_uid == 0)
		return;
	user = getpwuid(st.st_uid);
	group = getgrgid(st.st_gid);
	if (user == NULL || group == NULL)
		return;
	(void)snprintf(site->user, sizeof(site->user), "--reuid=%s",
		user->pw_name);
	(void)snprintf(site->group, sizeof(site->group), "--regid=%s",
		group->gr_name);
}

static bool user_reaches_programs(struct prove_site *site)
{
	const char *const argv[] = { "setpriv", site->user, site->group,
		"--init-groups", "test", "-x", site->bin.data, NULL };
	struct err err = { 0 };
	int status = 1;
	pid_t pid;

	return process_start(argv, "/dev/null", &pid, &err) &&
		wait_for(site, pid, 5000, &status) && status == 0;
}

/* native.sh writes it into sluice.yaml, now and later. */
static bool name_folder(struct prove_site *site, const char *variable,
	const char *below, struct err *err)
{
	struct buf path = { 0 };
	const bool ok = prove_site_path(site, below, &path, err) &&
		(setenv(variable, path.data, 1) == 0 || err_memory(err));

	buf_clear(&path);
	return ok;
}

static bool load_config(struct prove_site *site, struct err *err)
{
	struct buf path = { 0 };
	bool ok = prove_site_path(site, "sluice.yaml", &path, err);

	if (ok && setenv("SLUICE_CONFIG", path.data, 1) != 0)
		ok = err_memory(err);
	site->configured = ok && config_load(&site->config, path.data, NULL,
		err);
	buf_clear(&path);
	return site->configured;
}

static bool apply(struct prove_site *site, struct err *err)
{
	return run_job(site, (const char *const[]){ site->self.data, "apply",
		NULL }, "sluice apply", err);
}

bool prove_site_open(struct prove_site *site, const char *bin,
	struct err *err)
{
	const char *const start[] = { "bash", NULL, "start", NULL, "--fast",
		NULL };
	const char *argv[sizeof(start) / sizeof(*start)];

	forget_settings();
	/* what native.sh starts becomes our child when its parent is gone */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
	if (!find_programs(site, bin, err) || !make_site(site, err))
		return false;
	memcpy(argv, start, sizeof(start));
	argv[1] = site->native.data;
	argv[3] = site->dir.data;
	if (!name_folder(site, "SLUICE_PIPELINES_DIR", "pipelines", err) ||
		!name_folder(site, "SLUICE_MODELS_DIR", "models", err))
		return false;
	site->servers = true;
	if (!run_job(site, argv, "deploy/native.sh", err))
		return false;
	choose_user(site);
	if (site->user[0] != '\0' && !user_reaches_programs(site))
		site->user[0] = '\0';
	return write_files(site, err) && load_config(site, err) &&
		apply(site, err);
}

/* -- servers ------------------------------------------------------- */

/* "PID START BOOT", written by native.sh of processes it started. */
static pid_t server_pid(const struct prove_site *site,
	enum prove_server server)
{
	static const char *const files[] = {
		[PROVE_DATABASE] = "run/postgresql.pid",
		[PROVE_BROKER] = "run/rabbitmq.pid",
	};
	struct buf path = { 0 };
	struct err err = { 0 };
	long pid = 0;
	FILE *file;

	if (prove_site_path(site, files[server], &path, &err)) {
		file = fopen(path.data, "re");
		if (file != NULL && fscanf(file, "%ld", &pid) != 1)
			pid = 0;
		if (file != NULL)
			(void)fclose(file);
	}
	buf_clear(&path);
	return pid > 1 && process_alive((pid_t)pid) ? (pid_t)pid : 0;
}

bool prove_site_kill_server(struct prove_site *site, enum prove_server server)
{
	const pid_t pid = server_pid(site, server);

	return pid > 0 && kill(pid, SIGKILL) == 0;
}

/* A standby that never comes: commits are written, and wait for it. */
bool prove_site_hold_answers(struct prove_site *site, bool hold,
	struct err *err)
{
	const pid_t pid = server_pid(site, PROVE_DATABASE);

	return put_file(site, "postgresql/postgresql.conf", hold ?
			"synchronous_standby_names = 'nobody'\n" :
			"synchronous_standby_names = ''\n", O_APPEND, err) &&
		(pid == 0 || kill(pid, SIGHUP) == 0 ||
			err_errno(err, ERR_STOP, "signal PostgreSQL"));
}

/* -- daemons ------------------------------------------------------- */

bool prove_site_start(struct prove_site *site, enum prove_daemon daemon,
	struct err *err)
{
	const char *argv[8] = { "setpriv", "--pdeathsig", "KILL" };
	struct buf program = { 0 }, log = { 0 };
	size_t at = 3;
	bool ok;

	if (site->user[0] != '\0') {
		argv[at++] = site->user;
		argv[at++] = site->group;
		argv[at++] = "--init-groups";
	}
	ok = buf_printf(&program, err, "%s/%s", site->bin.data,
		     daemon_programs[daemon]) &&
		prove_site_path(site, daemon == PROVE_PRODUCER ?
			"log/producer.log" : "log/consumer.log", &log, err);
	argv[at] = program.data;
	ok = ok && process_start(argv, log.data, &site->daemons[daemon], err);
	buf_clear(&program);
	buf_clear(&log);
	return ok;
}

static bool any_daemon(struct prove_site *site)
{
	pid_t pid;
	int status;

	while (prove_site_reap(site, &pid, &status))
		;
	return site->daemons[PROVE_PRODUCER] != 0 ||
		site->daemons[PROVE_CONSUMER] != 0;
}

static void signal_daemons(const struct prove_site *site, int number)
{
	for (size_t i = 0; i < PROVE_DAEMONS; i++)
		if (site->daemons[i] > 0)
			(void)kill(site->daemons[i], number);
}

bool prove_site_rest(struct prove_site *site, int64_t patience_ms)
{
	const int64_t end = clock_now_ms() + patience_ms;

	signal_daemons(site, SIGTERM);
	while (any_daemon(site) && clock_now_ms() < end)
		prove_site_pause(STEP_MS);
	if (!any_daemon(site))
		return true;
	signal_daemons(site, SIGKILL);
	while (any_daemon(site))
		prove_site_pause(STEP_MS);
	return false;
}

/* -- closing ------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int kind,
	struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void stop_servers(struct prove_site *site)
{
	static const volatile sig_atomic_t never = 0;
	const char *const argv[] = { "bash", site->native.data, "stop",
		site->dir.data, NULL };
	struct err err = { 0 };

	site->interrupted = &never;
	if (site->servers && !run_job(site, argv, "deploy/native.sh", &err))
		LOG(LOG_ERROR, "not_stopped", LOG_S("err", err.text));
	site->servers = false;
}

void prove_site_close(struct prove_site *site, bool keep)
{
	signal_daemons(site, SIGKILL);
	while (any_daemon(site))
		prove_site_pause(STEP_MS);
	if (site->top.len > 0) {
		stop_servers(site);
		if (!keep)
			(void)nftw(site->top.data, remove_one, OPEN_FILES,
				FTW_DEPTH | FTW_PHYS);
	}
	if (site->configured)
		config_clear(&site->config);
	buf_clear(&site->top);
	buf_clear(&site->dir);
	buf_clear(&site->self);
	buf_clear(&site->bin);
	buf_clear(&site->native);
}

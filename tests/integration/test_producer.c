/* test_producer.c - the producer against a real RabbitMQ: what was dropped is
 * in the queue, whatever happens on the way. */
#include "common/clock.h"
#include "tests/integration/support.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 120000
#define FILES_MAX 256

static char dir[64];
static pid_t daemon_pid;

/* -- folders ---------------------------------------------------------- */

static const char *path_of(const char *name)
{
	static char path[4][512];
	static size_t turn;

	turn = (turn + 1) % 4;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static void put(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_TRUE(fputs(text, file) >= 0);
	CU_ASSERT_EQUAL(fclose(file), 0);
}

/* Written beside, then renamed in. */
static void drop(const char *name, int records, bool array)
{
	FILE *file = fopen(path_of("raw/.part"), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	for (int i = 0; i < records; i++)
		(void)fprintf(file, "%s{\"file\": \"%s\", \"id\": %d}%s\n",
			array && i == 0 ? "[" : "", name, i,
			!array ? "" : i == records - 1 ? "]" : ",");
	CU_ASSERT_EQUAL(fclose(file), 0);
	CU_ASSERT_EQUAL(rename(path_of("raw/.part"), path_of(name)), 0);
}

static int remove_one(const char *path, const struct stat *st, int flag,
	struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static size_t files_found;

static int count_one(const char *path, const struct stat *st, int flag,
	struct FTW *ftw)
{
	(void)path;
	(void)st;
	(void)ftw;
	files_found += flag == FTW_F;
	return 0;
}

static size_t count_files(const char *folder)
{
	files_found = 0;
	(void)nftw(path_of(folder), count_one, 16, FTW_PHYS);
	return files_found;
}

/* -- topology and settings -------------------------------------------- */

static struct broker *open_broker(void)
{
	const struct broker_options options = test_broker_options();
	struct err err = { 0 };
	struct broker *broker = broker_open(&options, &err);

	if (broker == NULL)
		(void)fprintf(stderr, "%s\n", err.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(broker);
	return broker;
}

static void make_queue(void)
{
	struct broker *broker = open_broker();
	struct err err = { 0 };

	CU_ASSERT_TRUE(broker_declare_exchange(broker, EXCHANGE, NULL, &err));
	CU_ASSERT_TRUE(broker_declare_queue(broker, "sluice.t", 1 << 30, NULL,
		&err));
	CU_ASSERT_TRUE(broker_bind(broker, "sluice.t", EXCHANGE, "t.#", &err));
	broker_close(broker);
}

static void delete_queue(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/queues/%s/sluice.t",
		test_vhost());
	CU_ASSERT_TRUE(test_api("DELETE", path, NULL, NULL));
}

static const char one_dataset[] =
	"pipeline: t\n"
	"datasets:\n"
	"  d:\n"
	"    source: { directory: d, pattern: \"*.json\" }\n"
	"    table: raw.d\n"
	"    key: [id]\n"
	"    columns:\n"
	"      - { name: id, type: integer }\n";

static void write_settings(const char *password)
{
	const struct config *config = test_config();
	static const char *user;
	char text[2048];

	if (user == NULL)
		user = test_user("secret", "^$", "^sluice$", "^$");
	(void)snprintf(text, sizeof(text),
		"raw_dir: raw\nstate_file: state/p.db\n"
		"pipelines_dir: pipelines\n"
		"broker_host: \"%s\"\nbroker_port: %d\nbroker_vhost: %s\n"
		"producer_user: %s\nproducer_password: %s\n"
		"chunk_records: 50\nrescan_secs: 1 s\nsettle_secs: 0 s\n",
		config->broker_host, (int)config->broker_port, test_vhost(),
		user, password);
	put("sluice.yaml", text);
	CU_ASSERT_EQUAL(chmod(path_of("sluice.yaml"), 0600), 0);
}

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/sluice-producer-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	CU_ASSERT_EQUAL(mkdir(path_of("raw"), 0755), 0);
	CU_ASSERT_EQUAL(mkdir(path_of("raw/d"), 0755), 0);
	CU_ASSERT_EQUAL(mkdir(path_of("pipelines"), 0755), 0);
	put("pipelines/t.yaml", one_dataset);
	write_settings("secret");
	make_queue();
}

static void teardown(void)
{
	delete_queue();
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* -- the daemon ------------------------------------------------------- */

/* The program beside the one that tests it, watched by strace (as a grandchild,
 * -D) when inject says what should happen to it; its log is appended to. */
static void exec_daemon(const char *inject)
{
	char self[PATH_MAX] = "", program[PATH_MAX + 32];
	const int log = open(path_of("log"),
		O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || log < 0)
		_exit(127);
	(void)snprintf(program, sizeof(program), "%s/sluice-producer",
		dirname(self));
	(void)dup2(log, STDERR_FILENO);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* no test outlives us */
	if (inject == NULL)
		(void)execl(program, program, "--config",
			path_of("sluice.yaml"), (char *)NULL);
	else
		(void)execlp("strace", "strace", "-D", "-f", "-o", "/dev/null",
			"-e", inject, program, "--config",
			path_of("sluice.yaml"), (char *)NULL);
	_exit(127);
}

static pid_t spawn_with(const char *inject)
{
	const pid_t pid = fork();

	CU_ASSERT_TRUE_FATAL(pid >= 0);
	if (pid == 0)
		exec_daemon(inject);
	return pid;
}

static pid_t spawn(void)
{
	return spawn_with(NULL);
}

static void start(void)
{
	daemon_pid = spawn();
}

/* How it ended: the exit code, or minus the signal. */
static int wait_end(pid_t pid)
{
	int status = 0;

	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int end(int signal_number)
{
	CU_ASSERT_EQUAL(kill(daemon_pid, signal_number), 0);
	return wait_end(daemon_pid);
}

/* How often the log says so. */
static size_t logged(const char *words)
{
	FILE *file = fopen(path_of("log"), "r");
	char line[4096];
	size_t count = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		count += strstr(line, words) != NULL;
	(void)fclose(file);
	return count;
}

static void show_log(void)
{
	FILE *file = fopen(path_of("log"), "r");
	char line[4096];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		(void)fputs(line, stderr);
	if (file != NULL)
		(void)fclose(file);
}

static void pause_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

static void await_log(const char *words, size_t times)
{
	const int64_t until = clock_now_ms() + PATIENCE_MS;

	while (logged(words) < times && clock_now_ms() < until)
		pause_ms(10);
	if (logged(words) < times)
		show_log();
	CU_ASSERT_TRUE_FATAL(logged(words) >= times);
}

static void await_files(const char *folder, size_t count)
{
	const int64_t until = clock_now_ms() + PATIENCE_MS;

	while (count_files(folder) != count && clock_now_ms() < until)
		pause_ms(10);
	if (count_files(folder) != count)
		show_log();
	CU_ASSERT_EQUAL_FATAL(count_files(folder), count);
}

/* -- what is in the queue --------------------------------------------- */

struct seen_file {
	char name[128];
	struct uuid drop;
	uint64_t at;    /* ranges tile up to here */
	uint64_t size;  /* of the manifest */
	uint64_t next;  /* id of the next record */
	uint64_t rejects;
	bool manifest;
};

/* Everything but the bodies, to be put in order. */
struct seen_message {
	struct uuid drop;
	uint64_t lo, hi;
	enum envelope_kind kind;
	char name[128];
	char *body;
};

static struct seen_message *seen;
static size_t seen_count, seen_cap;

static void keep(const struct delivery *delivery)
{
	struct seen_message *m;
	struct envelope e = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(envelope_decode(&delivery->message, &e, &err));
	CU_ASSERT_STRING_EQUAL(delivery->message.routing_key, "t.d");
	if (seen_count == seen_cap) {
		seen_cap = seen_cap * 2 + 64;
		seen = realloc(seen, seen_cap * sizeof(*seen));
		CU_ASSERT_PTR_NOT_NULL_FATAL(seen);
	}
	m = &seen[seen_count++];
	*m = (struct seen_message){ e.drop, e.lo, e.hi, e.kind, "", NULL };
	(void)snprintf(m->name, sizeof(m->name), "%.*s", (int)e.source.len,
		(const char *)e.source.data);
	m->body = strndup(delivery->message.body.data != NULL ?
		delivery->message.body.data : "", delivery->message.body.len);
}

/* Takes all that is in the queue, until nothing comes for a while. */
static void take_all(void)
{
	struct broker *broker = open_broker();
	struct broker_event event;
	struct err err = { 0 };
	uint32_t ready = 0, consumers;
	size_t got = 0;
	bool found;

	CU_ASSERT_TRUE_FATAL(broker_inspect(broker, "sluice.t", &found,
		&ready, &consumers, &err));
	CU_ASSERT_TRUE_FATAL(broker_consume(broker, "sluice.t", 500, &err));
	while (got < ready) {
		CU_ASSERT_TRUE_FATAL(broker_wait(broker, -1, PATIENCE_MS,
			&event, &err));
		CU_ASSERT_EQUAL_FATAL(event.kind, BROKER_DELIVERED);
		keep(event.delivery);
		CU_ASSERT_TRUE(broker_ack(broker, event.delivery->tag, false,
			&err));
		delivery_free(event.delivery);
		got++;
	}
	broker_close(broker);
}

static int by_place(const void *a, const void *b)
{
	const struct seen_message *x = a, *y = b;
	const int drop = memcmp(&x->drop, &y->drop, sizeof(x->drop));

	if (drop != 0)
		return drop;
	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	if (x->hi != y->hi)
		return x->hi < y->hi ? -1 : 1;
	return (int)x->kind - (int)y->kind;
}

static void walk_records(struct seen_file *file, const char *body)
{
	for (; *body != '\0'; body = strchr(body, '\n') + 1) {
		const char *id = strstr(body, "\"id\": ");

		CU_ASSERT_PTR_NOT_NULL_FATAL(id);
		CU_ASSERT_EQUAL(strtoull(id + 6, NULL, 10), file->next);
		file->next++;
	}
}

static void walk_message(struct seen_file *file, const struct seen_message *m)
{
	CU_ASSERT_EQUAL(m->lo, file->at);
	CU_ASSERT_FALSE(file->manifest);
	file->at = m->hi;
	file->rejects += m->kind == ENVELOPE_REJECT;
	if (m->kind == ENVELOPE_CHUNK)
		walk_records(file, m->body);
	file->manifest = m->kind == ENVELOPE_MANIFEST;
	file->size = m->hi;
}

/* One file a drop: its distinct messages tile it, its records count up. */
static size_t check_tiling(struct seen_file *files)
{
	size_t count = 0;

	qsort(seen, seen_count, sizeof(*seen), by_place);
	for (size_t i = 0; i < seen_count; i++) {
		const struct seen_message *m = &seen[i];

		if (i > 0 && by_place(m - 1, m) == 0)
			continue; /* sent again */
		if (i == 0 || memcmp(&m->drop, &m[-1].drop,
			sizeof(m->drop)) != 0) {
			CU_ASSERT_TRUE_FATAL(count < FILES_MAX);
			files[count] = (struct seen_file){ .drop = m->drop };
			(void)snprintf(files[count].name,
				sizeof(files[count].name), "%s", m->name);
			count++;
		}
		walk_message(&files[count - 1], m);
	}
	for (size_t i = 0; i < count; i++)
		CU_ASSERT_TRUE(files[i].manifest);
	return count;
}

static void forget_seen(void)
{
	for (size_t i = 0; i < seen_count; i++)
		free(seen[i].body);
	free(seen);
	seen = NULL;
	seen_count = seen_cap = 0;
}

static const struct seen_file *find(const struct seen_file *files,
	size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(files[i].name, name) == 0)
			return &files[i];
	CU_FAIL("a file is missing");
	return &files[0];
}

/* -- the tests -------------------------------------------------------- */

static void dropped_files_are_published(void)
{
	struct seen_file files[FILES_MAX];
	size_t count;

	setup();
	drop("raw/d/before.json", 3, true);
	start();
	await_log("event=published", 1);
	drop("raw/d/lines.json", 120, false);
	CU_ASSERT_EQUAL(mkdir(path_of("raw/d/sub"), 0755), 0);
	drop("raw/d/sub/array.json", 70, true);
	put("raw/d/empty.json", "");
	put("raw/d/bad.json", "[{\"id\": 0},\n{\"id\": 1},\n{\"id\": ");
	await_files("raw/processed", 4);
	await_files("raw/failed", 1);
	CU_ASSERT_EQUAL(count_files("raw/d"), 0);
	CU_ASSERT_EQUAL(end(SIGTERM), 0);
	take_all();
	count = check_tiling(files);
	CU_ASSERT_EQUAL(count, 5);
	CU_ASSERT_EQUAL(find(files, count, "d/before.json")->next, 3);
	CU_ASSERT_EQUAL(find(files, count, "d/lines.json")->next, 120);
	CU_ASSERT_EQUAL(find(files, count, "d/sub/array.json")->next, 70);
	CU_ASSERT_EQUAL(find(files, count, "d/empty.json")->next, 0);
	CU_ASSERT_EQUAL(find(files, count, "d/bad.json")->next, 2);
	CU_ASSERT_EQUAL(find(files, count, "d/bad.json")->rejects, 1);
	forget_seen();
	teardown();
}

/* Killed and stopped at moments drawn from a seed, in the middle of files
 * large and small: each file is one drop, each byte has one name. */
static void any_end_loses_and_doubles_nothing(void)
{
	static const char *const names[] = { "raw/d/0.json", "raw/d/1.json",
		"raw/d/2.json", "raw/d/3.json", "raw/d/4.json" };
	static const int records[] = { 60000, 7, 60000, 0, 60000 };
	struct seen_file files[FILES_MAX];
	uint32_t dice = (uint32_t)clock_wall_us();
	size_t count, connected;

	setup();
	(void)fprintf(stderr, "\nseed %u\n", dice);
	for (int i = 0; i < 5; i++)
		drop(names[i], records[i], i % 4 == 0);
	for (int i = 0; i < 16; i++) {
		dice = dice * 1664525u + 1013904223u;
		start();
		pause_ms((int)(dice >> 20) % 100);
		(void)end(dice >> 8 & 1 ? SIGKILL : SIGTERM);
	}
	connected = logged("event=connected");
	start();
	await_log("event=connected", connected + 1);
	await_files("raw/processed", 5);
	CU_ASSERT_EQUAL(end(SIGTERM), 0);
	take_all();
	count = check_tiling(files);
	CU_ASSERT_EQUAL(count, 5);
	for (int i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(find(files, count, names[i] + 4)->next,
			(uint64_t)records[i]);
	CU_ASSERT_EQUAL(count_files("raw/d"), 0);
	forget_seen();
	teardown();
}

static void a_missing_queue_holds_files_back(void)
{
	struct seen_file files[FILES_MAX];

	setup();
	delete_queue();
	start();
	drop("raw/d/a.json", 200, true);
	await_log("event=queue_missing", 1);
	CU_ASSERT_EQUAL(count_files("raw/processed"), 0);
	make_queue();
	await_files("raw/processed", 1);
	await_log("event=queue_is_back", 1);
	CU_ASSERT_EQUAL(end(SIGTERM), 0);
	take_all();
	CU_ASSERT_EQUAL(check_tiling(files), 1);
	CU_ASSERT_EQUAL(files[0].next, 200);
	forget_seen();
	teardown();
}

/* Nothing was confirmed, so nothing may count as sent. */
static void unconfirmed_is_sent_again_after_a_kill(void)
{
	struct seen_file files[FILES_MAX];

	setup();
	delete_queue();
	start();
	drop("raw/d/a.json", 2000, true);
	await_log("event=queue_missing", 1);
	CU_ASSERT_EQUAL(end(SIGTERM), 0);
	start();
	await_log("event=queue_missing", 2);
	CU_ASSERT_EQUAL(end(SIGKILL), -SIGKILL);
	make_queue();
	start();
	await_files("raw/processed", 1);
	CU_ASSERT_EQUAL(end(SIGTERM), 0);
	take_all();
	CU_ASSERT_EQUAL(check_tiling(files), 1);
	CU_ASSERT_EQUAL(files[0].next, 2000);
	forget_seen();
	teardown();
}

/* True when the process has ended; it can only have been killed then. */
static bool was_killed(pid_t pid)
{
	int status = 0;

	if (waitpid(pid, &status, WNOHANG) != pid)
		return false;
	CU_ASSERT_TRUE(WIFSIGNALED(status));
	return true;
}

/* Starts the daemon to be killed at the nth such call of a thread; ends it
 * when it comes through with the file. True when it was killed. */
static bool kill_at(const char *call, int nth, size_t processed)
{
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	char inject[64];
	pid_t pid;

	(void)snprintf(inject, sizeof(inject),
		"inject=%s:signal=SIGKILL:when=%d", call, nth);
	pid = spawn_with(inject);
	while (!was_killed(pid)) {
		CU_ASSERT_TRUE_FATAL(clock_now_ms() < until);
		if (count_files("raw/processed") == processed) {
			(void)kill(pid, SIGTERM);
			(void)wait_end(pid);
			return false;
		}
		pause_ms(5);
	}
	return true;
}

/* False without strace, or where tracing is forbidden. */
static bool strace_works(void)
{
	const pid_t pid = fork();

	CU_ASSERT_TRUE_FATAL(pid >= 0);
	if (pid == 0) {
		(void)execlp("strace", "strace", "-o", "/dev/null", "true",
			(char *)NULL);
		_exit(127);
	}
	return wait_end(pid) == 0;
}

/* Each call that changes what outlives the process, the first few times. */
static void killed_at_any_call_loses_and_doubles_nothing(void)
{
	static const char *const calls[] = { "renameat2", "fsync",
		"fdatasync", "pwrite64", "mkdirat", "openat2", "sendmsg",
		"sendto", "writev", "recvfrom", "unlink", "ftruncate" };
	enum { CALLS = sizeof(calls) / sizeof(*calls), TIMES = 5 };
	struct seen_file files[FILES_MAX];
	char name[64];
	size_t dropped = 0, killed = 0;

	if (!strace_works()) {
		(void)fprintf(stderr, "strace cannot be used: left out\n");
		return;
	}
	setup();
	for (size_t i = 0; i < (size_t)CALLS * TIMES; i++) {
		(void)snprintf(name, sizeof(name), "raw/d/%zu.json", i);
		drop(name, 300, i % 2 == 0);
		killed += kill_at(calls[i % CALLS], (int)(i / CALLS) + 1,
			++dropped);
	}
	CU_ASSERT_TRUE(killed >= dropped / 3);
	(void)fprintf(stderr, "killed %zu times\n", killed);
	start();
	await_files("raw/processed", dropped);
	CU_ASSERT_EQUAL(end(SIGKILL), -SIGKILL);
	take_all();
	CU_ASSERT_EQUAL(check_tiling(files), dropped);
	for (size_t i = 0; i < dropped; i++)
		CU_ASSERT_EQUAL(files[i].next, 300);
	CU_ASSERT_EQUAL(count_files("raw/d"), 0);
	forget_seen();
	teardown();
}

static void the_second_producer_is_refused(void)
{
	setup();
	start();
	await_log("event=connected", 1);
	CU_ASSERT_EQUAL(wait_end(spawn()), EXIT_IO);
	CU_ASSERT_EQUAL(logged("another producer"), 1);
	CU_ASSERT_EQUAL(end(SIGINT), 0);
	teardown();
}

static void a_wrong_password_is_said(void)
{
	setup();
	write_settings("wrong");
	CU_ASSERT_EQUAL(wait_end(spawn()), EXIT_CONFIG);
	CU_ASSERT_EQUAL(logged("level=error"), 1);
	teardown();
}

static void a_reload_is_checked_first(void)
{
	setup();
	start();
	await_log("event=connected", 1);
	put("pipelines/t.yaml", "pipeline: t\nnonsense: 1\n");
	CU_ASSERT_EQUAL(kill(daemon_pid, SIGHUP), 0);
	await_log("event=reload_refused", 1);
	drop("raw/d/a.json", 1, false);
	await_files("raw/processed", 1);
	put("pipelines/t.yaml", one_dataset);
	put("pipelines/u.yaml",
		"pipeline: u\ndatasets:\n  e:\n"
		"    source: { directory: e }\n    table: raw.e\n"
		"    key: [id]\n    columns:\n"
		"      - { name: id, type: integer }\n");
	CU_ASSERT_EQUAL(kill(daemon_pid, SIGHUP), 0);
	await_log("event=reloaded", 1);
	drop("raw/e/b.json", 1, false);
	drop("raw/d/c.json", 1, false);
	await_files("raw/processed", 2); /* e has no queue */
	await_log("event=queue_missing", 1);
	CU_ASSERT_EQUAL(end(SIGTERM), 0);
	teardown();
}

CU_TestInfo producer_tests[] = {
	{ "dropped files are published", dropped_files_are_published },
	{ "any end loses and doubles nothing",
		any_end_loses_and_doubles_nothing },
	{ "a missing queue holds files back",
		a_missing_queue_holds_files_back },
	{ "unconfirmed is sent again after a kill",
		unconfirmed_is_sent_again_after_a_kill },
	{ "killed at any call loses and doubles nothing",
		killed_at_any_call_loses_and_doubles_nothing },
	{ "the second producer is refused", the_second_producer_is_refused },
	{ "a wrong password is said", a_wrong_password_is_said },
	{ "a reload is checked first", a_reload_is_checked_first },
	CU_TEST_INFO_NULL,
};

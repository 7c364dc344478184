/* metrics_process.c - what the kernel knows of this process (proc(5)), under
 * the names that every exporter uses. */
#include "common/metrics_private.h"
#include "common/clock.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Fields of /proc/self/stat behind the name, the first being 3. */
enum { STAT_UTIME = 14, STAT_STIME = 15, STAT_THREADS = 20, STAT_START = 22,
	STAT_VSIZE = 23, STAT_RSS = 24, STAT_FIELDS = 25 };

struct process {
	double cpu_secs, started, resident, virtual, files, files_max, threads;
};

static const struct row {
	const char *name, *type;
	size_t offset;
	const char *help;
} rows[] = {
#define AT(field) offsetof(struct process, field)
	{ "process_cpu_seconds_total", "counter", AT(cpu_secs),
		"Processor time used, of user and system." },
	{ "process_start_time_seconds", "gauge", AT(started),
		"When the process started, since 1970." },
	{ "process_resident_memory_bytes", "gauge", AT(resident),
		"Memory that is in RAM." },
	{ "process_virtual_memory_bytes", "gauge", AT(virtual),
		"Addresses in use." },
	{ "process_open_fds", "gauge", AT(files),
		"Open files, sockets and so on." },
	{ "process_max_fds", "gauge", AT(files_max),
		"How many may be open." },
	{ "process_threads", "gauge", AT(threads), "Threads." },
#undef AT
};

/* The name may hold anything: fields count from its last bracket. */
static bool read_stat(double fields[STAT_FIELDS])
{
	FILE *file = fopen("/proc/self/stat", "re");
	char line[1024] = "";
	char *at;

	if (file == NULL)
		return false;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	(void)fclose(file);
	at = strrchr(line, ')');
	if (at == NULL || strlen(at) < 4)
		return false;
	at += 3; /* behind field 3, a letter */
	for (size_t i = 4; i < STAT_FIELDS; i++)
		fields[i] = strtod(at, &at);
	return true;
}

/* A process starts at ticks since the boot; CLOCK_BOOTTIME is how long ago
 * that was. */
static double start_of(double ticks)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (double)clock_wall_us() / 1e6 - (double)now.tv_sec -
		(double)now.tv_nsec / 1e9 +
		ticks / (double)sysconf(_SC_CLK_TCK);
}

static double count_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	double count = 0;

	if (folder == NULL)
		return 0;
	while (readdir(folder) != NULL)
		count++;
	(void)closedir(folder);
	return count > 3 ? count - 3 : 0; /* ".", ".." and the folder */
}

static bool read_process(struct process *process)
{
	static double started; /* the first answer: it must not drift */
	double fields[STAT_FIELDS] = { 0 };
	struct rlimit limit = { 0 };
	const double hz = (double)sysconf(_SC_CLK_TCK);

	if (!read_stat(fields))
		return false;
	if (started <= 0)
		started = start_of(fields[STAT_START]);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	*process = (struct process){
		.cpu_secs = (fields[STAT_UTIME] + fields[STAT_STIME]) / hz,
		.started = started,
		.resident = fields[STAT_RSS] * (double)sysconf(_SC_PAGESIZE),
		.virtual = fields[STAT_VSIZE],
		.files = count_files(),
		.files_max = (double)limit.rlim_cur,
		.threads = fields[STAT_THREADS],
	};
	return true;
}

bool metrics_process(struct buf *out, struct err *err)
{
	struct process process;
	bool ok = true;

	if (!read_process(&process))
		return true; /* no /proc here */
	for (size_t i = 0; ok && i < sizeof(rows) / sizeof(*rows); i++) {
		double value;

		memcpy(&value, (const char *)&process + rows[i].offset,
			sizeof(value));
		ok = buf_printf(out, err,
			"# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", rows[i].name,
			rows[i].help, rows[i].name, rows[i].type, rows[i].name,
			value);
	}
	return ok;
}

bool metrics_process_document(struct buf *out, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(rows) / sizeof(*rows); i++)
		ok = buf_printf(out, err, "| `%s` | %s | both | | %s |\n",
			rows[i].name, rows[i].type, rows[i].help);
	return ok;
}

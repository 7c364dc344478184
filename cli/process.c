/* process.c - other programs, started by this one. */
#include "cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

/* Signals we ignore or catch are the child's to decide. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	int code;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	code = posix_spawnattr_setsigdefault(attributes, &all);
	if (code == 0)
		code = posix_spawnattr_setsigmask(attributes, &none);
	return code != 0 ? code : posix_spawnattr_setflags(attributes,
		POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
			POSIX_SPAWN_SETPGROUP);
}

static int set_files(posix_spawn_file_actions_t *files, const char *log)
{
	int code = posix_spawn_file_actions_addopen(files, 0, "/dev/null",
		O_RDONLY, 0);

	if (code == 0)
		code = posix_spawn_file_actions_addopen(files, 1, log,
			O_WRONLY | O_CREAT | O_APPEND, 0644);
	return code != 0 ? code : posix_spawn_file_actions_adddup2(files, 1, 2);
}

bool process_start(const char *const *argv, const char *log, pid_t *pid,
	struct err *err)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	char *const *words;
	int code;

	memcpy(&words, &argv, sizeof(words)); /* POSIX lacks a const */
	if (posix_spawn_file_actions_init(&files) != 0)
		return err_memory(err);
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&files);
		return err_memory(err);
	}
	code = set_attributes(&attributes);
	if (code == 0)
		code = set_files(&files, log);
	if (code == 0)
		code = posix_spawnp(pid, argv[0], &files, &attributes, words,
			environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&files);
	errno = code;
	return code == 0 || err_errno(err, ERR_STOP, "start %s", argv[0]);
}

bool process_reap(pid_t *pid, int *status)
{
	*pid = waitpid(-1, status, WNOHANG);
	return *pid > 0;
}

/* The state is behind the name, which may hold anything. */
bool process_alive(pid_t pid)
{
	char path[64], line[512];
	const char *state = NULL;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(line, sizeof(line), file) != NULL)
		state = strrchr(line, ')');
	(void)fclose(file);
	return state != NULL && state[1] == ' ' && state[2] != 'Z' &&
		state[2] != 'X';
}

void process_describe(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		(void)snprintf(out, size, "killed by signal %d",
			WTERMSIG(status));
	else
		(void)snprintf(out, size, "ended with code %d",
			WEXITSTATUS(status));
}

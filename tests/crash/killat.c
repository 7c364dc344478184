/* killat.c - runs a program and kills it (SIGKILL) at its Nth system call of a
 * kind, counted over all its threads.
 *
 * usage: killat [-h] [-s CALL:MS] [-t FILE] CALL[,CALL...] N PROGRAM ARGS...
 *   -h  half of the Nth call is done before (of a write or send: half of its
 *       bytes); else it is not begun
 *   -s  each such call waits MS milliseconds before it is begun
 *   -t  what came of it is written there: "killed CALL" or "ended CALLS"
 * N = 0 kills never. SIGTERM is handed on. Exit: 137 when killed by us, else
 * the program's own code. (strace counts by thread, so that a thread with few
 * calls hides behind one with many: its last ones are never reached.) */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALLS_MAX 32
#define SLEEPERS_MAX 16
#define OPTIONS (PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |                \
	PTRACE_O_TRACEVFORK | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXEC | \
	PTRACE_O_EXITKILL)
enum { EX_MISUSE = 64, EX_TRACE = 71, EX_KILLED = 137 };

struct call {
	const char *name;
	long number;
};

static const struct call known[] = {
	{ "close", SYS_close }, { "connect", SYS_connect },
	{ "copy_file_range", SYS_copy_file_range },
	{ "fcntl", SYS_fcntl }, { "fdatasync", SYS_fdatasync },
	{ "flock", SYS_flock }, { "fsync", SYS_fsync },
	{ "ftruncate", SYS_ftruncate }, { "futex", SYS_futex },
	{ "getdents64", SYS_getdents64 }, { "linkat", SYS_linkat },
	{ "inotify_add_watch", SYS_inotify_add_watch },
	{ "mkdirat", SYS_mkdirat }, { "newfstatat", SYS_newfstatat },
	{ "openat", SYS_openat }, { "openat2", SYS_openat2 },
	{ "ppoll", SYS_ppoll }, { "pread64", SYS_pread64 },
	{ "pwrite64", SYS_pwrite64 }, { "read", SYS_read },
	{ "readv", SYS_readv }, { "recvfrom", SYS_recvfrom },
	{ "recvmsg", SYS_recvmsg }, { "renameat", SYS_renameat },
	{ "renameat2", SYS_renameat2 },
	{ "sendmsg", SYS_sendmsg }, { "sendto", SYS_sendto },
	{ "unlinkat", SYS_unlinkat }, { "write", SYS_write },
	{ "writev", SYS_writev },
#ifdef SYS_poll /* the younger machines have only the newer ones */
	{ "mkdir", SYS_mkdir }, { "open", SYS_open }, { "poll", SYS_poll },
	{ "rename", SYS_rename }, { "unlink", SYS_unlink },
#endif
};

/* A thread that is held up before a slow call. */
struct sleeper {
	pid_t thread;
	int64_t until_ms;
};

struct run {
	struct call calls[CALLS_MAX];
	size_t count;
	struct call slow; /* no name: none is */
	long slow_ms;
	long nth;
	bool half;
	const char *tell;
	pid_t program;
	long seen;
	const struct call *killed; /* NULL: not yet */
	struct sleeper sleepers[SLEEPERS_MAX];
};

static volatile sig_atomic_t to_hand_on;

/* -- the words ----------------------------------------------------------- */

static bool find_call(const char *name, size_t len, struct call *call)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strlen(known[i].name) == len &&
			memcmp(known[i].name, name, len) == 0) {
			*call = known[i];
			return true;
		}
	return false;
}

static bool take_calls(struct run *run, const char *words)
{
	while (run->count < CALLS_MAX) {
		const size_t len = strcspn(words, ",");

		if (!find_call(words, len, &run->calls[run->count++]))
			return false;
		if (words[len] == '\0')
			return true;
		words += len + 1;
	}
	return false;
}

static bool take_slow(struct run *run, const char *word)
{
	const size_t len = strcspn(word, ":");

	if (word[len] != ':' || !find_call(word, len, &run->slow))
		return false;
	run->slow_ms = strtol(word + len + 1, NULL, 10);
	return run->slow_ms > 0;
}

static bool take_words(struct run *run, int argc, char **argv)
{
	int option;
	char *end;

	while ((option = getopt(argc, argv, "+hs:t:")) != -1) {
		if (option == 'h')
			run->half = true;
		else if (option == 't')
			run->tell = optarg;
		else if (option != 's' || !take_slow(run, optarg))
			return false;
	}
	if (argc - optind < 3 || !take_calls(run, argv[optind]))
		return false;
	run->nth = strtol(argv[optind + 1], &end, 10);
	return *end == '\0' && run->nth >= 0;
}

/* -- the child ----------------------------------------------------------- */

/* Only the calls asked for stop; the rest run at full speed. */
static bool filter_calls(const struct run *run)
{
	struct sock_filter code[2 * CALLS_MAX + 4] = { BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)) };
	struct sock_fprog program = { .len = 1, .filter = code };

	for (size_t i = 0; i <= run->count; i++) {
		const struct call *call =
			i < run->count ? &run->calls[i] : &run->slow;

		if (call->name == NULL)
			continue;
		code[program.len++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call->number, 0, 1);
		code[program.len++] = (struct sock_filter)BPF_STMT(
			BPF_RET | BPF_K, SECCOMP_RET_TRACE | (unsigned)i);
	}
	code[program.len++] = (struct sock_filter)BPF_STMT(
		BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int be_program(const struct run *run, char **argv)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 &&
		raise(SIGSTOP) == 0 && filter_calls(run))
		(void)execvp(argv[0], argv);
	perror("killat");
	return EX_TRACE;
}

/* -- the tracer ---------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static void go_on(pid_t thread, int signal_number)
{
	(void)ptrace(PTRACE_CONT, thread, NULL, (long)signal_number);
}

/* Half of the bytes, then the end. */
static bool halve(pid_t thread)
{
#ifdef __x86_64__
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, thread, NULL, &regs) != 0)
		return false;
	regs.rdx /= 2;
	return ptrace(PTRACE_SETREGS, thread, NULL, &regs) == 0 &&
		ptrace(PTRACE_SYSCALL, thread, NULL, NULL) == 0 &&
		waitpid(thread, NULL, __WALL) == thread;
#else
	(void)thread;
	return false;
#endif
}

static void lay_down(struct run *run, pid_t thread)
{
	for (size_t i = 0; i < SLEEPERS_MAX; i++)
		if (run->sleepers[i].thread == 0) {
			run->sleepers[i] = (struct sleeper){ thread,
				now_ms() + run->slow_ms };
			return;
		}
	go_on(thread, 0);
}

/* True while one of them sleeps on. */
static bool wake_sleepers(struct run *run)
{
	bool any = false;

	for (size_t i = 0; i < SLEEPERS_MAX; i++) {
		struct sleeper *sleeper = &run->sleepers[i];

		if (sleeper->thread == 0)
			continue;
		if (now_ms() < sleeper->until_ms) {
			any = true;
			continue;
		}
		go_on(sleeper->thread, 0);
		sleeper->thread = 0;
	}
	return any;
}

static void at_call(struct run *run, pid_t thread)
{
	const struct call *call;
	unsigned long at = 0; /* the place that filter_calls() gave it */

	(void)ptrace(PTRACE_GETEVENTMSG, thread, NULL, &at);
	call = at < run->count ? &run->calls[at] : &run->slow;
	if (at < run->count && ++run->seen == run->nth) {
		if (run->half)
			(void)halve(thread);
		run->killed = call;
		(void)kill(run->program, SIGKILL);
	} else if (call->number == run->slow.number && run->slow.name != NULL)
		lay_down(run, thread);
	else
		go_on(thread, 0);
}

static void at_stop(struct run *run, pid_t thread, int status)
{
	const int event = status >> 16;

	if (event == PTRACE_EVENT_SECCOMP)
		at_call(run, thread);
	else if (event != 0 || WSTOPSIG(status) == SIGSTOP)
		go_on(thread, 0); /* a new thread, or the program begins */
	else
		go_on(thread, WSTOPSIG(status));
}

/* The program's wait status. */
static int trace(struct run *run)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	int status = 0;

	for (;;) {
		const bool asleep = wake_sleepers(run);
		const pid_t pid = waitpid(-1, &status,
			__WALL | (asleep ? WNOHANG : 0));

		if (to_hand_on != 0) {
			(void)kill(run->program, (int)to_hand_on);
			to_hand_on = 0;
		}
		if (pid < 0 && errno == ECHILD)
			return status;
		if (pid == 0)
			(void)nanosleep(&nap, NULL);
		if (pid <= 0)
			continue;
		if (WIFSTOPPED(status))
			at_stop(run, pid, status);
		else if (pid == run->program)
			return status;
	}
}

static void on_signal(int signal_number)
{
	to_hand_on = signal_number;
}

static void tell(const struct run *run)
{
	FILE *out = run->tell == NULL ? NULL : fopen(run->tell, "w");

	if (out == NULL)
		return;
	if (run->killed != NULL)
		(void)fprintf(out, "killed %s\n", run->killed->name);
	else
		(void)fprintf(out, "ended %ld\n", run->seen);
	(void)fclose(out);
}

int main(int argc, char **argv)
{
	struct run run = { 0 };
	struct sigaction action = { .sa_handler = on_signal };
	int status;

	if (!take_words(&run, argc, argv)) {
		(void)fprintf(stderr, "usage: killat [-h] [-s CALL:MS] "
			"[-t FILE] CALL[,CALL...] N PROGRAM ARGS...\n");
		return EX_MISUSE;
	}
	run.program = fork();
	if (run.program == 0)
		return be_program(&run, argv + optind + 2);
	if (run.program < 0 ||
		waitpid(run.program, &status, __WALL) != run.program ||
		!WIFSTOPPED(status) ||
		ptrace(PTRACE_SETOPTIONS, run.program, NULL, (long)OPTIONS) !=
			0) {
		perror("killat");
		return EX_TRACE;
	}
	(void)sigaction(SIGTERM, &action, NULL);
	go_on(run.program, 0);
	status = trace(&run);
	tell(&run);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : EX_KILLED;
}

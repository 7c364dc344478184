/* prove_site.h - the private servers, folders and daemons of a proof.
 *
 * Everything lies below one new folder; servers are started by
 * deploy/native.sh, daemons by us. Whoever has a site closes it. */
#ifndef SLUICE_PROVE_SITE_H
#define SLUICE_PROVE_SITE_H

#include "cli/prove_gen.h"
#include "common/config.h"

#include <signal.h>
#include <sys/types.h>

enum prove_daemon { PROVE_PRODUCER, PROVE_CONSUMER, PROVE_DAEMONS };
enum prove_server { PROVE_DATABASE, PROVE_BROKER, PROVE_SERVERS };

struct prove_site {
	struct buf top;    /* everything is below it */
	struct buf dir;    /* of native.sh, in it */
	struct buf self;   /* this program */
	struct buf bin;    /* where the daemons' are */
	struct buf native; /* deploy/native.sh */
	char user[64], group[64]; /* who the daemons run as; "": we */
	bool servers;      /* may run: to be stopped */
	struct config config;
	bool configured;
	pid_t daemons[PROVE_DAEMONS]; /* 0: does not run */
	int statuses[PROVE_DAEMONS];  /* of waitpid, once it has ended */
	const volatile sig_atomic_t *interrupted; /* by a signal: give up */
};

/* Makes the folder, starts the servers, applies schema and topology. bin NULL:
 * the folder of this program. Takes settings (SLUICE_..., PG*) out of our
 * environment.
 * No native.sh, or servers that do not start: EXIT_SERVER. */
bool prove_site_open(struct prove_site *site, const char *bin,
	struct err *err) MUST_CHECK;
/* Kills what runs, removes the folder unless it is to be kept. */
void prove_site_close(struct prove_site *site, bool keep);

/* Starts servers that do not run, in the background: a job of native.sh that
 * ends with 0 when both serve. */
bool prove_site_revive(struct prove_site *site, pid_t *job, struct err *err)
	MUST_CHECK;
/* SIGKILL to a server; true when it ran. */
bool prove_site_kill_server(struct prove_site *site, enum prove_server server);

/* A child that has ended: daemons are noted; *pid tells of jobs. */
bool prove_site_reap(struct prove_site *site, pid_t *pid, int *status);

bool prove_site_start(struct prove_site *site, enum prove_daemon daemon,
	struct err *err) MUST_CHECK;
/* SIGTERM to both daemons; false when one needs more than `patience_ms`. */
bool prove_site_rest(struct prove_site *site, int64_t patience_ms);

/* From now on a commit is durable, but its answer does not come. */
bool prove_site_hold_answers(struct prove_site *site, bool hold,
	struct err *err) MUST_CHECK;

/* Puts the file into the dataset's folder: renamed in, or written in place. */
bool prove_site_drop(struct prove_site *site, const struct prove_file *file,
	struct err *err) MUST_CHECK;

/* "<dir>/<below>" into out, which is emptied first. */
bool prove_site_path(const struct prove_site *site, const char *below,
	struct buf *out, struct err *err) MUST_CHECK;

/* Waits a little, unless a signal has come. */
void prove_site_pause(int ms);

#endif

/* main.c - an HTTP server for tests: usage.txt. */
#include "tests/support/api_server/behave.h"
#include "tests/support/api_server/wire.h"

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct words {
	const char *port_file, *tls, *rules;
	int port;
	char **cassettes; /* NULL ends */
};

/* -- serving ----------------------------------------------------------- */

static void serve(void *context, const struct request *request,
	struct answer *answer)
{
	struct site *site = context;

	if (strncmp(request->path, "/_control/", 10) == 0) {
		control(site, request, answer);
		return;
	}
	journal_enter(site->journal);
	behave(site, request, answer);
	if (answer->delay_ms > 0)
		(void)poll(NULL, 0, answer->delay_ms);
	journal_leave(site->journal);
}

static bool read_text(const char *name, struct buf *out, struct err *err)
{
	char piece[4096];
	FILE *file = fopen(name, "re");
	size_t got;

	if (file == NULL)
		return err_errno(err, ERR_STOP, "%s", name);
	while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
		say_bytes(out, piece, got);
	(void)fclose(file);
	return true;
}

static bool prepare(struct site *site, const struct words *words,
	struct err *err)
{
	struct buf rules = { 0 };
	bool ok;

	site->rules = rules_new();
	site->journal = journal_new();
	site->cassette = cassette_new();
	site->auth = auth_new();
	ok = rules_add(site->rules, behave_bad(), true, err);
	if (ok && words->rules != NULL)
		ok = read_text(words->rules, &rules, err) && (rules.len == 0 ||
			rules_add(site->rules, rules.data, true, err));
	buf_clear(&rules);
	for (char **folder = words->cassettes; ok && *folder != NULL; folder++)
		ok = cassette_load(site->cassette, *folder, err);
	return ok;
}

/* -- listening --------------------------------------------------------- */

static bool listen_plain(struct site *site, int port, struct buf *ports,
	struct err *err)
{
	const struct wire_options options = { .port = port, .serve = serve,
		.context = site };
	const struct wire *wire = wire_start(&options, err);

	if (wire == NULL)
		return false;
	say(ports, "http %d\n", wire_port(wire));
	return true;
}

static bool listen_with(struct site *site, const char *folder,
	const char *name, struct buf *ports, struct err *err)
{
	struct wire_options options = { .serve = serve, .context = site };
	struct buf certificate = { 0 }, key = { 0 }, file = { 0 };
	const struct wire *wire = NULL;
	bool ok;

	say(&file, "%s/%s.crt", folder, name);
	ok = read_text(file.data, &certificate, err);
	buf_reset(&file);
	say(&file, "%s/%s.key", folder, name);
	ok = ok && read_text(file.data, &key, err);
	buf_clear(&file);
	options.certificate = buf_take(&certificate);
	options.key = buf_take(&key);
	if (ok)
		wire = wire_start(&options, err); /* keeps both texts */
	if (wire == NULL)
		return false;
	say(ports, "%s %d\n", name, wire_port(wire));
	return true;
}

static bool listen_all(struct site *site, const struct words *words,
	struct buf *ports, struct err *err)
{
	static const char *const names[] = { "good", "expired", "self-signed",
		"wrong-host" };
	bool ok = listen_plain(site, words->port, ports, err);

	for (size_t i = 0; ok && words->tls != NULL &&
		i < sizeof(names) / sizeof(names[0]); i++)
		ok = listen_with(site, words->tls, names[i], ports, err);
	return ok;
}

/* Whole or not at all: the file's appearance says that we answer. */
static bool write_ports(const char *name, const struct buf *ports,
	struct err *err)
{
	struct buf temporary = { 0 };
	FILE *file;
	bool ok;

	say(&temporary, "%s.new", name);
	file = fopen(temporary.data, "we");
	ok = file != NULL && fwrite(ports->data, 1, ports->len, file) ==
		ports->len;
	if (file != NULL && fclose(file) != 0)
		ok = false;
	ok = (ok && rename(temporary.data, name) == 0) ||
		err_errno(err, ERR_STOP, "%s", name);
	buf_clear(&temporary);
	return ok;
}

/* -- the command line -------------------------------------------------- */

static bool read_words(int argc, char **argv, struct words *words)
{
	static const struct option options[] = {
		{ "port-file", required_argument, NULL, 'f' },
		{ "port", required_argument, NULL, 'p' },
		{ "tls", required_argument, NULL, 't' },
		{ "rules", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'f': words->port_file = optarg; break;
		case 'p': words->port = (int)strtol(optarg, NULL, 10); break;
		case 't': words->tls = optarg; break;
		case 'r': words->rules = optarg; break;
		default: return false;
		}
	}
	words->cassettes = argv + optind;
	return words->port_file != NULL;
}

static int misuse(void)
{
	struct buf text = { 0 };
	struct err err = { 0 };

	if (read_text(API_SERVER_USAGE, &text, &err))
		(void)fwrite(text.data, 1, text.len, stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct words words = { 0 };
	struct site *site = must_have(calloc(1, sizeof(struct site)));
	struct buf ports = { 0 };
	struct err err = { 0 };
	sigset_t ends;
	int got;

	if (!read_words(argc, argv, &words))
		return misuse();
	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	if (!prepare(site, &words, &err) ||
		!listen_all(site, &words, &ports, &err) ||
		!write_ports(words.port_file, &ports, &err)) {
		(void)fprintf(stderr, "api_server: %s\n", err.text);
		return err_exit_code(&err);
	}
	(void)sigwait(&ends, &got);
	/* Threads may sleep in answers that never end: they end with us. */
	_exit(0);
}

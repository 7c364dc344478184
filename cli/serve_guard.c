/* serve_guard.c - who may ask the page for what. */
#include "cli/serve_guard.h"
#include "common/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_MIN 16

/* -- names ----------------------------------------------------------------- */

/* Length of the name in "name:port" or "[address]:port"; 0 when it is none. */
static size_t name_length(const char *host)
{
	size_t len, i;

	if (*host == '[') {
		len = strcspn(host, "]");
		if (host[len] != ']')
			return 0;
		len++;
	} else {
		len = strcspn(host, ":");
	}
	if (host[len] == '\0')
		return len;
	for (i = len + 1; host[i] >= '0' && host[i] <= '9'; i++)
		;
	return host[len] == ':' && i > len + 1 && host[i] == '\0' ? len : 0;
}

static bool is_named(const char *host, size_t len, const char *name,
	size_t name_len)
{
	return len == name_len && strncasecmp(host, name, len) == 0;
}

bool guard_host(const char *host, const char *others)
{
	static const char *const ours[] = { "127.0.0.1", "localhost", "[::1]" };
	const size_t len = host != NULL ? name_length(host) : 0;

	if (len == 0)
		return false;
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (is_named(host, len, ours[i], strlen(ours[i])))
			return true;
	while (others != NULL && *others != '\0') {
		const size_t name = strcspn(others, ", \t");

		if (name > 0 && is_named(host, len, others, name))
			return true;
		others += name;
		others += strspn(others, ", \t");
	}
	return false;
}

bool guard_origin(const char *origin, const char *host)
{
	static const char *const schemes[] = { "http://", "https://" };

	if (origin == NULL)
		return true;
	for (size_t i = 0; host != NULL && i < 2; i++) {
		const size_t len = strlen(schemes[i]);

		if (strncmp(origin, schemes[i], len) == 0 &&
			strcasecmp(origin + len, host) == 0)
			return true;
	}
	return false;
}

bool guard_site(const char *site, bool page)
{
	return page || site == NULL || strcmp(site, "same-origin") == 0 ||
		strcmp(site, "none") == 0;
}

bool guard_is_loopback(const char *address)
{
	const char *colon = strrchr(address, ':');
	const size_t len = colon != NULL ? (size_t)(colon - address) : 0;

	return (len > 4 && strncmp(address, "127.", 4) == 0 &&
		       strspn(address, "0123456789.") == len) ||
		is_named(address, len, "localhost", 9) ||
		is_named(address, len, "[::1]", 5);
}

/* -- the token ------------------------------------------------------------- */

static const char token_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	"abcdefghijklmnopqrstuvwxyz0123456789-_.~+/=";

/* 32 random bytes as hex: two ids of random bits are not enough for the eye,
 * their digest is. */
static bool make_token(struct buf *token, struct err *err)
{
	struct uuid seeds[4];
	uint8_t digest[SHA256_BYTES];
	char text[SHA256_TEXT];
	bool ok = true;

	for (size_t i = 0; ok && i < 4; i++)
		ok = uuid_random(&seeds[i], err);
	ok = ok && sha256_once(seeds, sizeof(seeds), digest, err);
	if (ok) {
		sha256_format(digest, text);
		ok = buf_add_str(token, text, err);
	}
	explicit_bzero(seeds, sizeof(seeds));
	return ok;
}

static bool make_file(const char *file, struct err *err)
{
	struct buf token = { 0 };
	const int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		0600);
	bool ok;

	if (fd < 0)
		return errno == EEXIST ||
			err_errno(err, ERR_STOP, "make %s", file);
	ok = make_token(&token, err) && buf_add_char(&token, '\n', err) &&
		(write(fd, token.data, token.len) == (ssize_t)token.len ||
			err_errno(err, ERR_STOP, "write %s", file));
	(void)close(fd);
	if (!ok)
		(void)unlink(file);
	buf_clear(&token);
	return ok;
}

static bool read_file(int fd, const char *file, struct buf *token,
	struct err *err)
{
	char text[GUARD_TOKEN_TEXT + 1];
	struct stat st;
	ssize_t got;
	size_t len;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_stop(err, EXIT_CONFIG, "%s is no file", file);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return err_stop(err, EXIT_CONFIG, "%s may be read by others: "
			"chmod 600 it, or remove it and a new one is made",
			file);
	got = read(fd, text, sizeof(text) - 1);
	if (got < 0)
		return err_errno(err, ERR_STOP, "read %s", file);
	text[got] = '\0';
	len = strspn(text, token_letters);
	if (len < TOKEN_MIN || len >= GUARD_TOKEN_TEXT ||
		text[len + strspn(text + len, "\r\n")] != '\0')
		return err_stop(err, EXIT_CONFIG, "%s holds no token: %d to %d "
			"letters, digits and -_.~+/=; remove it and one is "
			"made", file, TOKEN_MIN, GUARD_TOKEN_TEXT - 1);
	return buf_add(token, text, len, err);
}

bool guard_token_read(const char *file, struct buf *token, struct err *err)
{
	bool ok;
	int fd;

	if (!make_file(file, err))
		return false;
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, ERR_STOP, "open %s", file);
	ok = read_file(fd, file, token, err);
	(void)close(fd);
	return ok;
}

bool guard_token_same(const char *token, const char *given)
{
	const size_t len = strlen(token), given_len = strlen(given);
	unsigned char off = len != given_len;

	for (size_t i = 0; i < given_len; i++)
		off |= (unsigned char)((unsigned char)given[i] ^
			(unsigned char)token[len > 0 ? i % len : 0]);
	return off == 0 && len > 0;
}

const char *guard_bearer(const char *authorization)
{
	static const char scheme[] = "Bearer ";
	const size_t len = sizeof(scheme) - 1;

	if (authorization == NULL ||
		strncasecmp(authorization, scheme, len) != 0)
		return NULL;
	authorization += len;
	return authorization + strspn(authorization, " ");
}

bool guard_rate_allows(const struct guard_rate *rate, int64_t now_ms)
{
	const int64_t oldest = rate->at_ms[rate->next];

	return oldest == 0 || now_ms - oldest > GUARD_WRONG_MS;
}

void guard_rate_wrong(struct guard_rate *rate, int64_t now_ms)
{
	rate->at_ms[rate->next] = now_ms > 0 ? now_ms : 1;
	rate->next = (rate->next + 1) % GUARD_WRONG_MAX;
}

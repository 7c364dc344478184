/* urls.c - the servers' addresses as other programs want them. */
#include "cli/urls.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

bool urls_add_encoded(struct buf *out, const char *text, struct err *err)
{
	bool ok = true;

	for (; ok && *text != '\0'; text++) {
		const unsigned char c = (unsigned char)*text;

		if (c < 0x80 && (isalnum(c) || strchr("-._~", c) != NULL))
			ok = buf_add_char(out, *text, err);
		else
			ok = buf_printf(out, err, "%%%02X", c);
	}
	return ok;
}

/* USER[:PASSWORD]@HOST:PORT/ */
static bool add_place(struct buf *out, const char *user, const char *password,
	const char *host, int64_t port, struct err *err)
{
	const bool v6 = strchr(host, ':') != NULL;
	bool ok = urls_add_encoded(out, user, err);

	if (ok && password != NULL)
		ok = buf_add_char(out, ':', err) &&
			urls_add_encoded(out, password, err);
	ok = ok && buf_add_char(out, '@', err);
	if (ok && v6)
		ok = buf_printf(out, err, "[%s]", host);
	else
		ok = ok && urls_add_encoded(out, host, err);
	return ok && buf_printf(out, err, ":%" PRId64 "/", port);
}

bool urls_amqp(const struct config *config, const char *user,
	const char *password, struct buf *out, struct err *err)
{
	return buf_add_str(out, config->broker_tls ? "amqps://" : "amqp://",
		       err) &&
		add_place(out, user, password, config->broker_host,
			config->broker_port, err) &&
		urls_add_encoded(out, config->broker_vhost, err);
}

bool urls_database(const struct config *config, const char *user,
	const char *password, struct buf *out, struct err *err)
{
	const char *mode = config->database_sslmode;
	const char *root = config->database_sslrootcert;
	bool ok = buf_add_str(out, "postgresql://", err) &&
		add_place(out, user, password, config->database_host,
			config->database_port, err) &&
		urls_add_encoded(out, config->database_name, err);

	if (ok && mode != NULL && mode[0] != '\0')
		ok = buf_add_str(out, "?sslmode=", err) &&
			urls_add_encoded(out, mode, err);
	if (ok && mode != NULL && mode[0] != '\0' && root != NULL &&
		root[0] != '\0')
		ok = buf_add_str(out, "&sslrootcert=", err) &&
			urls_add_encoded(out, root, err);
	return ok;
}

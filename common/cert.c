/* cert.c - until when a server's certificate is good (a door to OpenSSL). */
#include "common/cert.h"

#include <netdb.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_SECS 5
#define SSL_REQUEST "\0\0\0\010\004\322\026\057"

static int dial_one(const struct addrinfo *at)
{
	const struct timeval patience = { .tv_sec = PATIENCE_SECS };
	const int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC,
		at->ai_protocol);

	if (fd < 0)
		return -1;
	/* of connect, too */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		sizeof(patience));
	if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
		return fd;
	close(fd);
	return -1;
}

static int dial(const char *host, int port, struct err *err)
{
	const struct addrinfo wanted = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all = NULL;
	char text[16];
	int fd = -1;

	(void)snprintf(text, sizeof(text), "%d", port);
	if (getaddrinfo(host, text, &wanted, &all) == 0)
		for (const struct addrinfo *at = all; fd < 0 && at != NULL;
			at = at->ai_next)
			fd = dial_one(at);
	if (all != NULL)
		freeaddrinfo(all);
	if (fd < 0)
		(void)err_set(err, ERR_RETRY, "%s:%d does not answer", host,
			port);
	return fd;
}

static bool ask_postgres(int fd, struct err *err)
{
	char answer = 'N';

	if (write(fd, SSL_REQUEST, 8) == 8 && read(fd, &answer, 1) == 1 &&
		answer == 'S')
		return true;
	return err_set(err, ERR_RETRY, "PostgreSQL has no TLS there");
}

static bool read_days(SSL *ssl, int64_t *days, struct err *err)
{
	X509 *cert = SSL_get1_peer_certificate(ssl);
	int whole = 0, secs = 0;
	bool ok;

	ok = cert != NULL && ASN1_TIME_diff(&whole, &secs, NULL,
		X509_get0_notAfter(cert)) == 1;
	*days = secs < 0 && whole == 0 ? -1 : whole;
	X509_free(cert);
	return ok || err_set(err, ERR_RETRY, "no certificate was shown");
}

static bool shake_hands(int fd, const char *host, int64_t *days,
	struct err *err)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = context != NULL ? SSL_new(context) : NULL;
	bool ok = ssl != NULL || err_memory(err);

	if (ok) {
		SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
		/* SSL_set_tlsext_host_name, but for its cast */
		(void)SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
			TLSEXT_NAMETYPE_host_name, (char *)(uintptr_t)host);
		ok = SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1 ?
			read_days(ssl, days, err) :
			err_set(err, ERR_RETRY, "%s: no TLS there", host);
	}
	SSL_free(ssl);
	SSL_CTX_free(context);
	return ok;
}

bool cert_days_left(const char *host, int port, enum cert_kind kind,
	int64_t *days, struct err *err)
{
	const int fd = dial(host, port, err);
	bool ok;

	if (fd < 0)
		return false;
	ok = (kind != CERT_POSTGRES || ask_postgres(fd, err)) &&
		shake_hands(fd, host, days, err);
	close(fd);
	return ok;
}

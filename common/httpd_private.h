/* httpd_private.h - what the two servers of the door share. */
#ifndef SLUICE_HTTPD_PRIVATE_H
#define SLUICE_HTTPD_PRIVATE_H

#include "common/err.h"

#include <netdb.h>

/* The address to listen on; freeaddrinfo gives it back. NULL: it is none. */
struct addrinfo *httpd_find_address(const char *address, struct err *err);

#endif

/* http_private.h - what the parts of the door to libcurl share. */
#ifndef SLUICE_HTTP_PRIVATE_H
#define SLUICE_HTTP_PRIVATE_H

#include <stdbool.h>

/* True when fd (0: none) is readable. */
bool http_stopped(int fd);

#endif

/* store_private.h - the two implementations of a store. */
#ifndef SLUICE_STORE_PRIVATE_H
#define SLUICE_STORE_PRIVATE_H

#include "consumer/store.h"

struct store *postgres_open(const struct store_options *options,
	struct err *err);
struct store *lite_open(const struct store_options *options,
	struct err *err);

#endif

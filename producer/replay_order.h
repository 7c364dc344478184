/* replay_order.h - what `sluice replay` tells the producer: load this again.
 *
 * Orders lie in raw_dir/.replay/<batch>/<number>-<drop id>.order, the bytes
 * they are about beside them without the suffix. A batch gets its name only
 * once it is whole and durable; from then on the producer takes from it, in
 * the order of the names, and removes it. */
#ifndef SLUICE_REPLAY_ORDER_H
#define SLUICE_REPLAY_ORDER_H

#include "common/buf.h"
#include "common/hash.h"

#define REPLAY_FOLDER ".replay"
#define REPLAY_SUFFIX ".order"
#define REPLAY_ORDER_MAX 16384 /* bytes */

struct replay_order {
	struct uuid drop;      /* the new source's */
	struct uuid replay_of;
	char *pipeline, *dataset;
	char *name;            /* of the source, below raw_dir */
	/* where the bytes are kept besides, so that they need not be kept once
	 * more: at most one of */
	char *target;          /* below processed_dir */
	char *object;          /* in the object store */
};

bool replay_order_write(const struct replay_order *order, struct buf *out,
	struct err *err) MUST_CHECK;
/* ERR_REJECT: it is no order. order needs no clearing then. */
bool replay_order_read(const char *text, struct replay_order *order,
	struct err *err) MUST_CHECK;
void replay_order_clear(struct replay_order *order);

#endif

/* depth.h - the thread that asks RabbitMQ how many messages wait in our queues,
 * on a connection of its own, as long as somebody wants to know: whoever reads
 * the metrics. What goes wrong with it keeps nobody from work. */
#ifndef SLUICE_DEPTH_H
#define SLUICE_DEPTH_H

#include "common/config.h"
#include "common/pipeline.h"

struct depth;

/* config must outlive it. */
struct depth *depth_start(const struct config *config,
	const struct pipeline_set *set, struct err *err);
/* From any thread: asks every few seconds for the next minutes, and keeps
 * METRIC_BROKER_READY. NULL does nothing, here and below. */
void depth_want(struct depth *depth);
/* Other pipelines. */
bool depth_set_queues(struct depth *depth, const struct pipeline_set *set,
	struct err *err) MUST_CHECK;
void depth_stop(struct depth *depth);

#endif

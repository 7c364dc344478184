/* intake.h - the thread that owns the AMQP connection: deliveries out,
 * acknowledgements back.
 *
 * It consumes sluice.<pipeline> and sluice.<pipeline>.dead of every pipeline,
 * connects anew with back-off, and speaks up when a queue is missing. Tags are
 * valid on their connection only: each has a generation, and what is said
 * about an old one is ignored (the broker delivers those messages again). */
#ifndef SLUICE_INTAKE_H
#define SLUICE_INTAKE_H

#include "common/broker.h"
#include "common/config.h"
#include "common/pipeline.h"
#include "common/queue.h"
#include "consumer/fate.h"

struct intake;

/* So many times the prefetch is asked for at most, while messages are small. */
#define INTAKE_WIDER 16

/* What comes out of the queue; the receiver frees it and the delivery. */
struct parcel {
	struct delivery *delivery;
	uint64_t generation;
	int64_t received_us; /* monotonic */
};
void parcel_free(struct parcel *parcel);

/* Starts the thread, paused and halted. Deliveries go to `out`, which stays the
 * caller's; config must outlive the intake. */
struct intake *intake_start(const struct config *config,
	const struct pipeline_set *set, struct queue *out, struct fate *fate,
	struct err *err);
/* Sends the acknowledgements it was given, closes, ends the thread. */
void intake_stop(struct intake *intake);

/* How many messages a queue hands out ahead while they are small; 0: they are
 * not. */
size_t intake_wide(const struct intake *intake);

/* The connection's generation; 0: there is none. */
uint64_t intake_generation(const struct intake *intake);
/* These tags of that generation are committed. */
void intake_ack(struct intake *intake, uint64_t generation,
	const uint64_t *tags, size_t count);
/* These tags of that generation are not loaded now: back into their queue, or
 * on into its dead-letter queue, which there must be. */
void intake_return(struct intake *intake, uint64_t generation,
	const uint64_t *tags, size_t count, bool pass_on);
/* There is room in the queue again; true when the intake waited for it. */
bool intake_room(struct intake *intake);
/* A connection to RabbitMQ as the consumer, under this name. */
struct broker *intake_open_broker(const struct config *config,
	const char *name, struct err *err);
/* Drops the connection (the broker takes everything back), or connects. */
void intake_pause(struct intake *intake);
void intake_resume(struct intake *intake);
/* The same for an operator, who halts it whatever else goes on: it consumes
 * while it is neither paused nor halted. */
void intake_halt(struct intake *intake);
void intake_go(struct intake *intake);
/* Other pipelines: consumes their queues, on a new connection. */
bool intake_set_queues(struct intake *intake, const struct pipeline_set *set,
	struct err *err) MUST_CHECK;

#endif

/* rig.h - a consumer in this process, with a database, queues and a pipeline
 * of its own, on the test servers.
 *
 * The pipeline is `shop`, its dataset `items`: id (text, key), name (text, at
 * most 10), n (integer), at (timestamp, newest). */
#ifndef SLUICE_TESTS_RIG_H
#define SLUICE_TESTS_RIG_H

#include "common/broker.h"
#include "tests/integration/database.h"
#include "tests/integration/support.h"

#define RIG_PATIENCE_MS 120000 /* for what must come */

/* Everything new, no consumer yet. Fails the test when it cannot be. */
void rig_make(void);
void rig_start_consumer(void);
/* For the consumers started from now on. */
void rig_set_prefetch(int prefetch);
void rig_set_batch_bytes(int64_t bytes);
/* Politely, as TERM does. */
void rig_stop_consumer(void);
/* The dataset `more` (id) is added to the file and applied. */
void rig_add_dataset(void);
/* Stops the consumer, drops database and queues. */
void rig_drop(void);

/* A session of the owner for looking and meddling (test_exec); one more for
 * locks. */
struct db *rig_db(void);
struct db *rig_open_db(void);
/* The first value of a query, asked by rig_db(). */
int64_t rig_int(const char *sql);
/* Waits until the query's first value is that. */
void rig_await(const char *sql, int64_t want);
/* Waits until the consumer's row in pg_stat_activity is like that. */
void rig_await_session(const char *condition);

/* PostgreSQL ends the consumer's session. */
void rig_kill_backend(void);

/* Publishes and waits for the confirm. */
void rig_publish(const struct message *message);
/* JSON of somebody else's, to shop.<dataset>. */
void rig_publish_json(const char *dataset, const char *body);
/* Records first .. first + count - 1 of a source, as our producer sends them:
 * record i stands at [i * 100, i * 100 + its length), the chunk's range is
 * [first * 100, (first + count) * 100). */
void rig_publish_chunk(const struct uuid *drop, size_t first,
	const char *const *records, size_t count);
/* The nth try for the reject of the record at [at * 100, its length). */
void rig_publish_replay(const struct uuid *drop, size_t at, uint32_t n,
	uint64_t refused_len, const char *record);
void rig_publish_manifest(const struct uuid *drop, size_t records,
	size_t chunks);
/* Messages ready in the queue sluice.shop: all of them, once the consumer is
 * stopped. */
int64_t rig_queue_len(void);
/* Waits until so many are. */
void rig_await_queue_len(int64_t messages);
/* Delivers all that is in the queue to nobody: it is redelivered then. */
void rig_make_redelivered(size_t messages);
/* The consumer's AMQP connection ends with all it holds, and a new one comes. */
void rig_renew_connection(void);
/* Waits for another connection than `past`, the last there was; returns it. */
uint64_t rig_await_connection(uint64_t past);
/* Waits until so many small messages are handed out ahead, see intake_wide. */
void rig_await_wide(size_t messages);
/* Waits until so many deliveries wait for the loader. */
void rig_await_deliveries(size_t count);

/* A check with the numbers in the output when it fails. */
void rig_check(const char *sql, int64_t want);
void rig_check_text(const char *sql, const char *want);

#endif

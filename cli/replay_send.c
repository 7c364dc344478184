/* replay_send.c - replays on their way: confirmed by the broker, settled by the
 * consumer. */
#include "cli/replay.h"
#include "common/clock.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 60000 /* without any answer of the broker */
#define LOOK_MS 200

/* -- the broker --------------------------------------------------------- */

static bool publish(struct broker *broker, const struct config *config,
	struct replay *replay, struct err *err)
{
	struct message message = {
		.exchange = EXCHANGE,
		.routing_key = replay->dataset,
		.user_id = config->producer.user,
		.body = { replay->record.data, replay->record.len },
	};

	replay->envelope.source =
		(struct bytes){ replay->source.data, replay->source.len };
	envelope_encode(&replay->envelope, replay->id, &message);
	return broker_publish(broker, &message, &replay->tag, err);
}

static bool is_waiting(const struct replay *replay)
{
	return replay->problem[0] == '\0' && !replay->confirmed;
}

static size_t waiting(const struct replay_list *list)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		count += is_waiting(&list->items[i]);
	return count;
}

static bool covers(const struct broker_event *event,
	const struct replay *replay)
{
	return is_waiting(replay) && (event->multiple ?
		replay->tag <= event->tag : replay->tag == event->tag);
}

static bool take_event(struct broker *broker, const struct config *config,
	struct replay_list *list, const struct broker_event *event,
	struct err *err)
{
	switch (event->kind) {
	case BROKER_RETURNED:
		return err_stop(err, EXIT_CONFIG, "%s came back: no queue takes "
			"it; run `sluice apply`", event->text);
	case BROKER_ACKED:
		for (size_t i = 0; i < list->count; i++)
			if (covers(event, &list->items[i]))
				list->items[i].confirmed = true;
		return true;
	case BROKER_NACKED:
		(void)poll(NULL, 0, LOOK_MS); /* the queue is full */
		for (size_t i = 0; i < list->count; i++)
			if (covers(event, &list->items[i]) &&
				!publish(broker, config, &list->items[i], err))
				return false;
		return true;
	default:
		return true;
	}
}

bool replay_send(struct broker *broker, const struct config *config,
	struct replay_list *list, struct err *err)
{
	int64_t end = clock_now_ms() + PATIENCE_MS;
	struct broker_event event = { 0 };

	for (size_t i = 0; i < list->count; i++)
		if (is_waiting(&list->items[i]) &&
			!publish(broker, config, &list->items[i], err))
			return false;
	while (waiting(list) > 0) {
		if (clock_now_ms() > end)
			return err_set(err, ERR_RETRY, "RabbitMQ confirms "
				"nothing: its queue is full, or it has raised "
				"an alarm");
		if (!broker_wait(broker, -1, LOOK_MS, &event, err) ||
			!take_event(broker, config, list, &event, err))
			return false;
		if (event.kind == BROKER_ACKED)
			end = clock_now_ms() + PATIENCE_MS;
	}
	return true;
}

/* -- the consumer ------------------------------------------------------- */

static const char settled_sql[] =
	"select w.ord, r.resolved_by is not null\n"
	"from unnest($1::bigint[], $2::integer[]) with ordinality\n"
	"    as w (reject_id, number, ord)\n"
	"join meta.reject r using (reject_id)\n"
	"join meta.source s using (source_id)\n"
	"left join meta.chunk c on c.drop_id = s.drop_id\n"
	"    and c.dataset = r.dataset and c.lo = r.lo and c.hi = r.hi\n"
	"    and c.replay = w.number\n"
	"where c.drop_id is not null or r.resolved_by is not null";

static bool add_item(struct buf *array, int64_t value, struct err *err)
{
	if (array->len > 0)
		array->data[--array->len] = '\0';
	return buf_printf(array, err, "%s%" PRId64 "}",
		array->len > 0 ? "," : "{", value);
}

/* Looks at those that wait; *settled counts all that do not any more. */
static bool look(struct db *db, struct replay_try *tries, size_t count,
	size_t *settled, struct err *err)
{
	struct buf ids = { 0 }, numbers = { 0 };
	struct db_result *result = NULL;
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++)
		ok = add_item(&ids, tries[i].reject_id, err) &&
			add_item(&numbers, tries[i].number, err);
	ok = ok && db_query(db, settled_sql, 2,
		(const char *const[]){ ids.data, numbers.data }, &result, err);
	*settled = ok ? db_rows(result) : 0;
	for (size_t row = 0; row < *settled; row++)
		tries[db_int(result, row, 0) - 1].outcome =
			db_value(result, row, 1)[0] == 't' ? TRY_LOADED :
			TRY_REFUSED;
	db_result_free(result);
	buf_clear(&ids);
	buf_clear(&numbers);
	return ok;
}

bool replay_await(struct db *db, struct replay_try *tries, size_t count,
	int64_t secs, struct err *err)
{
	int64_t end = clock_now_ms() + secs * 1000;
	size_t settled = 0, before = 0;

	while (count > 0) {
		if (!look(db, tries, count, &settled, err))
			return false;
		if (settled > before)
			end = clock_now_ms() + secs * 1000;
		if (settled == count || clock_now_ms() >= end)
			return true;
		before = settled;
		(void)poll(NULL, 0, LOOK_MS);
	}
	return true;
}

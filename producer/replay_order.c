/* replay_order.c - what `sluice replay` tells the producer. */
#include "producer/replay_order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "sluice replay 1\n"

/* -- writing ----------------------------------------------------------------- */

/* Names are any bytes: in hex they stay one word. */
static bool add_bytes(struct buf *out, const char *key, const char *value,
	struct err *err)
{
	bool ok = buf_printf(out, err, "%s ", key);

	for (; ok && value != NULL && *value != '\0'; value++)
		ok = buf_printf(out, err, "%02x",
			(unsigned)(unsigned char)*value);
	return ok && buf_add_char(out, '\n', err);
}

bool replay_order_write(const struct replay_order *order, struct buf *out,
	struct err *err)
{
	char drop[UUID_TEXT], replay_of[UUID_TEXT];

	uuid_format(&order->drop, drop);
	uuid_format(&order->replay_of, replay_of);
	return buf_printf(out, err, HEAD "drop %s\nreplay-of %s\n", drop,
		       replay_of) &&
		add_bytes(out, "pipeline", order->pipeline, err) &&
		add_bytes(out, "dataset", order->dataset, err) &&
		add_bytes(out, "name", order->name, err) &&
		add_bytes(out, "target", order->target, err) &&
		add_bytes(out, "object", order->object, err);
}

/* -- reading ----------------------------------------------------------------- */

/* The word behind "key " in the line at *at, which moves behind the line. */
static const char *take_line(const char **at, const char *key, size_t *len)
{
	const size_t key_len = strlen(key);
	const char *value = *at + key_len + 1;
	const char *end = strchr(*at, '\n');

	if (end == NULL || strncmp(*at, key, key_len) != 0 ||
		(*at)[key_len] != ' ')
		return NULL;
	*len = (size_t)(end - value);
	*at = end + 1;
	return value;
}

static bool take_uuid(const char **at, const char *key, struct uuid *uuid)
{
	size_t len;
	const char *value = take_line(at, key, &len);

	return value != NULL && len == UUID_TEXT - 1 &&
		uuid_parse(value, len, uuid) && uuid->bytes[6] >> 4 == 4;
}

static bool take_bytes(const char **at, const char *key, char **text)
{
	struct err none = { 0 };
	struct buf bytes = { 0 };
	size_t len;
	const char *value = take_line(at, key, &len);
	bool ok = value != NULL &&
		buf_add_unhexed(&bytes, value, len, &none) &&
		(bytes.data == NULL || strlen(bytes.data) == bytes.len);

	if (ok && bytes.len > 0)
		*text = buf_take(&bytes);
	buf_clear(&bytes);
	return ok;
}

/* Where it comes from: a foreign or a named source may be replayed, too, but
 * what comes of it is one of ours, with an id of ours. */
static bool take_origin(const char **at, struct uuid *uuid)
{
	size_t len;
	const char *value = take_line(at, "replay-of", &len);

	return value != NULL && len == UUID_TEXT - 1 &&
		uuid_parse(value, len, uuid) && !uuid_is_nil(uuid);
}

bool replay_order_read(const char *text, struct replay_order *order,
	struct err *err)
{
	*order = (struct replay_order){ .name = NULL };
	if (strncmp(text, HEAD, strlen(HEAD)) == 0) {
		const char *at = text + strlen(HEAD);

		if (take_uuid(&at, "drop", &order->drop) &&
			take_origin(&at, &order->replay_of) &&
			take_bytes(&at, "pipeline", &order->pipeline) &&
			take_bytes(&at, "dataset", &order->dataset) &&
			take_bytes(&at, "name", &order->name) &&
			take_bytes(&at, "target", &order->target) &&
			take_bytes(&at, "object", &order->object) &&
			*at == '\0' && order->pipeline != NULL &&
			order->dataset != NULL && order->name != NULL)
			return true;
	}
	replay_order_clear(order);
	return err_set(err, ERR_REJECT, "it is no order of this version");
}

void replay_order_clear(struct replay_order *order)
{
	free(order->pipeline);
	free(order->dataset);
	free(order->name);
	free(order->target);
	free(order->object);
	*order = (struct replay_order){ .name = NULL };
}

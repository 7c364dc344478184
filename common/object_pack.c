/* object_pack.c - objects that lie in a store as zstd. */
#include "common/decoder.h"
#include "common/object_driver.h"
#include "common/zstd_pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)128 << 10)

bool object_file_write(void *context, const char *data, size_t len,
	struct err *err)
{
	struct object_file *file = context;

	while (len > 0) {
		const ssize_t put = pwrite(file->fd, data, len,
			(off_t)file->at);

		if (put < 0 && errno != EINTR)
			return err_errno(err, ERR_RETRY, "write");
		file->at += put > 0 ? (uint64_t)put : 0;
		data += put > 0 ? put : 0;
		len -= put > 0 ? (size_t)put : 0;
	}
	return true;
}

/* -- packing --------------------------------------------------------------- */

/* An unnamed file on a disk: what is packed may be large. */
static int open_scratch(struct err *err)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	if (folder == NULL || *folder == '\0')
		folder = "/var/tmp";
	fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		(void)err_errno(err, ERR_RETRY, "a temporary file in %s",
			folder);
	return fd;
}

struct packing {
	const struct object_body *from;
	uint64_t at;
	struct object_file to;
};

static bool read_plain(void *context, char *data, size_t room, size_t *got,
	struct err *err)
{
	struct packing *packing = context;
	const struct object_body *from = packing->from;
	const uint64_t left = from->len - packing->at;
	const size_t want = left < room ? (size_t)left : room;
	ssize_t n = (ssize_t)want;

	if (from->data != NULL)
		memcpy(data, from->data + packing->at, want);
	else if (want > 0)
		n = pread(from->fd, data, want, (off_t)packing->at);
	if (n < 0)
		return err_errno(err, ERR_RETRY, "read");
	if (n == 0 && want > 0)
		return err_set(err, ERR_REJECT, "the file became shorter");
	packing->at += (uint64_t)n;
	*got = (size_t)n;
	return true;
}

static bool write_packed(void *context, const char *data, size_t len,
	struct err *err)
{
	struct packing *packing = context;

	return object_file_write(&packing->to, data, len, err);
}

bool object_pack(const struct object_body *body, struct object_body *packed,
	struct err *err)
{
	struct packing packing = { .from = body,
		.to.fd = open_scratch(err) };
	const struct zstd_packing how = { .read = read_plain,
		.write = write_packed, .context = &packing };

	if (packing.to.fd < 0)
		return false;
	if (!zstd_pack(&how, err)) {
		(void)close(packing.to.fd);
		return false;
	}
	*packed = (struct object_body){ .fd = packing.to.fd,
		.len = packing.to.at };
	return true;
}

/* -- unpacking ------------------------------------------------------------- */

struct object_unpacking {
	const struct object_sink *to;
	void *state; /* of the decoder */
	char block[BLOCK_BYTES];
};

static bool start(struct object_unpacking *u, struct err *err)
{
	decoder_zstd.close(u->state);
	u->state = decoder_zstd.open(err);
	return u->state != NULL;
}

static bool unpack(void *context, const char *data, size_t len,
	struct err *err)
{
	struct object_unpacking *u = context;
	struct decode io = { .in = (const uint8_t *)data, .in_len = len,
		.out = (uint8_t *)u->block, .room = BLOCK_BYTES };

	do {
		const enum decode_status status = decoder_zstd.step(u->state,
			&io, err);

		if (status == DECODE_FAILED)
			return false;
		if (status == DECODE_BROKEN)
			return err_set(err, ERR_REJECT,
				"it cannot be unpacked: %s", io.what);
		if (io.got > 0 && !u->to->write(u->to->context, u->block,
			io.got, err))
			return false;
	} while (io.in_len > 0 || io.got > 0);
	return true;
}

static bool unpack_again(void *context, struct err *err)
{
	struct object_unpacking *u = context;

	return start(u, err) && u->to->again(u->to->context, err);
}

struct object_unpacking *object_unpacking_new(const struct object_sink *to,
	struct object_sink *through, struct err *err)
{
	struct object_unpacking *u = calloc(1, sizeof(*u));

	if (u == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	u->to = to;
	*through = (struct object_sink){ .write = unpack,
		.again = unpack_again, .context = u };
	if (start(u, err))
		return u;
	object_unpacking_free(u);
	return NULL;
}

bool object_unpacking_end(struct object_unpacking *unpacking, struct err *err)
{
	return unpack(unpacking, "", 0, err) && /* the last of it */
		(decoder_zstd.whole(unpacking->state) ||
			err_set(err, ERR_REJECT, "it is cut"));
}

void object_unpacking_free(struct object_unpacking *unpacking)
{
	if (unpacking == NULL)
		return;
	decoder_zstd.close(unpacking->state);
	free(unpacking);
}

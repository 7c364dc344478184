/* object_driver.h - what a kind of object store offers to object_store.c.
 *
 * Keys are names with what the store puts behind them; checked by the caller.
 * Errors as in object_store.h. */
#ifndef SLUICE_OBJECT_DRIVER_H
#define SLUICE_OBJECT_DRIVER_H

#include "common/object_store.h"

/* What is to be kept: data, or the whole of a regular file (data NULL). */
struct object_body {
	const char *data;
	int fd;
	uint64_t len;
};

/* Where bytes go that are fetched. */
struct object_sink {
	bool (*write)(void *context, const char *data, size_t len,
		struct err *err);
	/* From the first byte again: the connection was lost. */
	bool (*again)(void *context, struct err *err);
	void *context;
};

/* A key in a listing; info->packed is not known here. */
typedef bool object_key_each(void *context, const char *key,
	const struct object_info *info, struct err *err);

/* One thing that is put. */
struct object_part {
	const char *key;
	struct object_body body;
};

struct object_driver {
	void (*close)(void *state);
	void (*heed)(void *state, int stop_fd); /* NULL: waits for nobody */
	/* Parts whose keys differ in their last part only: each whole when it
	 * is seen, seen in this order, all durable when it returns. */
	bool (*put)(void *state, const struct object_part *parts,
		size_t count, struct err *err);
	bool (*head)(void *state, const char *key, struct object_info *info,
		struct err *err);
	bool (*get)(void *state, const char *key,
		const struct object_sink *sink, bool *there, struct err *err);
	/* each as object_each in object_store.h. */
	bool (*list)(void *state, const char *prefix, const char *after,
		object_key_each *each, void *context, struct err *err);
	bool (*remove)(void *state, const char *key, struct err *err);
};

/* A file that is written from its first byte on: context of a sink's. */
struct object_file {
	int fd;
	uint64_t at;
};
bool object_file_write(void *context, const char *data, size_t len,
	struct err *err) MUST_CHECK;

/* What there is to say of a regular file. */
struct stat;
void object_describe(const struct stat *st, struct object_info *info);
/* The files below a folder that look like keys, as list above; closes fd. */
bool object_walk(int fd, const char *prefix, const char *after,
	object_key_each *each, void *context, struct err *err) MUST_CHECK;

/* The body as zstd, in an unnamed file that the caller closes. */
bool object_pack(const struct object_body *body, struct object_body *packed,
	struct err *err) MUST_CHECK;

/* What is written into *through arrives unpacked at to, which must outlive
 * it. */
struct object_unpacking;
struct object_unpacking *object_unpacking_new(const struct object_sink *to,
	struct object_sink *through, struct err *err);
/* Nothing more comes: false when it was cut. */
bool object_unpacking_end(struct object_unpacking *unpacking,
	struct err *err) MUST_CHECK;
void object_unpacking_free(struct object_unpacking *unpacking);

/* Each opens a kind: its state, and its place in words into place. */
void *object_folder_open(const struct config *config, struct buf *place,
	struct err *err);
void *object_s3_open(const struct config *config, struct buf *place,
	struct err *err);
extern const struct object_driver object_folder;
extern const struct object_driver object_s3;

#endif

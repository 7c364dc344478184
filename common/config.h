/* config.h - the settings: default < sluice.yaml < environment < flags. */
#ifndef SLUICE_CONFIG_H
#define SLUICE_CONFIG_H

#include "common/buf.h"
#include "common/log.h"
#include "common/listeners.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who asks: each has its own PostgreSQL role or RabbitMQ user. */
struct account {
	char *user;
	char *password;      /* may be NULL */
	char *password_file; /* read by config_password when password is NULL */
};

enum object_kind { OBJECTS_IN_FOLDER, OBJECTS_IN_S3 };
enum processed_to { PROCESSED_TO_DIRECTORY, PROCESSED_TO_OBJECT_STORE };
enum s3_style { S3_STYLE_AUTO, S3_STYLE_PATH, S3_STYLE_HOST };

struct config {
	char *config_file; /* the sluice.yaml that was read; NULL: none */

	/* folders and files, absolute: a relative default or one in sluice.yaml
	 * counts from that file's folder (without the file, and from flags and
	 * the environment: from the working directory) */
	char *raw_dir;       /* people drop files below raw_dir/<directory>/ */
	char *processed_dir; /* raw_dir/processed */
	char *failed_dir;    /* raw_dir/failed */
	enum processed_to processed_to;
	char *state_file;    /* the producer's SQLite */
	char *pipelines_dir;
	char *schema_dir; /* sql/schema */
	char *models_dir; /* sql/models */
	char *sample_file;
	char *output_dir; /* reports */

	/* the object store */
	enum object_kind object_store;
	char *object_store_dir; /* object_store beside raw_dir */
	bool object_store_compress;
	int64_t object_store_keep_secs; /* 0: for ever */
	char *s3_endpoint; /* NULL: Amazon's, of the region */
	bool s3_plain;
	char *s3_region;
	char *s3_bucket;
	char *s3_prefix;
	enum s3_style s3_style;
	char *s3_cacert;
	struct account s3; /* user: the key's id */
	struct account s3_token;

	/* PostgreSQL */
	char *database_host; /* name, address or socket folder */
	int64_t database_port;
	char *database_name;
	char *database_sslmode;
	char *database_sslrootcert;
	struct account owner, loader, reader;
	int64_t connect_timeout_secs;
	int64_t lock_timeout_ms;
	int64_t statement_timeout_ms;

	/* RabbitMQ */
	bool broker; /* false: there is none */
	char *broker_host;
	int64_t broker_port;
	char *broker_vhost;
	char *broker_api; /* management URL, for `sluice apply` only */
	bool broker_api_plain;
	bool broker_tls;
	char *broker_cacert;
	int64_t heartbeat_secs;
	int64_t queue_max_bytes; /* of each pipeline's queue */
	struct account admin, producer, consumer, foreign, tap;

	/* producer */
	int64_t settle_secs;
	int64_t rescan_secs;
	int64_t max_file_bytes;
	int64_t max_record_bytes;
	int64_t chunk_records;
	int64_t chunk_bytes;
	int64_t confirm_window; /* unconfirmed messages in flight */

	/* consumer */
	int64_t batch_rows;
	int64_t batch_bytes;
	int64_t prefetch;
	int64_t max_message_bytes; /* larger foreign messages are rejects */
	int64_t ledger_keep_secs; /* then a complete source's becomes one row */
	int64_t stuck_secs; /* at one record: the process aborts */

	/* behind the loads */
	int64_t data_tests_every_secs; /* at most; 0: never by themselves */
	int64_t reports_every_secs;    /* at most */
	struct listeners notify;         /* who is told; of sluice.yaml alone */
	int64_t notify_every_secs;     /* at most, of one thing to one target */
	int64_t notify_give_up_secs;   /* on a target that takes nothing */
	int64_t reject_burst;          /* so many in a minute; 0: no matter */

	/* health */
	char *producer_http, *consumer_http; /* ADDRESS:PORT, or "" */
	int64_t stall_secs; /* with work and no progress: not ready */

	/* the page of `sluice serve` */
	char *serve_http; /* ADDRESS:PORT */
	bool serve_plain;
	char *serve_hosts; /* names beside those of loopback; NULL: none */
	char *serve_token_file;

	/* logs */
	enum log_level log_level;
	enum log_format log_format;

	char **sources; /* by setting: config_value's *source */
};

/* A "name=value" pair from the command line (--set name=value, --name value);
 * NULL name ends a list. */
struct config_flag {
	const char *name;
	const char *value;
};

/* Reads defaults, then file (NULL: $SLUICE_CONFIG, else ./sluice.yaml when it
 * exists), then the environment (SLUICE_<NAME>, PGHOST and the like; empty
 * variables count as unset), then flags ("raw-dir" is raw_dir). Fails with
 * ERR_STOP/EXIT_CONFIG and file:line:column for an unknown key, a bad unit or
 * range; EXIT_USAGE for a flag. config needs no clearing then. */
bool config_load(struct config *config, const char *file,
	const struct config_flag *flags, struct err *err) MUST_CHECK;
void config_clear(struct config *config);

/* The account's password, from the setting or its file (trailing newline
 * cut); empty when neither is set. A file that others may read is refused. */
bool config_password(const struct account *account, struct buf *out,
	struct err *err) MUST_CHECK;

/* False where settings say that there is no broker: ERR_STOP, EXIT_CONFIG. */
bool config_need_broker(const struct config *config, struct err *err)
	MUST_CHECK;

enum setting_type {
	SETTING_TEXT,
	SETTING_FILE,   /* a path */
	SETTING_COUNT,
	SETTING_BYTES,  /* "16 MiB" */
	SETTING_SECS,   /* "5 s" */
	SETTING_MS,     /* "250 ms" */
	SETTING_FLAG,   /* true or false */
	SETTING_WORD,   /* one of .words, kept as text */
	SETTING_CHOICE, /* one of .words, kept as its place: an enum */
};

/* One row per setting, in the order of the documentation. */
struct setting {
	const char *name;
	enum setting_type type;
	const char *unit;   /* the type in words: "seconds", "bytes" ... */
	size_t offset;      /* in struct config */
	const char *preset; /* as text; NULL: none, or follows from another */
	const char *help;
	const char *env;    /* further variable beside SLUICE_<NAME>, or NULL */
	int64_t min, max;
	const char *const *words;
	const char *section; /* a heading of the documentation starts here */
	bool secret;
	bool or_empty;      /* says: none */
	bool reload;        /* SIGHUP takes it over */
};
const struct setting *config_settings(size_t *count);
/* The value in force as text; a secret shows as "***" when it is set.
 * *source says where it came from: "default", "/path/sluice.yaml:12",
 * "environment PGHOST", "flag" (borrowed until config_clear). */
bool config_value(const struct config *config, size_t setting,
	struct buf *out, const char **source, struct err *err) MUST_CHECK;

/* docs/CONFIG.md, made from the table. */
bool config_document(struct buf *out, struct err *err) MUST_CHECK;

#endif

/* config_table.c - every setting: the one place that knows its name, unit,
 * default, range and help. */
#include "common/config.h"

#define AT(field) .offset = offsetof(struct config, field)
#define TEXT .type = SETTING_TEXT, .unit = "text"
#define PATH .type = SETTING_FILE, .unit = "file"
#define FOLDER .type = SETTING_FILE, .unit = "folder"
#define COUNT(least, most) .type = SETTING_COUNT, .unit = "number", \
	.min = (least), .max = (most)
#define BYTES(least, most) .type = SETTING_BYTES, .unit = "bytes", \
	.min = (least), .max = (most)
#define SECS(least, most) .type = SETTING_SECS, .unit = "seconds", \
	.min = (least), .max = (most)
#define MS(least, most) .type = SETTING_MS, .unit = "milliseconds", \
	.min = (least), .max = (most)
#define FLAG .type = SETTING_FLAG, .unit = "flag"
#define WORD(list) .type = SETTING_WORD, .unit = "word", .words = (list)
#define CHOICE(list) .type = SETTING_CHOICE, .unit = "word", .words = (list)

#define KIB ((int64_t)1 << 10)
#define MIB ((int64_t)1 << 20)
#define GIB ((int64_t)1 << 30)
#define DAY_SECS 86400
#define DAY_MS 86400000

/* A user, a password, a file that holds it. */
#define ACCOUNT(account, preset_user, what) \
	{ .name = #account "_user", TEXT, AT(account.user), \
		.preset = (preset_user), .help = what }, \
	{ .name = #account "_password", TEXT, AT(account.password), \
		.secret = true, \
		.help = "its password; better kept in a file" }, \
	{ .name = #account "_password_file", PATH, \
		AT(account.password_file), .help = "the file that holds " \
		"its password, readable by its owner only (chmod 600)" }

static const char *const sslmodes[] = { "disable", "allow", "prefer",
	"require", "verify-ca", "verify-full", NULL };
/* In the order of enum log_level and enum log_format. */
static const char *const levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const formats[] = { "logfmt", "json", NULL };

/* In the order of enum object_kind and enum s3_style. */
static const char *const object_kinds[] = { "folder", "s3", NULL };
static const char *const processed_places[] = { "directory", "object_store",
	NULL };
static const char *const s3_styles[] = { "auto", "path", "host", NULL };

static const struct setting settings[] = {
	{ .section = "Folders and files",
		.name = "raw_dir", FOLDER, AT(raw_dir), .preset = "raw_data",
		.help = "files dropped here, each in the folder of its "
			"dataset, are loaded" },
	{ .name = "processed_dir", FOLDER, AT(processed_dir),
		.help = "where loaded files go; `processed` in raw_dir unless "
			"set; on the same file system" },
	{ .name = "processed_to", CHOICE(processed_places), AT(processed_to),
		.preset = "directory",
		.help = "loaded files go to processed_dir, or into the object "
			"store" },
	{ .name = "failed_dir", FOLDER, AT(failed_dir),
		.help = "where files go of which a part could not be read; "
			"`failed` in raw_dir unless set" },
	{ .name = "state_file", PATH, AT(state_file),
		.preset = "var/state/producer.db",
		.help = "the producer's memory (SQLite)" },
	{ .name = "pipelines_dir", FOLDER, AT(pipelines_dir),
		.preset = "pipelines", .help = "the pipeline files, *.yaml" },
	{ .name = "schema_dir", FOLDER, AT(schema_dir),
		.preset = "sql/schema",
		.help = "the migrations that `sluice apply` runs" },
	{ .name = "models_dir", FOLDER, AT(models_dir),
		.preset = "sql/models",
		.help = "the models: a folder for each pipeline, a file for "
			"each model" },
	{ .name = "sample_file", PATH, AT(sample_file),
		.preset = "tests/data/events_sample.json",
		.help = "what `sluice drop` drops when no file is named" },
	{ .name = "output_dir", FOLDER, AT(output_dir), .preset = "output",
		.help = "where reports are written" },

	{ .section = "Object store",
		.name = "object_store", CHOICE(object_kinds), AT(object_store),
		.preset = "folder",
		.help = "where answers of HTTP sources are kept, byte for "
			"byte: a folder, or a bucket that speaks S3" },
	{ .name = "object_store_dir", FOLDER, AT(object_store_dir),
		.help = "the folder; `object_store` beside raw_dir unless "
			"set" },
	{ .name = "object_store_compress", FLAG, AT(object_store_compress),
		.preset = "false",
		.help = "pack what is kept (Zstandard)" },
	{ .name = "object_store_keep_secs",
		SECS(0, 36600 * (int64_t)DAY_SECS),
		AT(object_store_keep_secs), .preset = "0",
		.help = "objects that are older are deleted once all of "
			"their records are loaded, such as 90 d; 0: never" },
	{ .name = "s3_endpoint", TEXT, AT(s3_endpoint),
		.env = "AWS_ENDPOINT_URL_S3",
		.help = "the server's address, https://host[:port]; Amazon's "
			"for the region unless set" },
	{ .name = "s3_plain", FLAG, AT(s3_plain), .preset = "false",
		.help = "s3_endpoint may be http beyond this machine: the "
			"network between is trusted" },
	{ .name = "s3_region", TEXT, AT(s3_region), .preset = "us-east-1",
		.env = "AWS_REGION", .help = "the region, as it is signed" },
	{ .name = "s3_bucket", TEXT, AT(s3_bucket),
		.help = "the bucket; it must be there" },
	{ .name = "s3_prefix", TEXT, AT(s3_prefix),
		.help = "what the names of all objects begin with" },
	{ .name = "s3_style", CHOICE(s3_styles), AT(s3_style),
		.preset = "auto",
		.help = "the bucket stands in the address's path or in front "
			"of its host; auto: host at Amazon's, else path" },
	{ .name = "s3_cacert", PATH, AT(s3_cacert),
		.help = "certificates of the authorities to trust; the "
			"system's unless set" },
	{ .name = "s3_key", TEXT, AT(s3.user), .env = "AWS_ACCESS_KEY_ID",
		.help = "the access key's id" },
	{ .name = "s3_secret", TEXT, AT(s3.password), .secret = true,
		.env = "AWS_SECRET_ACCESS_KEY",
		.help = "its secret; better kept in a file" },
	{ .name = "s3_secret_file", PATH, AT(s3.password_file),
		.help = "the file that holds the secret, readable by its "
			"owner only (chmod 600)" },
	{ .name = "s3_token", TEXT, AT(s3_token.password), .secret = true,
		.env = "AWS_SESSION_TOKEN",
		.help = "the token of a key for a while" },
	{ .name = "s3_token_file", PATH, AT(s3_token.password_file),
		.help = "the file that holds the token, readable by its "
			"owner only (chmod 600); read anew for each request" },

	{ .section = "PostgreSQL",
		.name = "database_host", TEXT, AT(database_host),
		.preset = "127.0.0.1", .env = "PGHOST",
		.help = "name, address or folder of the server's socket" },
	{ .name = "database_port", COUNT(1, 65535), AT(database_port),
		.preset = "5432", .env = "PGPORT", .help = "its port" },
	{ .name = "database_name", TEXT, AT(database_name),
		.preset = "sluice", .env = "PGDATABASE",
		.help = "the database" },
	{ .name = "database_sslmode", WORD(sslmodes), AT(database_sslmode),
		.preset = "prefer", .env = "PGSSLMODE",
		.help = "as libpq's sslmode; verify-full beyond this machine" },
	{ .name = "database_sslrootcert", PATH, AT(database_sslrootcert),
		.env = "PGSSLROOTCERT",
		.help = "certificates of the authorities to trust" },
	ACCOUNT(owner, "sluice_owner",
		"the role that owns everything; for `sluice apply`"),
	ACCOUNT(loader, "sluice_loader", "the consumer's role"),
	ACCOUNT(reader, "sluice_reader", "the role of those who only read"),
	{ .name = "connect_timeout_secs", SECS(1, 600),
		AT(connect_timeout_secs), .preset = "5 s",
		.env = "PGCONNECT_TIMEOUT",
		.help = "give up connecting, to either server, after this" },
	{ .name = "lock_timeout_ms", MS(0, DAY_MS), AT(lock_timeout_ms),
		.preset = "10 s",
		.help = "give up waiting for a lock after this; 0: never" },
	{ .name = "statement_timeout_ms", MS(0, DAY_MS),
		AT(statement_timeout_ms), .preset = "5 min",
		.help = "give up a statement after this; 0: never" },

	{ .section = "RabbitMQ",
		.name = "broker", FLAG, AT(broker), .preset = "true",
		.help = "false: there is none, nor are there daemons; files "
			"come in by `sluice load` alone" },
	{ .name = "broker_host", TEXT, AT(broker_host),
		.preset = "127.0.0.1", .help = "name or address" },
	{ .name = "broker_port", COUNT(1, 65535), AT(broker_port),
		.preset = "5672", .help = "its AMQP port" },
	{ .name = "broker_vhost", TEXT, AT(broker_vhost), .preset = "sluice",
		.help = "the virtual host" },
	{ .name = "broker_api", TEXT, AT(broker_api),
		.preset = "http://127.0.0.1:15672",
		.help = "the management plugin's address; for `sluice apply`" },
	{ .name = "broker_api_plain", FLAG, AT(broker_api_plain),
		.preset = "false",
		.help = "http will do for it beyond this machine: what lies "
			"between is trusted" },
	{ .name = "broker_tls", FLAG, AT(broker_tls), .preset = "false",
		.help = "speak TLS with the broker" },
	{ .name = "broker_cacert", PATH, AT(broker_cacert),
		.help = "certificates of the authorities to trust; needed with "
			"broker_tls" },
	{ .name = "heartbeat_secs", SECS(2, 600), AT(heartbeat_secs),
		.preset = "10 s",
		.help = "a connection, to either server, silent for twice "
			"as long is dead" },
	{ .name = "queue_max_bytes", BYTES(MIB, 1024 * GIB),
		AT(queue_max_bytes), .preset = "32 MiB",
		.help = "of a pipeline's queue; beyond, the backlog waits as "
			"files; for `sluice apply`" },
	ACCOUNT(admin, "sluice_admin",
		"the administrator; for `sluice apply`"),
	ACCOUNT(producer, "sluice_producer", "the producer's user"),
	ACCOUNT(consumer, "sluice_consumer", "the consumer's user"),
	ACCOUNT(foreign, "sluice_foreign",
		"the user of programs that publish on their own"),
	ACCOUNT(tap, "sluice_tap", "the user who may listen in"),

	{ .section = "Producer",
		.name = "settle_secs", SECS(0, DAY_SECS), AT(settle_secs),
		.reload = true, .preset = "2 s",
		.help = "a file that nobody was seen closing is taken when "
			"unchanged for this long" },
	{ .name = "rescan_secs", SECS(1, DAY_SECS), AT(rescan_secs),
		.reload = true, .preset = "5 s",
		.help = "between two looks at all folders, in case no "
			"notification came" },
	{ .name = "max_file_bytes", BYTES(1, 1024 * 1024 * GIB),
		AT(max_file_bytes), .reload = true, .preset = "64 GiB",
		.help = "larger files are left alone" },
	{ .name = "max_record_bytes", BYTES(64, 96 * MIB),
		AT(max_record_bytes), .reload = true, .preset = "16 MiB",
		.help = "larger records are rejects" },
	{ .name = "chunk_records", COUNT(1, 100000), AT(chunk_records),
		.reload = true, .preset = "500",
		.help = "records in a message, at most" },
	{ .name = "chunk_bytes", BYTES(1, 16 * MIB), AT(chunk_bytes),
		.reload = true, .preset = "128 KiB",
		.help = "bytes of a message, at most, unless one record is "
			"larger" },
	{ .name = "confirm_window", COUNT(1, 65535), AT(confirm_window),
		.preset = "2048",
		.help = "messages under way, not yet confirmed by the broker" },

	{ .section = "Consumer",
		.name = "batch_rows", COUNT(1, 10000000), AT(batch_rows),
		.preset = "50000",
		.help = "records in a transaction, at most; a quarter more "
			"where nothing else waits" },
	{ .name = "batch_bytes", BYTES(1, GIB), AT(batch_bytes),
		.preset = "24 MiB",
		.help = "bytes in a transaction, at most, unless one message "
			"is larger; a quarter more where nothing else waits" },
	{ .name = "prefetch", COUNT(1, 65535), AT(prefetch), .preset = "500",
		.help = "messages the broker hands out ahead, for each queue; "
			"fewer where full ones would be more than two "
			"batches, up to 16 times as many while they are "
			"small" },
	{ .name = "max_message_bytes", BYTES(KIB, 96 * MIB),
		AT(max_message_bytes), .preset = "16 MiB",
		.help = "larger messages of other programs are rejects" },
	{ .name = "ledger_keep_secs", SECS(0, 10000 * (int64_t)DAY_SECS),
		AT(ledger_keep_secs), .preset = "1 h",
		.help = "the chunks of a source that has been complete for so "
			"long become one row in meta.chunk" },
	{ .name = "stuck_secs", SECS(0, DAY_SECS), AT(stuck_secs),
		.preset = "30 s",
		.help = "a consumer that is at one record for so long, waiting "
			"for nobody, aborts, so that the message is found and "
			"rejected; 0: never" },

	{ .section = "Behind the loads",
		.name = "data_tests_every_secs", SECS(0, DAY_SECS),
		AT(data_tests_every_secs), .preset = "1 min",
		.help = "a pipeline's data tests run behind its loads, at most "
			"this often, and at most a tenth of the time; 0: not "
			"by themselves" },
	{ .name = "reports_every_secs", SECS(0, DAY_SECS),
		AT(reports_every_secs), .preset = "5 s",
		.help = "a pipeline's reports are written once what was "
			"dropped is loaded, at most this often, and at most a "
			"tenth of the time" },
	{ .name = "notify_every_secs", SECS(0, DAY_SECS),
		AT(notify_every_secs), .preset = "1 min",
		.help = "a target is told of one kind of thing in one "
			"pipeline at most this often; what comes meanwhile is "
			"told together" },
	{ .name = "notify_give_up_secs", SECS(1, 366 * (int64_t)DAY_SECS),
		AT(notify_give_up_secs), .preset = "1 d",
		.help = "a notification that its target does not take is "
			"tried for so long" },
	{ .name = "reject_burst", COUNT(0, 1000000000), AT(reject_burst),
		.preset = "100",
		.help = "records of a pipeline rejected within a minute that "
			"are worth a notification; 0: none are" },

	{ .section = "Health",
		.name = "producer_http", TEXT, AT(producer_http),
		.or_empty = true,
		.preset = "127.0.0.1:9464",
		.help = "ADDRESS:PORT at which the producer answers /healthz, "
			"/readyz and /metrics; empty: nowhere" },
	{ .name = "consumer_http", TEXT, AT(consumer_http),
		.or_empty = true,
		.preset = "127.0.0.1:9465",
		.help = "the same of the consumer" },
	{ .name = "stall_secs", SECS(0, DAY_SECS), AT(stall_secs),
		.preset = "60 s",
		.help = "a daemon that has work and gets no further for so "
			"long answers 503 to /readyz, and says at what; 0: "
			"it does not" },

	{ .section = "The page",
		.name = "serve_http", TEXT, AT(serve_http),
		.preset = "127.0.0.1:9466",
		.help = "ADDRESS:PORT at which `sluice serve` shows its page" },
	{ .name = "serve_plain", FLAG, AT(serve_plain), .preset = "false",
		.help = "serve_http may lie beyond this machine: what lies "
			"between is trusted" },
	{ .name = "serve_hosts", TEXT, AT(serve_hosts),
		.help = "names by which browsers may ask for the page, "
			"separated by commas, beside localhost, 127.0.0.1 and "
			"[::1]" },
	{ .name = "serve_token_file", PATH, AT(serve_token_file),
		.preset = "var/state/serve.token",
		.help = "the file of the token that record contents and "
			"actions need; made with a random one when missing, "
			"readable by its owner only (chmod 600)" },

	{ .section = "Logs",
		.name = "log_level", CHOICE(levels), AT(log_level),
		.preset = "info", .reload = true,
		.help = "the least important lines to write" },
	{ .name = "log_format", CHOICE(formats), AT(log_format),
		.preset = "logfmt", .reload = true,
		.help = "how lines look on stderr" },
};

const struct setting *config_settings(size_t *count)
{
	*count = sizeof(settings) / sizeof(settings[0]);
	return settings;
}

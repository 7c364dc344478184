/* metrics_table.c - every metric: the one place that knows its name, labels
 * and help. */
#include "common/metrics_private.h"

#define PRODUCER .whose = METRIC_OF_PRODUCER
#define CONSUMER .whose = METRIC_OF_CONSUMER
#define BOTH .whose = METRIC_OF_PRODUCER | METRIC_OF_CONSUMER
#define COUNTER .kind = METRIC_COUNTER
#define GAUGE .kind = METRIC_GAUGE
#define AGE .kind = METRIC_AGE
#define HISTOGRAM .kind = METRIC_HISTOGRAM

static const struct metric_row rows[METRIC_COUNT] = {
	[METRIC_BUILD] = { "sluice_build_info", GAUGE, BOTH,
		.labels = { "program", "version" },
		.help = "1; which program of which version this is." },
	[METRIC_READY] = { "sluice_ready", GAUGE, BOTH,
		.help = "1 when /readyz answers 200, else 0." },
	[METRIC_TROUBLE] = { "sluice_trouble_seconds", GAUGE, BOTH,
		.labels = { "part" },
		.help = "For how long this part has been kept from its work; "
			"no series when all is well." },
	[METRIC_LOG_LINES] = { "sluice_log_lines_total", COUNTER, BOTH,
		.labels = { "level" },
		.help = "Lines logged; error means that a human must act." },
	[METRIC_QUEUE_LENGTH] = { "sluice_queue_length", GAUGE, BOTH,
		.labels = { "queue" },
		.help = "Items that wait between two threads of the "
			"program." },
	[METRIC_BROKER_CONNECTED] = { "sluice_broker_connected", GAUGE, BOTH,
		.help = "1 while there is a connection to RabbitMQ." },
	[METRIC_BROKER_RECONNECTS] = { "sluice_broker_reconnects_total",
		COUNTER, BOTH,
		.help = "Connections to RabbitMQ after the first." },
	[METRIC_STAGE] = { "sluice_stage_seconds", HISTOGRAM, BOTH,
		.labels = { "stage" },
		.help = "How long a stage takes. Producer, by message: "
			"file_to_publish (claimed until sent), "
			"publish_to_confirm. Consumer, by message: "
			"delivery_to_commit, file_to_commit (claimed until "
			"committed); by load: load, models, commit." },
	[METRIC_OBJECT_BYTES] = { "sluice_object_store_bytes_total", COUNTER,
		BOTH, .help = "Bytes put into the object store, as they were "
			"before they were packed." },
	[METRIC_OBJECTS] = { "sluice_object_store_objects_total", COUNTER,
		BOTH, .labels = { "operation" },
		.help = "Objects dealt with: put, get, delete." },

	[METRIC_SOURCES] = { "sluice_sources_total", COUNTER, PRODUCER,
		.labels = { "dataset", "result" },
		.help = "Files (and answers of HTTP servers) that were "
			"claimed (those of an earlier process too), and that "
			"have ended: published, failed (a part could not be "
			"read), duplicate (to be skipped), lost (the file is "
			"gone)." },
	[METRIC_SOURCES_OPEN] = { "sluice_sources_open", GAUGE, PRODUCER,
		.labels = { "dataset" },
		.help = "Claimed and not ended yet." },
	[METRIC_PUBLISHED_RECORDS] = { "sluice_published_records_total",
		COUNTER, PRODUCER, .labels = { "dataset" },
		.help = "Records of messages that RabbitMQ has confirmed; "
			"after a lost connection some are confirmed again." },
	[METRIC_PUBLISHED_BYTES] = { "sluice_published_bytes_total", COUNTER,
		PRODUCER, .labels = { "dataset" },
		.help = "Bytes of the bodies of these messages." },
	[METRIC_MESSAGES_SENT] = { "sluice_messages_sent_total", COUNTER,
		PRODUCER, .labels = { "dataset" },
		.help = "Messages sent, those that were sent again too." },
	[METRIC_MESSAGES_ANSWERED] = { "sluice_messages_answered_total",
		COUNTER, PRODUCER, .labels = { "dataset", "result" },
		.help = "What RabbitMQ said of them: confirmed, refused (its "
			"queue is full), returned (no queue takes it)." },
	[METRIC_CONFIRMS_IN_FLIGHT] = { "sluice_confirms_in_flight", GAUGE,
		PRODUCER, .help = "Messages sent and not answered yet." },
	[METRIC_BROKER_BLOCKED] = { "sluice_broker_blocked", GAUGE, PRODUCER,
		.help = "1 while RabbitMQ takes no messages (its alarm of "
			"memory or disk)." },
	[METRIC_OLDEST_UNCONFIRMED] = { "sluice_oldest_unconfirmed_seconds",
		AGE, PRODUCER,
		.help = "Age of the oldest claimed source that is not "
			"confirmed to its end; 0: none." },
	[METRIC_LAST_CONFIRM] = { "sluice_last_confirm_timestamp_seconds",
		GAUGE, PRODUCER,
		.help = "When RabbitMQ confirmed last; 0: not since the "
			"start." },
	[METRIC_API_REQUESTS] = { "sluice_api_requests_total", COUNTER,
		PRODUCER, .labels = { "endpoint", "status" },
		.help = "Requests answered, by class of their status: 2xx, "
			"3xx, 4xx, 5xx, or error (no answer)." },
	[METRIC_API_RECORDS] = { "sluice_api_records_total", COUNTER,
		PRODUCER, .labels = { "endpoint" },
		.help = "Records of answers that became sources, since the "
			"state file was made." },
	[METRIC_API_RUNNING] = { "sluice_api_running", GAUGE, PRODUCER,
		.labels = { "endpoint" },
		.help = "1 while a run is under way." },
	[METRIC_API_NEXT_RUN] = { "sluice_api_next_run_timestamp_seconds",
		GAUGE, PRODUCER, .labels = { "endpoint" },
		.help = "When the next run begins; 0: when somebody asks for "
			"it." },
	[METRIC_API_FAILURES] = { "sluice_api_failures", GAUGE, PRODUCER,
		.labels = { "endpoint" },
		.help = "Runs in a row that have failed." },
	[METRIC_API_CALLS_LEFT] = { "sluice_api_calls_left", GAUGE, PRODUCER,
		.labels = { "endpoint" },
		.help = "Requests that its host's budget of the day still "
			"allows; no series without a budget." },
	[METRIC_API_CIRCUIT] = { "sluice_api_circuit_open", GAUGE, PRODUCER,
		.labels = { "endpoint" },
		.help = "1 while its host is left alone, since it failed too "
			"often." },

	[METRIC_RECORDS] = { "sluice_records_total", COUNTER, CONSUMER,
		.labels = { "dataset", "result" },
		.help = "Records of committed loads: inserted, updated, "
			"unchanged (an equal or better one was there), "
			"rejected." },
	[METRIC_REJECTS] = { "sluice_rejects_total", COUNTER, CONSUMER,
		.labels = { "dataset", "code" },
		.help = "Records rejected by committed loads, by reason "
			"code." },
	[METRIC_MESSAGES] = { "sluice_messages_total", COUNTER, CONSUMER,
		.labels = { "result" },
		.help = "Messages of committed loads: new, duplicate (the "
			"ledger knew it)." },
	[METRIC_MESSAGE_BYTES] = { "sluice_message_bytes_total", COUNTER,
		CONSUMER, .help = "Bytes of new messages." },
	[METRIC_LOADS] = { "sluice_loads_total", COUNTER, CONSUMER,
		.labels = { "result" },
		.help = "Transactions: committed, or failed and rolled back "
			"(they are tried again)." },
	[METRIC_LAST_COMMIT] = { "sluice_last_commit_timestamp_seconds",
		GAUGE, CONSUMER,
		.help = "When a load has committed last; 0: none since the "
			"start." },
	[METRIC_OLDEST_UNCOMMITTED] = { "sluice_oldest_uncommitted_seconds",
		AGE, CONSUMER,
		.help = "Age, since its file was claimed, of the oldest "
			"record in hand that is not committed; 0: none." },
	[METRIC_IN_HAND] = { "sluice_messages_in_hand", GAUGE, CONSUMER,
		.help = "Messages received and not acknowledged." },
	[METRIC_DATASETS_WAITING] = { "sluice_datasets_waiting", GAUGE,
		CONSUMER,
		.help = "Datasets whose tables take nothing now." },
	[METRIC_DATABASE_RECONNECTS] = { "sluice_database_reconnects_total",
		COUNTER, CONSUMER,
		.help = "Sessions with PostgreSQL after the first; other "
			"pipelines or models make a new one as well." },
	[METRIC_BROKER_READY] = { "sluice_broker_queue_messages", GAUGE,
		CONSUMER, .labels = { "queue" },
		.help = "Messages that wait in a queue of RabbitMQ, delivered "
			"to nobody; asked for every few seconds." },
};

const struct metric_row *metric_row(enum metric metric)
{
	return &rows[metric];
}

/* -- docs/METRICS.md ---------------------------------------------------- */

static const char *const kinds[] = { "counter", "gauge", "gauge",
	"histogram" };
static const char *const whose[] = { "", "producer", "consumer", "both" };

static bool add_row(struct buf *out, const struct metric_row *row,
	struct err *err)
{
	bool ok = buf_printf(out, err, "| `%s` | %s | %s |", row->name,
		kinds[row->kind], whose[row->whose]);

	for (size_t i = 0; ok && i < METRIC_LABELS; i++)
		if (row->labels[i] != NULL)
			ok = buf_printf(out, err, "%s `%s`",
				i > 0 ? "," : "", row->labels[i]);
	return ok && buf_printf(out, err, " | %s |\n", row->help);
}

static bool add_buckets(struct buf *out, struct err *err)
{
	bool ok = buf_add_str(out, "\nBuckets of histograms, in seconds:",
		err);

	for (size_t i = 0; ok && i < METRIC_BUCKETS; i++)
		ok = buf_printf(out, err, "%s%g", i % 12 == 0 ? "\n" : " ",
			(double)metric_buckets[i] / 1e6);
	return ok && buf_add_str(out, ".\n", err);
}

bool metrics_document(struct buf *out, struct err *err)
{
	bool ok = buf_printf(out, err, "# Metrics\n\n"
		"Made from the program's own table (common/metrics_table.c), "
		"by\n\n"
		"    SLUICE_WRITE_DOCS=1 build/dev/bin/unit_tests metrics\n\n"
		"Each daemon shows its own at `/metrics` of its port "
		"(`producer_http`,\n`consumer_http`), in the text format of "
		"Prometheus; `deploy/prometheus/` has a\nscrape configuration "
		"and alert rules, `deploy/grafana/` a dashboard, and\n"
		"[OPERATIONS.md](OPERATIONS.md#alerts) says what to do when "
		"one fires.\n\n"
		"`dataset` is `<pipeline>.<dataset>`; `unknown`: there is none "
		"of that name. A\nmetric has at most %d series; what comes "
		"later is counted as `other`. Counters\nbegin at 0 with the "
		"process, and are exact: what `sluice_records_total` has\n"
		"grown by is what was committed.\n\n"
		"| name | type | of | labels | |\n|---|---|---|---|---|\n",
		METRIC_SERIES);

	for (size_t i = 0; ok && i < METRIC_COUNT; i++)
		ok = add_row(out, &rows[i], err);
	return ok && metrics_process_document(out, err) &&
		add_buckets(out, err);
}

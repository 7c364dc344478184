/* test_consumer.c - nothing lost, nothing doubled: the consumer against real
 * servers. */
#include "common/clock.h"
#include "consumer/work.h"
#include "tests/integration/rig.h"

#include <CUnit/CUnit.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITS_FOR_LOCK "wait_event_type = 'Lock'"
#define MASTER_ROWS "select count(*) from raw.items"
#define DELTA_ROWS "select count(*) from raw.items_delta"
#define DUPLICATES "select sum(duplicates) from meta.load"

static const struct uuid drop = { .bytes = { 1, [6] = 0x40, [8] = 0x80 } };
static const struct uuid other_drop = { .bytes = { 2, [6] = 0x40,
	[8] = 0x80 } };

static const char *const three[] = {
	"{\"id\":\"a\",\"name\":\"x\",\"n\":1,\"at\":\"2024-01-01T00:00:00\"}",
	"{\"id\":\"b\",\"name\":\"y\",\"n\":2,\"at\":\"2024-01-01T00:00:00\"}",
	"{\"id\":\"a\",\"name\":\"z\",\"n\":3,\"at\":\"2024-01-02T00:00:00\"}",
};

/* What must hold after every load. */
static void check_sums(void)
{
	rig_check("select count(*) from meta.source where"
		  " records <> inserted + updated + unchanged + rejected", 0);
	rig_check("select count(*) from meta.load where"
		  " records <> inserted + updated + unchanged + rejected", 0);
	rig_check("select sum(inserted + updated + unchanged)"
		  " - (" DELTA_ROWS ") from meta.source", 0);
	rig_check("select coalesce(sum(rejected), 0)"
		  " - (select count(*) from meta.reject) from meta.source", 0);
	rig_check("select sum(inserted) - (" MASTER_ROWS ") from meta.source",
		0);
	rig_check("select count(*) from raw.items_delta d join meta.reject r"
		  " on r.source_id = d._source and r.lo = d._offset", 0);
	rig_check("select count(*) from meta.attempt", 0);
}

/* Whatever is not acknowledged is in the queue again. */
static void check_all_acknowledged(void)
{
	rig_stop_consumer();
	CU_ASSERT_EQUAL(rig_queue_len(), 0);
}

static void a_chunk_sent_twice_counts_once(void)
{
	rig_make();
	rig_publish_chunk(&drop, 0, three, 3);
	rig_publish_chunk(&drop, 0, three, 3);
	rig_start_consumer();
	rig_await(DUPLICATES, 1);
	rig_publish_chunk(&drop, 0, three, 3);
	rig_await(DUPLICATES, 2);
	rig_check(DELTA_ROWS, 3);
	rig_check(MASTER_ROWS, 2);
	rig_check("select n from raw.items where id = 'a'", 3);
	rig_check("select _offset from raw.items where id = 'a'", 200);
	rig_check("select count(*) from meta.chunk", 1);
	rig_check("select unchanged from meta.source", 1);
	check_sums();
	check_all_acknowledged();
	rig_drop();
}

static void a_source_is_complete_in_any_order(void)
{
	rig_make();
	rig_publish_manifest(&drop, 3, 2);
	rig_publish_chunk(&drop, 2, three + 2, 1);
	rig_start_consumer();
	rig_await("select sum(records) from meta.source", 1);
	rig_check("select count(*) from meta.source"
		  " where completed_at is not null", 0);
	rig_publish_chunk(&drop, 0, three, 2);
	rig_await("select count(*) from meta.source"
		  " where completed_at is not null", 1);
	rig_check_text("select concat_ws(' ', records, chunks, inserted,"
		       " updated, unchanged, format, name, size)"
		       " from meta.source",
		"3 2 2 0 1 ndjson items/a.json 300");
	check_sums();
	rig_drop();
}

#define LEDGER                                                      \
	"select string_agg(concat_ws(' ', kind, lo, hi, records), ', '" \
	" order by lo, hi) from meta.chunk"

static void make_complete_and_old(void)
{
	rig_make();
	rig_publish_chunk(&drop, 0, three, 2);
	rig_publish_chunk(&drop, 2, three + 2, 1);
	rig_publish_manifest(&drop, 3, 2);
	rig_publish_json("items", "{\"id\":\"f\"}");
	rig_start_consumer();
	rig_await("select count(*) from meta.source"
		  " where completed_at is not null", 2);
	rig_stop_consumer();
	test_exec(rig_db(), "update meta.source set"
			    " completed_at = completed_at - interval '2 h'");
}

/* A message's ledger is one row as it is. */
static void an_old_ledger_becomes_one_row(void)
{
	make_complete_and_old();
	test_exec(rig_db(), "update meta.chunk set load_id = 70"
			    " where lo = 200 and hi = 300 and kind = 'c'");
	rig_start_consumer();
	rig_await("select count(*) from meta.chunk", 2);
	rig_check_text(LEDGER, "c 0 10 1, w 0 300 3");
	rig_check("select count(*) from meta.chunk where kind = 'w'"
		  " and load_id = 70 and first_load < 70", 1);
	rig_publish_chunk(&drop, 0, three, 2);
	rig_publish_chunk(&drop, 2, three + 2, 1);
	rig_publish_chunk(&drop, 0, three, 3);
	rig_publish_manifest(&drop, 3, 2);
	rig_await(DUPLICATES, 4);
	rig_publish_chunk(&drop, 3, three + 2, 1); /* beyond what it was */
	rig_await("select count(*) from meta.reject", 1);
	rig_check(DELTA_ROWS, 4);
	check_all_acknowledged();
	rig_drop();
}

static void what_is_not_all_there_is_not_given_up(void)
{
	make_complete_and_old();
	test_exec(rig_db(), "delete from meta.chunk where lo = 0 and hi = 200");
	rig_start_consumer();
	rig_publish_json("items", "{\"id\":\"g\"}");
	rig_await("select count(*) from raw.items where id = 'g'", 1);
	rig_publish_json("items", "{\"id\":\"h\"}");
	rig_await("select count(*) from raw.items where id = 'h'", 1);
	rig_check("select count(*) from meta.chunk where kind = 'w'", 0);
	rig_drop();
}

/* Between the look at the source and the claim nobody can collapse it, and
 * who comes while it is done waits for it. */
static void a_claim_waits_for_a_collapse(void)
{
	struct db *other;

	make_complete_and_old();
	test_exec(rig_db(), "update meta.source set completed_at = now()");
	other = rig_open_db();
	test_exec(other, "begin;"
		" select from meta.source for update;"
		" delete from meta.chunk where hi >= 200");
	rig_start_consumer();
	rig_publish_chunk(&drop, 0, three, 2);
	rig_await_session(WAITS_FOR_LOCK);
	test_exec(other,
		"insert into meta.chunk (drop_id, dataset, lo, hi, kind,"
		" records, load_id, first_load)"
		" select drop_id, dataset, 0, 300, 'w', 3, 1, 1"
		" from meta.source where kind = 'file';"
		" update meta.source set collapsed = true where kind = 'file';"
		" commit");
	rig_await(DUPLICATES, 1);
	rig_check(DELTA_ROWS, 4);
	rig_check_text(LEDGER, "c 0 10 1, w 0 300 3");
	db_close(other);
	check_all_acknowledged();
	rig_drop();
}

static void the_newest_version_wins_whatever_comes_last(void)
{
	rig_make();
	rig_start_consumer();
	rig_publish_chunk(&other_drop, 0, three + 2, 1);
	rig_await(MASTER_ROWS, 1);
	rig_publish_chunk(&drop, 0, three, 2);
	rig_await(MASTER_ROWS, 2);
	rig_check("select n from raw.items where id = 'a'", 3);
	check_sums();
	rig_drop();
}

static void bad_records_cost_themselves_only(void)
{
	static const char *const records[] = {
		"{\"id\":\"a\",\"at\":\"2024-01-01T00:00:00\"}",
		"{\"id\":\"b\",\"name\":\"much too long\"}",
		"{\"id\":17}",
		"{\"name\":\"no id\"}",
		"{\"id\":\"c\",\"at\":\"2020-13-45T00:00:00\"}",
		"{\"id\":\"d\",\"n\":9007199254740993}",
		"[]",
	};

	rig_make();
	rig_start_consumer();
	rig_publish_chunk(&drop, 0, records, 7);
	rig_publish_manifest(&drop, 7, 1);
	rig_await("select count(*) from meta.source"
		  " where completed_at is not null", 1);
	rig_check_text("select string_agg(id || coalesce(n::text, ''), ' '"
		       " order by id) from raw.items",
		"a d9007199254740993");
	rig_check_text("select string_agg(concat_ws(':', record_no, line, lo,"
		       " code, field), ' ' order by record_no)"
		       " from meta.reject",
		"2:2:100:too_long:name 3:3:200:type:id 4:4:300:missing:id "
		"5:5:400:timestamp:at 7:7:600:not_object");
	rig_check_text("select convert_from(bytes, 'UTF8') from meta.reject"
		       " where record_no = 3", "{\"id\":17}");
	check_sums();
	rig_drop();
}

#define OPEN "select count(*) from meta.reject where resolved_by is null"

/* Record 2 of a source, refused: 22 bytes at 100. */
static void make_reject(void)
{
	static const char *const records[] = { "{\"id\":\"a\",\"n\":1}",
		"{\"id\":\"b\",\"n\":\"two\"}" };

	rig_publish_chunk(&drop, 0, records, 2);
	rig_publish_manifest(&drop, 2, 1);
	rig_start_consumer();
	rig_await("select count(*) from meta.source"
		  " where completed_at is not null", 1);
	rig_check(OPEN, 1);
	rig_check("select hi - lo from meta.reject", 20);
}

static void a_replay_resolves_its_reject_once(void)
{
	rig_make();
	make_reject();
	rig_publish_replay(&drop, 1, 1, 20, "{\"id\":\"b\",\"n\":\"2!\"}");
	rig_await("select count(*) from meta.reject where detail like '%2!%'"
		  " or rejected_at > (select min(committed_at) from meta.load)",
		1);
	rig_check(OPEN, 1);
	rig_check("select rejected from meta.source", 1);
	rig_publish_replay(&drop, 1, 2, 20, "{\"id\":\"b\",\"n\":2222222222}");
	rig_await(OPEN, 0);
	/* the same try again, and one more: too late */
	rig_publish_replay(&drop, 1, 2, 20, "{\"id\":\"b\",\"n\":3}");
	rig_publish_replay(&drop, 1, 3, 20, "{\"id\":\"b\",\"n\":4}");
	rig_await(DUPLICATES, 2);
	rig_check("select n from raw.items where id = 'b'", 2222222222);
	rig_check(DELTA_ROWS, 2);
	rig_check("select count(*) from meta.source where records = 2"
		  " and inserted = 2 and rejected = 0 and chunks = 1", 1);
	rig_check("select count(*) from meta.reject r join meta.load l"
		  " on l.load_id = r.resolved_by where l.inserted = 1", 1);
	check_all_acknowledged();
	rig_drop();
}

static void tries_in_one_batch_count_once(void)
{
	rig_make();
	make_reject();
	rig_stop_consumer();
	rig_publish_replay(&drop, 1, 1, 20, "{\"id\":\"b\",\"n\":1}");
	rig_publish_replay(&drop, 1, 2, 20, "{\"id\":\"b\",\"n\":2}");
	rig_publish_replay(&drop, 1, 1, 20, "{\"id\":\"b\",\"n\":1}");
	rig_start_consumer();
	rig_await(OPEN, 0);
	rig_await(DUPLICATES, 2);
	rig_check("select n from raw.items where id = 'b'", 1);
	rig_check(DELTA_ROWS, 2);
	check_all_acknowledged();
	rig_drop();
}

static void a_replay_of_no_reject_is_set_aside(void)
{
	rig_make();
	make_reject();
	rig_publish_replay(&drop, 1, 1, 21, "{\"id\":\"b\",\"n\":1}");
	rig_publish_replay(&other_drop, 1, 1, 20, "{\"id\":\"b\",\"n\":1}");
	rig_await("select count(*) from meta.reject"
		  " where code = 'no_such_reject'", 2);
	rig_check("select count(*) from meta.message", 2);
	rig_check("select count(*) from meta.source where drop_id ="
		  " '02000000-0000-4000-8000-000000000000'", 0);
	rig_check(MASTER_ROWS, 1);
	check_sums();
	check_all_acknowledged();
	rig_drop();
}

static void the_database_may_refuse_a_replay(void)
{
	rig_make();
	make_reject();
	test_exec(rig_db(), "alter table raw.items add constraint small"
			   " check (n < 3)");
	rig_publish_replay(&drop, 1, 1, 20, "{\"id\":\"b\",\"n\":3}");
	rig_await("select count(*) from meta.reject where code = 'database'"
		  " and resolved_by is null", 1);
	rig_check(MASTER_ROWS, 1);
	check_sums();
	check_all_acknowledged();
	rig_drop();
}

static void foreign_json_is_taken(void)
{
	rig_make();
	rig_start_consumer();
	rig_publish_json("items", "[{\"id\":\"a\"},\n {\"id\":5},{\"id\":\"b\"}]");
	rig_publish_json("items", "{\"id\":\"c\"}");
	rig_await(MASTER_ROWS, 3);
	rig_publish_json("items", "{\"id\":\"c\"}"); /* once more */
	rig_await(DUPLICATES, 1);
	rig_check_text("select concat_ws(' ', code, record_no, line, col, lo,"
		       " hi) from meta.reject", "type 2 2 8 14 22");
	rig_check("select count(*) from meta.source where kind = 'foreign'"
		  " and completed_at is not null", 2);
	rig_check_text("select convert_from(body, 'UTF8') from meta.message"
		       " where length(body) < 15", "{\"id\":\"c\"}");
	check_sums();
	rig_drop();
}

static void what_cannot_be_loaded_is_kept(void)
{
	rig_make();
	rig_start_consumer();
	rig_publish_json("nothing", "[{\"id\":\"a\"},{\"id\":\"b\"}]");
	rig_publish_json("items", "[{\"id\":\"a\"},{\"id\" \"b\"}]");
	rig_publish(&(struct message){ .routing_key = "shop.items",
		.content_type = "text/csv", .body = { "a,b", 3 } });
	rig_publish(&(struct message){ .routing_key = "shop.items",
		.content_type = TYPE_NDJSON, .message_id = "forged:0-1",
		.headers = { { .name = "sluice-version", .is_int = true,
			.i = 1 } },
		.header_count = 1, .body = { "x", 1 } });
	rig_await("select count(*) from meta.message", 4);
	rig_check_text("select string_agg(code, ' ' order by code)"
		       " from meta.reject",
		"bad_envelope bad_envelope json_syntax unknown_dataset "
		"unknown_dataset");
	rig_check_text("select convert_from(bytes, 'UTF8') from meta.reject"
		       " where code = 'json_syntax'", "{\"id\" \"b\"}]");
	rig_check(MASTER_ROWS, 1);
	check_sums();
	check_all_acknowledged();
	rig_drop();
}

static void a_dataset_added_meanwhile_is_found(void)
{
	rig_make();
	rig_start_consumer();
	rig_publish_chunk(&drop, 0, three, 3);
	rig_await(MASTER_ROWS, 2);
	rig_add_dataset();
	rig_publish_json("more", "[{\"id\":\"a\"},{\"id\":\"b\"}]");
	rig_await("select count(*) from raw.more", 2);
	rig_check("select count(*) from meta.reject", 0);
	check_all_acknowledged();
	rig_drop();
}

static void an_overlap_is_set_aside(void)
{
	rig_make();
	rig_publish_chunk(&drop, 0, three, 2);
	rig_start_consumer();
	rig_await(MASTER_ROWS, 2);
	rig_publish_chunk(&drop, 1, three + 1, 2); /* [100, 300): overlaps */
	rig_publish_chunk(&other_drop, 0, three + 2, 1);
	rig_await(DELTA_ROWS, 3);
	rig_await("select count(*) from meta.reject where code = 'overlap'", 1);
	rig_check("select count(*) from meta.message", 1);
	rig_check("select records from meta.source where drop_id ="
		  " '01000000-0000-4000-8000-000000000000'", 2);
	check_sums();
	check_all_acknowledged();
	rig_drop();
}

static void an_overlap_in_one_batch_is_set_aside(void)
{
	rig_make();
	rig_publish_chunk(&drop, 0, three, 2);
	rig_publish_chunk(&drop, 1, three + 1, 2);
	rig_start_consumer();
	rig_await("select count(*) from meta.reject where code = 'overlap'", 1);
	rig_await("select records from meta.source where drop_id ="
		  " '01000000-0000-4000-8000-000000000000'", 2);
	check_sums();
	check_all_acknowledged();
	rig_drop();
}

static void a_record_the_database_refuses_is_found(void)
{
	static const char *const records[] = {
		"{\"id\":\"a\",\"n\":1}",
		"{\"id\":\"b\",\"n\":\"ours\"}",
		"{\"id\":\"c\",\"n\":3}",
		"{\"id\":\"d\",\"n\":2}",
		"{\"id\":\"e\",\"n\":4}",
	};

	rig_make();
	test_exec(rig_db(), "alter table raw.items add constraint small"
			   " check (n < 3)");
	rig_publish_chunk(&drop, 0, records, 5);
	rig_publish_chunk(&other_drop, 0, three, 2);
	rig_start_consumer();
	rig_await("select count(*) from meta.reject", 3);
	rig_await(DELTA_ROWS, 4);
	rig_check_text("select string_agg(concat_ws(' ', record_no, code,"
		       " left(detail, 5)), ', ' order by record_no)"
		       " from meta.reject where code = 'database'",
		"3 database 23514, 5 database 23514");
	rig_check("select record_no from meta.reject where code = 'type'", 2);
	rig_check(MASTER_ROWS, 3);
	check_sums();
	check_all_acknowledged();
	rig_drop();
}

/* Holds the consumer in the middle of a load. */
static struct db *hold_the_load(void)
{
	struct db *lock = rig_open_db();

	test_exec(lock, "begin; lock table raw.items in exclusive mode");
	return lock;
}

/* More than the prefetch are in our hands before any was acknowledged. */
static void small_messages_are_taken_many_at_once(void)
{
	struct db *lock;

	rig_make();
	rig_set_prefetch(4);
	for (int i = 0; i < 24; i++)
		rig_publish_json("items", "{\"id\":\"a\"}");
	lock = hold_the_load();
	rig_start_consumer();
	rig_await_queue_len(0);
	rig_check("select count(*) from meta.load", 0);
	db_close(lock);
	rig_await("select sum(messages + duplicates) from meta.load", 24);
	check_sums();
	check_all_acknowledged();
	rig_drop();
}

/* 100 KB each: what was asked for many at once is then too much by far. */
static void publish_large(int count)
{
	static char body[100 * 1000];

	for (int i = 0; i < count; i++) {
		const int head = snprintf(body, sizeof(body),
			"{\"id\":\"large %d\"", i);

		memset(body + head, ' ', sizeof(body) - (size_t)head);
		memcpy(body + sizeof(body) - 2, "}", 2);
		rig_publish_json("items", body);
	}
}

/* What was handed out stays. As soon as one stays in the queue the broker
 * knows; of what follows the queue keeps all. */
static void large_messages_after_small_ones_are_taken_few_at_once(void)
{
	struct db *lock;
	uint64_t connection;
	int64_t left = 0;
	int large = 12;

	rig_make();
	rig_set_prefetch(16);
	rig_set_batch_bytes(4 << 20);
	for (int i = 0; i < 24; i++)
		rig_publish_json("items", "{\"id\":\"a\"}");
	lock = hold_the_load();
	rig_start_consumer();
	connection = rig_await_connection(0);
	rig_await_wide(16 * 16);
	rig_await_queue_len(0);
	publish_large(large);
	rig_await_wide(0);
	for (; large < 100 && (left = rig_queue_len()) == 0; large++)
		publish_large(1);
	publish_large(12);
	rig_await_queue_len(left + 12);
	CU_ASSERT_EQUAL(rig_await_connection(0), connection);
	rig_check("select count(*) from meta.load", 0);
	db_close(lock);
	rig_await("select sum(messages + duplicates) from meta.load",
		24 + large + 12);
	check_sums();
	check_all_acknowledged();
	rig_drop();
}

static void a_killed_backend_is_tried_again(void)
{
	struct db *lock;

	rig_make();
	lock = hold_the_load();
	rig_start_consumer();
	rig_publish_chunk(&drop, 0, three, 3);
	rig_await_session(WAITS_FOR_LOCK);
	rig_kill_backend();
	db_close(lock);
	rig_await(MASTER_ROWS, 2);
	rig_check(DELTA_ROWS, 3);
	rig_check("select count(*) from meta.load", 1);
	check_sums();
	check_all_acknowledged();
	rig_drop();
}

static void what_was_committed_but_not_acked_is_absorbed(void)
{
	struct db *lock;

	rig_make();
	lock = hold_the_load();
	rig_start_consumer();
	rig_publish_chunk(&drop, 0, three, 3);
	rig_await_session(WAITS_FOR_LOCK);
	rig_renew_connection(); /* the acknowledgement will go nowhere */
	db_close(lock);
	rig_await(MASTER_ROWS, 2);
	rig_await(DUPLICATES, 1);
	rig_check(DELTA_ROWS, 3);
	check_sums();
	check_all_acknowledged();
	rig_drop();
}

static void *lock_next(void *db)
{
	struct err err = { 0 };

	/* the test sees it in pg_locks, or fails there */
	(void)!db_exec(db, "begin; lock table raw.items in exclusive mode",
		&err);
	return NULL;
}

static void tags_of_an_old_connection_are_void(void)
{
	struct db *first, *second;
	pthread_t thread;

	rig_make();
	rig_start_consumer();
	rig_publish_json("items", "{\"id\":\"first\"}"); /* tag 1 */
	rig_await(MASTER_ROWS, 1);
	first = hold_the_load();
	second = rig_open_db();
	rig_publish_json("items", "{\"id\":\"second\"}"); /* tag 2, then 1 */
	rig_await_session(WAITS_FOR_LOCK);
	CU_ASSERT_EQUAL_FATAL(
		pthread_create(&thread, NULL, lock_next, second), 0);
	rig_await("select count(*) from pg_locks l join pg_database d"
		  " on d.oid = l.database where not granted"
		  " and datname = current_database()", 2);
	rig_publish_json("items", "{\"id\":\"third\"}"); /* tag 3, then 2 */
	rig_await_deliveries(1);
	rig_renew_connection();
	rig_await_deliveries(3);
	db_close(first);
	(void)pthread_join(thread, NULL);
	rig_await_session(WAITS_FOR_LOCK);
	rig_check(MASTER_ROWS, 2);
	rig_stop_consumer();
	db_close(second);
	/* the old tag 2 must not have acknowledged the third message */
	rig_await_queue_len(2);
	rig_start_consumer();
	rig_await(MASTER_ROWS, 3);
	check_sums();
	rig_drop();
}

static void a_polite_stop_leaves_nothing_behind(void)
{
	struct db *lock;

	rig_make();
	lock = hold_the_load();
	rig_publish_chunk(&drop, 0, three, 3);
	rig_make_redelivered(1);
	rig_start_consumer();
	rig_await_session(WAITS_FOR_LOCK);
	rig_check("select together from meta.attempt", 1);
	rig_stop_consumer();
	rig_await_queue_len(1);
	rig_check("select count(*) from meta.attempt", 0);
	rig_check(DELTA_ROWS, 0);
	db_close(lock);
	rig_start_consumer();
	rig_await(MASTER_ROWS, 2);
	check_sums();
	rig_drop();
}

/* The consumer waits, rejects nothing, and goes on once it is mended. */
static void check_waits(const char *alter, const char *mend)
{
	rig_make();
	test_exec(rig_db(), alter);
	rig_start_consumer();
	rig_publish_chunk(&drop, 0, three, 3);
	rig_await_session("state = 'idle' and (query = 'rollback'"
		" or query like 'set lock_timeout%')");
	rig_check("select count(*) from meta.reject", 0);
	rig_check("select count(*) from meta.load", 0);
	test_exec(rig_db(), mend);
	rig_await(MASTER_ROWS, 2);
	check_sums();
	check_all_acknowledged();
	rig_drop();
}

static void a_table_altered_by_hand_is_waited_for(void)
{
	check_waits("alter table raw.items rename n to m",
		"alter table raw.items rename m to n");
	check_waits("alter table raw.items_delta alter n type integer",
		"alter table raw.items_delta alter n type bigint");
	check_waits("alter table raw.items add colour text not null",
		"alter table raw.items drop colour");
	check_waits("alter table raw.items rename to elsewhere",
		"alter table raw.elsewhere rename to items");
}

/* The key under which deaths of this JSON message are counted. */
static void note_deaths(const char *body, int together, int alone)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	struct err err = { 0 };
	struct work *work;
	char sql[256];

	CU_ASSERT_PTR_NOT_NULL_FATAL(delivery);
	delivery->message.body = (struct bytes){ body, strlen(body) };
	work = work_new(delivery, 1, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(work);
	CU_ASSERT_TRUE(work_make_key(work, &err));
	(void)snprintf(sql, sizeof(sql),
		"insert into meta.attempt (message_key, together, alone)"
		" values ('%s', %d, %d)", work->key, together, alone);
	test_exec(rig_db(), sql);
	work_free(work);
}

static void only_who_kills_alone_is_condemned(void)
{
	struct db *lock;

	rig_make();
	lock = hold_the_load();
	note_deaths("{\"id\":\"often together\"}", 90, 0);
	note_deaths("{\"id\":\"four times alone\"}", 2, 4);
	note_deaths("{\"id\":\"five times alone\"}", 2, 5);
	rig_start_consumer();
	rig_publish_json("items", "{\"id\":\"innocent\"}");
	rig_await_session(WAITS_FOR_LOCK);
	rig_publish_json("items", "{\"id\":\"often together\"}");
	rig_publish_json("items", "{\"id\":\"four times alone\"}");
	rig_publish_json("items", "{\"id\":\"five times alone\"}");
	rig_await_deliveries(3);
	rig_renew_connection();
	rig_await_deliveries(3 + 4); /* all four are redelivered */
	db_close(lock);
	rig_await("select count(*) from meta.reject where code = 'poison'", 1);
	rig_await(MASTER_ROWS, 3);
	/* the innocent twice, the others one by one */
	rig_check("select count(*) from meta.load", 5);
	rig_check_text("select convert_from(bytes, 'UTF8') from meta.reject",
		"{\"id\":\"five times alone\"}");
	check_sums();
	check_all_acknowledged();
	rig_drop();
}

static void deaths_in_the_database_convict_nobody(void)
{
	struct db *lock;

	rig_make();
	lock = hold_the_load();
	rig_publish_json("items", "{\"id\":\"suspect\"}");
	rig_make_redelivered(1);
	note_deaths("{\"id\":\"suspect\"}", 2, 1);
	rig_start_consumer();
	rig_await_session(WAITS_FOR_LOCK);
	/* were we killed now, it would be another one's doing */
	rig_check("select alone from meta.attempt", 1);
	db_close(lock);
	rig_await(MASTER_ROWS, 1);
	check_sums();
	rig_drop();
}

CU_TestInfo consumer_tests[] = {
	{ "a chunk sent twice counts once", a_chunk_sent_twice_counts_once },
	{ "an old ledger becomes one row", an_old_ledger_becomes_one_row },
	{ "what is not all there is not given up",
		what_is_not_all_there_is_not_given_up },
	{ "a claim waits for a collapse", a_claim_waits_for_a_collapse },
	{ "a source is complete in any order",
		a_source_is_complete_in_any_order },
	{ "the newest version wins, whatever comes last",
		the_newest_version_wins_whatever_comes_last },
	{ "bad records cost themselves only",
		bad_records_cost_themselves_only },
	{ "a replay resolves its reject once",
		a_replay_resolves_its_reject_once },
	{ "tries in one batch count once", tries_in_one_batch_count_once },
	{ "a replay of no reject is set aside",
		a_replay_of_no_reject_is_set_aside },
	{ "the database may refuse a replay",
		the_database_may_refuse_a_replay },
	{ "foreign JSON is taken", foreign_json_is_taken },
	{ "what cannot be loaded is kept", what_cannot_be_loaded_is_kept },
	{ "a dataset added meanwhile is found",
		a_dataset_added_meanwhile_is_found },
	{ "an overlap is set aside", an_overlap_is_set_aside },
	{ "an overlap in one batch is set aside",
		an_overlap_in_one_batch_is_set_aside },
	{ "small messages are taken many at once",
		small_messages_are_taken_many_at_once },
	{ "large messages after small ones are taken few at once",
		large_messages_after_small_ones_are_taken_few_at_once },
	{ "a record the database refuses is found",
		a_record_the_database_refuses_is_found },
	{ "a killed backend is tried again", a_killed_backend_is_tried_again },
	{ "what was committed but not acked is absorbed",
		what_was_committed_but_not_acked_is_absorbed },
	{ "tags of an old connection are void",
		tags_of_an_old_connection_are_void },
	{ "a polite stop leaves nothing behind",
		a_polite_stop_leaves_nothing_behind },
	{ "a table altered by hand is waited for",
		a_table_altered_by_hand_is_waited_for },
	{ "only who kills alone is condemned",
		only_who_kills_alone_is_condemned },
	{ "deaths in the database convict nobody",
		deaths_in_the_database_convict_nobody },
	CU_TEST_INFO_NULL,
};

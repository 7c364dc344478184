"""consume.py - a queue's events into PostgreSQL.

usage: consume.py insert|values|copy QUEUE BATCH_ROWS LOAD_ID LOAD_STEP

insert: one event a message; an upsert that commits and an ack for each.
values, copy: rows gather up to BATCH_ROWS; a batch goes into the delta (by
execute_values, or by COPY), from there into the master, commit, then one ack. A
thread of its own talks to the database, so that the next batch is parsed
meanwhile. LOAD_ID numbers the first batch, LOAD_STEP lies between two.
"""
import io
import operator
import os
import queue
import sys
import threading

import orjson
import psycopg2
import psycopg2.extras

from shared import COLUMNS, amqp_connect

IDLE_SECONDS = 0.05
PREFETCH = 500  # messages: some batches, whatever their size
INSERT = """insert into raw.events as t values (%s, %s, %s, %s, %s, %s, %s, %s,
    1, %s, 1) on conflict (id, event_type, received_at) do update set
    username = excluded.username, user_email = excluded.user_email,
    user_type = excluded.user_type,
    organization_name = excluded.organization_name,
    plan_name = excluded.plan_name, _source = excluded._source,
    _offset = excluded._offset, _load = excluded._load
    where excluded._offset > t._offset"""
pick = operator.itemgetter(*COLUMNS)


def consume_single(channel, name):
    """Every event for itself."""
    database = psycopg2.connect("")
    database.autocommit = True
    cursor = database.cursor()
    channel.basic_qos(prefetch_count=PREFETCH)
    rows = 0
    print("ready", flush=True)
    for method, properties, body in channel.consume(
            name, inactivity_timeout=IDLE_SECONDS):
        if method is not None:
            cursor.execute(INSERT, (*pick(orjson.loads(body)), properties.message_id))
            channel.basic_ack(method.delivery_tag)
            rows += 1
        if rows and (method is None or rows == 1000):
            print("rows", rows, flush=True)
            rows = 0


def escaped(value):
    return "" if value is None else value.replace("\\", "\\\\").replace(
        "\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


class Copy:
    """A batch as COPY's text."""

    def __init__(self):
        self.parts = []

    def add(self, body, first, load):
        events = orjson.loads(b"[%b]" % body.rstrip(b"\n").replace(b"\n", b","))
        tail = f"\t{load}\n"
        # without a backslash or a null in the JSON nothing needs escaping
        if b"\\" in body or b"null" in body:
            rows = ["\t".join(map(escaped, pick(event))) for event in events]
        else:
            rows = ["\t".join(pick(event)) for event in events]
        self.parts += [f"{row}\t1\t{number}{tail}"
                       for number, row in enumerate(rows, first)]
        return len(rows)

    def put(self, cursor):
        text = io.BytesIO("".join(self.parts).encode())
        cursor.copy_expert("copy raw.events_delta from stdin (null '')", text, 1 << 18)


class Values:
    """A batch as INSERTs of many rows."""

    def __init__(self):
        self.rows = []

    def add(self, body, first, load):
        events = orjson.loads(b"[%b]" % body.rstrip(b"\n").replace(b"\n", b","))
        self.rows += [(*pick(event), 1, number, load)
                      for number, event in enumerate(events, first)]
        return len(events)

    def put(self, cursor):
        psycopg2.extras.execute_values(
            cursor, "insert into raw.events_delta values %s", self.rows,
            page_size=1000)


class Loader(threading.Thread):
    """Commits batches in their order, at most one of them waiting."""

    def __init__(self, connection, channel):
        super().__init__(daemon=True)
        self.connection = connection
        self.channel = channel
        self.batches = queue.Queue(maxsize=1)
        self.database = psycopg2.connect("")

    def run(self):
        cursor = self.database.cursor()
        while True:
            batch, rows, load, tag = self.batches.get()
            batch.put(cursor)
            cursor.execute("select raw.upsert(%s)", [load])
            self.database.commit()
            self.connection.add_callback_threadsafe(
                lambda tag=tag: self.channel.basic_ack(tag, multiple=True))
            print("rows", rows, flush=True)


def consume_batches(connection, channel, name, kind, batch_rows, load, step):
    loader = Loader(connection, channel)
    loader.start()
    channel.basic_qos(prefetch_count=PREFETCH)
    batch, rows, tag = kind(), 0, None
    print("ready", flush=True)
    for method, properties, body in channel.consume(
            name, inactivity_timeout=IDLE_SECONDS):
        if method is not None:
            rows += batch.add(body, int(properties.message_id), load)
            tag = method.delivery_tag
        if rows >= batch_rows or (rows and method is None):
            loader.batches.put((batch, rows, load, tag))
            batch, rows, load = kind(), 0, load + step


def give_up(args):
    sys.excepthook(args.exc_type, args.exc_value, args.exc_traceback)
    os._exit(1)


def main():
    form, name = sys.argv[1:3]
    batch_rows, load, step = map(int, sys.argv[3:6])
    threading.excepthook = give_up
    connection = amqp_connect()
    channel = connection.channel()
    if form == "insert":
        consume_single(channel, name)
    else:
        consume_batches(connection, channel, name,
                        {"copy": Copy, "values": Values}[form], batch_rows, load, step)


main()

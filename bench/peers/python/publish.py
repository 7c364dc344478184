"""publish.py - a file's events to a queue, durable and confirmed, RECORDS of
them in a message, as they stand in the file.

usage: publish.py FILE QUEUE RECORDS
"""
import itertools
import sys

import pika

from shared import amqp_connect


def main():
    name, queue, records = sys.argv[1], sys.argv[2], int(sys.argv[3])
    connection = amqp_connect()
    channel = connection.channel()
    channel.confirm_delivery()
    print("ready", flush=True)
    sys.stdin.readline()
    first = 1
    with open(name, "rb", buffering=1 << 20) as file:
        while lines := list(itertools.islice(file, records)):
            # waits for the confirm of the broker
            channel.basic_publish("", queue, b"".join(lines), pika.BasicProperties(
                delivery_mode=2, message_id=str(first)), mandatory=True)
            first += len(lines)
    connection.close()


main()

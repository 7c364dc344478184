"""queue_tool.py - a peer's queue, durable as the peers have it.

usage: queue_tool.py declare|delete|count QUEUE
count: the messages that lie in it, once for each line of standard input
"""
import sys

from shared import amqp_connect


def main():
    verb, name = sys.argv[1:]
    connection = amqp_connect()
    channel = connection.channel()
    if verb == "declare":
        channel.queue_delete(name)
        channel.queue_declare(name, durable=True)
        # for tools that do not publish to the default exchange
        channel.queue_bind(name, "amq.direct", name)
    elif verb == "delete":
        channel.queue_delete(name)
    else:
        for _ in sys.stdin:
            found = channel.queue_declare(name, passive=True)
            print(found.method.message_count, flush=True)
    connection.close()


main()

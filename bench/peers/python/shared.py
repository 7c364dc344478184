"""shared.py - what publisher and consumer of the Python peers share."""
import os

import pika

COLUMNS = ("id", "event_type", "username", "user_email", "user_type",
           "organization_name", "plan_name", "received_at")


def amqp_connect():
    with open(os.environ["BENCH_AMQP_PASSWORD_FILE"], encoding="utf-8") as file:
        password = file.read().strip()
    return pika.BlockingConnection(pika.ConnectionParameters(
        host=os.environ["BENCH_AMQP_HOST"], port=int(os.environ["BENCH_AMQP_PORT"]),
        virtual_host=os.environ["BENCH_AMQP_VHOST"], heartbeat=0,
        credentials=pika.PlainCredentials(os.environ["BENCH_AMQP_USER"], password)))

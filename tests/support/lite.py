"""Asks an SQLite file: lite.py FILE SQL... One row a line, values between bars,
nulls are NULL, blobs hex."""
import sqlite3
import sys

base = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
base.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")


def shown(value):
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):  # as PostgreSQL has it
        return repr(value).removesuffix(".0")
    return str(value)


for query in sys.argv[2:]:
    for row in base.execute(query):
        print("|".join(shown(value) for value in row))

"""Asks an SQLite file: lite.py FILE SQL... One row a line, values between bars,
nulls are NULL, blobs hex."""
import decimal
import sqlite3
import sys


class DecimalSum:
    """What Sluice and SQLite's own shell have, and Python has not."""

    def __init__(self):
        self.sum = None

    def step(self, text):
        if text is not None:
            self.sum = (self.sum or decimal.Decimal()) + decimal.Decimal(text)

    def finalize(self):
        return None if self.sum is None else str(self.sum)


base = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
base.create_aggregate("decimal_sum", 1, DecimalSum)
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

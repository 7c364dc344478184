#!/usr/bin/env python3
"""expected_fact_events.py - the right answer for modelled.fact_events.

Worked out from the sample alone, by another road than the SQL: plain sets
and loops, no database. Prints the CSV kept beside the sample:

    tests/support/expected_fact_events.py tests/data/events_sample.json \
        > tests/data/expected_fact_events.csv

Rows are sorted by date, organisation, type, byte by byte, nulls last, and a
null is an empty field, as `copy ... to stdout csv header` writes them.
"""
import csv
import json
import sys


def value(text):
    """An empty string and a null are the same absence."""
    return text if text else None


def newest_versions(events):
    """One event a key; the sample's duplicates are exact."""
    found = {}
    for event in events:
        key = (event["id"], event["event_type"], event["received_at"])
        assert found.setdefault(key, event) == event, key
    return list(found.values())


def base_rows(events):
    return {(event["received_at"][:10], value(event["username"]),
             value(event["user_type"]), value(event["organization_name"]))
            for event in events}


def fact_rows(base):
    for date, _, kind, organisation in base:
        day = [row for row in base if row[0] == date]
        yield [date, organisation, kind,
               len(day),
               len({row[1] for row in day} - {None}),  # nobody is no user
               sum(row[3] == organisation for row in day),
               sum(row[2] == kind for row in day)]


def order(row):
    date, organisation, kind = row[:3]
    return (date,
            organisation is None, (organisation or "").encode(),
            kind is None, (kind or "").encode(), row[3:])


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        events = newest_versions(json.load(file))
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["received_at", "organization_name", "user_type",
                  "total_events_by_date",
                  "total_events_by_date_unique_users",
                  "total_events_by_date_by_org",
                  "total_events_by_date_by_usertype"])
    for row in sorted(fact_rows(base_rows(events)), key=order):
        out.writerow(["" if field is None else field for field in row])


if __name__ == "__main__":
    main()

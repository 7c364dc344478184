"""prepare.py - the events of a file, one a line and nothing else, and what must
be in the master in the end.

usage: prepare.py FILE LINES ANSWER

FILE may be an array with one event a line. ANSWER gets "RECORDS KEYS LENGTHS
MICROSECONDS": distinct keys, and the sums of all texts' lengths and of the
seconds' part of received_at over the last version of each key.
"""
import json
import sys

TEXTS = ("id", "event_type", "username", "user_email", "user_type",
         "organization_name", "plan_name")


def main():
    records = 0
    rows = {}
    with open(sys.argv[1], encoding="utf-8") as source, \
            open(sys.argv[2], "w", encoding="utf-8") as lines:
        for line in source:
            line = line.strip().removeprefix("[").rstrip(",]")
            if not line:
                continue
            event = json.loads(line)
            lines.write(line + "\n")
            records += 1
            when = event["received_at"]
            key = hash((event["id"], event["event_type"], when))
            rows[key] = (sum(len(event[name] or "") for name in TEXTS),
                         round(float(when[17:]) * 1e6))
    with open(sys.argv[3], "w", encoding="utf-8") as answer:
        print(records, len(rows), sum(row[0] for row in rows.values()),
              sum(row[1] for row in rows.values()), file=answer)


main()

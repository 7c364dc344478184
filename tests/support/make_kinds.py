"""Writes records of every column type, the same for a seed: make_kinds.py SEED
COUNT. Keys come again with newer, older and equal versions; some records are
bad."""
import json
import random
import sys

dice = random.Random(int(sys.argv[1]))


def amount():
    return dice.choice([
        "0", "-0.0", "1", "1.0", "1.00", "0.10", "12.345", "-7.5", "1e3",
        "99999999999999999999.01", "-0.000000001", "123456789012345678901234567890",
        str(dice.randrange(-1000, 1000) / 100)])


def document():
    keys = ["a", "b", "bb", "\u00e4", "z z", "", "q\"t"]
    dice.shuffle(keys)
    body = ", ".join("%s: %s" % (json.dumps(k), dice.choice([
        "1", "1.0", "1.50", "2e2", "null", "true", '"x\\u00e9\\n"', "[]", "[1,  {}]",
        '{"n": 1,"m":[3,2]}'])) for k in keys[:dice.randrange(5)])
    return dice.choice(["{%s}" % body, "[{%s}, 1]" % body, "3", "null", '"t\\/x"'])


def record(number):
    key = dice.randrange(60)
    fields = {
        "id": str(key),
        "sub": json.dumps("k%d" % (key % 3)),
        "part": ["1", "1.0", "1.00", "2.5"][key % 4 if dice.random() < 0.9 else 3],
        "version": dice.choice(["1", "2", "2.0", "3", "10", "null"]),
        "amount": amount(),
        "share": dice.choice(["0.1", "1e10", "-2.5", "3", "1e-300"]),
        "ok": dice.choice(["true", "false", "null"]),
        "seen": json.dumps(dice.choice([
            "2024-02-29 23:59:59.999999", "2024-03-01T00:00:00Z",
            "2024-03-01 01:00:00+05:30", "0001-01-01 00:00:00",
            "9999-12-31 23:59:59.5", "1969-12-31 23:59:59.000001"])),
        "at": json.dumps(dice.choice([
            "2024-03-01T00:00:00Z", "2024-03-01T12:30:00.25-08:00",
            "1999-12-31T23:59:59.1+01:00"])),
        "day": json.dumps(dice.choice(["2024-02-29", "1900-03-01", "2000-12-31",
                                       "0004-02-29"])),
        "uid": json.dumps(dice.choice([
            "6f9619ff-8b86-d011-b42d-00c04fc964ff",
            "6F9619FF-8B86-D011-B42D-00C04FC964FE"])),
        "doc": document(),
        "label": json.dumps(dice.choice(["", "a|b", "\u4e2d\u6587", "line\nbreak",
                                         "tab\t", "'quote'", "\U0001f600"])),
        "people": "[%s]" % ", ".join(
            '{"nr": %d, "name": "p%d"}' % (dice.randrange(20), dice.randrange(4))
            for _ in range(dice.randrange(3))),
        "more": dice.choice(["1", "1.0", '"x"']),
    }
    if dice.random() < 0.1:
        fields.pop(dice.choice(["label", "amount", "doc", "more"]))
    if dice.random() < 0.06:
        fields[dice.choice(["day", "uid", "id", "amount", "seen"])] = '"wrong"'
    return "{%s}" % ", ".join('"%s": %s' % pair for pair in fields.items())


for n in range(int(sys.argv[2])):
    print(record(n))
    if dice.random() < 0.01:
        print("{]")

#!/usr/bin/env python3
"""metric_names.py - EXPOSED FILE...: the names of metrics in alert rules and
dashboards (FILEs) that no daemon exposes (EXPOSED: what /metrics said), one a
line, with their file. Names of functions, labels and so on are no metrics: a
metric is a word that begins as ours do."""
import json
import re
import sys

WORD = re.compile(r"\b(?:sluice|process)_[a-z0-9_]+\b")
SERIES = ("_bucket", "_sum", "_count")


def exposed(path):
    names = set()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            words = line.split(" ")
            if words[:2] == ["#", "TYPE"]:
                names.add(words[2])
                if words[3].strip() == "histogram":
                    names.update(words[2] + end for end in SERIES)
    return names


def expressions(node):
    """All PromQL of a dashboard."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "expr":
                yield value
            else:
                yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


def text_of(path):
    with open(path, encoding="utf-8") as file:
        if path.endswith(".json"):
            return "\n".join(expressions(json.load(file)))
        return "\n".join(re.findall(r"expr:(.*?)\n\s*(?:for|labels):",
                                    file.read(), re.S))


def main():
    known = exposed(sys.argv[1])
    for path in sys.argv[2:]:
        names = set(WORD.findall(text_of(path)))
        if not names:
            print(path, "names no metric at all")
        for name in sorted(names - known):
            print(path, name)


main()

#!/usr/bin/env python3
"""report.py - what bench/run.sh has measured, as JSON, table, chart and page.

usage: report.py collect FOLDER   its files taken, about, peers, skipped, growth
                                  as JSON
       report.py table FILE       that JSON for people
       report.py svg FILE         the chart
       report.py docs TOP         from bench/results/latest.json the chart and the
                                  section Figures of docs/PERFORMANCE.md
       report.py check TOP        1 unless these are what docs would write
"""
import json
import os
import re
import sys

from chart import draw

HERE = os.path.dirname(os.path.abspath(__file__))
PARTS = {
    "a": "reader only, one core",
    "b": "producer to broker",
    "c": "broker to committed master and models",
    "d": "whole path",
    "e": "latency of one small file",
    "g": "processor and memory",
    "h": "idle",
    "i": "start",
    "p": "beside what one would use instead",
}
# Peers have no models: beside them is the path with models and without.
BATCHING = {"whole_path_over_best_batching_peer": "path",
            "whole_path_bare_over_best_batching_peer": "path_bare"}
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def figures():
    """The rows of bench/figures, in their order."""
    names = ("key", "unit", "part", "what", "limit", "aim")
    with open(os.path.join(HERE, "figures"), encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                cells = [cell.strip() for cell in line.split("|")]
                yield dict(zip(names, cells + [""]))


# -- collecting ---------------------------------------------------------------

def pairs(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n").split("\t")


def middle(values):
    values = sorted(values)
    half = len(values) // 2
    if len(values) % 2:
        return values[half]
    return (values[half - 1] + values[half]) / 2


def summary(unit, values):
    return {"unit": unit, "median": rounded(middle(values)),
            "min": rounded(min(values)), "max": rounded(max(values)),
            "rounds": [rounded(value) for value in values]}


def rounded(value):
    return float(f"{value:.6g}")


def quotients(above, below):
    return [a / b for a, b in zip(above, below) if b > 0]


def collect(folder):
    taken = {}
    for key, value in pairs(folder, "taken"):
        taken.setdefault(key, []).append(float(value))
    out = {"about": dict(pairs(folder, "about"))}
    for row in figures():
        values = taken.get(row["key"], [])
        if " / " in row["limit"]:
            above, below = row["limit"].split(" / ")
            values = quotients(taken.get(above, []), taken.get(below, []))
        if values:
            out[row["key"]] = summary(row["unit"], values)
    out["peers"] = peers(folder, taken)
    out["skipped"] = {row[0]: row[-1] for row in pairs(folder, "skipped")}
    against_peers(out, taken)
    growth = [" ".join(row).rstrip() for row in pairs(folder, "growth")]
    if growth:
        out["growth"] = growth
    return out


def peers(folder, taken):
    out = {}
    for name, shape, version, what, records in pairs(folder, "peers"):
        one = {"shape": shape, "version": version, "what": what,
               "records": int(records)}
        for number, tail in (("1", ""), ("2", "_two")):
            for key, unit in (("per_s", "records/s"), ("cpu_us", "us"),
                              ("rss_mib", "MiB")):
                values = taken.get(f"peer_{name}_{number}_{key}", [])
                if values:
                    one[key + tail] = summary(unit, values)
        if "per_s" in one:
            out[name] = one
    return out


def against_peers(out, taken):
    """Ours over theirs: the best that has our shape, and one insert an event."""
    def over(key, ours, name, number):
        values = quotients(taken.get(ours, []),
                           taken.get(f"peer_{name}_{number}_per_s", []))
        if values:
            out[key] = summary("ratio", values)
            out[key]["peer"] = name

    def best(key):
        shaped = [(peer[key]["median"], name)
                  for name, peer in out["peers"].items()
                  if peer["shape"] in ("path", "consumer") and key in peer]
        return max(shaped)[1] if shaped else None

    for key, ours in BATCHING.items():
        over(key, ours + "_per_s", best("per_s"), "1")
        over(key + "_two", ours + "_two_per_s", best("per_s_two"), "2")
    over("whole_path_over_python_insert", "path_per_s", "python-insert", "1")
    over("whole_path_bare_over_python_insert", "path_bare_per_s", "python-insert", "1")


# -- telling ------------------------------------------------------------------

def number(value):
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def reached(aim, value):
    sign, bound = aim.split()
    bound = float(bound)
    return {">=": value >= bound, "<=": value <= bound,
            "<": value < bound}[sign]


def share(data, row):
    """Of the limit, round by round."""
    limit = data.get(row["limit"])
    if not limit:
        return ""
    values = quotients(data[row["key"]]["rounds"], limit["rounds"])
    return f"{100 * middle(values):.0f} %" if values else ""


def verdict(data, row):
    if not row["aim"]:
        return ""
    hit = reached(row["aim"], data[row["key"]]["median"])
    return f"{row['aim']}: {'reached' if hit else 'missed'}"


def headline(about):
    size = int(about["events_bytes"]) // int(about["records"])
    nested = int(about["nested_bytes"]) // int(about["nested_records"])
    return (f"{int(about['records']):,} records of {size} bytes, "
            f"{int(about['nested_records']):,} of {nested}; "
            f"{about['rounds']} rounds in {about['seconds']} s")


def machine(about):
    return (f"{about['processors']} processors ({about['processor']}), "
            f"{about['memory_mib']} MiB, Linux {about['kernel']}, "
            f"{about['file_system']}, load {about['load_before']} before and "
            f"{about['load_after']} after; PostgreSQL {about['postgresql']}, "
            f"RabbitMQ {about['rabbitmq']}, Sluice {about['sluice']} at "
            f"{about['commit']}" + (" (changed)" if "changed" in about else ""))


def peer_rows(data, versions=True):
    for name, peer in data["peers"].items():
        label = f"{name} ({peer['version']})" if versions else name
        if peer["records"] != int(data["about"]["records"]):
            label += f" ({peer['records']:,} records)"
        yield label, peer, peer["per_s"]
        if "per_s_two" in peer:
            yield f"{label}, two connections", peer, peer["per_s_two"]


def part_title(row):
    return f"({row['part']}) {PARTS[row['part']]}"


def taken_rows(data):
    """Figures that were taken, and whether each is the first of its part."""
    part = None
    for row in figures():
        if row["key"] in data:
            yield row, data[row["key"]], row["part"] != part
            part = row["part"]


def table(data, out):
    line = "{:<56} {:>10} {:>10} {:>10} {:>6}  {}\n"
    out.write(headline(data["about"]) + "\n" + machine(data["about"]) + "\n")
    for row, got, first in taken_rows(data):
        if first:
            out.write("\n" + line.format(part_title(row), "median", "min",
                                         "max", "limit", "aim"))
        unit = "" if row["unit"] == "ratio" else ", " + row["unit"]
        out.write(line.format(row["what"] + unit, number(got["median"]),
                              number(got["min"]), number(got["max"]),
                              share(data, row), verdict(data, row)).rstrip()
                  + "\n")
    if data["peers"]:
        out.write("\npeers, records/s\n")
    for label, peer, got in peer_rows(data, versions=False):
        out.write(line.format(f"{label}, {peer['shape']}", number(got["median"]),
                              number(got["min"]), number(got["max"]), "",
                              "").rstrip() + "\n")
    for name, reason in data["skipped"].items():
        out.write(f"skipped {name}: {reason}\n")
    for text in data.get("growth", []):
        out.write(text + "\n")


# -- the page -----------------------------------------------------------------

def section(data):
    out = [f"{headline(data['about'])}. {machine(data['about'])}.", "",
           "![The figures as bars](images/performance.svg)", ""]
    for row, got, first in taken_rows(data):
        if first:
            out += ["", f"### {part_title(row)}", "",
                    "| | | median | min | max | of the limit |",
                    "|---|---|--:|--:|--:|--:|"]
        out.append(f"| {row['what']} | {row['unit']} | {number(got['median'])} | "
                   f"{number(got['min'])} | {number(got['max'])} | "
                   f"{share(data, row)} |")
    if data["peers"]:
        out += ["", "| instead | how | records/s | min | max | MiB |",
                "|---|---|--:|--:|--:|--:|"]
    for label, peer, got in peer_rows(data):
        out.append(f"| {label} | {peer['shape']}: {peer['what']} | "
                   f"{number(got['median'])} | {number(got['min'])} | "
                   f"{number(got['max'])} | "
                   f"{number(peer['rss_mib']['median'])} |")
    if data["skipped"]:
        out.append("")
    for name, reason in data["skipped"].items():
        out.append(f"* skipped: {name}, {reason}")
    if "growth" in data:
        out += ["", "### (f) growth", "", "```"] + data["growth"] + ["```"]
    return "\n".join(out + aims(data)) + "\n"


def aims(data):
    out = ["", "### Aims", "", "| aim | reached | |", "|---|--:|---|"]
    for row in figures():
        if row["aim"] and row["key"] in data:
            got = data[row["key"]]["median"]
            unit = "" if row["unit"] == "ratio" else " " + row["unit"]
            name = row["what"] if row["part"] in "dp" else \
                f"{PARTS[row['part']]}: {row['what']}"
            out.append(f"| {name} {row['aim']}{unit} | {number(got)} | "
                       f"{'yes' if reached(row['aim'], got) else 'no'} |")
    return out


def page(top, data):
    path = os.path.join(top, "docs", "PERFORMANCE.md")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if BEGIN not in text or END not in text:
        sys.exit(f"{path}: no place for the figures")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    section_text = re.sub(r"\n{3,}", "\n\n", section(data))
    return path, f"{head}{BEGIN}\n{section_text}{END}{tail}"


def written(top):
    """What belongs into which file."""
    with open(os.path.join(top, "bench", "results", "latest.json"),
              encoding="utf-8") as file:
        data = json.load(file)
    path, text = page(top, data)
    return {path: text,
            os.path.join(top, "docs", "images", "performance.svg"): draw(data)}


def docs(top):
    for path, text in written(top).items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def check(top):
    bad = 0
    for path, text in written(top).items():
        with open(path, encoding="utf-8") as file:
            if file.read() != text:
                print(f"{path}: not what bench/report.py docs would write")
                bad = 1
    sys.exit(bad)


def load(name):
    with open(name, encoding="utf-8") as file:
        return json.load(file)


def main(words):
    verbs = {
        "collect": lambda word: json.dump(collect(word), sys.stdout, indent=1),
        "table": lambda word: table(load(word), sys.stdout),
        "svg": lambda word: sys.stdout.write(draw(load(word))),
        "docs": docs,
        "check": check,
    }
    if len(words) != 3 or words[1] not in verbs:
        sys.exit(__doc__)
    verbs[words[1]](words[2])


if __name__ == "__main__":
    main(sys.argv)

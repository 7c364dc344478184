#!/usr/bin/env python3
"""openapi.py - holds a server to docs/openapi.yaml, and that file to the server.

usage: openapi.py FILE ROUTES.c URL TOKEN SOURCE_ID REJECT_ID

Every documented path is asked, with and without its token; every answer must
have the documented keys and types, no more and no less. Every path in the
server's table must be documented, with its method and its need of a token.
Prints what does not agree; "N answers, M faults" at the end, exit 1 with any.
"""
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

import yaml

TYPES = {"string": str, "boolean": bool, "array": list, "object": dict}
faults = 0
answers = 0


def complain(where, text):
    global faults
    faults += 1
    print(f"{where}: {text}")


class Spec:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.root = yaml.safe_load(file)

    def see(self, node):
        while "$ref" in node:
            found = self.root
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node

    def check(self, value, schema, where):
        schema = self.see(schema)
        if value is None:
            if schema and not schema.get("nullable"):
                complain(where, "is null")
            return
        for part in schema.get("allOf", []):
            self.check(value, part, where)
        if "type" in schema:
            self.check_type(value, schema, where)

    def check_type(self, value, schema, where):
        kind = schema["type"]
        if kind in ("integer", "number"):
            good = isinstance(value, int) or (
                kind == "number" and isinstance(value, float))
            if not good or isinstance(value, bool):
                complain(where, f"{value!r} is no {kind}")
            return
        if not isinstance(value, TYPES[kind]):
            complain(where, f"{value!r} is no {kind}")
            return
        if value not in schema.get("enum", [value]):
            complain(where, f"{value!r} is none of {schema['enum']}")
        if schema.get("format") == "date-time" and not re.fullmatch(
                r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
            complain(where, f"{value!r} is no time")
        if kind == "array":
            for at, item in enumerate(value):
                self.check(item, schema["items"], f"{where}[{at}]")
        if kind == "object":
            self.check_object(value, schema, where)

    def check_object(self, value, schema, where):
        known = schema.get("properties", {})
        others = schema.get("additionalProperties", {})
        for key in schema.get("required", []):
            if key not in value:
                complain(where, f"lacks {key}")
        for key, item in value.items():
            if key in known:
                self.check(item, known[key], f"{where}.{key}")
            elif others is False:
                complain(where, f"{key} is not documented")
            else:
                self.check(item, others, f"{where}.{key}")


def ask(url, token=None, body=None):
    headers = {"Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, data=data, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=120) as answer:
            return answer.status, answer.headers, answer.read(1 << 24)
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def check_answer(spec, operation, url, token, body):
    global answers
    status, headers, text = ask(url, token, body)
    answers += 1
    where = url.split("/api/v1", 1)[1]
    if status != 200:
        complain(where, f"{status} {text[:300]!r}")
        return {}
    content = operation["responses"]["200"]["content"]
    if headers["Content-Type"] not in content:
        complain(where, f"is {headers['Content-Type']}")
        return {}
    value = json.loads(text)
    spec.check(value, content["application/json"]["schema"], where)
    return value


def check_refusal(spec, url, body):
    global answers
    status, _, text = ask(url, None, body)
    answers += 1
    if status != 401:
        complain(url, f"{status} without a token")
    else:
        error = spec.root["components"]["responses"]["error"]
        spec.check(json.loads(text), error["content"]["application/json"]
                   ["schema"], url)


def chart_words(base, token):
    _, _, text = ask(f"{base}/charts", token)
    for chart in json.loads(text)["items"]:
        words = {"model": chart["model"], "x": chart["x"],
                 "measure": chart["measures"][0]}
        if chart["by"]:
            words["by"] = chart["by"]
        yield words


def words_of(path, base, token, ids):
    """The queries with which a path is asked."""
    if path == "/charts/data":
        return list(chart_words(base, token))
    if path == "/rejects":
        return [{}, {"state": "all", "limit": 1}, {"reject_id": ids["reject"]}]
    if path == "/sources":
        return [{}, {"state": "rejected"}, {"name": "SAMPLE", "limit": 1}]
    if path == "/tests/failures":
        return [{"pipeline": "events", "test": "never_true"}]
    return [{}]


BODIES = {
    "/actions/pause": {"dataset": "events.orgs", "reason": "a test"},
    "/actions/resume": {"dataset": "events.orgs"},
    "/actions/run-models": {"models": ["events.fact_events"]},
}


def walk(spec, base, token, ids):
    for path, operations in spec.root["paths"].items():
        (method, operation), = operations.items()
        number = ids["reject" if path.startswith("/rejects") else "source"]
        url = base + path.replace("{id}", str(number))
        body = BODIES.get(path, {"source_id": number}) \
            if method == "post" else None
        if "text/event-stream" in operation["responses"]["200"]["content"]:
            check_stream(spec, url)
            continue
        if "security" in operation:
            check_refusal(spec, url, body)
        for words in words_of(path, base, token, ids):
            full = url + ("?" + urllib.parse.urlencode(words) if words else "")
            for who in (None, token) if "security" not in operation else (token,):
                check_answer(spec, operation, full, who, body)


def check_stream(spec, url):
    global answers
    answers += 1
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=120) as answer:
        for line in answer:
            if line.startswith(b"data: "):
                schema = {"$ref": "#/components/schemas/Live"}
                spec.check(json.loads(line[6:]), schema, "/live")
                return
    complain("/live", "ended without an event")


def check_table(spec, routes):
    """The server's own table, as its source has it."""
    with open(routes, encoding="utf-8") as file:
        rows = re.findall(r'\{ "/api/v1([^"]*)", (SERVE_\w+), serve_', file.read())
    if not rows:
        complain(routes, "no table of routes in it")
    paths = spec.root["paths"]
    for path, rule in rows:
        if path not in paths:
            complain(path, "is not documented")
            continue
        (method, operation), = paths[path].items()
        if (method == "post") != (rule == "SERVE_ACTION"):
            complain(path, f"is documented as {method}")
        if ("security" in operation) != (rule != "SERVE_OPEN"):
            complain(path, "is documented with another need of the token")
    for path in paths:
        if path not in [row[0] for row in rows]:
            complain(path, "is documented, but not there")


def main():
    file, routes, url, token, source, reject = sys.argv[1:]
    spec = Spec(file)
    check_table(spec, routes)
    walk(spec, url + "/api/v1", token, {"source": int(source), "reject": int(reject)})
    print(f"{answers} answers, {faults} faults")
    sys.exit(1 if faults else 0)


main()

"""The description of the interface: true to the server, and held to by it whatever is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.web.conftest import Reply, Server, form, music, serving, wav

from genrewise.web.openapi import description
from genrewise.web.routes import BASE, ROUTES

SPEC = description(BASE, ROUTES, token=False)
OPERATIONS = [
    (method, path, operation)
    for path, methods in SPEC["paths"].items()
    for method, operation in methods.items()
]
#: Fuzzed without: they would start a training, or hold a stream open.
LEFT_OUT = {("post", f"{BASE}/labelling/train"), ("get", f"{BASE}/labelling/train/events")}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with all of its rooms, and clients without limits."""
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("everything")
    (folder / "songs").mkdir()
    (folder / "songs" / "a.wav").write_bytes(wav(music(3.0)))
    db = folder / "library.sqlite3"
    tag = ["tag", folder / "songs", "--db", db, "--model", "small-gtzan-v1"]
    subprocess.run([sys.executable, "-m", "genrewise", *map(str, tag)], check=True, text=True)
    rooms = ("--db", str(db), "--label", str(folder / "songs"), "--allow-urls")
    limits = ("--client-requests", "1000000", "--client-jobs", "1000", "--queue", "1000")
    with serving(folder / "s", *rooms, *limits) as running:
        yield running
        assert running.process.poll() is None
        log = (folder / "s" / "stderr").read_text("utf-8")
        assert "Traceback" not in log


# -- schemas


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return SPEC["components"]["schemas"][name] if name else schema


def faults(value: Any, schema: Any, at: str = "") -> list[str]:
    """Where a value is not what a schema says; the part of JSON Schema that is used here."""
    if schema is None:
        return []
    schema = resolved(schema)
    for word in ("anyOf", "oneOf"):
        if word in schema and "properties" not in schema:
            tries = [faults(value, one, at) for one in schema[word]]
            return [] if any(not found for found in tries) else min(tries, key=len)
    found = [f for one in schema.get("allOf", ()) for f in faults(value, one, at)]
    kind = schema.get("type")
    if kind and not _is(value, kind):
        return [*found, f"{at}: {value!r} is no {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = schema.get("minimum", -1e99), schema.get("maximum", 1e99)
        found += [] if low <= value <= high else [f"{at}: {value}"]
    if isinstance(value, list):
        items = schema.get("items")
        found += [f for i, one in enumerate(value) for f in faults(one, items, f"{at}[{i}]")]
    if isinstance(value, dict):
        found += [f"{at}.{n}: missing" for n in schema.get("required", ()) if n not in value]
        known = schema.get("properties", {})
        more = schema.get("additionalProperties")
        for name, one in value.items():
            below = known.get(name, more if isinstance(more, dict) else None)
            found += faults(one, below, f"{at}.{name}")
    return found


def _is(value: Any, kind: str) -> bool:
    if kind in ("number", "integer"):
        right = isinstance(value, int) or (kind == "number" and isinstance(value, float))
        return right and not isinstance(value, bool)
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    return isinstance(value, types[kind])


def test_every_operation_is_told_of_once_and_every_shape_is_there() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names)) == len(ROUTES)
    for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(SPEC)):
        assert name in SPEC["components"]["schemas"]
    for _, path, operation in OPERATIONS:
        told = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert told == set(re.findall(r"{(\w+)}", path))
        assert operation["summary"].endswith(".")


def test_the_server_sends_its_description(everything: Server) -> None:
    assert everything.get("/openapi.json").json == json.loads(json.dumps(SPEC))


def test_answers_have_the_shapes_that_are_told(everything: Server) -> None:
    done = everything.classify(wav(music(3.0)), timeline="1", picture="1")
    row = everything.get("/library/review").json["items"]
    given = {"id": done["id"], "name": "small-gtzan-v1", "file": "second-chorus.ogg", "n": "0"}
    if row:
        assert faults(row[0], {"$ref": "#/components/schemas/ReviewItem"}) == []
    report = everything.get("/reports").json[0]
    asked = 0
    for method, path, operation in OPERATIONS:
        if method != "get" or (method, path) in LEFT_OUT:
            continue
        here = {**given, **report} if "/reports/" in path else given
        reply = everything.ask("GET", path.format_map(here))
        told = operation["responses"][str(reply.status)]["content"]
        (kind, content), *_ = told.items()
        if kind in ("application/json", "application/problem+json"):
            assert reply.headers["Content-Type"] == kind
            assert faults(reply.json, content["schema"]) == [], path
            asked += reply.status == 200
    assert asked >= 12
    assert faults(done, {"$ref": "#/components/schemas/Result"}) == []
    failed = everything.classify(b"no music", "x.mp3")
    assert faults(failed, {"$ref": "#/components/schemas/Failure"}) == []


# -- whatever is sent

TEXTS = st.text(max_size=30) | st.sampled_from(
    ["../../etc/passwd", "%00", "\r\nX: y", "a" * 5000, "١", "-1", "1e999", "{}", "'", "\ud800"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXTS, below, max_size=3),
    max_leaves=5,
)


def of_schema(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that may fit a schema, and often do not."""
    schema = resolved(schema)
    if "enum" in schema:
        return st.sampled_from(schema["enum"]) | VALUES
    if "properties" in schema:
        known = {name: of_schema(one) for name, one in schema["properties"].items()}
        return st.fixed_dictionaries({}, optional={**known, "more": VALUES}) | VALUES
    if "anyOf" in schema:
        return st.one_of(*(of_schema(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return st.lists(of_schema(schema.get("items", {})), max_size=12) | VALUES
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "integer": st.integers(-2, 300),
        "number": st.floats(-1, 100),
        "boolean": st.booleans(),
        "string": TEXTS,
    }
    return kinds.get(schema.get("type", ""), VALUES) | VALUES


def part(value: str) -> str:
    """A value in an address, whatever it holds."""
    return quote(value.encode("utf-8", "surrogatepass"), safe="") or "%20"


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, Any, str, dict[str, Any]]:
    """A method, an address, a body and its type, and what is told of the operation."""
    method, path, operation = draw(
        st.sampled_from([o for o in OPERATIONS if (o[0], o[1]) not in LEFT_OUT])
    )
    path = re.sub(r"{\w+}", lambda _: part(draw(TEXTS)), path)
    if draw(st.booleans()):
        names = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]
        name = draw(st.sampled_from([*names, "x"]))
        value = draw(st.integers(-5, 10**12).map(str) | TEXTS)
        path += "?" + urlencode({name: value.encode("utf-8", "surrogatepass")})
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return method.upper(), path, None, "", operation
    kind = draw(st.sampled_from(sorted(content)))
    if kind == "application/json":
        body = json.dumps(draw(of_schema(content[kind]["schema"])))
        return method.upper(), path, body.encode("utf-8", "surrogatepass"), kind, operation
    fields = draw(st.dictionaries(TEXTS, TEXTS, max_size=3))
    plain = {k.encode("utf-8", "replace").decode(): v for k, v in fields.items()}
    plain = {k: v.encode("utf-8", "replace").decode() for k, v in plain.items()}
    files = [("file", "a.wav", draw(st.binary(max_size=200)))] * draw(st.integers(0, 2))
    body, kind = form(plain, files)
    return method.upper(), path, body, kind, operation


def check(reply: Reply, operation: dict[str, Any], folder: Path) -> None:
    """A status that is told of, a body of its shape, nothing of the machine."""
    assert reply.status < 500
    assert str(folder).encode() not in reply.body
    assert b"Traceback" not in reply.body
    kind = reply.headers.get("Content-Type", "")
    if kind == "application/problem+json":
        assert faults(reply.json, {"$ref": "#/components/schemas/Problem"}) == []
    # An empty part of an address, or one with a slash, is another address.
    if reply.status not in (404, 405, 308):
        assert str(reply.status) in operation["responses"], reply.body
    if kind == "application/json" and reply.status == 200:
        told = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert faults(reply.json, told) == []


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests())
def test_nothing_that_is_sent_breaks_it(
    everything: Server, sent: tuple[str, str, Any, str, dict[str, Any]]
) -> None:
    method, path, body, kind, operation = sent
    reply = everything.ask(method, path, body, {"Content-Type": kind} if kind else {})
    check(reply, operation, everything.folder.parent.parent)


def test_after_all_of_that_nothing_lies_about(everything: Server) -> None:
    import time

    until = time.monotonic() + 60
    while everything.left() and time.monotonic() < until:
        time.sleep(0.1)
    assert everything.left() == []
    assert everything.get("/health").json["status"] == "ok"

"""Holds real answers of the client API against the openapi.json that it serves.

    api = OpenApi.served("http://127.0.0.1:7070")
    view = api.check("POST", "/v1/transactions", 201, body)

or, for a whole test process,

    openapi_check.load("http://127.0.0.1:7070")
    openapi_check.check("GET", "/v1/transactions?limit=2", 200, body)

Without load() it is the repository's file, which is the one that is compiled in.

An answer agrees when its path, method and status are described, its body is what the schema says, and its content
type and headers are (where they are given). What is not described is a 404, what takes no such method a 405, both
with a problem as body. Needs python3-jsonschema.
"""

import json
import re
import urllib.request
from pathlib import Path

import jsonschema

FILE = Path(__file__).resolve().parents[2] / "coordinator" / "api" / "openapi.json"
BODY_SHOWN_MAX = 600
SECONDS_MAX = 10
# The server's own refusals: they come before anybody has looked for a path.
BEFORE_THE_PATH = {400, 408, 413, 414, 431, 501, 503, 505}


class Disagreement(AssertionError):
    """An answer that openapi.json does not describe."""


def _no_duplicates(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has the same member twice")
    return members


def _not_json(word):
    raise ValueError(f"{word} is not JSON")


def _parse(body):
    """JSON as the RFC has it: no NaN, no member twice. Numbers stay what they are as far as Python can."""
    return json.loads(body.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_not_json)


def parse_events(body):
    """Server-sent events (WHATWG HTML, section 9.2) as a list of their fields; `data` is parsed as JSON. Comments and
    an event whose end has not come are left out."""
    events = []
    for block in body.decode("utf-8").split("\n\n")[:-1]:
        fields = {}
        for line in block.split("\n"):
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError(f"a line without a colon: {line!r}")
            if name in fields:
                raise ValueError(f"an event has {name} twice")  # ours have one line of data
            if name:
                fields[name] = value.removeprefix(" ")
        if fields:
            events.append({**fields, "data": _parse(fields["data"].encode())} if "data" in fields else fields)
    return events


def _pattern(path):
    """A path with {…} as a regular expression: each {…} is one segment."""
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part)
                              for part in re.split(r"(\{[^}]+\})", path)))


class OpenApi:
    def __init__(self, document):
        self.document = document
        # A path without {…} is looked at before one with: so OpenAPI says.
        self.paths = sorted(((path.count("{"), path, _pattern(path)) for path in document["paths"]),
                            key=lambda entry: entry[:2])

    @classmethod
    def served(cls, base_url, context=None):
        with urllib.request.urlopen(base_url.rstrip("/") + "/openapi.json", timeout=SECONDS_MAX,
                                    context=context) as answer:
            return cls(_parse(answer.read()))

    def resolve(self, value):
        """Follows $ref within the document."""
        while "$ref" in value:
            target = self.document
            for name in value["$ref"].removeprefix("#/").split("/"):
                target = target[name.replace("~1", "/").replace("~0", "~")]
            value = target
        return value

    def faults(self, schema, value):
        """What is wrong with a value, as texts; "#/components/…" in the schema means this document."""
        rooted = {"allOf": [schema], "components": self.document["components"]}
        validator = jsonschema.Draft202012Validator(rooted)
        return [f"{fault.json_path}: {fault.message[:BODY_SHOWN_MAX]}" for fault in validator.iter_errors(value)]

    def operation(self, method, path):
        """(path as described, operation) or (path, None), or (None, None)."""
        bare = path.partition("?")[0]
        described = [name for _, name, pattern in self.paths if pattern.fullmatch(bare)]
        method = "get" if method == "HEAD" else method.lower()
        for name in described:
            if method in self.document["paths"][name]:
                return name, self.document["paths"][name][method]
        return (described[0], None) if described else (None, None)

    def response(self, method, path, status):
        """The described response, or Disagreement."""
        name, operation = self.operation(method, path)
        if operation is not None:
            found = operation["responses"].get(str(status))
        else:
            expected = {401, 429, 404 if name is None else 405}
            answered = status in expected | BEFORE_THE_PATH
            found = self.document["components"]["responses"].get(f"Problem{status}") if answered else None
        if found is None:
            raise Disagreement(f"{method} {path}: status {status} is not described")
        return self.resolve(found)

    def _check_body(self, content, body, content_type):
        if content_type is not None:
            kind = content_type.partition(";")[0].strip().lower()
            if kind not in content:
                return [f"content type {content_type!r} is not one of {', '.join(content)}"], None
            content = {kind: content[kind]}
        readers = {"text/event-stream": ("stream of events", parse_events), "text/plain": ("text", bytes.decode)}
        what, read = next((readers[kind] for kind in content if kind in readers), ("JSON", _parse))
        try:
            value = read(body)
        except ValueError as error:
            return [f"the body is no {what}: {error}"], None
        tries = [self.faults(described["schema"], value) for described in content.values()]
        return min(tries, key=len), value

    def _check_headers(self, response, headers):
        given = {name.lower(): value for name, value in dict(headers).items()}
        for name, described in response.get("headers", {}).items():
            described = self.resolve(described)
            if name.lower() not in given:
                if described.get("required"):
                    yield f"the header {name} is missing"
                continue
            value = given[name.lower()]
            if described["schema"].get("type") == "integer" and re.fullmatch("[0-9]+", value):
                value = int(value)
            yield from (f"header {name}: {fault}" for fault in self.faults(described["schema"], value))

    def check(self, method, path, status, body, content_type=None, headers=None):
        """Raises Disagreement, or returns the parsed body (None where there is none). `headers`: of the answer."""
        response = self.response(method, path, status)
        content = response.get("content", {})
        value, faults = None, []
        if method == "HEAD" or not content:
            faults = ["there is a body, and none is described"] if body else []
        else:
            faults, value = self._check_body(content, body, content_type)
        if headers is not None:
            faults += self._check_headers(response, headers)
        if faults:
            shown = bytes(body)[:BODY_SHOWN_MAX].decode("utf-8", "replace")
            raise Disagreement("\n  ".join([f"{method} {path} {status} is not as openapi.json says:", *faults, shown]))
        return value


_loaded = None


def load(base_url, context=None):
    """Takes the file that this server serves for every check() to come."""
    global _loaded
    _loaded = OpenApi.served(base_url, context)
    return _loaded


def check(method, path, status, body, content_type=None, headers=None):
    """OpenApi.check() with the file of load()."""
    global _loaded
    if _loaded is None:
        _loaded = OpenApi(_parse(FILE.read_bytes()))
    return _loaded.check(method, path, status, body, content_type, headers)

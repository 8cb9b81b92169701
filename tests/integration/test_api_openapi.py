#!/usr/bin/python3
"""openapi.json is complete and true: it is sound in itself, its examples are valid, and every answer that the unit
tests of the API got (each route, each refusal) is as it says. And openapi_check, which finds that out, finds what is
wrong.
"""

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import openapi_check  # noqa: E402
from openapi_check import FILE, Disagreement, OpenApi  # noqa: E402
from troth_test import program  # noqa: E402

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
GTID = "0198f3a2-1c40-8003-8000-040000000001"
ONE = f"/v1/transactions/{GTID}"


def walk(value, at="#"):
    """Every object in a document with its place."""
    if isinstance(value, dict):
        yield at, value
        for name, member in value.items():
            yield from walk(member, f"{at}/{name}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from walk(member, f"{at}/{index}")


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


class TheFile(unittest.TestCase):
    """openapi.json is sound in itself."""

    @classmethod
    def setUpClass(cls):
        cls.document = json.loads(FILE.read_text())
        cls.api = OpenApi(cls.document)

    def test_every_reference_leads_somewhere_and_every_component_is_used(self):
        used = set()
        for at, value in walk(self.document):
            if "$ref" in value:
                with self.subTest(at):
                    self.assertTrue(value["$ref"].startswith("#/components/"))
                    self.api.resolve(value)
                    used.add(value["$ref"])
        there = {f"#/components/{kind}/{name}"
                 for kind, all_of in self.document["components"].items() for name in all_of}
        used |= {f"#/components/securitySchemes/{name}" for way in self.document["security"] for name in way}
        self.assertEqual(there - used, set())

    def test_every_schema_is_one(self):
        for name, schema in self.document["components"]["schemas"].items():
            with self.subTest(name):
                openapi_check.jsonschema.Draft202012Validator.check_schema(schema)

    def test_every_example_is_valid(self):
        seen = 0
        for at, value in walk(self.document):
            if "schema" not in value:
                continue
            examples = [entry["value"] for entry in value.get("examples", {}).values()]
            examples += [value["example"]] if "example" in value else []
            seen += len(examples)
            for example in examples:
                with self.subTest(at):
                    self.assertEqual(self.api.faults(value["schema"], example), [])
        self.assertGreater(seen, 0)

    def test_every_body_has_an_example(self):
        for path, method, operation in operations(self.document):
            bodies = [operation["requestBody"]] if "requestBody" in operation else []
            bodies += [self.api.resolve(operation["responses"][status]) for status in operation["responses"]]
            for body in bodies:
                for kind, described in body.get("content", {}).items():
                    with self.subTest(f"{method} {path} {kind}"):
                        self.assertTrue("example" in described or "examples" in described)

    def test_operations_have_ids_of_their_own(self):
        ids = [operation["operationId"] for _, _, operation in operations(self.document)]
        self.assertEqual(len(ids), len(set(ids)))

    def test_what_stands_in_a_path_is_a_parameter(self):
        for path, method, operation in operations(self.document):
            given = self.document["paths"][path].get("parameters", []) + operation.get("parameters", [])
            named = {entry["name"] for entry in map(self.api.resolve, given) if entry["in"] == "path"}
            with self.subTest(f"{method} {path}"):
                self.assertEqual({part[1:-1] for part in path.split("/") if part.startswith("{")}, named)


class Exchanges(unittest.TestCase):
    """What the API really answered, in the unit tests of coordinator/api, is what openapi.json says."""

    @classmethod
    def setUpClass(cls):
        cls.api = OpenApi(json.loads(FILE.read_text()))
        with tempfile.TemporaryDirectory(prefix="troth-test.") as folder:
            written = Path(folder) / "exchanges"
            run = subprocess.run([program("unit_api")], env=dict(os.environ, TROTH_API_EXCHANGES=str(written)),
                                 capture_output=True, text=True, timeout=300)
            if run.returncode != 0:
                raise AssertionError(f"unit_api fails: {run.stdout[-2000:]}")
            cls.exchanges = [json.loads(line) for line in written.read_text().splitlines()]

    def headers(self, exchange):
        lines = exchange["head"].split("\r\n")[1:]
        return dict(line.split(": ", 1) for line in lines if ": " in line)

    def test_every_answer_is_as_described(self):
        self.assertGreater(len(self.exchanges), 200)
        for exchange in self.exchanges:
            headers = self.headers(exchange)
            with self.subTest(f"{exchange['method']} {exchange['target'][:80]}"):
                self.api.check(exchange["method"], exchange["target"], exchange["status"], exchange["body"].encode(),
                               headers.get("Content-Type"), headers)

    def test_every_success_that_is_described_was_seen(self):
        seen = {(self.api.operation(e["method"], e["target"])[0], e["method"].lower(), str(e["status"]))
                for e in self.exchanges}
        described = {(path, method, status) for path, method, operation in operations(self.api.document)
                     for status in operation["responses"] if status.startswith("2")}
        self.assertEqual(described - seen, set())

    def test_every_refusal_of_the_api_was_seen(self):
        # The server's own are tested where they are made; the host's are only passed on.
        elsewhere = {"request-timeout", "not-implemented", "http-version", "internal", "not-interactive",
                     "branch-exists", "commit-differs"}
        seen = {json.loads(e["body"])["type"].rsplit("/", 1)[1] for e in self.exchanges
                if e["body"].startswith('{"type":')}
        described = {kind.rsplit("/", 1)[1]
                     for kind in self.api.document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]}
        self.assertEqual(described - seen, elsewhere)


class TheCheck(unittest.TestCase):
    """openapi_check takes what is described and refuses everything else."""

    @classmethod
    def setUpClass(cls):
        document = json.loads(FILE.read_text())
        cls.api = OpenApi(document)
        responses = document["paths"]["/v1/transactions"]["post"]["responses"]
        cls.view = responses["200"]["content"]["application/json"]["example"]

    def problem(self, slug, status):
        return json.dumps({"type": f"https://troth.dev/problems/{slug}", "title": "t", "status": status,
                           "detail": "d"}).encode()

    def test_takes_what_is_described(self):
        body = json.dumps(self.view).encode()
        self.assertEqual(self.api.check("POST", "/v1/transactions", 201, body)["gtid"], self.view["gtid"])
        self.api.check("POST", ONE + "/commit", 200, body, "application/json; charset=utf-8", {"location": "/x"})
        self.api.check("HEAD", ONE, 200, b"")
        self.api.check("DELETE", "/v1/participants/bank_a", 204, b"")
        self.api.check("GET", "/v1/definitions/validate", 404, self.problem("unknown-definition", 404))
        self.api.check("GET", "/nowhere", 404, self.problem("no-such-path", 404))
        self.api.check("GET", "/nowhere", 400, self.problem("malformed-request", 400))
        self.api.check("PATCH", ONE, 405, self.problem("method-not-allowed", 405), None, {"Allow": "GET, HEAD"})
        self.api.check("GET", "/readyz", 503, b'{"ready":false}')
        self.api.check("GET", "/readyz", 503, self.problem("full", 503))

    def test_refuses_what_is_not(self):
        good = json.dumps(self.view).encode()
        without = json.dumps({name: value for name, value in self.view.items() if name != "state"}).encode()
        wrong = {
            "a status": ("POST", "/v1/transactions", 418, good),
            "a path": ("GET", "/v1/nothing", 200, good),
            "a method": ("PATCH", ONE, 200, good),
            "a member too many": ("POST", "/v1/transactions", 201, json.dumps({**self.view, "more": 1}).encode()),
            "a member missing": ("POST", "/v1/transactions", 201, without),
            "a word": ("POST", "/v1/transactions", 201, json.dumps({**self.view, "state": "flying"}).encode()),
            "a type": ("POST", "/v1/transactions", 201, json.dumps({**self.view, "attempt": "1"}).encode()),
            "no timeline": ("GET", ONE, 200, good),
            "no JSON": ("POST", "/v1/transactions", 201, b"{"),
            "a member twice": ("GET", "/healthz", 200, b'{"status":"ok","status":"ok"}'),
            "NaN": ("GET", "/readyz", 200, b'{"ready":true,"journal":{"a":NaN}}'),
            "nothing": ("GET", "/healthz", 200, b""),
            "a body of 204": ("DELETE", "/v1/participants/bank_a", 204, b"{}"),
            "a body of HEAD": ("HEAD", ONE, 200, good),
            "a content type": ("POST", "/v1/transactions", 201, good, "text/html"),
            "a header missing": ("POST", "/v1/transactions", 201, good, None, {}),
            "a header's value": ("GET", "/healthz", 503, self.problem("full", 503), None, {"Retry-After": "soon"}),
            "a problem's status": ("GET", ONE, 404, self.problem("unknown-transaction", 400)),
            "a problem elsewhere": ("GET", ONE, 404, self.problem("in-use", 404)),
            "an unknown problem": ("GET", ONE, 404, self.problem("odd", 404)),
        }
        for what, answer in wrong.items():
            with self.subTest(what), self.assertRaises(Disagreement):
                self.api.check(*answer)

    def test_takes_the_file_that_is_served(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/openapi.json" else 404)
                self.end_headers()
                self.wfile.write(FILE.read_bytes())

            def log_message(self, *arguments):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                openapi_check.load(f"http://127.0.0.1:{server.server_port}/")
            finally:
                server.shutdown()
                thread.join()
        self.assertEqual(openapi_check.check("GET", "/healthz", 200, b'{"status":"ok"}'), {"status": "ok"})
        with self.assertRaises(Disagreement):
            openapi_check.check("GET", "/healthz", 200, b'{"status":"bad"}')


if __name__ == "__main__":
    unittest.main()

"""The worst requests that the limits let through, on a real trothd: none holds its loop for long, none makes it large,
and what a definition makes too much of is refused or fails with words."""

import http.client
import json
import os
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from scripted import DONE, REFUSED, Scripted  # noqa: E402
from troth_test import Postgres, Trothd, TrothTest, main, wait_until  # noqa: E402

INPUT, FILE = 500_000, 250_000  # bytes, a little below what is taken
# Of trothd's own time on a processor, for one request: the slowest takes a tenth of it. It was seconds to minutes.
CPU_SECONDS = 0.3
HEALTHZ_P99_SECONDS = 1.0  # of another client, on a machine that may be busy with other tests
RSS_KB = 300_000


def names(prefix, length):
    """As many names as have so many bytes in a list."""
    return [f"{prefix}{i:06d}" for i in range(length // (len(prefix) + 9))]


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def step(name, **members):
    return {"name": name, "participant": "shop", "operation": name, **members}


def definition(name, schema=None, mode="saga", **members):
    undone = {"compensate": {"operation": "undo", "input": {}}} if mode == "saga" else {}
    steps = members.pop("steps", [step("charge", **undone, **members)])
    return {"name": name, "version": 1, "mode": mode, "steps": steps, **({"input_schema": schema} if schema else {})}


class Healthz(threading.Thread):
    """Another client, that asks again and again."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.took, self.stopped = port, [], threading.Event()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self.stopped.is_set():
            began = time.monotonic()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            self.took.append(time.monotonic() - began)
        connection.close()

    def p99(self):
        self.stopped.set()
        self.join()
        return sorted(self.took)[len(self.took) * 99 // 100]


class Worst(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        postgres = cls.run_folder.start(Postgres())
        cls.trothd = Trothd(journal=postgres.database("troth"))
        cls.trothd.migrate()
        cls.run_folder.start(cls.trothd)
        cls.shop = Scripted()
        reply = cls.trothd.register("shop", cls.shop.url, binding="http")
        assert reply.status in (200, 201), reply

    def applied(self, made):
        reply = self.trothd.put(f"/v1/definitions/{made['name']}", compact(made))
        self.assertIn(reply.status, (200, 201), reply)
        return made["name"]

    # --- time

    def cpu_seconds(self):
        return int(Path(f"/proc/{self.trothd.pid}/schedstat").read_text().split()[0]) / 1e9

    def peak_kb(self):
        for line in Path(f"/proc/{self.trothd.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
        raise AssertionError("no VmHWM")

    def attack(self, what, method, path, body, statuses):
        body = body if isinstance(body, bytes) else compact(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.trothd.port, timeout=120)
        began = self.cpu_seconds()
        connection.request(method, path, body, {"Content-Type": "application/json", "Prefer": "respond-async"})
        reply = connection.getresponse()
        said = reply.read()
        took = self.cpu_seconds() - began
        connection.close()
        self.assertIn(reply.status, statuses, (what, said[:500]))
        if "TROTH_SHOW" in os.environ:
            print(f"{what}: {len(body)} bytes, status {reply.status}, {took * 1000:.1f} ms", file=sys.stderr)
        self.assertLess(took, CPU_SECONDS, what)

    def start(self, name, input_, statuses, what=None):
        self.attack(what or name, "POST", "/v1/transactions", {"definition": name, "input": input_}, statuses)

    def attack_with_inputs(self):
        required = self.applied(definition("required", {"required": names("a_rather_long_name_", FILE)}))
        self.start(required, {name: 1 for name in names("m", INPUT - 150_000)}, (422,))
        self.start(self.applied(definition("each", {"items": {"required": names("k", FILE)}})), [{}] * 150_000, (422,))
        codes = list(range(100_000, 135_000))
        many = self.applied(definition("codes", {"items": {"enum": codes}}))
        self.start(many, list(reversed(codes)) * 2, (202,))
        honest = self.applied(definition("honest", {"items": {"enum": codes[:5000]}}))
        self.start(honest, codes[:2000], (202,))
        constant = {name: 1 for name in names("m", FILE - 50_000)}
        reordered = self.applied(definition("reordered", {"const": constant}))
        self.start(reordered, dict(reversed(constant.items())), (202,))
        only = self.applied(definition("only", {"additionalProperties": False, "properties": {
            name: True for name in names("k", FILE - 80_000)}}))
        self.start(only, {name: 1 for name in names("m", INPUT - 150_000)}, (422,))

    def attack_with_templates(self):
        elements = self.applied(definition("elements", input=[f"${{input.l.{200_000 - i}}}" for i in range(4000)]))
        self.start(elements, {"l": [1] * 220_000}, (202,))
        again = self.applied(definition("again", input=["${input.text}"] * 3000))
        self.start(again, {"text": "x" * INPUT}, (413,))
        condition = self.applied(definition("condition", when={"value": "${input.a}", "equals": "${input.b}"}))
        members = {name: 1 for name in names("m", 120_000)}
        self.start(condition, {"a": members, "b": dict(reversed(members.items()))}, (202,))

    def attack_with_files(self):
        twice = definition("twice", {"const": 1})
        text = json.dumps(twice).replace('"const": 1', '"const":{"a":1' + ',"a":1' * (FILE // 6) + "}").encode()
        self.attack("a key again and again", "POST", "/v1/definitions/validate", text, (200,))
        unknown = definition("unknown", {"properties": {name: True for name in names("a_long_name_", FILE // 2)},
                                         "required": names("a_long_nmae_", FILE // 4)})
        self.attack("required, not listed", "POST", "/v1/definitions/validate", unknown, (200,))
        deep = "[" * 55 + "1" + ",1" * (FILE // 2) + "]" * 55
        text = json.dumps(definition("deep", input=0)).replace('"input": 0', f'"input":{deep}', 1).encode()
        self.attack("deep", "POST", "/v1/definitions/validate", text, (200,))
        constant = {name: 1 for name in names("m", FILE - 50_000)}
        once, again = definition("order", {"const": constant}), definition("order", {"const": dict(
            reversed(constant.items()))})
        self.attack("published", "PUT", "/v1/definitions/order", once, (201,))
        self.attack("published in another order", "PUT", "/v1/definitions/order", again, (200,))
        self.attack("members", "POST", "/v1/transactions", {name: 1 for name in names("m", 2 * INPUT)}, (400, 413, 422))

    def test_no_request_holds_the_loop(self):
        other = Healthz(self.trothd.port)
        other.start()
        self.addCleanup(other.stopped.set)
        self.attack_with_inputs()
        self.attack_with_templates()
        self.attack_with_files()
        self.assertLess(other.p99(), HEALTHZ_P99_SECONDS)
        self.assertGreater(len(other.took), 100)
        self.assertLess(self.peak_kb(), RSS_KB)

    # --- room

    def output_of(self, operation, op, size):
        self.shop.answers[(operation, op)] = [(DONE, json.dumps({"text": "x" * size}).encode(), {})]

    def failure(self, shown):
        return {name: shown["failure"].get(name) for name in ("cause", "step", "reason")}

    def test_an_input_too_large_for_a_message_is_refused_before_anything_begins(self):
        again = self.applied(definition("four_times", input=["${input.text}"] * 4))
        before = len(self.shop.calls)
        reply = self.trothd.submit(again, {"text": "x" * 200_000})
        self.assertEqual((reply.status, reply.json["type"].rsplit("/", 1)[-1]), (413, "too-large"), reply)
        self.assertIn('at step "charge": with ${input.text} the input has more than 524288 bytes', reply.json["detail"])
        self.assertEqual(len(self.shop.calls), before)
        self.assertEqual(self.trothd.submit(again, {"text": "x" * 100_000}).json["outcome"], "committed")

    def test_a_step_whose_input_outputs_make_too_large_turns_a_saga_back(self):
        self.output_of("read", "execute", 200_000)
        made = self.applied(definition("read_saga", steps=[
            step("read", compensate={"operation": "unread", "input": {}}),
            step("write", input=["${steps.read.output.text}"] * 4, compensate={"operation": "unwrite", "input": {}})]))
        shown = self.trothd.submit(made, {}).json
        self.assertEqual(shown["outcome"], "compensated", shown)
        self.assertEqual(self.failure(shown), {"cause": "input", "step": "write", "reason":
                         "with ${steps.read.output.text} the input has more than 524288 bytes"})
        self.assertEqual((self.shop.count(shown["gtid"], "unread", "compensate"),
                          self.shop.count(shown["gtid"], "write", "execute")), (1, 0))

    def test_a_step_whose_input_outputs_make_too_large_aborts_a_two_phase_commit(self):
        self.output_of("read", "prepare", 200_000)
        made = self.applied(definition("read_2pc", mode="2pc", steps=[
            step("read"), step("write", input=["${steps.read.output.text}"] * 4)]))
        shown = self.trothd.submit(made, {}).json
        self.assertEqual(shown["outcome"], "aborted", shown)
        self.assertEqual(self.failure(shown), {"cause": "input", "step": "write", "reason":
                         "with ${steps.read.output.text} the input has more than 524288 bytes"})
        self.assertEqual((self.shop.count(shown["gtid"], "read", "abort"),
                          self.shop.count(shown["gtid"], "write", "prepare")), (1, 0))

    def test_the_steps_of_a_transaction_have_a_limit_together(self):
        self.output_of("read", "execute", 400_000)
        undo = {"compensate": {"operation": "undo", "input": {}}}
        writes = [step(f"write_{i:02d}", input="${steps.read.output}", **undo) for i in range(12)]
        made = self.applied(definition("many_writes", steps=[step("read", **undo), *writes]))
        shown = self.trothd.submit(made, {}).json
        self.assertEqual(shown["outcome"], "compensated", shown)
        # Ten of 400,014 bytes have room in 4 MiB.
        self.assertEqual(self.failure(shown), {"cause": "input", "step": "write_10", "reason":
                         "the inputs of this transaction's steps have more than 4 MiB together"})
        self.assertEqual(self.shop.count(shown["gtid"], "write_09", "execute"), 1)
        self.assertEqual(self.shop.count(shown["gtid"], "undo", "compensate"), 11)

    def test_a_compensation_too_large_to_be_sent_parks_with_words(self):
        self.output_of("read", "execute", 200_000)
        self.shop.answers[("refuse", "execute")] = [REFUSED]
        made = self.applied(definition("parked", steps=[
            step("read", compensate={"operation": "unread", "input": ["${steps.read.output.text}"] * 4}),
            step("refuse", compensate={"operation": "undo", "input": {}})]))
        gtid = self.trothd.submit(made, {}, prefer="respond-async").json["gtid"]
        shown = wait_until(lambda: [shown for shown in [self.trothd.show(gtid)]
                                    if shown["steps"][0]["state"] == "parked"], 30, "it is parked")[0]
        self.assertIn("with ${steps.read.output.text} the input has more than 524288 bytes", json.dumps(shown))
        self.assertEqual(self.trothd.get("/healthz").status, 200)


if __name__ == "__main__":
    main()

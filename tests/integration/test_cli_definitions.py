"""trothctl def validate, apply and diff against the real coordinator: every fault and warning at once, and what changed
between versions."""

import copy
import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from system import System  # noqa: E402
from troth_test import TrothTest, main, program  # noqa: E402

OK, DIFFERENT, NOT_FOUND, REFUSED = 0, 1, 3, 4
SECONDS_MAX = 30
BAD = Path(__file__).resolve().parents[1] / "corpus" / "definition" / "bad"
ORDER = {
    "$schema": "https://troth.dev/schemas/definition-1.json", "name": "order", "version": 1, "mode": "saga",
    "timeout": "15m",
    "input_schema": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}}},
    "retries": {"patient": {"interval": "1s", "max_attempts": 0}},
    "steps": [
        {"name": "reserve", "participant": "stock", "operation": "reserve", "timeout": "10s",
         "input": {"sku": "${input.sku}"}, "compensate": {"operation": "release", "retry": "patient"}},
        {"name": "charge", "participant": "payments", "operation": "charge", "kind": "pivot"},
        {"name": "ship", "participant": "shipping", "operation": "book", "kind": "retriable", "after": ["charge"],
         "retry": "patient"}]}
WARNED = {
    "name": "warned", "version": 1, "mode": "2pc",
    "steps": [{"name": name, "participant": "bank_a", "operation": "debit"} for name in ("first", "second")]}


class Definitions(TrothTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trothd = System(banks=()).start().trothd
        cls.folder = tempfile.TemporaryDirectory(prefix="troth-cli.")
        cls.addClassCleanup(cls.folder.cleanup)

    def file(self, name, content):
        path = Path(self.folder.name) / name
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
        return str(path)

    def exits(self, code, *words):
        done = subprocess.run([program("trothctl"), "--url", self.trothd.url, *words], capture_output=True, text=True,
                              timeout=SECONDS_MAX)
        self.assertEqual(done.returncode, code, done)
        return done.stdout, done.stderr

    def test_validate_tells_every_fault_at_once(self):
        """Each with file, line, column, pointer and the nearest right name; apply says the same."""
        bad = self.file("bad.json", """{
  "name": "bad", "version": 1, "mode": "sagga", "timeout": "15 minutes",
  "steps": [
    {"name": "reserve", "participnat": "stock", "operation": "reserve"},
    {"name": "ship", "participant": "shipping", "operation": "book", "after": ["reserv"]}
  ]
}
""")
        out, _ = self.exits(REFUSED, "def", "validate", bad)
        for place, pointer, word in (("2:40", "/mode", "saga"), ("2:60", "/timeout", "15 minutes"),
                                     ("4:25", "/steps/0/participnat", "participant"),
                                     ("5:80", "/steps/1/after/0", "reserve")):
            found = [line for line in out.splitlines() if line.startswith(f"{bad}:{place}: {pointer}: ")]
            self.assertEqual(len(found), 1, (place, pointer, out))
            self.assertIn(word, found[0].split(pointer, 1)[1])
        self.assertNotIn("valid\n", out)
        _, err = self.exits(REFUSED, "def", "apply", bad)
        self.assertEqual(set(out.splitlines()), set(err.splitlines()[1:]))

    def put(self, name, text):
        """The status and the problem's faults, as lines of name:line:column."""
        request = urllib.request.Request(f"{self.trothd.url}/v1/definitions/any", text, method="PUT",
                                         headers={"Content-Type": "application/json"})
        with self.assertRaises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request, timeout=SECONDS_MAX):
            pass
        with refused.exception as answer:
            errors = json.load(answer)["errors"]
        return answer.code, [" ".join(filter(None, (
            f"{name}:{error['line']}:{error['column']}:", error["pointer"] and error["pointer"] + ":",
            "warning:" if error["severity"] == "warning" else "", error["detail"]))) for error in errors]

    def test_validate_and_put_tell_the_same_of_every_bad_file(self):
        """The corpus of bad files through trothctl and through PUT: the faults that stand beside each file."""
        files = sorted(BAD.glob("*.json"))
        self.assertGreaterEqual(len(files), 60)
        for path in files:
            with self.subTest(path.name):
                want = path.with_suffix(".expected").read_text("utf-8").splitlines()
                out, _ = self.exits(REFUSED, "def", "validate", str(path))
                self.assertEqual([line.replace(f"{path.parent}/", "", 1) for line in out.splitlines()], want)
                alone = subprocess.run([program("trothctl"), "def", "validate", str(path)], capture_output=True,
                                       text=True, timeout=SECONDS_MAX, env={"TROTH_URL": "http://127.0.0.1:1"})
                self.assertEqual((alone.returncode, alone.stdout), (REFUSED, out), "without a coordinator the same")
                self.assertEqual(self.put(path.name, path.read_bytes()), (422, want))

    def test_what_means_the_same_is_the_same_to_diff_and_apply(self):
        """Members in another order, layout and escapes are no change; a number written otherwise is one, to both."""
        one = dict(copy.deepcopy(WARNED), name="again")
        one["steps"][0]["input"] = {"a": 1, "b": {"c": [1, 2], "d": "${input.größe}"}}
        first = self.file("again-1.json", json.dumps(one, ensure_ascii=False))
        self.exits(OK, "def", "apply", first)
        turned = json.dumps(one, indent=1, sort_keys=True)
        self.assertIn("\\u00f6", turned)
        second = self.file("again-2.json", turned)
        self.assertIn("the same", self.exits(OK, "def", "diff", second)[0])
        self.assertIn("was there already", self.exits(OK, "def", "apply", second)[0])
        out, err = self.exits(OK, "def", "show", "again")
        self.assertEqual(json.loads(out), one)
        self.assertIn("again version 1: first attempts prepare in parallel (learnt): 0 of 0 ", err)
        for text in (turned.replace('"a": 1', '"a": 1.0'), turned.replace("2\n", "3\n")):
            self.assertNotEqual(text, turned)
            third = self.file("again-3.json", text)
            self.assertIn("1 difference", self.exits(DIFFERENT, "def", "diff", third)[0])
            self.assertIn("never changes", self.exits(REFUSED, "def", "apply", third)[1])

    def test_validate_tells_warnings_of_what_is_valid(self):
        """A warning is printed as one, and the file is valid all the same."""
        path = self.file("warned.json", WARNED)
        for name in {step["participant"] for step in WARNED["steps"]}:
            self.exits(OK, "participant", "add", name, "http://127.0.0.1:1", "--binding", "http")
        out, _ = self.exits(OK, "def", "validate", path)
        lines = out.splitlines()
        self.assertEqual(lines[-1], f"{path}: valid")
        self.assertEqual(len(lines), 2, out)
        self.assertRegex(lines[0], r":\d+:\d+: /steps/1[^ ]*: warning: .*bank_a")
        self.assertEqual(self.exits(OK, "def", "apply", path)[1].splitlines(), lines[:1])
        self.assertEqual(self.exits(OK, "def", "validate", "-o", "json", path)[0].count('"warning"'), 1)

    def test_a_participant_that_is_not_registered_is_warned_of(self):
        """By validate with --url and by apply, with its place and the nearest right name."""
        self.exits(OK, "participant", "add", "payments", "http://127.0.0.1:1", "--binding", "http")
        path = self.file("named.json", """{ "name": "named", "version": 1, "mode": "2pc",
  "steps": [{ "name": "a", "participant": "paymnts", "operation": "o", "input": {} },
            { "name": "b", "participant": "payments", "operation": "o", "input": {} }] }
""")
        want = f'{path}:2:43: /steps/0/participant: warning: participant "paymnts" is not registered; '
        out, _ = self.exits(OK, "def", "validate", path)
        self.assertIn(want + 'did you mean "payments"?\n', out)
        self.assertIn(want, self.exits(OK, "def", "apply", path)[1])
        alone = subprocess.run([program("trothctl"), "def", "validate", path], capture_output=True, text=True,
                               timeout=SECONDS_MAX)
        self.assertNotIn("registered", alone.stdout)

    def test_diff_shows_what_changed(self):
        """Between published versions, and between a file and the newest one; what was published is the same as its
        file."""
        changed = copy.deepcopy(ORDER)
        changed["version"] = 2
        changed["timeout"] = "20m"
        changed["input_schema"]["required"].append("amount")
        del changed["steps"][0]["compensate"]["retry"]
        changed["steps"].append({"name": "mail", "participant": "mail", "operation": "send", "kind": "retriable",
                                 "after": ["charge"]})
        first, second = self.file("order-1.json", ORDER), self.file("order-2.json", changed)
        self.exits(NOT_FOUND, "def", "diff", first)
        self.exits(OK, "def", "apply", first)
        self.assertEqual(self.exits(OK, "def", "diff", first)[0], f"order version 1 -> {first}, version 1: the same\n")
        want = ('changed  timeout: "15m" -> "20m"\n'
                'changed  input_schema.required: ["sku"] -> ["sku","amount"]\n'
                'removed  step reserve, compensate.retry: "patient"\n'
                'added    step mail: participant "mail", operation "send", kind "retriable", after ["charge"]\n')
        out, _ = self.exits(DIFFERENT, "def", "diff", second)
        self.assertEqual(out, f"order version 1 -> {second}, version 2: 4 differences\n" + want)
        self.exits(OK, "def", "apply", second)
        out, _ = self.exits(DIFFERENT, "def", "diff", "order", "1", "2")
        self.assertEqual(out, "order version 1 -> version 2: 4 differences\n" + want)
        self.exits(OK, "def", "diff", "order", "2", "2")
        self.exits(OK, "def", "diff", second)
        self.exits(NOT_FOUND, "def", "diff", "order", "1", "9")


if __name__ == "__main__":
    main()

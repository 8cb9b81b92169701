#!/usr/bin/python3
"""The published JSON Schema of a file of operations, run by a stock validator, and troth-postgres agree.

The files of tests/corpus/operations, and good ones changed at random from a fixed seed. What the schema refuses,
--check refuses. What --check refuses and the schema takes, it refuses for the SQL or for a rule that no schema can say.

TROTH_SEED=n and TROTH_MUTATIONS=n run it longer or again; a failure prints the seed and the file."""
import copy
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unittest

import jsonschema

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from troth_test import ROOT, program  # noqa: E402

CORPUS = ROOT / "tests" / "corpus" / "operations"
EXAMPLES = ROOT / "participant-sdk" / "examples" / "no_code"
SCHEMA = json.loads((ROOT / "participant-sdk" / "postgres" / "operations-1.schema.json").read_text("utf-8"))
SEED = int(os.environ.get("TROTH_SEED", "20261128"))
MUTATIONS = int(os.environ.get("TROTH_MUTATIONS", "600"))
WRONG, UNREACHABLE = 1, 3
LINE = re.compile(r"^[^:]+:\d+:\d+: (?:(/.*?): )?(.*)$")
# Of the SQL and its parameters, and what no schema says.
BEYOND_A_SCHEMA = re.compile("|".join((
    r"no SQL is in it", r"a semicolon", r"\w+: (an operation is|the transaction is|a reason is)",
    r"an operation is one SELECT", r"a parameter (within|of more)", r".* that does not end", r"\"\$\{\" without",
    r"parameters have names here", r"\$\{.*(is no parameter|is no path|only a compensation)",
    r"more than 128 parameters",
    r"changes data, and the operation is \"read_only\"",
    r".* is here twice; the first is at ", r"nested too deep", r"half of a surrogate pair", r"\\u0000 is not accepted",
    r".* is no name of a column",  # bytes, where the schema counts characters
)))
WORDS = ("", "a", "SELECT 1 AS a", "select ${input.a}", "DELETE FROM t RETURNING a", "COMMIT", "x;", "'", "${", "${a}",
         "${input}", "${output.a}", "$${", "größe", "a" * 63, "a" * 64, "\u0001", "Take", "no ${input.a}", "$1", "--",
         "/*", "https://troth.dev/schemas/operations-1.json")
KEYS = ("$schema", "description", "operations", "sql", "read_only", "refuse", "compensate", "reason", "column",
        "constraints", "Sql", "sqll", "take", "größe", "")


def any_value(rng):
    return rng.choice((lambda: rng.choice(WORDS), lambda: rng.choice(WORDS), lambda: rng.choice((0, 1, -1, 1.5, 1e300)),
                       lambda: None, lambda: True, lambda: False, lambda: [], lambda: {}, lambda: [rng.choice(WORDS)],
                       lambda: [1, rng.choice(WORDS)], lambda: {rng.choice(KEYS): rng.choice(WORDS)}))()


def places(value, found):
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found.append((value, key))
        if isinstance(inner, (dict, list)):
            places(inner, found)
    return found


def change(rng, document):
    container, key = rng.choice(places(document, []))
    kind = rng.randrange(6)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, dict):
        container[rng.choice(KEYS)] = container.pop(key)
    elif kind == 2 and isinstance(container, dict):
        container[rng.choice(KEYS)] = any_value(rng)
    elif kind == 3 and isinstance(container[key], str) and container[key]:
        text, at = container[key], rng.randrange(len(container[key]))
        container[key] = text[:at] + rng.choice(("", "x", "$", "{", "}", "'", "\"", ";", "é", "\\")) + text[at + 1:]
    else:
        container[key] = any_value(rng)


class OperationsSchema(unittest.TestCase):
    validator = jsonschema.Draft202012Validator(SCHEMA)

    def check(self, text):
        """(exit status, the faults' words): there is no database, so a good file is UNREACHABLE."""
        self.file.write_bytes(text.encode("utf-8", "surrogatepass"))
        done = subprocess.run([program("troth-postgres"), "--check", "--database", f"host={self.file.parent}",
                               self.file.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.file.parent,
                              timeout=60)
        faults = [LINE.match(line) for line in done.stdout.decode().splitlines()
                  if not line.startswith("troth-postgres:")]
        self.assertIn(done.returncode, (WRONG, UNREACHABLE), done)
        self.assertEqual(done.returncode == WRONG, bool(faults), done)
        return done.returncode, [fault[2] for fault in faults if fault]

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "file"

    def agree(self, text, what):
        status, faults = self.check(text)
        if self.validator.is_valid(json.loads(text)):
            left = [fault for fault in faults if not BEYOND_A_SCHEMA.match(fault)]
            self.assertEqual(left, [], f"the schema takes what --check refuses: {what}\n{text}")
        else:
            self.assertEqual(status, WRONG, f"--check takes what the schema refuses: {what}\n{text}")

    def test_the_schema_is_one(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_both_take_the_good_files_and_say_the_same_of_the_bad_ones(self):
        for path in [*sorted((CORPUS / "good").glob("*.json")), *sorted(EXAMPLES.glob("*.json"))]:
            with self.subTest(path.name):
                self.assertEqual(self.check(path.read_text("utf-8"))[0], UNREACHABLE)
                self.validator.validate(json.loads(path.read_text("utf-8")))
        for path in sorted((CORPUS / "bad").glob("*.json")):
            with self.subTest(path.name):
                text = path.read_text("utf-8")
                self.assertEqual(self.check(text)[0], WRONG)
                if path.stem != "no_json":
                    self.agree(text, path.name)

    def test_both_agree_on_files_that_nobody_wrote(self):
        rng = random.Random(SEED)
        good = [json.loads(path.read_text("utf-8")) for path in
                [*sorted((CORPUS / "good").glob("*.json")), *sorted(EXAMPLES.glob("*.json"))]]
        taken = 0
        for number in range(MUTATIONS):
            document = copy.deepcopy(rng.choice(good))
            for _ in range(rng.choice((1, 1, 2, 3))):
                if places(document, []):
                    change(rng, document)
            self.agree(json.dumps(document, ensure_ascii=rng.random() < 0.5), f"seed {SEED}, mutation {number}")
            taken += self.validator.is_valid(document)
        self.assertGreater(taken, MUTATIONS // 10)
        self.assertGreater(MUTATIONS - taken, MUTATIONS // 10)


if __name__ == "__main__":
    unittest.main()

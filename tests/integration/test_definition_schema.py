#!/usr/bin/python3
"""The published JSON Schema of definitions and our own validator agree on one corpus.

The schema is for editors; a stock validator (Debian: python3-jsonschema) checks every file of
tests/corpus/definition with it. What no JSON Schema can say (names of other parts, order) stands in
tests/corpus/definition/not-in-schema.txt, one file a line with the reason, and is checked to be
still true: a file that the schema does refuse may not stay on the list.
"""
import json
import pathlib
import unittest

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "corpus" / "definition"
SCHEMA = json.loads((ROOT / "coordinator" / "definition" / "definition-1.schema.json").read_text("utf-8"))


def not_in_schema():
    names = {}
    for line in (CORPUS / "not-in-schema.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, reason = line.split(None, 1)
            names[name] = reason
    return names


class Corpus(unittest.TestCase):
    def setUp(self):
        self.validator = jsonschema.Draft202012Validator(SCHEMA)

    def faults(self, path):
        try:
            document = json.loads(path.read_text("utf-8"))
        except json.JSONDecodeError as error:
            return ["not JSON: %s" % error]
        return [error.message for error in self.validator.iter_errors(document)]

    def test_the_schema_itself_is_right(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_good_files_pass(self):
        files = sorted((CORPUS / "good").glob("*.json"))
        self.assertGreaterEqual(len(files), 10)
        for path in files:
            with self.subTest(path.name):
                self.assertEqual(self.faults(path), [])

    def test_bad_files_are_refused_where_a_schema_can_say_it(self):
        files = sorted((CORPUS / "bad").glob("*.json"))
        self.assertGreaterEqual(len(files), 60)
        exempt = not_in_schema()
        self.assertEqual(set(exempt) - {path.stem for path in files}, set(), "listed and not there")
        for path in files:
            with self.subTest(path.name):
                if path.stem in exempt:
                    self.assertEqual(self.faults(path), [], "the schema can say this: take it off the list")
                else:
                    self.assertNotEqual(self.faults(path), [])


if __name__ == "__main__":
    unittest.main()

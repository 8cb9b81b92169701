#!/usr/bin/python3
"""Our own validator and the published JSON Schema, run by a stock validator, agree on files that nobody wrote.

The good files of tests/corpus/definition are changed at random, from a fixed seed. What the schema refuses, we refuse.
What we refuse and the schema takes, we refuse for a rule that no schema can say: BEYOND_A_SCHEMA names them all, and
every fault of such a file must be one of them. Each fault's pointer leads to a value of the file.

TROTH_SEED=n and TROTH_MUTATIONS=n run it longer or again; a failure prints the seed and the file.
"""
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import unittest

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOOD = ROOT / "tests" / "corpus" / "definition" / "good"
CHECK = pathlib.Path(os.environ.get("TROTH_BUILD", ROOT / "build" / "dev")) / "tests" / "support" / "definition_check"
SCHEMA = json.loads((ROOT / "coordinator" / "definition" / "definition-1.schema.json").read_text("utf-8"))
SEED = int(os.environ.get("TROTH_SEED", "20261121"))
MUTATIONS = int(os.environ.get("TROTH_MUTATIONS", "1500"))
SECONDS_MAX = 120
FRAMES_MAX = 20000  # of the stock validator: some thirty for each level of nesting

BEYOND_A_SCHEMA = re.compile("|".join((
    # names of other parts of the file
    r"unknown step ", r"unknown retry policy ", r"the step names itself", r"a second step named ",
    r"uses the step's own output",
    # the order of steps
    r"the steps wait for each other in a circle", r"uses the output of \"", r"\"\w+\" is compensatable and ",
    r"\"\w+\" is retriable and can run ",
    # two values compared
    r".* is not shorter than the whole transaction's timeout", r".* is shorter than the interval",
    r"\w+ .* is above \w+ .*: no value can fit it",
    # durations of several units, and what a number has room for
    r".* is too short: at least ", r".* is too long: at most 100 years", r".* is finer than a microsecond",
    r"has too many digits", r".* is longer than 512 bytes", r"is larger than 256 KiB",
    # before there is a JSON value
    r".* is here twice; the first is at ", r"nested too deep", r"half of a surrogate pair", r"\\u0000 is not accepted",
)))


# --- changing a file ---------------------------------------------------------------------------

WORDS = ("", "a", "ship", "charge", "reserve", "input", "steps", "2pc", "saga", "2pc_then_saga", "pivot", "retriable",
         "compensatable", "patient", "Big-Name", "a b", "a" * 63, "a" * 64, "größe", "😀", "a\nb", "a\\b", "a/b~c",
         "\u0001", "10s", "0s", "1us", "999us", "1ms", "1.5s", "0.5us", "1.0000000001s", "99d", "36500d", "36525d",
         "1e3s", "10 s", "10sec", "5", "-1s", ".5s", "1.s", "1m30s", "00010s", "٣s", "100000000000000000000s",
         "${input}", "${input.a}", "${input.a.b.0}", "${input.größe}", "x ${input.a} y ${input.b}",
         "${steps.reserve.output.id}", "${steps.charge.output}", "${steps.reserve}", "${steps.reserve.outptu}",
         "${inputs.a}", "${input.}", "${input..a}", "${}", "${input.a", "$${", "$$${input.a}", "$", "$$",
         "${input.a]}", "${input.a)}", "${input.a[0]}", "${ input.a }", "${input.a\tb}", "${input.a/b}",
         "${input.'a'}", "${input.a\"b}", "}", "{", "${input.a}}", "${${input.a}}", "string", "integer", "null",
         "pattern", "none", "full", "parallel", "ordered", "orders.outcomes", "..", ".", "a" * 249, "a" * 250, "a:b",
         "https://troth.dev/schemas/definition-1.json")
NUMBERS = (0, 1, -1, 2, 10, 11, 0.5, 1.0, 3.0, 1.5, 10.0, 10.5, -0.0, 63, 64, 65, 1000000, 1000001, 2147483647,
           2147483648, 4294967295, 4294967296, 9007199254740993, 2**63 - 1, 2**63, 10**30, 1e300, 1e-7)
KEYS = ("$schema", "name", "version", "description", "mode", "timeout", "prepare_timeout", "input_schema", "retries",
         "prepare", "steps", "events", "participant", "operation", "kind", "input", "after", "when", "retry",
         "compensate", "value", "equals", "not_equals", "exists", "topic", "key", "interval", "backoff", "max_interval",
         "max_attempts", "jitter", "type", "required", "properties", "additionalProperties", "enum", "const",
         "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
         "items", "minItems", "maxItems", "title", "default", "examples", "$comment", "pattern", "$ref", "nmae",
         "Timeout", "${input.a}", "a/b~c", "größe", "")


def nested(depth):
    value = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def any_value(rng):
    return rng.choice((
        lambda: rng.choice(WORDS), lambda: rng.choice(WORDS), lambda: rng.choice(NUMBERS), lambda: None, lambda: True,
        lambda: False, lambda: [], lambda: {}, lambda: [rng.choice(WORDS)],
        lambda: {rng.choice(KEYS): rng.choice(WORDS)},
        lambda: nested(rng.choice((3, 20, 70)))))()


def places(value, found):
    """Every container of the tree with each of its keys or indices."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found.append((value, key))
        if isinstance(inner, (dict, list)):
            places(inner, found)
    return found


def copied(value):
    return json.loads(json.dumps(value))


def renamed(container, key, name):
    members = [(name if one == key else one, value) for one, value in container.items()]
    container.clear()
    container.update(members)


def change_member(rng, container, key):
    """One change at one place of the tree."""
    kind = rng.randrange(10)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, dict):
        renamed(container, key, rng.choice(KEYS))
    elif kind == 2 and isinstance(container, dict):
        renamed(container, key, "".join(rng.sample(key, len(key))) if rng.random() < 0.5 else key[1:])
    elif kind == 3 and isinstance(container, dict):
        container[rng.choice(KEYS)] = any_value(rng)
    elif kind == 3:
        container.insert(key, copied(container[rng.randrange(len(container))]))
    elif kind == 4 and isinstance(container, list):
        other = rng.randrange(len(container))
        container[key], container[other] = container[other], container[key]
    elif kind == 5 and isinstance(container[key], str) and container[key]:
        text = container[key]
        at = rng.randrange(len(text))
        sign = rng.choice(("", "x", ".", "$", "{", "}", "_", " ", "é"))
        container[key] = text[:at] + sign + text[at + rng.randrange(2):]
    else:
        container[key] = any_value(rng)


def change_tree(rng, document, others):
    kind = rng.randrange(12)
    if kind == 0:
        document["mode"] = rng.choice(("2pc", "saga", "2pc_then_saga"))
    elif kind == 1:
        step = rng.choice(document["steps"])
        names = [one["name"] for one in document["steps"]]
        step["after"] = rng.sample(names, rng.randrange(min(3, len(names)) + 1))
    elif kind == 2:
        rng.choice(document["steps"])["kind"] = rng.choice(("compensatable", "pivot", "retriable"))
    elif kind == 3:
        rng.choice(document["steps"])["when"] = {"value": rng.choice(WORDS), rng.choice(KEYS): any_value(rng)}
    elif kind == 4:
        document["retries"] = {rng.choice(WORDS): {"interval": rng.choice(WORDS), rng.choice(KEYS): any_value(rng)}}
    elif kind == 5:
        container, key = rng.choice(places(document, []))
        container[key] = copied(rng.choice([c[k] for c, k in places(rng.choice(others), [])]))
    elif kind == 6:
        document["steps"] = [dict(document["steps"][0], name="s%d" % i) for i in range(rng.choice((0, 63, 64, 65)))]
    else:
        change_member(rng, *rng.choice(places(document, [])))


def escaped(rng, text):
    """A letter or a sign inside a string, written as the escape that means the same."""
    inside = [at.start() for at in re.finditer(r"[\w$/{}.]", text) if text.count('"', 0, at.start()) % 2 == 1]
    if not inside or "\\" in text:
        return text
    at = rng.choice(inside)
    return text[:at] + "\\u%04x" % ord(text[at]) + text[at + 1:] if ord(text[at]) < 0x10000 else text


def change_text(rng, text):
    """What a tree cannot hold: layout, escapes, members twice, broken JSON."""
    kind = rng.randrange(14)
    at = rng.randrange(len(text))
    if kind == 0:
        return "\ufeff" + text
    if kind == 1:
        return text.replace("\n", "\r\n")
    if kind == 2:
        return re.sub(r"([]}])", r",\1", text, count=1)
    if kind == 3:
        return text[:at] + rng.choice("{}[]\",:\\0x\n") + text[at + rng.randrange(2):]
    if kind == 4:
        members = list(re.finditer(r'"[^"\\]*": (?:"[^"\\]*"|\d+)', text))
        one = rng.choice(members)
        return text[:one.end()] + ", " + one.group() + text[one.end():]
    if kind == 5:
        number = rng.choice(("1e400", "-1e400", "1e-400", "1E2", "3.000", "0e9", "9" * 80))
        return re.sub(r"(?<![.\w])\d+(?=[,\s}])", number, text, count=1)
    if kind <= 10:
        return escaped(rng, text)
    return text


def mutation(rng, originals):
    document = copied(rng.choice(originals))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        try:
            change_tree(rng, document, originals)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            pass  # the change before took away what this one is for
    text = json.dumps(document, indent=rng.choice((None, 2)), ensure_ascii=rng.random() < 0.5)
    return change_text(rng, text) if rng.random() < 0.35 else text


# --- the two verdicts --------------------------------------------------------------------------

def ours(texts):
    """For each text its faults: (line and column, pointer, message), without warnings."""
    files = [text.encode("utf-8", "surrogatepass") for text in texts]
    done = subprocess.run([str(CHECK)], input=b"".join(b"%d\n%s" % (len(file), file) for file in files),
                          stdout=subprocess.PIPE, check=True, timeout=SECONDS_MAX)
    lists = done.stdout.split(b"\0")[:-1]
    assert len(lists) == len(files)
    return [faults_of(text.decode("utf-8", "replace")) for text in lists]


FAULT = re.compile(r"file:(\d+:\d+):(?: (/.*?):(?= ))? (.*)")


def faults_of(lines):
    faults = []
    for line in lines.splitlines():
        found = FAULT.fullmatch(line)
        if found and not found.group(3).startswith("warning: "):
            faults.append((found.group(1), found.group(2) or "", found.group(3)))
    return faults


def not_rfc_8259(word):
    raise ValueError(word)  # Python reads NaN and Infinity


def read(text):
    """The document; None when it is no JSON."""
    try:
        document = json.loads(text, parse_constant=not_rfc_8259)
        json.dumps(document, ensure_ascii=False).encode("utf-8")
        return document
    except (ValueError, RecursionError):
        return None


def resolves(pointer, document):
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        elif isinstance(document, dict) and key in document:
            document = document[key]
        else:
            return False
    return True


class Differential(unittest.TestCase):
    def disagreement(self, text, faults, validator):
        """What the two do not agree on; None when they do."""
        document = read(text)
        if document is None:
            return None if faults else "no JSON, and we take it"
        refused = next(validator.iter_errors(document), None)
        if refused is not None and not faults:
            return "the schema alone refuses it: /%s: %s" % ("/".join(map(str, refused.absolute_path)),
                                                             refused.message[:300])
        if refused is None:
            for fault in faults:
                if not BEYOND_A_SCHEMA.match(fault[2]):
                    return "we alone refuse it, and a schema could too: %s" % (fault,)
        for fault in faults:
            if "\\u" not in fault[1] and not resolves(fault[1], document):
                return "the pointer leads nowhere: %s" % (fault,)
        return None

    def test_changed_files_get_one_verdict(self):
        """Whatever is changed in a good file, both say the same of it, but for what no schema can say."""
        rng = random.Random(SEED)
        sys.setrecursionlimit(FRAMES_MAX)
        validator = jsonschema.Draft202012Validator(SCHEMA)
        originals = [json.loads(path.read_text("utf-8")) for path in sorted(GOOD.glob("*.json"))]
        texts = [mutation(rng, originals) for _ in range(MUTATIONS)]
        verdicts = ours(texts)
        both = {True: 0, False: 0}
        for number, (text, faults) in enumerate(zip(texts, verdicts)):
            said = self.disagreement(text, faults, validator)
            if said:
                self.fail("%s\nTROTH_SEED=%d TROTH_MUTATIONS=%d, file %d:\n%s" % (said, SEED, MUTATIONS, number, text))
            both[bool(faults)] += 1
        self.assertGreater(min(both.values()), MUTATIONS // 20, "too few of one kind to show anything: %s" % both)


if __name__ == "__main__":
    unittest.main()

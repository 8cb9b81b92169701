#!/usr/bin/python3
"""The protocol's rules have one name each, in brackets and capitals, in the models and beside the code.

The head of a model (tests/model/*.pml) lists its rules, each line with the files that keep it:
" *   [NAME] FILE…". So that this stays true:
- a name in a comment of the code must be a rule of a model, or a mutation of the simulator;
- a file that a model names must say [NAME] in a comment;
- a rule that a model lists must be a flag of that model, and every rule that tests/model/check takes
  away must be listed."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import files, main  # noqa: E402

CODE = ("coordinator", "participant-sdk", "sql", "tests")
NO_RULES = ("participant-sdk/examples",)  # nothing there keeps one; "[ADDRESS]:PORT" is no name
COMMENT = {".c": r"/\*.*?\*/|//[^\n]*", ".h": r"/\*.*?\*/|//[^\n]*", ".sql": r"--[^\n]*|/\*.*?\*/"}
NAMES = re.compile(r"\[[A-Z][A-Z0-9]+(?:,[\s*]+[A-Z][A-Z0-9]+)*\]")
RULE = re.compile(r"^ \*   \[([A-Z][A-Z0-9]+)\] (.*)$", re.MULTILINE)
FLAG = re.compile(r"^\s*#\s*(?:ifn?def|if|elif)\b(.*)$", re.MULTILINE)
REMOVED = re.compile(r"^\s*fails (\w+) (.*)$|^\s*for rule in (.*); do$", re.MULTILINE)


def names_in(text, suffix):
    """The rules that comments name, each with its line."""
    for comment in re.finditer(COMMENT[suffix], text, re.DOTALL):
        for found in NAMES.finditer(comment.group()):
            line = text.count("\n", 0, comment.start() + found.start()) + 1
            for name in re.findall(r"[A-Z][A-Z0-9]+", found.group()):
                yield name, line


def named_by_code(root):
    """File name -> [(rule, line)]."""
    named = {}
    for name in files(root):
        text = str(name)
        if name.suffix in COMMENT and text.startswith(CODE) and not text.startswith(NO_RULES):
            named[text] = list(names_in((Path(root) / name).read_text(), name.suffix))
    return named


def mutations(root):
    """MUTATE_PIVOT_LAZY is known as PIVOTLAZY."""
    path = Path(root) / "tests/sim/sim.h"
    text = path.read_text() if path.exists() else ""
    return {name.replace("_", "") for name in re.findall(r"\bMUTATE_([A-Z0-9_]+)", text)}


def removed_by_check(root):
    """Every rule that tests/model/check takes away: the last flag of what must fail."""
    path = Path(root) / "tests/model/check"
    for flags in REMOVED.findall(path.read_text() if path.exists() else ""):
        yield from re.findall(r"-D([A-Z0-9]+)(?!\S)", flags[1])[-1:]
        yield from flags[2].split()


def model_faults(root, models, named):
    for model in models:
        text = (Path(root) / model).read_text()
        flags = " ".join(FLAG.findall(text))
        for rule, where in RULE.findall(text):
            if not re.search(rf"\b{rule}\b", flags):
                yield f"{model}: [{rule}] is no flag of it: nothing takes the rule away"
            if not where.split():
                yield f"{model}: [{rule}]: no file keeps it"
            for name in where.split():
                if rule not in {known for known, _ in named.get(name, [])}:
                    yield f"{model}: {name} does not say [{rule}] in a comment"


def check(root):
    models = [name for name in files(root) if name.match("tests/model/*.pml")]
    named = named_by_code(root)
    rules = {rule for model in models for rule, _ in RULE.findall((Path(root) / model).read_text())}
    known = rules | mutations(root)
    faults = [f"{name}:{line}: no model and no mutation of tests/sim knows [{rule}]"
              for name, found in named.items() for rule, line in found if rule not in known]
    faults += [f"tests/model/check: takes away {rule}, which no model lists"
               for rule in removed_by_check(root) if rule not in rules]
    return faults + list(model_faults(root, models, named))


MODEL = {"tests/model/a.pml": "/* a.pml\n *   [FENCE] coordinator/txn/a.c\n */\n#ifdef FENCE\n#endif\n"}
CHECK = {"tests/model/check": "    for rule in FENCE; do\n    fails a -DTWICE -DFENCE\n"}
KEPT = {"coordinator/txn/a.c": "/* one, then\n * the other [FENCE]. */\nint a[SIZE];\n"}
MUTATION = {"tests/sim/sim.h": "enum { MUTATE_NO_EPOCH };\n", "participant-sdk/src/b.h": "/* b [NOEPOCH] */\n"}

main(check,
     bad=[{**MODEL, "coordinator/txn/a.c": "/* [FENCE,\n * FENSE] */\n"},
          {**MODEL, **KEPT, "sql/participant/b.sql": "-- b [OTHER]\n"},
          {**MODEL, "coordinator/txn/a.c": "int a[FENCE];\n"},
          {"tests/model/a.pml": "/*\n *   [FENCE] coordinator/txn/a.c\n */\n", **KEPT},
          {**MODEL, **KEPT, "tests/model/check": "    for rule in FENCE OTHER; do\n"},
          {**MODEL, **KEPT, "tests/model/check": "    fails a -DFENCE -DOTHER\n"}],
     good={**MODEL, **CHECK, **KEPT, **MUTATION})

#!/usr/bin/python3
"""Words that have one spelling here: "cannot" is one word, in code, messages and documents."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import files, main  # noqa: E402

TWO_WORDS = re.compile(r"\bcan" r" not\b", re.IGNORECASE)
SUFFIXES = {".c", ".h", ".py", ".sh", ".bash", ".sql", ".md", ".json", ".txt", ".cmake", ".pml", ""}
# What is published is not changed any more.
PUBLISHED = re.compile(r"^sql/[a-z]+/\d{4}_|^tests/abi/|^tests/fuzz/corpus/|^tests/corpus/")


def check(root):
    faults = []
    for name in files(root):
        if name.suffix not in SUFFIXES or PUBLISHED.match(str(name)):
            continue
        text = (Path(root) / name).read_text(errors="replace")
        faults += [f"{name}:{number}: \"{found.group()}\" is one word"
                   for number, line in enumerate(text.splitlines(), 1) if (found := TWO_WORDS.search(line))]
    return faults


main(check, bad=[{"a.c": "/* it can" " not be */\n"}, {"README.md": "Can" " not.\n"}],
     good={"a.c": "/* it cannot be */\n", "sql/journal/0001_a.sql": "-- it can" " not be\n"})

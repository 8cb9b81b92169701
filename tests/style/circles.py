#!/usr/bin/python3
"""Inside a module files stand above each other: no circle of more than two of them, by includes or by calls.

A file is its .c with the .h of the same name. It uses another one that it includes, and one whose function it calls
by name; a handler that only stands in a table is not called. With -v the table of edges is printed."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import main  # noqa: E402

# A module comes into this list with the change that opens its circles.
MODULES = ["coordinator/txn"]
CIRCLE_MAX = 2
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
TEXT = re.compile(r'"(\\.|[^"\\\n])*"')
INCLUDED = re.compile(r'^#include "(\w+)\.h"', re.MULTILINE)
DEFINED = re.compile(r"^(?!static|typedef|#)[a-z][^\n;{}()=]*?\b(\w+)\([^;{]*?\)\n\{", re.MULTILINE)
CALLED = re.compile(r"\b(\w+)\(")


def uses_of(folder):
    """{file: the files of its folder that it uses}."""
    uses, code, home = {}, {}, {}
    for path in [*folder.glob("*.c"), *folder.glob("*.h")]:
        text = COMMENT.sub("", path.read_text())
        uses.setdefault(path.stem, set()).update(INCLUDED.findall(text))
        if path.suffix == ".c":
            code[path.stem] = TEXT.sub('""', text)
            home.update({name: path.stem for name in DEFINED.findall(code[path.stem])})
    for stem, text in code.items():
        uses[stem].update(home[name] for name in CALLED.findall(text) if name in home)
    return {stem: {name for name in used if name in uses and name != stem} for stem, used in uses.items()}


def reached(uses, start):
    found, open_ends = set(), [start]
    while open_ends:
        new = uses[open_ends.pop()] - found
        found |= new
        open_ends += new
    return found


def circles(uses):
    ways = {stem: reached(uses, stem) for stem in uses}
    return {frozenset(other for other in ways[stem] if stem in ways[other]) for stem in uses if stem in ways[stem]}


def check(root):
    faults = []
    for module in MODULES:
        uses = uses_of(Path(root) / module)
        if "-v" in sys.argv and str(root) == sys.argv[1]:
            print("\n".join(f"{module}/{stem}: {' '.join(sorted(uses[stem]))}" for stem in sorted(uses)))
        for circle in circles(uses):
            if len(circle) > CIRCLE_MAX:
                faults.append(f"{module}: {len(circle)} files use each other in a circle: {' '.join(sorted(circle))}")
    return faults


A = '#include "a.h"\n#include "b.h"\nint a(void)\n{\n    return b();\n}\n'
B = '#include "b.h"\n#include "c.h"\nint b(void)\n{\n    return c();\n}\n'
TXN = "coordinator/txn"
main(check,
     bad=[{f"{TXN}/a.c": A, f"{TXN}/b.c": B, f"{TXN}/c.c": '#include "c.h"\n#include "a.h"\n'},
          {f"{TXN}/a.c": A, f"{TXN}/b.c": B, f"{TXN}/c.c": "int c(void)\n{\n    return a();\n}\n"}],
     good={f"{TXN}/a.c": A, f"{TXN}/b.c": B, f"{TXN}/c.c": "int c(void)\n{\n    return b();\n}\n",
           f"{TXN}/table.c": "int (*table)(void) = a;\n"})

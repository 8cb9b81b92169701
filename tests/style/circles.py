#!/usr/bin/python3
"""Inside a module files stand above each other: no circle of more than two of them, by includes or by calls.

A file is its .c with the .h of the same name. It uses another one that it includes, and one whose function it calls
by name; a handler that only stands in a table is not called. Prints a line a module, and with -v the edges."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import c_files, main  # noqa: E402

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


def modules(root):
    """The folders with C of ours, without tests and examples."""
    folders = {path.parent for path in c_files(root) if path.parts[0] in ("coordinator", "participant-sdk")}
    return sorted(folder for folder in folders
                  if not {"include", "examples"} & set(folder.parts) and any((Path(root) / folder).glob("*.c")))


def table(root):
    """How many files a module has, how many edges between them, and its largest circle; with -v each edge."""
    yield f"{'module':32} {'files':>5} {'edges':>5} {'largest circle':>14}"
    for module in modules(root):
        uses = uses_of(Path(root) / module)
        largest = max((len(circle) for circle in circles(uses)), default=1)
        yield f"{str(module):32} {len(uses):5} {sum(map(len, uses.values())):5} {largest:14}"
        if "-v" in sys.argv:
            yield from (f"    {stem}: {' '.join(sorted(uses[stem]))}" for stem in sorted(uses))


def check(root):
    if [str(root)] == sys.argv[1:2]:
        print(*table(root), sep="\n")
    faults = []
    for module in modules(root):
        for circle in circles(uses_of(Path(root) / module)):
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

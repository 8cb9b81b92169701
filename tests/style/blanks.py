#!/usr/bin/python3
"""No blank line behind the declarations that a function begins with: one style in all modules.

Called with a repository and --fix it takes these lines out."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import c_files, main  # noqa: E402

# Two words or more, and then what a declaration goes on with.
DECLARATION = re.compile(r"    (?!return\b|goto\b|else\b|case\b|typedef\b)"
                         r"(?:\w+(?:\(\"?\w+\"?\))? +)+\**(?:const )?\w+ *(?:\[|=|;|,|$)"
                         r"|    [\w ]+\(\*\w+\)\(")


def needless(lines):
    """The indices of such lines."""
    found, i = [], 0
    while i < len(lines):
        i += 1
        if lines[i - 1] != "{":
            continue
        first = i
        while i < len(lines) and DECLARATION.match(lines[i]):
            while not lines[i].split("/*")[0].rstrip().endswith(";"):  # an initialiser may take several
                i += 1
            i += 1
            while i < len(lines) and lines[i].lstrip().startswith("* "):  # of a comment beside it
                i += 1
        if i > first and i < len(lines) and lines[i] == "":
            found.append(i)
    return found


def check(root):
    faults = []
    for name in c_files(root):
        path = Path(root) / name
        lines = path.read_text().split("\n")
        found = needless(lines)
        if "--fix" in sys.argv and root == sys.argv[1]:
            path.write_text("\n".join(line for i, line in enumerate(lines) if i not in found))
        else:
            faults += [f"{name}:{i + 1}: a blank line behind the declarations" for i in found]
    return faults


main(check,
     bad=[{"a.c": "int f(void)\n{\n    int a = 0;\n\n    return a;\n}\n"},
          {"a.c": "int f(void)\n{\n    static const struct b b = {\n        1};\n    char *c;\n\n    return 0;\n}\n"}],
     good={"a.c": "int f(void)\n{\n    int a = 0;\n    g(a);\n\n    return a;\n}\n"})

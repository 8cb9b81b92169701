#!/usr/bin/python3
"""Files have one subject and say it first, functions fit a screen, lines fit a terminal, nothing unfinished stands in
them. A C file of Check tests is called test_*.c."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import C_SUFFIXES, files, interpreter, main  # noqa: E402

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 80  # the aim is 70; a table or a switch may need a little more
COLUMNS_MAX = 100
SCRIPT_COLUMNS_MAX = 120  # Python and shell
# Words of work that is not done, and paths of somebody's machine.
WORDS = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b|/wo" r"rk/|/ho" r"me/[a-z]")


def function_faults(name, lines):
    """A function's body begins with "{" in the first column and ends with "}" there."""
    begin = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            begin = number
        elif line.startswith("}") and begin is not None:
            if number - begin - 1 > FUNCTION_LINES_MAX:
                yield (f"{name}:{begin}: a function of {number - begin - 1} lines, "
                       f"more than {FUNCTION_LINES_MAX}")
            begin = None


def naming_faults(name, text):
    if name.suffix == ".c" and name.parts[0] in ("coordinator", "participant-sdk") and not text.startswith("/* "):
        yield f"{name}: does not begin with a comment that says what it is for"
    if "START_TEST(" in text and not name.name.startswith("test_") and name.name != "main.c":
        yield f"{name}: has tests and is not called test_*.c"


def line_faults(name, lines, columns_max):
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            yield f"{name}:{number}: a tab"
        if line != line.rstrip():
            yield f"{name}:{number}: white space at the end of the line"
        if len(line) > columns_max:
            yield f"{name}:{number}: {len(line)} columns, more than {columns_max}"
        if found := WORDS.search(line):
            yield f"{name}:{number}: \"{found.group()}\""


def check(root):
    faults = []
    for name in files(root):
        is_c = name.suffix in C_SUFFIXES
        if not is_c and not interpreter(root, name):
            continue
        text = (Path(root) / name).read_text()
        lines = text.splitlines()
        if len(lines) > FILE_LINES_MAX:
            faults.append(f"{name}: {len(lines)} lines, more than {FILE_LINES_MAX}")
        if text and not text.endswith("\n"):
            faults.append(f"{name}: no line feed at the end")
        faults += line_faults(name, lines, COLUMNS_MAX if is_c else SCRIPT_COLUMNS_MAX)
        if is_c:
            faults += function_faults(name, lines)
            faults += naming_faults(Path(name), text)
    return faults


main(check,
     bad=[{"a.c": "int a;\n" * (FILE_LINES_MAX + 1)},
          {"a.c": "int f(void)\n{\n" + "    g();\n" * (FUNCTION_LINES_MAX + 1) + "}\n"},
          {"a.py": "#" * (SCRIPT_COLUMNS_MAX + 1) + "\n"},
          {"a.c": "/*" + "a" * COLUMNS_MAX + "*/\n"}, {"a.c": "\tint a;\n"}, {"a.h": "int a; \n"},
          {"a.c": "int a;"}, {"coordinator/a.c": "int a;\n"},
          {"a.c": "START_TEST(it_is)\n"}, {"a.c": "/* FIX" "ME */\n"}, {"a": "#!/bin/bash\ncd /wo" "rk/a\n"}],
     good={"a.c": "int f(void)\n{\n    return 0;\n}\n", "a.json": "\t" + " " * 200})

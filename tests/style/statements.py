#!/usr/bin/python3
"""The SDK's SQL stands in files of its own, sql/participant/statements, and each says what its parameters are.

- No literal of participant-sdk/src is a statement, but for the words around one: BEGIN, COMMIT, PREPARE TRANSACTION
  and their like, which cannot be prepared.
- A file NAME.sql begins with a comment, is one `PREPARE troth_NAME (types) AS …;`, tells each $1 … of its types in
  that comment, and is used by participant-sdk/src/sql.c."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import files, main  # noqa: E402

SOURCES = "participant-sdk/src/*.c"
STATEMENTS = "sql/participant/statements/*.sql"
TABLE = "participant-sdk/src/sql.c"
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
LITERAL = re.compile(r'"(?:\\.|[^"\\\n])*"')
STATEMENT = re.compile(r'"\s*(SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|CREATE|ALTER|DROP|SET|SHOW|LOCK|CALL|DO|VALUES)\b')
HEAD = re.compile(r"\A((?:--[^\n]*\n)+)PREPARE troth_(\w+)(?: \(([^)]*)\))? AS\n(.*);\n\Z", re.DOTALL)


def literal_faults(name, text):
    text = COMMENT.sub(lambda found: "\n" * found.group().count("\n"), text)
    for found in LITERAL.finditer(text):
        if STATEMENT.match(found.group()):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{name}:{line}: a statement belongs into sql/participant/statements: {found.group()[:50]}"


def file_faults(name, text, table):
    found = HEAD.match(text)
    if not found or found[2] != name.stem:
        yield f"{name}: is not a comment and `PREPARE troth_{name.stem} (types) AS …;`"
        return
    numbers = range(1, len(found[3].split(",")) + 1 if found[3] else 1)
    told = re.findall(r"\$(\d+)", found[1])
    yield from (f"{name}: ${number} is not told at its top" for number in numbers if str(number) not in told)
    used = {int(number) for number in re.findall(r"\$(\d+)", found[4])}
    if used - set(numbers):
        yield f"{name}: ${max(used)} has no type"
    if not re.search(rf"\({name.stem}\)", table):
        yield f"{name}: {TABLE} does not use it"


def check(root):
    faults = []
    path = Path(root) / TABLE
    table = path.read_text() if path.exists() else ""
    for name in files(root):
        if name.match(SOURCES):
            faults += literal_faults(name, (Path(root) / name).read_text())
        elif name.match(STATEMENTS):
            faults += file_faults(name, (Path(root) / name).read_text(), table)
    return faults


FOLDER = "sql/participant/statements"
USED = {TABLE: "FILE_NAMED(a)\n"}
main(check,
     bad=[{"participant-sdk/src/a.c": 'const char *a = "SELECT 1";\n'},
          {"participant-sdk/src/a.c": 'const char *a = "b", *c = " INSERT INTO a ";\n'},
          {**USED, f"{FOLDER}/a.sql": "PREPARE troth_a AS\nSELECT 1;\n"},
          {**USED, f"{FOLDER}/a.sql": "-- a\nPREPARE troth_b AS\nSELECT 1;\n"},
          {**USED, f"{FOLDER}/a.sql": "-- $1 a\nPREPARE troth_a (text, text) AS\nSELECT $1, $2;\n"},
          {**USED, f"{FOLDER}/a.sql": "-- $1 a\nPREPARE troth_a (text) AS\nSELECT $1, $2;\n"},
          {f"{FOLDER}/a.sql": "-- a\nPREPARE troth_a AS\nSELECT 1;\n"}],
     good={**USED, "participant-sdk/src/a.c": '/* "SELECT" */ const char *a = "BEGIN", *b = "selected";\n',
           f"{FOLDER}/a.sql": "-- $1 a\nPREPARE troth_a (text) AS\nSELECT $1;\n"})

#!/usr/bin/python3
"""SQL stands in files of its own, and each says what its parameters are: the SDK's in sql/participant/statements, the
journal's in sql/journal/statements, what trothctl asks in sql/operator/statements.

- No literal of participant-sdk/src and of coordinator/journal is a statement, but for the words around one: BEGIN,
  COMMIT, PREPARE TRANSACTION and their like, which cannot be prepared.
- A file NAME.sql begins with a comment, is one `prepare troth_NAME (types) as …;`, tells each $1 … of its types in
  that comment, and is used by the C beside it. CREATE and LOCK cannot be prepared: they stand behind the comment.
- All SQL is in lower case, but for what is quoted."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import files, main  # noqa: E402

# The folder of the statements, that of the C, and how the C names one.
SIDES = [("sql/participant/statements", "participant-sdk/src", r"\({}\)"),
         ("sql/journal/statements", "coordinator/journal", r"\bjournal_sql_{}\b"),
         ("sql/operator/statements", "coordinator/cli", r"\boperator_sql_{}\b")]
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
LITERAL = re.compile(r'"(?:\\.|[^"\\\n])*"')
STATEMENT = re.compile(
    r'"\s*(?:(?:SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|CREATE|ALTER|DROP|SET|SHOW|LOCK|CALL|DO|VALUES)\b|'
    r"(?:select|insert into|update \S+ set|delete from|merge into|with \w+ as|create|alter|drop|set|show|lock table|"
    r"values) )")
HEAD = re.compile(r"\A((?:--[^\n]*\n)+)prepare troth_(\w+)(?: \(([^)]*)\))? as\n(.*);\n\Z",
                  re.DOTALL)
UNPREPARED = re.compile(r"\A(?:--[^\n]*\n)+(?:create|lock) [^;]*;\n\Z", re.IGNORECASE)


def literal_faults(name, text, folder):
    text = COMMENT.sub(lambda found: "\n" * found.group().count("\n"), text)
    for found in LITERAL.finditer(text):
        if STATEMENT.match(found.group()):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{name}:{line}: a statement belongs into {folder}: {found.group()[:50]}"


def file_faults(name, text, used):
    if not used:
        yield f"{name}: nothing uses it"
    if UNPREPARED.match(text):
        return
    found = HEAD.match(text)
    if not found or found[2] != name.stem:
        yield f"{name}: is not a comment and `prepare troth_{name.stem} (types) as …;`"
        return
    numbers = range(1, len(found[3].split(",")) + 1 if found[3] else 1)
    told = re.findall(r"\$(\d+)", found[1])
    yield from (f"{name}: ${number} is not told at its top" for number in numbers if str(number) not in told)
    used = {int(number) for number in re.findall(r"\$(\d+)", found[4])}
    if used - set(numbers):
        yield f"{name}: ${max(used)} has no type"


QUOTED = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\"[^\"]*\"|^\\[^\n]*", re.MULTILINE)


def case_faults(name, text):
    text = QUOTED.sub(lambda found: "\n" * found.group().count("\n"), text)
    if found := re.search(r"[A-Z]\w*", text):
        line = text.count("\n", 0, found.start()) + 1
        yield f"{name}:{line}: {found.group()}: SQL is in lower case"


def check(root):
    faults = []
    for name in files(root):
        if name.match("sql/*/*.sql") or name.match("sql/*/statements/*.sql"):
            faults += case_faults(name, (Path(root) / name).read_text())
    for statements, sources, use in SIDES:
        texts = {name: (Path(root) / name).read_text() for name in files(root) if name.match(f"{sources}/*.c")}
        whole = "\n".join(texts.values())
        for name, text in texts.items():
            if sources != "coordinator/cli" or "_sql.h>" in text:  # what else it says begins with words like these
                faults += literal_faults(name, text, statements)
        for name in files(root):
            if name.match(f"{statements}/*.sql"):
                used = re.search(use.format(name.stem), whole)
                faults += file_faults(name, (Path(root) / name).read_text(), used)
    return faults


FOLDER = "sql/participant/statements"
USED = {"participant-sdk/src/sql.c": "FILE_NAMED(a)\n"}
JOURNAL = {"coordinator/journal/a.c": "const char *a = journal_sql_a;\n"}
main(check,
     bad=[{"participant-sdk/src/a.c": 'const char *a = "SELECT 1";\n'},
          {"coordinator/journal/a.c": 'const char *a = "select 1";\n'},
          {"coordinator/journal/a.c": 'const char *a = "with a as (select 1) select from a";\n'},
          {"participant-sdk/src/a.c": 'const char *a = "b", *c = " INSERT INTO a ";\n'},
          {**USED, f"{FOLDER}/a.sql": "prepare troth_a as\nselect 1;\n"},
          {**USED, f"{FOLDER}/a.sql": "-- a\nprepare troth_b as\nselect 1;\n"},
          {**USED, f"{FOLDER}/a.sql": "-- $1 a\nprepare troth_a (text, text) as\nselect $1, $2;\n"},
          {**USED, f"{FOLDER}/a.sql": "-- $1 a\nprepare troth_a (text) as\nselect $1, $2;\n"},
          {**JOURNAL, "sql/journal/statements/a.sql": "-- a\nselect 1;\n"},
          {"sql/journal/statements/a.sql": "-- a\nprepare troth_a as\nselect 1;\n"},
          {**USED, f"{FOLDER}/a.sql": "-- a\nprepare troth_a as\nSELECT 1;\n"},
          {"sql/participant/0001_a.sql": "-- a\nselect 'A' AS a;\n"},
          {f"{FOLDER}/a.sql": "-- a\nprepare troth_a as\nselect 1;\n"}],
     good={**USED, **JOURNAL, "participant-sdk/src/a.c": '/* "SELECT" */ const char *a = "BEGIN", *b = "selected";\n',
           "coordinator/journal/b.c": 'const char *b = "delete", *c = "begin";\n',
           "sql/journal/statements/a.sql": "-- a\nlock table a in access exclusive mode;\n",
           "sql/participant/0001_a.sql": "-- A\n\\\\set A\nselect 'A', \"B\";\n",
           f"{FOLDER}/a.sql": "-- $1 a\nprepare troth_a (text) as\nselect $1;\n"})

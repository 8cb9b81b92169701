#!/usr/bin/python3
"""What the code and the documents cite is there: documents, sections, rules, faults, tests, files, functions.

A comment cites as `protocol.md, section 3` (a heading "## 3 …" of docs/protocol.md), `protocol.md, section 1,
rule 4`, `faults.md 40`, `faults.md, invariants 6, 7`, or another document with one of its headings
(`interfaces.md, outcome events`). Besides:
- relative links in *.md lead to a file, and their #anchor to a heading;
- each rule of a model (tests/model/*.pml), and each mutation of the simulator that a comment of the code names, is
  told in docs/protocol.md, and no [NAME] stands there that neither of them has;
- each invariant and each fault of docs/faults.md names a test that shows it, or says "No test";
- each route of the API stands in docs/interfaces.md, each migration in its table of docs/journal.md and
  docs/participant-sdk.md;
- in docs/walk.md each function stands in a file that the same stop names;
- in docs/*.md a `unit_…`, `integration_…`, `sim_…`, `model_…` or `history_…` in back quotes is a test of ctest, with
  a case of it behind the colon; a `path/to/file.c` a file; a `function()` one of ours."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import files, interpreter, main  # noqa: E402

CODE = (".c", ".h", ".sql", ".py", ".sh", ".cmake", ".txt", ".pml", ".md")
PROGRAMS = ("coordinator", "participant-sdk", "sql")
NOT_CITING = ("CHANGELOG.md", "tests/style/citations.py", "tests/corpus/")
GAP = r"(?:[ \t]*\n[ \t]*(?:\*|#|--|//)?[ \t]*|[ \t]+)"  # white space, also over a line of a comment
CITED = re.compile(r"(?<![\w/.-])(?<!\]\()(?:docs/)?([a-z][a-z-]*\.md)\b")
NUMBERS = rf"\d+(?:(?:,{GAP}?|{GAP}and{GAP}|{GAP}to{GAP})\d+)*"
SECTION = re.compile(rf",{GAP}sections?{GAP}({NUMBERS})(?:,{GAP}rules?{GAP}({NUMBERS}))?")
FAULT = re.compile(rf",?{GAP}(?:faults?{GAP})?({NUMBERS})")
INVARIANT = re.compile(rf",{GAP}invariants?{GAP}({NUMBERS})")
UNSAID = re.compile(rf",{GAP}(?:rules?{GAP})?\d")
WORDS = re.compile(rf",{GAP}\"?((?:[A-Za-z0-9]+{GAP}?){{1,6}})")
LINK = re.compile(r"\]\(([^)\s]+)\)")
MODEL_RULE = re.compile(r"^ \*   \[([A-Z][A-Z0-9]+)\] ", re.MULTILINE)
RULE_NAMES = re.compile(r"\[([A-Z][A-Z0-9]+(?:,\s+[A-Z][A-Z0-9]+)*)\]")
TEST = re.compile(r"`((?:unit|integration|model|fuzz|style|sim|crash|history)(?:_[a-z0-9_]+)?(?::[A-Za-z0-9_-]+)?)`")
PATH = re.compile(r"`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+\.(?:c|h|py|sql|pml|json|cmake|md|txt|sh))`")
FUNCTION = re.compile(r"`([a-z_][a-z0-9_]*)\(\)`")


def text_of(root, name):
    path = Path(root) / name
    return path.read_text() if path.is_file() else ""


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def numbers(said):
    """"4 to 6, 8" -> 4, 5, 6, 8."""
    for part in re.split(r",|\band\b", re.sub(r"[*#/]|--", " ", said)):
        ends = [int(end) for end in re.findall(r"\d+", part)]
        yield from range(ends[0], ends[-1] + 1)


def headings(text):
    return [title.strip() for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]


def anchor(title):
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def section(text, number):
    """The text below "## 3 …"; empty when there is none."""
    found = re.search(rf"^## {number} .*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found.group() if found else ""


def entries(text):
    """The numbered lines of a list: {number: its text}."""
    found = re.split(r"^(\d+)\. ", re.sub(r"\n(?=#|\n)", "\n\0", text), flags=re.MULTILINE)
    return {int(found[i]): found[i + 1].split("\0")[0] for i in range(1, len(found), 2)}


def faults_part(text, invariants):
    begin = "## Invariants" if invariants else "## Faults"
    return entries(re.split(r"^## ", text.partition(begin)[2], flags=re.MULTILINE)[0])


def words_known(said, text):
    words = " ".join(re.sub(r"\n\s*(\*|#|--|//)?", " ", said).lower().removeprefix("the ").split())
    return any(f"{words} ".startswith(f"{title.lower()} ") or f"{title.lower()} ".startswith(f"{words} ")
               for title in (title.removeprefix("The ") for title in headings(text)))


def citation_faults(text, cited, rest):
    """What is wrong with what stands behind the name of a document."""
    if cited == "protocol.md":
        if found := SECTION.match(rest):
            for number in numbers(found[1]):
                if not (part := section(text, number)):
                    yield f"docs/protocol.md has no section {number}"
                elif found[2] and (gone := set(numbers(found[2])) - set(entries(part))):
                    yield f"docs/protocol.md, section {number}, has no rule {min(gone)}"
        elif UNSAID.match(rest):
            yield "protocol.md is cited without its section"
    elif cited == "faults.md":
        found = INVARIANT.match(rest) or FAULT.match(rest)
        known = faults_part(text, INVARIANT.match(rest) is not None)
        if found and (gone := set(numbers(found[1])) - set(known)):
            yield f"docs/faults.md has no {min(gone)}"
    elif (found := WORDS.match(rest)) and not re.match(rf",{GAP}[a-z-]+\.md", rest):
        if not words_known(found[1], text):
            yield f"docs/{cited} has no heading \"{' '.join(found[1].split())}\""


def cited_by(root, name):
    text = text_of(root, name)
    for found in CITED.finditer(text):
        cited = found[1]
        if (Path(root) / name).parent.joinpath(cited).is_file() or (Path(root) / cited).is_file():
            if name.parts[0] != "docs":
                continue
        where = f"{name}:{line_of(text, found.start())}: "
        document = text_of(root, f"docs/{cited}")
        if not document:
            yield f"{where}there is no docs/{cited}"
        else:
            yield from (where + fault for fault in citation_faults(document, cited, text[found.end():][:160]))


def link_faults(root, name):
    text = text_of(root, name)
    for found in LINK.finditer(text):
        target, _, part = found[1].partition("#")
        if re.match(r"[a-z]+:", found[1]):
            continue
        path = (Path(root) / name).parent / target if target else Path(root) / name
        where = f"{name}:{line_of(text, found.start())}: "
        if not path.exists():
            yield f"{where}there is no {target}"
        elif part and path.suffix == ".md" and part not in map(anchor, headings(path.read_text())):
            yield f"{where}{target or name} has no heading #{part}"


def cases(root, name):
    """The cases of a test of ctest; None: there is no such test."""
    kind, _, rest = name.partition("_")
    tests = Path(root) / "tests"
    if kind == "sim":
        known = rest in ("", "fresh", "bites", "replays")
        return set(re.findall(r'"([a-z-]+)",$', text_of(root, "tests/sim/mutate.c"), re.MULTILINE)) if known else None
    if kind in ("fuzz", "style", "model"):
        path = {"fuzz": f"fuzz/fuzz_{rest}.c", "style": f"style/{rest}.py", "model": f"model/{rest}.pml"}[kind]
        return set(MODEL_RULE.findall(text_of(root, tests / path))) if (tests / path).is_file() else None
    if kind in ("crash", "history"):
        named = re.findall(rf"NAME {kind}(?:_(\w+))?[ )]|foreach\(\w+ ([\w ]+)\)",
                           text_of(root, "tests/CMakeLists.txt"))
        there = {word for pair in named for words in pair for word in words.split()} | {""}
        sources = sorted((tests / kind).glob("test_*.py")) if rest.removeprefix("bites_") in there else []
    else:
        sources = [*(tests / kind / rest).glob("*.c"), *(tests / kind).glob(f"test_{rest}.py")]
    if not sources:
        return None
    found = set()
    for path in sources:
        found |= set(re.findall(r"START_TEST\((\w+)\)|def (test_\w+)", path.read_text()))
    return {case for pair in found for case in pair if case}


def test_faults(root, name):
    text = text_of(root, name)
    for found in TEST.finditer(text):
        test, _, case = found[1].partition(":")
        known = cases(root, test)
        where = f"{name}:{line_of(text, found.start())}: "
        if known is None:
            yield f"{where}there is no test {test}"
        elif case and case not in known:
            yield f"{where}{test} has no case {case}"


def unshown(root):
    for invariants, what in ((True, "invariant"), (False, "fault")):
        for number, text in faults_part(text_of(root, "docs/faults.md"), invariants).items():
            if not TEST.search(text) and "No test" not in text:
                yield f"docs/faults.md: {what} {number} names no test"


def rule_faults(root, names):
    models = [text_of(root, name) for name in names if name.match("tests/model/*.pml")]
    rules = {rule for text in models for rule in MODEL_RULE.findall(text)}
    named = re.findall(r"\bMUTATE_([A-Z0-9_]+)", text_of(root, "tests/sim/sim.h"))
    mutations = {name.replace("_", "") for name in named}
    for name in names:
        if name.parts[0] in PROGRAMS and name.suffix in (".c", ".h", ".sql"):
            groups = re.findall(r"\[([A-Z][A-Z0-9]+(?:,[\s*]+[A-Z][A-Z0-9]+)*)\]", text_of(root, name))
            rules |= mutations & set(re.findall(r"[A-Z][A-Z0-9]+", " ".join(groups)))
    text = text_of(root, "docs/protocol.md")
    told = {name for group in RULE_NAMES.findall(text) for name in re.split(r",\s+", group)}
    yield from (f"docs/protocol.md does not tell [{rule}]" for rule in sorted(rules - told))
    for rule in sorted(told - rules - mutations):
        yield f"docs/protocol.md: no model and no mutation of tests/sim knows [{rule}]"


def code_faults(root, name, functions):
    text = text_of(root, name)
    for found in PATH.finditer(text):
        if not (Path(root) / found[1]).exists():
            yield f"{name}:{line_of(text, found.start())}: there is no {found[1]}"
    for found in FUNCTION.finditer(text):
        if found[1] not in functions:
            yield f"{name}:{line_of(text, found.start())}: there is no {found[1]}()"


def untold(root, names):
    told = text_of(root, "docs/interfaces.md")
    for route in re.findall(r'ROUTE\("[A-Z]+", "([^"]+)"', text_of(root, "coordinator/api/router.c")):
        if not re.search(rf"{re.escape(route)}(?![/\w{{])", told):
            yield f"docs/interfaces.md does not tell {route}"
    for folder, document in (("sql/journal", "docs/journal.md"), ("sql/participant", "docs/participant-sdk.md")):
        for name in names:
            mine = str(name.parent) == folder and name.suffix == ".sql"
            row = rf"^\| {int(name.name[:4])} \| \S" if mine else ""
            if not re.search(row, text_of(root, document), re.MULTILINE):
                yield f"{document}: its table of versions has no {name.name}"


def walk_faults(root):
    text = text_of(root, "docs/walk.md")
    for stop in re.split(r"\n(?=\d+\. |\n)", text):
        there = "".join(text_of(root, path) for path in PATH.findall(stop))
        for name in FUNCTION.findall(stop):
            if not re.search(rf"\b{name}\(", there):
                yield f"docs/walk.md: {name}() is in no file that its stop names: {stop.strip()[:50]}"


def check(root):
    names = files(root)
    documents = [name for name in names if name.suffix == ".md"]
    ours = [name for name in documents if name.parts[0] == "docs"]
    functions, faults = set(), []
    for name in names:
        if name.suffix in CODE and name.suffix != ".md":
            functions |= set(re.findall(r"\b([a-z_][a-z0-9_]*)\(", text_of(root, name)))
        if not str(name).startswith(NOT_CITING) and (name.suffix in CODE or interpreter(root, name)):
            faults += cited_by(root, name)
    for name in documents:
        faults += link_faults(root, name)
    for name in ours:
        faults += [*test_faults(root, name), *code_faults(root, name, functions)]
    return [*faults, *untold(root, names), *walk_faults(root), *unshown(root), *rule_faults(root, names)]


DOCS = {"docs/protocol.md": "# P\n## 1 Deciding\n1. Once. [FENCE]\n2. Locked.\n\n## 2 Asking\n",
        "docs/faults.md": "# F\n## Invariants\n1. One `unit_a`\n\n## Faults\n1. A fault. `unit_a:case`\n"
                          "2. No test: far away.\n",
        "docs/interfaces.md": "# I\n## Outcome events\nSee [one](protocol.md#1-deciding), `unit_a`, `a/a.c`, `f()`.\n",
        "tests/unit/a/a.c": "START_TEST(case)\n", "a/a.c": "int f(void);\n",
        "tests/model/a.pml": "/* a\n *   [FENCE] a/a.c\n */\n"}


def sample(name, text):
    return {**DOCS, name: text}


main(check,
     bad=[sample("a.c", "/* nowhere.md */\n"), sample("a.c", "/* protocol.md, section\n * 3. */\n"),
          sample("a.c", "/* protocol.md, section 1, rule 3 */\n"), sample("a.c", "/* protocol.md, rule 1 */\n"),
          sample("a.c", "/* faults.md 1,\n * 3 */\n"), sample("a.c", "/* faults.md, invariant 2 */\n"),
          sample("a.c", "/* interfaces.md, income events */\n"), sample("README.md", "[a](b.md)\n"),
          sample("README.md", "[a](docs/protocol.md#3-none)\n"), sample("docs/a.md", "`unit_b`\n"),
          sample("docs/a.md", "`unit_a:other`\n"), sample("docs/a.md", "`a/b.c`\n"), sample("docs/a.md", "`g()`\n"),
          sample("docs/walk.md", "1. `a/a.c`\n2. `f()`\n"), sample("docs/faults.md", "## Faults\n1. A fault.\n"),
          sample("docs/faults.md", "## Invariants\n1. One.\n"),
          sample("docs/protocol.md", "# P\n"), sample("sql/journal/0001_a.sql", ""),
          sample("coordinator/api/router.c", 'ROUTE("GET", "/v1/a", a, NULL),\n'),
          sample("docs/protocol.md", DOCS["docs/protocol.md"] + "[FENSE]\n"),
          {**DOCS, "tests/sim/sim.h": "MUTATE_NO_AGE,\n", "coordinator/a.c": "/* [NOAGE] */\n"}],
     good=sample("a.c", "/* protocol.md, sections 1 and 2; protocol.md, section 1, rules 1 and\n * 2; faults.md 1, 2;"
                        " faults.md,\n * invariant 1; (interfaces.md, outcome\n * events). */\n"))

#!/usr/bin/python3
"""What programs that are compiled already rely on stays as it was.

The list of exported names (participant-sdk/troth.map) is that of the functions in the public headers. A struct that
says its size has its _INIT macro. And against the headers that an older program has (tests/abi/older): no function is
gone, no member has moved or become another size, a new member of a struct that a caller fills in does not lie in the
older one's padding, and the numbers of enums, errors and lengths are what they were."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import main  # noqa: E402

HEADERS = "participant-sdk/include/troth"
OLDER = "tests/abi/older/troth"
MAP = "participant-sdk/troth.map"
FUNCTION = re.compile(r"\b(troth_[a-z0-9_]+)\(")
STRUCT = re.compile(r"struct (troth_\w+) \{\n([^{}]*)\n\}")
LENGTH = re.compile(r"#define (TROTH_\w+_LEN(?:_MAX)?)\b")


def text_of(root, folder):
    texts = [path.read_text() for path in sorted((Path(root) / folder).glob("*.h"))]
    return re.sub(r"/\*.*?\*/", " ", "\n".join(texts), flags=re.S)


def functions(text):
    plain = re.sub(r"^\s*#.*(?:\\\n.*)*", "", text, flags=re.M)
    return set(FUNCTION.findall(plain))


def structs(text):
    """{name: [member, …]} in their order."""
    found = {}
    for match in STRUCT.finditer(text):
        found[match[1]] = [re.search(r"(\w+)\s*(?:\[[^;]*\])?$", part.strip())[1]
                           for part in match[2].split(";") if part.strip()]
    return found


def constants(text):
    bodies = re.findall(r"enum (?:troth_\w+) \{(.*?)\};", text, re.S)
    names = [name for body in bodies if "#" not in body for name in re.findall(r"\b(TROTH_[A-Z0-9_]+)\b", body)]
    return names + LENGTH.findall(text)


def say(members, numbers, errors):
    lines = ["#include <stddef.h>", "#include <stdio.h>", "#include <troth/postgres.h>", "#include <troth/troth.h>",
             "#define ERROR(name, code, class, text) printf(\"error.%s %d %d\\n\", #name, code, TROTH_CLASS_##class);",
             "int main(void) {", "TROTH_ERRORS(ERROR)" if errors else ""]
    for name, fields in members.items():
        lines.append(f'printf("{name} %zu 0\\n", sizeof(struct {name}));')
        lines += [f'printf("{name}.{field} %zu %zu\\n", offsetof(struct {name}, {field}), '
                  f"sizeof(((struct {name} *)0)->{field}));" for field in fields]
    lines += [f'printf("{name} %d 0\\n", (int){name});' for name in numbers]
    return "\n".join([*lines, "return 0;", "}"])


def measured(root, folder, members, numbers):
    """{what: (number, number)} as the compiler has it for the headers in `folder`."""
    libpq = subprocess.run(["pkg-config", "--cflags", "libpq"], capture_output=True, text=True).stdout.split()
    with tempfile.TemporaryDirectory(prefix="troth-abi.") as place:
        (Path(place) / "say.c").write_text(say(members, numbers, errors=True))
        done = subprocess.run(["gcc", "-std=c11", f"-I{Path(root) / folder}", *libpq, f"{place}/say.c", "-o",
                               f"{place}/say"], capture_output=True, text=True)
        if done.returncode != 0:
            raise ValueError(done.stderr.split("error:")[1].splitlines()[0].strip())
        said = subprocess.run([f"{place}/say"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in said.splitlines()]
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def layout_faults(root, text, older):
    members, now = structs(older), structs(text)
    try:
        was = measured(root, Path(OLDER).parent, members, constants(older))
        new = measured(root, Path(HEADERS).parent, members, constants(older))
        added = measured(root, Path(HEADERS).parent, now, [])
    except ValueError as trouble:
        yield f"an older program's headers and today's: {trouble}"
        return
    for what, numbers in was.items():
        is_struct = what in members
        if not is_struct and new.get(what) != numbers:
            yield f"{what} was {numbers}, and is {new.get(what)}: a program that is compiled does not know"
        if is_struct and new[what][0] < numbers[0]:
            yield f"struct {what} has become smaller"
        for field in now.get(what, []) if is_struct and members[what][0] == "size" else []:
            if field not in members[what] and added[f"{what}.{field}"][0] < numbers[0]:
                yield f"{what}.{field} lies where an older program has padding: it may be anything there"


def check(root):
    faults = []
    text, older = text_of(root, HEADERS), text_of(root, OLDER)
    declared = functions(text)
    listed = re.findall(r"^ +(troth_[a-z0-9_]+);", (Path(root) / MAP).read_text(), re.M)
    faults += [f"{MAP}: {name} is not in the public headers" for name in sorted(set(listed) - declared)]
    faults += [f"{MAP}: {name} is missing" for name in sorted(declared - set(listed))]
    faults += [f"{MAP}: {name} is there twice" for name in sorted(set(listed)) if listed.count(name) > 1]
    faults += [f"{name}() was there for older programs" for name in sorted(functions(older) - declared)]
    for name, members in structs(text).items():
        macro = f"#define {name.upper()}_INIT .size = sizeof(struct {name})"
        if "size" in members and (members[0] != "size" or macro not in text):
            faults.append(f"struct {name}: `size` comes first, with {macro}")
    return faults + list(layout_faults(root, text, older) if older and not faults else [])


def sample(today, older=None, names=("troth_a",)):
    """The two headers that the check compiles, and the map."""
    errors = "#define TROTH_ERRORS(X) X(A, -1, B, \"\")\nenum { TROTH_CLASS_B };\n"
    found = {MAP: "V {\n global:\n" + "".join(f"        {name};\n" for name in names) + "};\n",
             f"{HEADERS}/troth.h": errors + today, f"{HEADERS}/postgres.h": ""}
    if older is not None:
        found |= {f"{OLDER}/troth.h": errors + older, f"{OLDER}/postgres.h": ""}
    return found


CONFIG = """#include <stddef.h>
void troth_a(void);
struct troth_c {
    size_t size;
    char few;%s
};
#define TROTH_C_INIT .size = sizeof(struct troth_c)
enum troth_e { TROTH_E_ONE, TROTH_E_TWO };
"""

main(check,
     bad=[sample("void troth_a(void);\nvoid troth_b(void);\n"),
          sample("void troth_a(void);\n", names=("troth_a", "troth_gone")),
          sample("void troth_a(void);\nstruct troth_c {\n    size_t size;\n};\n"),
          sample(CONFIG % "", CONFIG % "\n    long gone;"),
          sample(CONFIG % "\n    char more;", CONFIG % ""),
          sample((CONFIG % "").replace("char few", "int few"), CONFIG % ""),
          sample((CONFIG % "").replace("TROTH_E_ONE, TROTH_E_TWO", "TROTH_E_TWO, TROTH_E_ONE"), CONFIG % ""),
          sample(CONFIG % "", (CONFIG % "") + "void troth_was(void);\n")],
     good=sample(CONFIG % "\n    long more;", CONFIG % ""))

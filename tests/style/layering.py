#!/usr/bin/python3
"""Modules include only what architecture allows: a second net below the per-target include paths.

Besides: nobody reaches into another folder with "../", and every header compiles by itself with the
include paths of what its module may use, the public ones (<troth/…>) also as C++."""

import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import c_files, main  # noqa: E402

# A module's own folder (the longest that fits a file counts), and what may stand between its <>.
# A name that ends in "/" allows the folder. What no row mentions (libc) is free. PURE is the base without
# base/now.h, which reads the clocks.
BASE = ["troth/", "base/"]
PURE = ["troth/", *(f"base/{name}.h" for name in ("buffer", "clock", "duration", "json", "nearest", "number", "span"))]
WIRE = [*BASE, "wire/"]
RECORD = [*WIRE, "txn/record.h"]
DAEMON = [*WIRE, "txn/", "faults/", "definition/", "journal/", "outbox/", "net/", "http/", "resolve/", "api/", "cjson/",
          "event2/"]
LAYERS = {
    "participant-sdk/include": ["troth/", "libpq-fe.h"],
    "participant-sdk/base": BASE,
    "participant-sdk/wire": [*PURE, "wire/"],
    "participant-sdk/faults": [*PURE, "base/decimal.h", "base/hash.h", "base/nearest.h", "base/tree.h", "faults/"],
    "participant-sdk/resolve": [*BASE, "resolve/", "event2/", "ares.h"],
    "participant-sdk/hosts": [*BASE, "hosts/", "libpq-fe.h"],
    "participant-sdk/http": [*BASE, "http/", "resolve/", "event2/", "llhttp.h", "openssl/"],
    "participant-sdk/src": [*WIRE, "http/", "resolve/", "hosts/", "event2/", "libpq-fe.h", "openssl/"],
    "participant-sdk/postgres": [*BASE, "faults/", "event2/", "libpq-fe.h"],
    "participant-sdk/examples": ["troth/", "event2/", "libpq-fe.h"],
    "coordinator/txn/record": [*PURE, "wire/", "txn/record.h"],
    "coordinator/txn": [*PURE, "wire/", "txn/"],
    "coordinator/definition": [*WIRE, "faults/", "definition/"],
    "coordinator/journal": [*RECORD, "journal/", "resolve/", "hosts/", "event2/", "libpq-fe.h"],
    "coordinator/outbox": [*RECORD, "outbox/", "event2/", "librdkafka/", "openssl/"],
    "coordinator/net": [*WIRE, "http/", "net/", "event2/"],
    "coordinator/api": [*WIRE, "txn/", "faults/", "definition/", "http/", "api/", "openssl/"],
    "coordinator/daemon": DAEMON,
    "coordinator/cli": [*WIRE, "faults/", "definition/", "cjson/", "curl/", "libpq-fe.h"],
}
KNOWN = sorted({name for names in LAYERS.values() for name in names} - {"txn/record.h"} | {
    "daemon/", "cli/", "postgresql/"})
PUBLIC = "participant-sdk/include"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of(name):
    found = [layer for layer in LAYERS if name.is_relative_to(layer)]
    return max(found, key=len, default=None)


def fits(header, names):
    return any(header == name or (name.endswith("/") and header.startswith(name)) for name in names)


def include_faults(root, name):
    layer = layer_of(name)
    for number, line in enumerate((Path(root) / name).read_text().splitlines(), 1):
        if not (found := INCLUDE.match(line)):
            continue
        mark, header = found.groups()
        if "../" in header:
            yield f"{name}:{number}: \"{header}\" reaches into another folder"
        if mark == "<" and layer and fits(header, KNOWN) and not fits(header, LAYERS[layer]):
            yield f"{name}:{number}: {layer} may not include <{header}>"


def include_paths(root, layer):
    """The include folders of the modules that a layer may use."""
    paths = [Path(root) / layer]
    for owner in LAYERS:
        folder = Path(root) / owner / ("" if owner == PUBLIC else "include")
        offers = {f"{path.name}/" for path in folder.glob("*") if path.is_dir()}
        if layer == owner or any(name.split("/")[0] + "/" in offers for name in LAYERS[layer]):
            paths.append(folder)
    return [f"-I{path}" for path in paths]


def outside_paths():
    """What pkg-config adds for the libraries (libpq's headers have a folder of their own)."""
    said = subprocess.run(["pkg-config", "--cflags-only-I", "libpq", "rdkafka", "libcjson"],
                          capture_output=True, text=True).stdout
    return [*said.split(), "-isystem", "/usr/share/include/llhttp"]


def alone_faults(root, name):
    layer = layer_of(name)
    if layer is None or name.suffix != ".h":
        return
    compilers = [["gcc", "-std=c11", "-x", "c"]]
    if layer == PUBLIC:
        compilers.append(["g++", "-std=c++17", "-x", "c++"])
    for compiler in compilers:
        done = subprocess.run(
            [*compiler, "-D_GNU_SOURCE", "-Wall", "-Werror", "-fsyntax-only", "-include",
             str(Path(root) / name), f"-I{Path(root) / name.parent}", *include_paths(root, layer),
             *OUTSIDE, "/dev/null"], capture_output=True, text=True)
        if done.returncode != 0:
            yield f"{name}: does not compile by itself ({compiler[0]}):\n{done.stderr}"


def check(root):
    faults = []
    for name in c_files(root):
        faults += include_faults(root, name)
        faults += alone_faults(root, name)
    return faults


OUTSIDE = outside_paths()
main(check,
     bad=[{"coordinator/txn/a.c": "#include <event2/event.h>\n"},
          {"coordinator/txn/a.c": "#include <base/now.h>\n"},
          {"coordinator/journal/a.c": "#include <txn/txn.h>\n"},
          {"coordinator/net/a.c": "#include <journal/journal.h>\n"},
          {"participant-sdk/base/a.c": "#include <wire/message.h>\n"},
          {"tests/unit/a.c": '#include "../b.h"\n'},
          {"coordinator/api/include/api/a.h": "size_t a(void);\n"},
          {"participant-sdk/include/troth/a.h": "int class(void);\n"}],
     good={"coordinator/journal/a.c": "#include <libpq-fe.h>\n#include <txn/record.h>\n",
           "coordinator/api/include/api/a.h": "#include <stddef.h>\nsize_t a(void);\n"})

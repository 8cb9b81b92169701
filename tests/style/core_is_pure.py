#!/usr/bin/python3
"""The transaction core stays pure: no I/O, no clock, no randomness, no allocation it was not given.

Every symbol that the archives of coordinator/txn need from outside must stand on this short list.
First the check proves that it bites: an archive that calls time() and malloc() must be found.

Called by ctest as: core_is_pure.py <repository> <build folder>.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ARCHIVES = ("libtxn.a", "libtxn_record.a")
ALLOWED = re.compile(
    r"""^(
      memcpy | memset | memmove | memcmp | strlen | bcmp | __assert_fail
    | __(memcpy|memset|memmove)_chk | __stack_chk_fail                    # hardened builds
    | __asan_.* | __ubsan_.* | __sanitizer_.* | __lsan_.* | __sancov_.* | __start_.* | __stop_.*
    | _GLOBAL_OFFSET_TABLE_
    | (buffer|json|duration|span|number|message|troth|record|txn)_.*      # ours, and pure
    | wall_(format|parse)                                                 # but not wall_now()
    )$""", re.VERBOSE)


def foreign(archive):
    """The symbols of `archive` that come from outside and are not allowed."""
    listed = subprocess.run(["nm", "-u", "--format=posix", str(archive)],
                            capture_output=True, text=True, check=True).stdout
    names = {line.split()[0] for line in listed.splitlines()
             if line and not line.rstrip().endswith(":")}
    return sorted(name for name in names if not ALLOWED.match(name))


def prove_it_bites():
    source = ("#include <stdlib.h>\n#include <time.h>\nlong wall_now(void);\n"
              "long txn_now(void);\nvoid *txn_more(void);\n"
              "long txn_now(void) { return (long)time(0) + wall_now(); }\n"
              "void *txn_more(void) { return malloc(8); }\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "impure.c").write_text(source, encoding="utf-8")
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-c", "impure.c", "-o", "impure.o"], cwd=path, check=True)
        subprocess.run(["ar", "rc", "libimpure.a", "impure.o"], cwd=path, check=True)
        found = foreign(path / "libimpure.a")
    if found != ["malloc", "time", "wall_now"]:
        sys.exit(f"core_is_pure: the check does not bite: found {found}")


def main():
    build = Path(sys.argv[2])
    prove_it_bites()
    faults = []
    for name in ARCHIVES:
        archive = build / name
        if not archive.exists():
            sys.exit(f"core_is_pure: {archive} is not there: build it first")
        faults += [f"{name}: {symbol}" for symbol in foreign(archive)]
    if faults:
        print("The transaction core uses what a pure core may not:")
        print("\n".join("  " + fault for fault in faults))
        sys.exit(1)


main()

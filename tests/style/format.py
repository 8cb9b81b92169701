#!/usr/bin/python3
"""C files are laid out as .clang-format says, by the version that the repository is written with."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import c_files, main  # noqa: E402

VERSION = "14"  # others break some lines elsewhere
STYLE = Path(__file__).resolve().parents[2] / ".clang-format"


def clang_format():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        path = shutil.which(name)
        if path:
            said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
            if re.search(rf"version {VERSION}\.", said):
                return path
    return None


def check(root):
    names = c_files(root)
    if not names:
        return []
    done = subprocess.run([TOOL, f"--style=file:{STYLE}", "--dry-run", "--Werror", *map(str, names)],
                          cwd=root, capture_output=True, text=True)
    faults = [line for line in done.stderr.splitlines() if ": error:" in line]
    return faults or ([done.stderr] if done.returncode else [])


TOOL = clang_format()
if TOOL is None:
    print(f"not checked: clang-format {VERSION} is not on this machine")
    sys.exit(0)
main(check,
     bad=[{"a.c": "int  f(void);\n"}, {"a.h": "struct a { int b; };\n"}],
     good={"a.c": "int f(void);\n"})

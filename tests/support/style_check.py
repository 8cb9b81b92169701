"""What the checks in tests/style share. A check is a function from a folder to a list of faults.

main(check, bad, good) first proves the check on samples: each of `bad` (a dict of file names and
texts) must be found, `good` must not. Then it looks at the repository, prints the faults and fails
if there are any. Called by ctest as: CHECK <repository> <build folder>.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

NOT_OURS = {".git", ".troth", "build", "__pycache__"}
C_SUFFIXES = (".c", ".h")


def files(root):
    """Every file of ours below root, as paths relative to it: tracked or about to be."""
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True)
    if listed.returncode == 0:
        names = {Path(name) for name in listed.stdout.split("\0") if name}
    else:  # an unpacked archive, or a sample
        names = {path.relative_to(root) for path in Path(root).rglob("*")}
    return sorted(name for name in names
                  if (Path(root) / name).is_file() and not NOT_OURS & set(name.parts))


def c_files(root):
    return [name for name in files(root) if name.suffix in C_SUFFIXES]


def interpreter(root, name):
    """"bash", "python3" or "" by suffix or first line."""
    suffix = {".sh": "bash", ".py": "python3"}.get(name.suffix)
    if suffix:
        return suffix
    with open(Path(root) / name, "rb") as text:
        first = text.readline(200)
    if first.startswith(b"#!") or b"shellcheck shell=" in first:
        for word in (b"bash", b"python3"):
            if word in first:
                return word.decode()
    return ""


def _faults_of_sample(check, sample):
    with tempfile.TemporaryDirectory(prefix="troth-style.") as folder:
        for name, text in sample.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check(folder)


def main(check, bad, good):
    for sample in bad:
        if not _faults_of_sample(check, sample):
            sys.exit(f"the check itself is broken: it does not find what is wrong in {sample}")
    if unexpected := _faults_of_sample(check, good):
        sys.exit(f"the check itself is broken: it refuses a good sample: {unexpected}")
    root = sys.argv[1] if len(sys.argv) > 1 else os.getcwd()
    if not files(root):
        sys.exit(f"nothing to check in {root}")
    faults = check(root)
    print(*faults, sep="\n")
    sys.exit(1 if faults else 0)

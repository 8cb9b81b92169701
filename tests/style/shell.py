#!/usr/bin/python3
"""Shell scripts pass shellcheck."""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import files, interpreter, main  # noqa: E402

# Sourced files are checked by themselves, so following them would say everything twice.
OPTIONS = ["--format=gcc", "--severity=style", "--exclude=SC1091"]


def check(root):
    names = [str(name) for name in files(root) if interpreter(root, name) == "bash"]
    if not names:
        return []
    done = subprocess.run(["shellcheck", *OPTIONS, *names], cwd=root, capture_output=True, text=True)
    if done.returncode > 1:
        return [done.stderr]
    return done.stdout.splitlines()


main(check,
     bad=[{"a": "#!/usr/bin/env bash\nrm $1\n"}, {"a.sh": "# shellcheck shell=bash\ncd $1\n"}],
     good={"a": '#!/usr/bin/env bash\nrm "$1"\n'})

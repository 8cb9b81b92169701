"""troth-postgres for a test: a participant over a database and a file of operations.

    stock = FromFile("stock", conninfo, operations={"take": {"sql": …}}, coordinator=trothd.url)
"""

import json
import subprocess

from troth_test import HttpServer, program


class FromFile(HttpServer):
    """Options are its settings; `operations` is the file's, or a path."""

    ready = r"^troth-postgres ready listen=127\.0\.0\.1:(?P<port>\d+) operations=\d+"

    def __init__(self, name, database, operations, **options):
        super().__init__(name)
        self.options = {"database": database, "slots": 8, **options}
        self.file = self.folder / "operations.json"
        self.write(operations)

    def write(self, operations):
        text = operations if isinstance(operations, str) else json.dumps({"operations": operations}, indent=2)
        self.file.write_text(text, encoding="utf-8")

    def flags(self):
        return [str(word) for key, value in self.options.items() for word in (f"--{key}", value)]

    def command(self):
        return [program("troth-postgres"), "--listen", self.listen, *self.flags(), self.file]

    def once(self, *words, path=None, **options):
        """(exit status, what it said) of --check and --migrate."""
        flags = [str(word) for key, value in {**self.options, **options}.items() for word in (f"--{key}", value)]
        file = [] if "--migrate" in words else [path or self.file.name]
        done = subprocess.run([program("troth-postgres"), *words, *flags, *file], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, cwd=self.folder,
                              env=self.environment(), timeout=60)
        return done.returncode, done.stdout

    def migrate(self):
        status, said = self.once("--migrate")
        assert status == 0, said

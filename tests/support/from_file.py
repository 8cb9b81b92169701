"""troth-postgres for a test: a participant over a database and a file of operations.

    stock = FromFile("stock", conninfo, operations={"take": {"sql": …}}, coordinator=trothd.url)
"""

import json
import subprocess

from troth_test import HttpServer, program


def flags(options):
    return [str(word) for key, value in options.items() for word in (f"--{key}", value)]


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

    def command(self):
        tls = {}
        if self.tls:
            tls = {"tls_certificate": self.tls.identity.certificate, "tls_key": self.tls.identity.key,
                   "tls_ca": self.tls.authority.certificate}
        return [program("troth-postgres"), "--listen", self.listen, *flags(tls), *flags(self.options), self.file]

    def once(self, *words, path=None, **options):
        """(exit status, what it said) of --check and --migrate."""
        file = [] if "--migrate" in words else [path or self.file.name]
        words = [*words, *flags({**self.options, **options}), *file]
        done = subprocess.run([program("troth-postgres"), *words], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, cwd=self.folder,
                              env=self.environment(), timeout=60)
        return done.returncode, done.stdout

    def migrate(self):
        status, said = self.once("--migrate")
        assert status == 0, said

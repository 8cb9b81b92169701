"""Certificates for tests, made by openssl: an authority, and what it signs.

    authority = Authority(folder)
    mine = authority.issue("trothd")                    # mine.certificate, mine.key: paths of PEM files
    late = authority.issue("late", days=-1)             # has ended
    authority.issue("trothd")                           # anew, over the same files: a rotation
"""

import os
import ssl
import subprocess
import time
from pathlib import Path

PAIR_SECONDS_MAX = 10
CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(map(str, words))}: {done.stderr}")


class Identity:
    """A certificate and its key."""

    def __init__(self, certificate, key):
        self.certificate, self.key = certificate, key

    def load_into(self, context):
        """A rotation moves one file after the other: who reads between the two has no pair, and reads again."""
        end = time.monotonic() + PAIR_SECONDS_MAX
        while True:
            try:
                return context.load_cert_chain(self.certificate, self.key)
            except ssl.SSLError as error:
                if "MISMATCH" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def client_context(self, authority, hostname=True):
        """Python's side of a connection that shows it; `authority` has signed the other side's."""
        context = ssl.create_default_context(cafile=authority.certificate)
        context.check_hostname = hostname
        self.load_into(context)
        return context

    def server_context(self, authority=None):
        """Python's side of a server; with an authority clients must show what that has signed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.load_into(context)
        if authority:
            context.load_verify_locations(authority.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class Authority:
    def __init__(self, folder, name="authority"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        openssl("req", "-x509", *CURVE, "-subj", f"/CN={name}", "-days", "2", "-keyout", self.key, "-out",
                self.certificate)

    def issue(self, name, names=("IP:127.0.0.1", "DNS:localhost"), days=2):
        """Both files are written beside what they replace, and moved over it: nobody reads a half."""
        base = self.folder / name
        request, extensions = f"{base}.csr", f"{base}.ext"
        Path(extensions).write_text(f"subjectAltName={','.join(names)}\n")
        openssl("req", *CURVE, "-subj", f"/CN={name}", "-keyout", f"{base}.key.new", "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days",
                days, "-extfile", extensions, "-out", f"{base}.pem.new")
        os.replace(f"{base}.key.new", f"{base}.key")
        os.replace(f"{base}.pem.new", f"{base}.pem")
        return Identity(Path(f"{base}.pem"), Path(f"{base}.key"))

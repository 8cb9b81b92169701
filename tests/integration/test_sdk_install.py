#!/usr/bin/env python3
"""The installed SDK: a small service builds against the prefix with pkg-config and with find_package,
statically and dynamically, runs, and sees only troth_ symbols."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["TROTH_BUILD"])
ROOT = pathlib.Path(__file__).resolve().parents[2]

SERVICE = r"""
#include <stdio.h>
#include <troth/postgres.h>
#include <troth/troth.h>

static void echo(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    troth_reply_vote(reply, TROTH_VOTE_YES, call->input);
}

int main(void)
{
    const struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT, .port = 0};
    const struct troth_handlers handlers = {TROTH_HANDLERS_INIT, .prepare = echo};
    struct troth_participant *participant;
    char why[200] = "";
    if (troth_participant_create(&config, &participant) != 0 ||
        troth_participant_handle(participant, "echo", &handlers, NULL) != 0 ||
        troth_postgres_migrate("host=/nonexistent", why, sizeof why) != TROTH_ERROR_UNAVAILABLE)
        return 1;
    printf("%s\n", troth_error_name(TROTH_ERROR_UNAVAILABLE));
    troth_participant_destroy(participant);
    return 0;
}
"""

CMAKE = """
cmake_minimum_required(VERSION 3.22)
project(service LANGUAGES C)
find_package(troth 0.1 REQUIRED)
add_executable(service service.c)
target_link_libraries(service troth::troth)
add_executable(service_static service.c)
target_link_libraries(service_static troth::troth_static)
"""


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def quickstart_targets():
    """What the quickstart builds: an install behind it finds no more."""
    text = (ROOT / "deploy" / "quickstart").read_text().replace("\\\n", " ")
    return re.search(r"cmake --build --preset release\s+--target ([a-z_ -]+)", text)[1].split()


def sanitized():
    cache = (BUILD / "CMakeCache.txt").read_text()
    return "TROTH_SANITIZE:BOOL=ON" in cache or "TROTH_FUZZ:BOOL=ON" in cache


@unittest.skipIf(sanitized(), "a sanitized build installs no library")
class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = pathlib.Path(tempfile.mkdtemp(prefix="troth-install."))
        cls.prefix = cls.home / "prefix"
        run("cmake", "--build", BUILD, "--target", "troth_shared", "troth_static", "troth-postgres")
        run("cmake", "--install", BUILD, "--component", "sdk", "--prefix", cls.prefix)
        cls.lib = next(cls.prefix.rglob("libtroth.a")).parent
        (cls.home / "service.c").write_text(SERVICE)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.home)

    def test_the_whole(self):
        """Programs, libraries, schemas, API and licence: what the quickstart has built can be installed."""
        whole = self.home / "whole"
        run("cmake", "--build", BUILD, "--target", *quickstart_targets())
        run("cmake", "--install", BUILD, "--prefix", whole)
        there = {str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file()}
        for name in ("bin/trothctl", "sbin/trothd", "include/troth/client.h",
                     "share/bash-completion/completions/trothctl", "share/doc/troth/LICENSE",
                     "share/doc/troth/README.md", "share/troth/openapi.json",
                     "share/troth/schemas/definition-1.schema.json", "share/troth/schemas/outcome-1.schema.json",
                     "share/troth/schemas/operations-1.schema.json", "bin/troth-postgres",
                     "share/troth/sql/participant/0001_guard.sql", "share/troth/sql/participant/apply.psql"):
            self.assertIn(name, there)
        self.assertTrue({"libtroth.so", "libtroth.a", "troth.pc"} <= {pathlib.Path(name).name for name in there})
        self.assertEqual((whole / "share/doc/troth/LICENSE").read_text(), (ROOT / "LICENSE").read_text())
        self.assertIn("trothctl", run(whole / "bin/trothctl", "--version"))

    def test_what_the_sdk_brings(self):
        """Its component alone has no program but the participant from a file, and all that belongs to the libraries."""
        self.assertEqual([path.name for path in (self.prefix / "bin").iterdir()], ["troth-postgres"])
        self.assertFalse((self.prefix / "sbin").exists())
        for name in ("share/doc/troth/LICENSE", "share/troth/openapi.json", "share/troth/sql/participant/apply.psql"):
            self.assertTrue((self.prefix / name).is_file(), name)

    def environment(self):
        return {**os.environ, "PKG_CONFIG_PATH": str(self.lib / "pkgconfig"),
                "LD_LIBRARY_PATH": str(self.lib)}

    def pkg_config(self, *arguments):
        return run("pkg-config", *arguments, "troth", env=self.environment()).split()

    def compile(self, name, flags, libraries, source=None):
        out = self.home / name
        run(os.environ.get("CC", "cc"), "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-std=c11",
            *flags, source or self.home / "service.c", "-o", out, *libraries)
        self.assertEqual(run(out, env=self.environment()), "UNAVAILABLE\n")
        return out

    def test_shared_with_pkg_config(self):
        """A consumer links the shared library by what pkg-config says."""
        self.compile("shared", self.pkg_config("--cflags"), self.pkg_config("--libs"))

    def static_libraries(self):
        libraries = [self.lib / "libtroth.a" if word == "-ltroth" else word
                     for word in self.pkg_config("--libs", "--static")]
        # Debian has no static Kerberos for libpq: only libtroth itself is taken statically.
        wanted = {"-lpq", "-levent_core", "-lcares", "-lllhttp", "-lpthread", "-lssl", "-lcrypto"}
        return [w for w in libraries if not str(w).startswith("-l") or w in wanted]

    def test_static_with_pkg_config(self):
        """And the static one, with its private libraries."""
        self.compile("static", self.pkg_config("--cflags"), self.static_libraries())

    def test_an_old_caller_still_works(self):
        """What was compiled against older headers, with smaller structs, runs with today's library."""
        abi = ROOT / "tests" / "abi"
        older = ["-I", abi / "older", *self.pkg_config("--cflags")]
        for name, flags, libraries in (("old_shared", older, self.pkg_config("--libs")),
                                       ("old_static", older, self.static_libraries()),
                                       ("new_shared", self.pkg_config("--cflags"), self.pkg_config("--libs"))):
            program = self.compile(name, ["-D_GNU_SOURCE", *flags], libraries, abi / "old_caller.c")
            if name.endswith("shared"):
                wanted = run("nm", "-D", "--undefined-only", program)
                self.assertIn("troth_client_create@TROTH_0.1", wanted)
                loaded = run("readelf", "-d", program)
                self.assertIn("Shared library: [libtroth.so.0.1]", loaded)

    def test_find_package(self):
        """A consumer finds the CMake package, shared and static."""
        source = self.home / "cmake"
        source.mkdir()
        shutil.copy(self.home / "service.c", source)
        (source / "CMakeLists.txt").write_text(CMAKE)
        run("cmake", "-S", source, "-B", source / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", source / "build")
        for name in ("service", "service_static"):
            self.assertEqual(run(source / "build" / name, env=self.environment()), "UNAVAILABLE\n")

    def test_only_our_symbols(self):
        """What the map names is defined for others, in either library, and nothing else; in the shared one
        with the version that brought it."""
        listed = set(re.findall(r"^ +(troth_[a-z0-9_]+);", (ROOT / "participant-sdk" / "troth.map").read_text(), re.M))
        for library, flags in ((self.lib / "libtroth.so", ["-D"]), (self.lib / "libtroth.a", ["-g"])):
            lines = run("nm", *flags, "--defined-only", library).splitlines()
            names = {line.split()[2] for line in lines if len(line.split()) == 3}
            if flags == ["-D"]:
                names -= {name for name in names if re.fullmatch(r"TROTH_[0-9.]+", name)}  # the nodes themselves
                self.assertEqual({name for name in names if "@@TROTH_" not in name}, set())
                names = {name.split("@@")[0] for name in names}
            self.assertEqual(names, listed)

    def test_what_headers_cite_is_there(self):
        """The documents that the installed headers name are installed with them."""
        docs = self.prefix / "share" / "doc" / "troth" / "docs"
        for header in (self.prefix / "include" / "troth").glob("*.h"):
            for name in re.findall(r"\b(?:docs/)?([a-z-]+\.md)\b", header.read_text()):
                self.assertTrue((docs / name).is_file(), f"{header.name} cites {name}")

    def test_headers_stand_alone(self):
        """Each public header compiles by itself, in C and in C++."""
        flags = self.pkg_config("--cflags")
        for header in sorted((self.prefix / "include" / "troth").glob("*.h")):
            for language in ("c", "c++"):
                run(os.environ.get("CC", "cc"), "-x", language, "-fsyntax-only", "-Wall", "-Wextra",
                    "-Werror", *flags, "-include", header, "/dev/null")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3
"""No function that other files may call is called by none, and no macro of ours stands for nothing.

Looked at are coordinator/ and participant-sdk/ alone: what only tests call keeps nothing alive, but for the few in
FOR_TESTS. The functions of the public headers (participant-sdk/troth.map) are for others; what is generated has no
text to look at."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import c_files, files, main  # noqa: E402

PRODUCT = ("coordinator", "participant-sdk")
EXAMPLES = "participant-sdk/examples"
# What a test has to see, or says a failure with.
FOR_TESTS = {
    "api_route_at",              # the API's description is compared with the routes
    "faults_format",  # why a definition of a test is none
    "http_peer_free",            # places of a connection pool
    "http_server_connections",   # connections that are left
    "main",
    "outbox_fault_fatal",        # what Kafka would say
    "txn_effect_kind_name",      # names in a trace

}
FUNCTION = re.compile(r"^(?!static\b|typedef\b|extern\b)[a-z][\w ]*[ *]+(\w+)\([^;{}]*\)\n\{", re.M)
MACRO = re.compile(r"^#\s*define (\w+)", re.M)
WORD = re.compile(r"\b\w+\b")
INLINE = re.compile(r"^static inline\b.*?^\}", re.M | re.S)
COMMENT = re.compile(r"/\*.*?\*/", re.S)
# Macros that are an interface: of a library that we configure, or a public header's.
OUTSIDE = re.compile(r"^_|_H$|_H_$|^TROTH_")


def count_words(texts):
    counts = {}
    for text in texts:
        for word in WORD.findall(text):
            counts[word] = counts.get(word, 0) + 1
    return counts


def exported(root):
    path = Path(root) / "participant-sdk/troth.map"
    return set(re.findall(r"\btroth_\w+", path.read_text())) if path.exists() else set()


def check(root):
    texts = {name: COMMENT.sub(" ", (Path(root) / name).read_text()) for name in c_files(root)}
    product = {name: text for name, text in texts.items() if name.parts[0] in PRODUCT}
    sources = [text if name.suffix == ".c" else "\n".join(INLINE.findall(text)) for name, text in product.items()]
    built = [(Path(root) / name).read_text() for name in files(root)
             if name.name == "CMakeLists.txt" or name.suffix in (".cmake", ".in", ".y")]
    called, named = count_words(sources), count_words([*texts.values(), *built])
    macros = count_words("\n".join(re.findall(r"^#\s*define (?:.*\\\n)*.*", text, re.M))
                         for text in product.values())
    free = exported(root) | FOR_TESTS
    faults = []
    for name, text in product.items():
        if name.is_relative_to(EXAMPLES):
            continue
        if name.suffix == ".c":
            faults += [f"{name}: {function}() is called by nothing" for function in FUNCTION.findall(text)
                       if called[function] < 2 and function not in macros and function not in free]
        faults += [f"{name}: {macro} is used by nothing" for macro in MACRO.findall(text)
                   if named[macro] < 2 and not OUTSIDE.search(macro)]
    return faults


main(check,
     bad=[{"coordinator/net/a.c": "int net_a(void)\n{\n    return 1;\n}\n"},
          {"coordinator/net/a.c": "int net_a(void)\n{\n    return 1;\n}\n",
           "tests/unit/net/a.c": "int net_b(void)\n{\n    return net_a();\n}\n"},
          {"coordinator/net/a.h": "#define NET_MAX 7u\n"},
          {"coordinator/net/a.h": "/* NET_MAX is much. */\n#define NET_MAX 7u\n"}],
     good={"coordinator/net/a.c": "#define NET_MAX 7u\nint net_a(void)\n{\n    return NET_MAX;\n}\n",
           "coordinator/net/b.c": "static int b(void)\n{\n    return net_a();\n}\n",
           "participant-sdk/troth.map": "V {\n        troth_c;\n};\n",
           "participant-sdk/src/c.c": "int troth_c(void)\n{\n    return 1;\n}\n"})

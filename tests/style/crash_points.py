#!/usr/bin/python3
"""Whatever writes to a database, sends to a participant, a client or Kafka, or takes an answer has a crash point
(base/crash.h), so that tests/crash kills at each of them. SENDS says what that is; a function that does it has a
CRASH_POINT beside it, in the same function, or stands in FREE with a reason.

Of the journal's statements (sql/journal/statements) those count that write: a file with insert, update, delete and
their like. What an ask says is sent by reader_send(), what a batch says by lane_send_rows(), which have points: an ask
that writes must say so, `.writes = true`.

No two points have one name."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from style_check import c_files, files, main  # noqa: E402

PRODUCT = ("coordinator", "participant-sdk")
# Where, and what is a send or the taking of an answer.
SENDS = [
    ("coordinator/journal", r"\b(?:link_execute|lane_send_statement)\("),
    ("coordinator/journal", r"\bask->sql\b[^;]*\breader_on_result\b"),
    ("coordinator/journal", r"\bcallbacks\.verdict\("),
    ("coordinator/journal", r'"commit"'),
    ("coordinator/net", r"\bchannel_item_leave\("),
    ("coordinator/net", r"\bconfig\.result\("),
    ("coordinator/api", r"\bcall->exchange\b[^;]*\breply_json\("),
    ("coordinator/outbox", r"\brd_kafka_produceva\("),
    ("coordinator/outbox", r"\bcallbacks\.delivered\("),
    ("participant-sdk/http", r"\bhttp_transport_transmit\("),
    ("participant-sdk/src", r"\bwork_finish\(session"),
    ("participant-sdk/src", r"\"(?:PREPARE TRANSACTION|COMMIT PREPARED|ROLLBACK PREPARED) '%s'\""),
    ("participant-sdk/src", r"\bSQL_(?:CLAIM_COMPENSATION|REFUSE|ABORT|SWEEP)\b"),
    ("participant-sdk/src", r"\bsession_send\(session, statement, &row\.parameters\)"),
    ("participant-sdk/src", r"\bsend_all\(session, task"),
    ("participant-sdk/src", r'command\(connection, "COMMIT"'),
    ("participant-sdk/src", r"\bparticipant_dispatch\(participant, task\)"),
    ("participant-sdk/src", r"\bmessage_result_append\("),
]
FREE = {
    "lane_send_statement": "what calls it has one",
    "lane_fence": "reads and locks",
    "lane_send": "its lock writes nothing; the rows' points are in lane_send_rows()",
    "session_check": "writes nothing",
    "row_fence": "nothing was written: the shard is another's",
    "send_end": "begin() has one, before and behind the whole message",
    "run_journal": "within run_transaction(), which has one",
    "run_open": "makes the table that the others' rows stand in: made again where it is not there",
    "run_create_journal": "within run_transaction()",
    "run_record": "within run_transaction()",
    "terminate": "ends sessions, writes nothing",
    "steps_ready": "ends sessions, writes nothing",
    "sweep_prepare": "prepares",
    "beat_prepare": "prepares",
    "journal_sql_api_key_used": "only looks back: nothing depends on it",
}
FUNCTION = re.compile(r"^(?!typedef\b|extern\b|struct \w+ \{|enum )[a-z][\w ]*[ *]+(\w+)\([^;{}]*\)\n\{\n(.*?)^\}",
                      re.M | re.S)
COMMENT = re.compile(r"/\*.*?\*/", re.S)
WRITES = re.compile(r"\b(?:insert into|update|delete from|create|alter|pg_terminate_backend)\b")
NAME = re.compile(r'\bCRASH_POINTS?\(\s*"([^"]*)"')


def writers(root):
    """The journal's statements that write, as C names them."""
    for name in files(root):
        if name.match("sql/journal/statements/*.sql"):
            text = re.sub(r"--[^\n]*", "", (Path(root) / name).read_text())
            if WRITES.search(re.sub(r"\bfor (?:no key )?update\b", "", text)):
                yield f"journal_sql_{name.stem}"


def function_faults(name, text, said):
    for function, body in FUNCTION.findall(text):
        sends = [pattern for folder, pattern in said if str(name).startswith(folder + "/")]
        if function in FREE or "CRASH_POINT" in body:
            continue
        for pattern in sends:
            if re.search(pattern, body, re.S):
                yield f"{name}: {function}() has no crash point beside {pattern}"


def ask_faults(name, text, written):
    for ask in re.findall(r"const struct ask_kind \w+ = \{(.*?)\};", text, re.S):
        for statement in written:
            if statement not in FREE and re.search(rf"\b{statement}\b", ask) and ".writes = true" not in ask:
                yield f"{name}: an ask says {statement}, which writes, and not .writes = true"


def check(root):
    faults, names = [], {}
    written = list(writers(root))
    said = [*SENDS, *(("coordinator/journal", rf"\b{statement}\b") for statement in written)]
    for name in c_files(root):
        if name.parts[0] not in PRODUCT or name.suffix != ".c":
            continue
        text = COMMENT.sub("", (Path(root) / name).read_text())
        faults += [*function_faults(name, text, said), *ask_faults(name, text, written)]
        for point in NAME.findall(text):
            if not re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", point):
                faults.append(f"{name}: a crash point is called \"{point}\": words with dots between them")
            if point in names:
                faults.append(f"{name}: {names[point]} has a crash point {point}, too")
            names[point] = name
    return faults


SENT = 'static void a(void)\n{\n    CRASH_POINT("a.send");\n    rd_kafka_produceva(b);\n}\n'
WRITER = {"sql/journal/statements/put.sql": "-- a\nprepare troth_put as\ninsert into a values (1);\n"}
main(check,
     bad=[{"coordinator/outbox/a.c": SENT.replace('    CRASH_POINT("a.send");\n', "")},
          {"coordinator/outbox/a.c": SENT, "coordinator/outbox/b.c": SENT},
          {"coordinator/outbox/a.c": SENT.replace("a.send", "Send")},
          {**WRITER, "coordinator/journal/a.c": "void a(void)\n{\n    link_query(b, journal_sql_put);\n}\n"},
          {**WRITER, "coordinator/journal/a.c": "const struct ask_kind a = {\n    .sql = journal_sql_put,\n};\n"},
          {"participant-sdk/src/a.c": "bool a(int b)\n{\n    say(\"COMMIT PREPARED '%s'\", b);\n}\n"}],
     good={"coordinator/outbox/a.c": SENT, **WRITER,
           "coordinator/journal/a.c": "const struct ask_kind a = {\n    .sql = journal_sql_put, .writes = true,\n};\n"
                                      "void b(void)\n{\n    CRASH_POINT(\"b.put\");\n    say(journal_sql_put);\n}\n"})

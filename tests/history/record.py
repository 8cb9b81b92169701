"""What clients asked and were told, line by line in a file, and what was done to the system meanwhile.

    history = History(path)
    number = history.invoke("client 3", "start", label="c3-1", definition="transfer", input={…})
    history.told(number, 200, {"gtid": …, "outcome": "committed"})      # or told(number, None, None): nobody knows
    history.fault("kill north")

A line is an object. `invoke`: what was asked, before it is sent. Then one of `ok` (2xx), `fail` (an answer that says
that nothing was done: 4xx, or 503 in these words) and `unknown` (everything else: no answer, 504). `fault`: somebody
did something to the system. `at` is in seconds since the file began, from one clock. The last line, `final`, is what
was found at the end (checker.Final). operations() and final_line() read it back."""

import json
import re
import threading
import time
from pathlib import Path

NOTHING_DONE = re.compile(r"nothing was done|nothing has been done", re.IGNORECASE)
KEPT = ("gtid", "outcome", "state", "detail", "type")


def kind_of(status, answer):
    if status is None:
        return "unknown"
    if status in (200, 201, 202):
        return "ok"
    said = NOTHING_DONE.search((answer or {}).get("detail", ""))
    return "fail" if status < 500 or said else "unknown"


class History:
    def __init__(self, path):
        self.path = Path(path)
        self.lock = threading.Lock()
        self.file = open(self.path, "w", encoding="utf-8")
        self.began, self.last = time.monotonic(), 0
        self.asked = {}  # number -> what, of those that have no answer yet
        self.counts = {}  # (what, kind or fault) -> how often

    def write(self, line):
        """With the lock held: lines stand in the order of their times."""
        line["at"] = round(time.monotonic() - self.began, 6)
        self.file.write(json.dumps(line) + "\n")

    def count(self, *what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def invoke(self, client, what, **facts):
        with self.lock:
            self.last += 1
            self.asked[self.last] = what
            self.write({"kind": "invoke", "number": self.last, "client": client, "what": what, **facts})
            return self.last

    def told(self, number, status, answer):
        kind = kind_of(status, answer)
        kept = {name: answer[name] for name in KEPT if isinstance(answer, dict) and answer.get(name) is not None}
        with self.lock:
            self.count(self.asked.pop(number), kind)
            self.write({"kind": kind, "number": number, "status": status, "answer": kept})
        return kind

    def fault(self, what):
        with self.lock:
            self.count("fault", what)
            self.write({"kind": "fault", "what": what})

    def end(self, final=None):
        """Nothing more is asked; who was not answered is not known. `final`: Final.lines()."""
        for number in list(self.asked):
            self.told(number, None, None)
        with self.lock:
            if final is not None:
                self.write({"kind": "final", **final})
            self.file.close()


def operations(path):
    """Every operation, in the order in which they were asked: a dict of what was asked (`asked_at`), and `kind`,
    `status`, `answer`, `told_at` of its end."""
    found = {}
    for text in Path(path).read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        if line["kind"] == "invoke":
            found[line["number"]] = {**line, "asked_at": line["at"]}
        elif line["kind"] in ("ok", "fail", "unknown"):
            found[line["number"]].update(kind=line["kind"], status=line["status"], answer=line["answer"],
                                         told_at=line["at"])
    return list(found.values())


def final_line(path):
    """The last line, if the history has come to its end."""
    line = json.loads(Path(path).read_text(encoding="utf-8").splitlines()[-1])
    return line if line["kind"] == "final" else None

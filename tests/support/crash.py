"""The crash points of a process (tests/crash/points.c): how often each was passed, and stopping it at one.

    points = CrashPoints(process)              # before it starts; of every later process, too
    points.arm("journal.write.decide")
    points.wait_reached(20)                    # it stands there: kill it, or something else
    points.go_on()"""

import mmap
import struct
import time

NAME_BYTES, POINTS_MAX = 64, 512
IDLE, ARMED, REACHED, GO_ON = range(4)
PASSES_AT, ARMED_AT, OFF_AT, COUNT_AT = 4, 8, 8 + NAME_BYTES, 8 + 2 * NAME_BYTES
LIST_AT, ENTRY_BYTES = COUNT_AT + 8, NAME_BYTES + 4
POLL_SECONDS = 0.001


class CrashPoints:
    def __init__(self, process):
        self.process = process
        path = process.folder / "crash_points"
        with open(path, "w+b") as file:
            file.truncate(LIST_AT + POINTS_MAX * ENTRY_BYTES)
            self.map = mmap.mmap(file.fileno(), 0)
        process.more_environment["CRASH_POINTS_FILE"] = str(path)

    def word(self, at):
        return struct.unpack_from("I", self.map, at)[0]

    def put(self, at, value):
        struct.pack_into("I", self.map, at, value)

    @property
    def state(self):
        return self.word(0)

    def passed(self):
        """{name: how often}, of all that this program has."""
        found = {}
        for number in range(self.word(COUNT_AT)):
            at = LIST_AT + number * ENTRY_BYTES
            found[self.map[at:at + NAME_BYTES].split(b"\0", 1)[0].decode()] = self.word(at + NAME_BYTES)
        return found

    def arm(self, name, passes=0):
        """It stops there at the next time, or after so many."""
        self.put(0, IDLE)
        self.put(PASSES_AT, passes)
        self.map[ARMED_AT:ARMED_AT + NAME_BYTES] = name.encode().ljust(NAME_BYTES, b"\0")
        self.put(0, ARMED)

    def switch_off(self, rule):
        """A rule that the program keeps (RULE_IS_OFF), to see that somebody notices; "": none."""
        self.map[OFF_AT:OFF_AT + NAME_BYTES] = rule.encode().ljust(NAME_BYTES, b"\0")

    def reached(self):
        return self.state == REACHED

    def wait_reached(self, seconds, unless=lambda: False):
        """false: not in this time, or `unless` came first."""
        end = time.monotonic() + seconds
        while not self.reached():
            if time.monotonic() > end or unless():
                return self.reached()
            time.sleep(POLL_SECONDS)
        return True

    def go_on(self):
        """Also: nothing is armed any more."""
        self.put(0, GO_ON)

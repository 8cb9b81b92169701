"""What the processes of a measurement use, and what the machine does beside them: read from /proc at the begin and the
end of the window that is measured. Where perf can count them (as root), system calls too."""

import os
import platform
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PROCESSORS = os.cpu_count()


def _fields(pid):
    """Of /proc/PID/stat, behind the name."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()


def _threads(pid):
    try:
        return os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        return []


def cpu_seconds(pid):
    """Of its threads that live, to the nanosecond; it loses those that have ended."""
    total = 0
    for thread in _threads(pid):
        try:
            total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / 1e9


def cpu_seconds_of_all_threads(pid):
    """Also of those that have ended; to 10 ms."""
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) * TICK_S


def cluster_pids(postmaster):
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [postmaster, *map(int, children)]


def cluster_cpu_seconds(postmaster):
    """Of a PostgreSQL cluster: its processes, and those that have ended."""
    fields = _fields(postmaster)
    ended = (int(fields[13]) + int(fields[14])) * TICK_S
    return ended + sum(map(cpu_seconds, cluster_pids(postmaster)))


def switches(pid):
    """Context switches of its threads so far."""
    total = 0
    for thread in _threads(pid):
        try:
            text = Path(f"/proc/{pid}/task/{thread}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(map(int, re.findall(r"^(?:non)?voluntary_ctxt_switches:\s+(\d+)", text, re.MULTILINE)))
    return total


def resident_bytes(pid):
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found.group(1)) * 1024


def _machine_stat():
    text = Path("/proc/stat").read_text()
    user, nice, system, _idle, _wait, irq, soft, steal = map(int, text.split("\n", 1)[0].split()[1:9])
    return {"busy_s": (user + nice + system + irq + soft + steal) * TICK_S, "steal_s": steal * TICK_S,
            "switches": int(re.search(r"^ctxt (\d+)", text, re.MULTILINE).group(1))}


class Watch:
    """groups: name -> pids of processes; clusters: name -> postmaster's pid; sessions: name -> pids of single backends,
    which are part of a cluster. generator: the pid of the program that makes the load, once it runs."""

    def __init__(self, groups, clusters, sessions=None, count_calls=False):
        self.groups, self.clusters, self.sessions = groups, clusters, sessions or {}
        self.generator = None
        self.count_calls = count_calls and shutil.which("perf") is not None and os.geteuid() == 0
        self.counters = {}

    def begin(self):
        self._count_calls()
        self.before = self._sample()

    def end(self):
        self.after = self._sample()
        self.calls = {name: self._counted(perf) for name, perf in self.counters.items()}

    def _sample(self):
        cpu = {name: sum(map(cpu_seconds, pids)) for name, pids in self.groups.items()}
        cpu.update({name: cluster_cpu_seconds(pid) for name, pid in self.clusters.items()})
        cpu["generator"] = cpu_seconds_of_all_threads(self.generator)
        own = cpu_seconds(os.getpid())
        sample = {"at": time.monotonic(), "cpu": cpu, "ours_s": sum(cpu.values()) + own, **_machine_stat()}
        sample["sessions"] = {name: sum(map(cpu_seconds, pids)) for name, pids in self.sessions.items()}
        sample["of_groups"] = {name: sum(map(switches, pids)) for name, pids in self.groups.items()}
        return sample

    def _count_calls(self):
        if not self.count_calls:
            return
        for name, pids in self.groups.items():
            self.counters[name] = subprocess.Popen(
                ["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p", ",".join(map(str, pids))],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    @staticmethod
    def _counted(perf):
        perf.send_signal(signal.SIGINT)
        text = perf.communicate(timeout=30)[1]
        found = re.search(r"^(\d+),", text, re.MULTILINE)
        return int(found.group(1)) if found else None

    def figures(self, transactions):
        """Per transaction, in µs; and how busy the machine was with other things."""
        each = max(transactions, 1)
        seconds = self.after["at"] - self.before["at"]
        capacity = seconds * PROCESSORS
        figures = {f"{name}_cpu_us": (used - self.before["cpu"][name]) * 1e6 / each
                   for name, used in self.after["cpu"].items()}
        figures.update({f"{name}_cpu_us": (used - self.before["sessions"][name]) * 1e6 / each
                        for name, used in self.after["sessions"].items()})
        figures.update({f"{name}_switches": (count - self.before["of_groups"][name]) / each
                        for name, count in self.after["of_groups"].items()})
        figures.update({f"{name}_calls": count / each for name, count in self.calls.items() if count is not None})
        figures["switches"] = (self.after["switches"] - self.before["switches"]) / each
        busy, ours = (self.after[key] - self.before[key] for key in ("busy_s", "ours_s"))
        figures["busy_percent"] = 100 * busy / capacity
        figures["other_percent"] = max(0.0, 100 * (busy - ours) / capacity)
        figures["steal_percent"] = 100 * (self.after["steal_s"] - self.before["steal_s"]) / capacity
        return figures


def description(root):
    """What the figures are of."""
    def said(*command):
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        return done.stdout.strip()
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {"commit": said("git", "rev-parse", "--short", "HEAD"),
            "changed": bool(said("git", "status", "--porcelain", "--untracked-files=no")),
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "processors": PROCESSORS,
            "model": model.group(1) if model else platform.machine(),
            "memory_gib": round(int(memory.group(1)) / 1048576, 1), "kernel": platform.release()}

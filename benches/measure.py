"""Runs whole processes and reads their cost from the operating system's own accounting."""

import json
import os
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one run of a process cost."""

    wall: float  # seconds
    cpu: float  # seconds, user and system, children that it waited for included
    own_peak: int  # KiB, the process itself
    peak: int  # KiB, the largest of the process and its children
    code: int


def run(command: list[str], expect: tuple[int, ...] = (0,)) -> Cost:
    """Runs a command to its end; an unexpected exit code stops the benchmark with its output."""
    return _run(command, expect)[1]


def report(command: list[str]) -> tuple[dict, Cost]:
    """Runs a command that prints one JSON object, and gives that as well."""
    output, cost = _run(command, (0,))
    return json.loads(output), cost


def _run(command: list[str], expect: tuple[int, ...]) -> tuple[str, Cost]:
    with open("/dev/null", "rb") as null, _scratch() as output, _scratch() as messages:
        start = time.monotonic()
        child = subprocess.Popen(command, stdin=null, stdout=output, stderr=messages)
        watcher = _PeakWatcher(child.pid)
        watcher.start()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        watcher.done.set()
        watcher.join()
        text, said = (_text(file) for file in (output, messages))
        if child.returncode not in expect:
            raise SystemExit(f"{' '.join(command)}\nended with {child.returncode}:\n{(text + said)[-4000:]}")
    return text, Cost(wall, usage.ru_utime + usage.ru_stime, watcher.peak, usage.ru_maxrss, child.returncode)


class _PeakWatcher(threading.Thread):
    """Reads a process's own peak memory while it lives: wait4 reports the largest of its family."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.done = pid, 0, threading.Event()

    def run(self) -> None:
        # The peak only grows, so the last look before the end is the one that counts.
        while not self.done.wait(0.002):
            try:
                with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
                    for line in status:
                        if line.startswith("VmHWM:"):
                            self.peak = max(self.peak, int(line.split()[1]))
            except OSError:
                return


def _text(file) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _scratch():
    import tempfile

    return tempfile.TemporaryFile()


def median(costs: list[Cost]) -> Cost:
    """The median of each figure on its own."""
    pick = lambda field: statistics.median(getattr(cost, field) for cost in costs)  # noqa: E731
    return Cost(pick("wall"), pick("cpu"), int(pick("own_peak")), int(pick("peak")), 0)

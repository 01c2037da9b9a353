"""The antimalware service: what callers wait for, what it holds in memory, and how it goes over to new definitions.

clamd is measured beside it where it is installed: its own reload of the same set.
"""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import trial_set

ACTIVATIONS = 100
WATCHERS = 1000


class Service:
    """A service over a machine's data folder."""

    def __init__(self, program: str, scratch: Path, sources: Path, root: Path) -> None:
        self.data, self.config = scratch / "service-data", scratch / "service.toml"
        self.config.write_text(
            f'root = "{root}"\nsources = ["{sources}"]\n'
            "[schedule]\nupdate_on_start = false\nupdate_interval = \"0s\"\n"
            "[probation]\ncrashes = 0\n"
            "[transfer]\ndaily_budget = \"0B\"\n"
        )
        self.program = program
        self.child = subprocess.Popen(self.command("service"), stderr=subprocess.DEVNULL)
        self.socket = self.data / "service.sock"
        deadline = time.monotonic() + 20
        while not self.socket.exists():
            if time.monotonic() > deadline or self.child.poll() is not None:
                raise SystemExit("the service does not start")
            time.sleep(0.01)

    def command(self, *words: str) -> list[str]:
        return [self.program, "--config", str(self.config), "--data-dir", str(self.data), *words]

    def update(self) -> dict:
        done = subprocess.run(self.command("update", "--service", "--json", "--quiet"), capture_output=True, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    def memory(self, *fields: str) -> list[float]:
        """Figures of /proc/PID/smaps_rollup in MiB."""
        text = Path(f"/proc/{self.child.pid}/smaps_rollup").read_text(encoding="ascii")
        values = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
        return [sum(values[part] for part in field.split("+")) / 1024 for field in fields]

    def private(self) -> float:
        return self.memory("Private_Clean+Private_Dirty")[0]

    def end(self) -> None:
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(timeout=20)


class Peak(threading.Thread):
    """Looks at a figure again and again and keeps the largest."""

    def __init__(self, look) -> None:
        super().__init__(daemon=True)
        self.look, self.largest, self.over = look, 0.0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.005):
            self.largest = max(self.largest, self.look())

    def stop(self) -> float:
        self.over.set()
        self.join()
        return self.largest


def row(what: str, measured: float, unit: str, most: float | None = None) -> None:
    limit = f"{most:10.1f}{measured / most:9.2f}" if most is not None else ""
    print(f"{what:58}{measured:10.2f} {unit:4}{limit}")


def run(bench, tool: Path) -> None:
    """Everything, on the set of the other benchmarks."""
    service = Service(bench.booster.program, bench.scratch, bench.booster.site, bench.booster.site / "metadata/1.root.json")
    try:
        _measure(bench, tool, service)
    finally:
        service.end()
    _clamd(bench)
    print()


def _measure(bench, tool: Path, service: Service) -> None:
    ask = lambda *words: json.loads(subprocess.run([tool, service.socket, *words], capture_output=True, text=True, check=True).stdout)  # noqa: E731
    print(f"== the service, 104 MB set\n{'':58}{'measured':>10}     {'limit':>10}{'ratio':>9}")
    empty = service.private()
    assert service.update()["outcome"] == "updated"
    time.sleep(1)
    row("private memory with nothing installed", empty, "MiB")
    row("private memory, idle with the set loaded", service.private(), "MiB", 64)

    status = ask("status", "2000")
    row("a warm status call, median", status["median"] / 1000, "ms", 5)
    row("a warm status call, 99 of 100 within", status["p99"] / 1000, "ms", 5)

    before = service.private()
    peak = Peak(service.private)
    peak.start()
    seen = ask("watch", str(WATCHERS))
    largest = peak.stop()
    row(f"watchers of one update that saw every state change, of {WATCHERS}", seen["saw_everything"], "", seen["watchers"])
    row("private memory with them, at the most", largest, "MiB", 64)
    row("  of which for them", largest - before, "MiB")

    _activations(bench, service, ask)


def _activations(bench, service: Service, ask) -> None:
    """Two releases in turns, by a pin that leads back: each activation installs and loads a whole set."""
    changed = bench.scratch / "service-changed"
    trial_set.change(bench.files, changed)
    bench.booster.publish("1.1.0.0", changed)
    assert service.update()["outcome"] == "updated"
    sample = bench.scratch / "sample"
    sample.write_bytes(b"x" * 40)

    quiet = ask("scan", "10", str(sample))
    # The same work beside the service, on a data folder that is not its own.
    other = bench.scratch / "other-data"
    shutil.copytree(service.data, other, ignore=shutil.ignore_patterns("service.*"))
    beside = [service.program, "--config", str(service.config), "--data-dir", str(other)]
    loaded, scans = _scans(ask, sample, 20)
    _switch(beside, 20, embedded=True)
    loaded.join()
    busy = scans[0]

    first = service.memory("Rss")[0]
    ratios: list[float] = []
    begun = time.monotonic()
    thread, scans = _scans(ask, sample, ACTIVATIONS)
    done = _switch(service.command(), ACTIVATIONS, embedded=False, around=lambda work: ratios.append(_growth(service, work)))
    took = time.monotonic() - begun
    thread.join()
    swap = scans[0]
    row("resident memory before the first activation", first, "MiB")
    row(f"resident memory after {done} activations", service.memory("Rss")[0], "MiB")
    row("peak beside the resident memory before, the most of all", max(ratios), "", 1.3)
    for what, times in (("with nothing else", quiet), ("beside updates of another folder", busy), (f"during {done} activations", swap)):
        row(f"a scan of 40 bytes {what}: 99 of 100 within", times["p99"] / 1000, "ms")
        row(f"a scan of 40 bytes {what}: the longest", times["longest"] / 1000, "ms")
    row("the longest during activations beyond the longest without", (swap["longest"] - busy["longest"]) / 1000, "ms", 10)
    row("an activation, update and all", took / done * 1000, "ms")


def _scans(ask, sample: Path, most: int):
    """Scans beside something that takes some seconds."""
    answer = []
    thread = threading.Thread(target=lambda: answer.append(ask("scan", str(max(8, most)), str(sample))))
    thread.start()
    time.sleep(0.5)
    return thread, answer


def _growth(service: Service, work) -> float:
    """The most resident memory during some work, beside that before it."""
    before = service.memory("Rss")[0]
    peak = Peak(lambda: service.memory("Rss")[0])
    peak.start()
    work()
    return max(peak.stop(), before) / before


def _switch(command: list[str], times: int, embedded: bool, around=lambda work: work()) -> int:
    way = "--embedded" if embedded else "--service"
    for turn in range(times):
        pin = ["pin", "1.0.0.0", "--component", "antivirus"] if turn % 2 == 0 else ["unpin"]
        subprocess.run([*command, *pin], capture_output=True, check=True)
        around(lambda: subprocess.run([*command, "update", way, "--quiet"], capture_output=True, check=True))
    return times


def _clamd(bench) -> None:
    """clamd's reload of the same three files."""
    program = shutil.which("clamd") or "/usr/sbin/clamd"
    if not os.path.exists(program):
        print("clamd is not installed: apt-get install clamav-daemon")
        return
    folder = bench.scratch / "clamd"
    databases = folder / "db"
    shutil.copytree(bench.files, databases)
    socket = folder / "clamd.sock"
    config = folder / "clamd.conf"
    config.write_text(f"LocalSocket {socket}\nDatabaseDirectory {databases}\nForeground yes\nUser root\nLogFile {folder}/log\n")
    child = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not socket.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        resident = lambda: int(next(line for line in Path(f"/proc/{child.pid}/status").read_text().splitlines() if line.startswith("VmRSS")).split()[1]) / 1024  # noqa: E731
        before = resident()
        peak = Peak(resident)
        peak.start()
        log = folder / "log"
        loaded = log.read_text().count("Database correctly reloaded")
        os.utime(databases / "trial.ndb")
        begun = time.monotonic()
        _command(socket, b"nRELOAD\n")
        while log.read_text().count("Database correctly reloaded") == loaded and time.monotonic() < begun + 60:
            time.sleep(0.02)
        took = time.monotonic() - begun
        time.sleep(1)
        print(f"clamd: a reload takes {took:.2f} s; resident before {before:.0f}, at the most {peak.stop():.0f}, after {resident():.0f} MiB")
    finally:
        child.terminate()
        child.wait(timeout=30)


def _command(path: Path, words: bytes) -> bytes:
    import socket

    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(words)
        return connection.recv(4096)

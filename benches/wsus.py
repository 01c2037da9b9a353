"""The update server and its client: what asking for nothing new costs a machine, and what a server stands."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import measure
from peers import await_port, free_port

MACHINES = 10_000
SECONDS = 20


class UpdateServer:
    """`booster serve --wsus` over a repository, with a fleet of its own, for as long as the block lasts."""

    def __init__(self, program: str, repository: Path, scratch: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        listen = ["--listen", f"127.0.0.1:{self.port}", "--public-url", self.url]
        self.command = [program, "--data-dir", str(scratch), "serve", str(repository), "--wsus", *listen]

    def __enter__(self) -> "UpdateServer":
        # All machines register from this one.
        environment = {**os.environ, "BOOSTER_FLEET__REGISTRATIONS_PER_ADDRESS": str(MACHINES + 1)}
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(self.command, env=environment, **silent)
        await_port(self.port, "the update server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)

    def memory(self, field: str) -> int:
        """A figure of /proc/PID/status in KiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in text.splitlines() if line.startswith(field)).split()[1])

    def cpu(self) -> float:
        """Processor time so far in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(bench, tool: Path, compare) -> None:
    with UpdateServer(bench.booster.program, bench.booster.site, bench.scratch / "fleet") as server:
        _nothing_new(bench, server, compare)
        _load(server, tool)
    print()


def _nothing_new(bench, server: UpdateServer, compare) -> None:
    """A kept cookie and configuration, and nothing new; beside the same over plain HTTP."""
    root = bench.booster.site / "metadata" / "1.root.json"
    machine = bench.scratch / "managed"
    config = bench.scratch / "managed.toml"
    config.write_text(
        f'root = "{root}"\n[[sources]]\nkind = "managed"\nurl = "{server.url}"\n[sources.wsus]\nplain_http = true\n'
    )
    managed = [bench.booster.program, "--config", str(config), "--data-dir", str(machine), "update", "--quiet"]
    measure.run(managed)
    bench.booster.forget()
    measure.run(bench.booster.update(bench.url))
    ours, plain = [], []
    for _ in range(4 * bench.runs + 1):
        ours.append(measure.run(managed))
        plain.append(measure.run(bench.booster.update(bench.url)))
    compare("nothing new from an update server, whole processes", ours, plain, "over HTTP")
    cpu = measure.median(ours).cpu * 1000
    print(f"processor time of the client: {cpu:.1f} ms, limit 20 ms, ratio {cpu / 20:.2f}\n")
    shutil.rmtree(machine)


def _load(server: UpdateServer, tool: Path) -> None:
    begun = time.monotonic()
    client = subprocess.Popen(
        [tool, f"127.0.0.1:{server.port}", str(MACHINES), str(SECONDS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert client.stdout.readline() == "registered\n", "machines could not register"
    registered = time.monotonic() - begun
    # What the registrations brought is written down by then.
    time.sleep(3)
    before, cpu = server.memory("VmRSS"), server.cpu()
    answers, _ = client.communicate("\n")
    assert client.returncode == 0, "a request was not answered"
    rate, busy = int(answers) / SECONDS, (server.cpu() - cpu) / int(answers)
    print(f"== an update server with {MACHINES} machines, which registered in {registered:.0f} s; clients on the same processors")
    print(f"SyncUpdates a second: {rate:.0f}, at least 500, ratio {rate / 500:.2f}")
    print(f"processor time of the server for each: {busy * 1000:.2f} ms")
    after = server.memory("VmHWM")
    print(f"memory of the server: {before / 1024:.0f} MiB before, {after / 1024:.0f} MiB at the most, ratio {after / before:.2f}")

"""Reads from a file share: Booster's reader beside `smbclient get`, from the same Samba in the same run."""

import os
import shutil
import subprocess
from pathlib import Path

import measure
from peers import await_port, free_port

PASSWORD = "S3cret!"
# The NT hash of the password.
HASH = "10B2F1961375B20126508C2267862BF0"
SIZE = 200 << 20


class Samba:
    """A real Samba on loopback with one folder as a guest's share, an account's, and an encrypted one."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder, self.scratch = folder, scratch
        self.port = free_port()

    @staticmethod
    def installed() -> bool:
        return Path("/usr/sbin/smbd").exists() and shutil.which("smbclient") is not None

    def __enter__(self) -> "Samba":
        place, user = self.scratch, subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("lock", "state", "cache", "pid", "private", "ncalrpc", "log"):
            (place / name).mkdir(parents=True, mode=0o700)
        (place / "usermap").write_text(f"{user} = sigs\n")
        accounts = place / "private" / "smbpasswd"
        accounts.write_text(f"{user}:{os.getuid()}:{'X' * 32}:{HASH}:[UX         ]:LCT-60000000:\n")
        accounts.chmod(0o600)
        self.credentials = place / "credentials"
        self.credentials.write_text(f"username=sigs\npassword={PASSWORD}\n")
        self.credentials.chmod(0o600)
        shares = {"pub": "guest ok = yes", "priv": "guest ok = no", "sealed": "smb encrypt = required"}
        lines = [f"[{name}]\npath = {self.folder}\nread only = yes\n{setting}" for name, setting in shares.items()]
        config = place / "smb.conf"
        config.write_text(
            f"""[global]
            server role = standalone server
            workgroup = BENCH
            netbios name = BENCHSMB
            disable netbios = yes
            smb ports = {self.port}
            interfaces = lo
            bind interfaces only = yes
            load printers = no
            printing = bsd
            printcap name = /dev/null
            disable spoolss = yes
            usershare max shares = 0
            rpc start on demand helpers = no
            map to guest = Bad User
            guest account = {user}
            username map = {place}/usermap
            passdb backend = smbpasswd:{accounts}
            lock directory = {place}/lock
            state directory = {place}/state
            cache directory = {place}/cache
            pid directory = {place}/pid
            private dir = {place}/private
            ncalrpc dir = {place}/ncalrpc
            log file = {place}/log/smbd.log
            """
            + "\n"
            + "\n".join(lines)
            + "\n"
        )
        with open(place / "output.log", "wb") as log:
            command = ["/usr/sbin/smbd", "-F", "--debug-stdout", "-s", str(config)]
            # It ends when its input does: a benchmark that is killed leaves no server.
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        await_port(self.port, f"smbd did not start: see {place}/output.log")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait(20)

    def get(self, share: str) -> list[str]:
        who = ["-N"] if share == "pub" else ["-U", f"sigs%{PASSWORD}"]
        return ["smbclient", "-p", str(self.port), *who, f"//127.0.0.1/{share}", "-c", "get big /dev/null"]

    def fetch(self, program: str, share: str) -> list[str]:
        who = [] if share == "pub" else [str(self.credentials)]
        return [program, rf"\\127.0.0.1\{share}", str(self.port), "big", *who]


def run(root: Path, scratch: Path, runs: int) -> None:
    """Whole processes, signing in among it, both sides in turn."""
    if not Samba.installed():
        print("Samba is not installed: apt-get install samba smbclient\n")
        return
    subprocess.run(
        ["cargo", "build", "--release", "--quiet", "-p", "booster-smb", "--example", "fetch_from_share"], cwd=root, check=True
    )
    program = str(root / "target" / "release" / "examples" / "fetch_from_share")
    folder = scratch / "share"
    folder.mkdir()
    with open(folder / "big", "wb") as big:
        for _ in range(SIZE >> 20):
            big.write(os.urandom(1 << 20))
    with Samba(folder, scratch / "samba") as server:
        print(f"== {SIZE >> 20} MiB from a share (medians of {runs})")
        print(f"{'':24}{'booster':>12}{'smbclient':>12}{'ratio':>9}   goal")
        for share, name in (("pub", "guest"), ("priv", "signed"), ("sealed", "encrypted")):
            ours, theirs = [], []
            for _ in range(runs):
                ours.append(measure.run(server.fetch(program, share)))
                theirs.append(measure.run(server.get(share)))
            a, b = measure.median(ours), measure.median(theirs)
            rate = [SIZE / 1e6 / cost.wall for cost in (a, b)]
            print(f"{name + ', MB/s':24}{rate[0]:12.0f}{rate[1]:12.0f}{rate[0] / rate[1]:9.2f}   at least 0.80")
            print(f"{name + ', CPU ms':24}{a.cpu * 1000:12.0f}{b.cpu * 1000:12.0f}{a.cpu / b.cpu:9.2f}")
    print()

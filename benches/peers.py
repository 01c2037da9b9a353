"""The server and the peer that Booster is measured beside: nginx and freshclam, both from Debian."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path


class Nginx:
    """A real nginx on loopback that serves a folder, for as long as the block lasts."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder, self.scratch, self.port = folder, scratch, free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def __enter__(self) -> "Nginx":
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            raise SystemExit("nginx is needed: apt-get install nginx-light")
        self.scratch.mkdir(parents=True, exist_ok=True)
        config = self.scratch / "nginx.conf"
        # `before` lets freshclam have its 304: with nginx's default it never gets one.
        config.write_text(
            f"""
            daemon off; worker_processes 1; pid {self.scratch}/pid; error_log {self.scratch}/error.log;
            user root;
            events {{ worker_connections 64; }}
            http {{
                access_log {self.scratch}/access.log; sendfile on; if_modified_since before;
                client_body_temp_path {self.scratch}/body; proxy_temp_path {self.scratch}/proxy;
                fastcgi_temp_path {self.scratch}/fcgi; uwsgi_temp_path {self.scratch}/uwsgi;
                scgi_temp_path {self.scratch}/scgi;
                server {{ listen 127.0.0.1:{self.port}; root {self.folder}; }}
            }}
            """
        )
        self.process = subprocess.Popen([program, "-c", str(config), "-e", str(self.scratch / "error.log")])
        await_port(self.port, f"nginx did not start: see {self.scratch / 'error.log'}")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)


class Freshclam:
    """A freshclam that fetches three custom databases and nothing else."""

    def __init__(self, url: str, scratch: Path, test_databases: bool = True) -> None:
        self.scratch, self.database = scratch, scratch / "db"
        scratch.mkdir(parents=True, exist_ok=True)
        self.config = scratch / "freshclam.conf"
        names = ("trial.hsb", "trial.ndb", "sigbase.yara")
        # A mirror line is compulsory though it is never contacted.
        self.config.write_text(
            f"DatabaseDirectory {self.database}\nDatabaseMirror localhost\nDNSDatabaseInfo no\n"
            f"DatabaseOwner root\nTestDatabases {'yes' if test_databases else 'no'}\n"
            + "".join(f"DatabaseCustomURL {url}{name}\n" for name in names)
        )

    @staticmethod
    def installed() -> bool:
        return shutil.which("freshclam") is not None

    @staticmethod
    def version() -> str:
        return subprocess.run(["freshclam", "--version"], capture_output=True, text=True, check=True).stdout.split("/")[0].strip()

    def forget(self) -> None:
        """Back to a machine that has nothing."""
        shutil.rmtree(self.database, ignore_errors=True)
        self.database.mkdir(parents=True)

    def command(self) -> list[str]:
        return ["freshclam", f"--config-file={self.config}", "--update-db=custom", "--no-dns", "--quiet"]


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port: int, failure: str) -> None:
    """Waits until a server that was just started listens, for ten seconds at the most."""
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(failure)

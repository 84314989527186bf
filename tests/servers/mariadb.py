"""A real MariaDB for the tests, where one is installed: a data directory and a socket of its own, in a temporary folder, gone at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def program() -> str | None:
    """Return where the server is, if it is installed."""
    return shutil.which("mariadbd", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))


@dataclass(frozen=True)
class Mariadb:
    """A running server."""

    folder: Path

    @property
    def url(self) -> str:
        """Where it listens: a socket, which nobody else can have taken."""
        return f"mariadb+pymysql://root@localhost/credkit?unix_socket={self.folder / 'socket'}"


@contextmanager
def running() -> Iterator[Mariadb]:
    """Start a server, and stop it at the end."""
    found = program()
    assert found is not None
    folder = Path(tempfile.mkdtemp(prefix="credkit-my-"))
    (folder / "data").mkdir()
    # `--bootstrap` reads statements and ends: enough of a system for a server that asks nobody who they are.
    base = Path(found).resolve().parent.parent
    common = [found, "--no-defaults", f"--datadir={folder / 'data'}", "--skip-grant-tables", f"--lc-messages-dir={base / 'share/mysql'}"]
    common += ["--user=root"] if os.geteuid() == 0 else []
    statements = "CREATE DATABASE mysql;\nCREATE DATABASE credkit;\n"  # one statement a line
    process = None
    try:
        with (folder / "log").open("wb") as log:
            subprocess.run([*common, "--bootstrap"], input=statements.encode(), stdout=log, stderr=log, check=True)
            process = subprocess.Popen([*common, "--skip-networking", f"--socket={folder / 'socket'}", "--max-connections=120"], stdout=log, stderr=log)
        for _ in range(600):
            if (folder / "socket").exists():
                break
            assert process.poll() is None, (folder / "log").read_text(encoding="utf-8", errors="replace")
            time.sleep(0.05)
        yield Mariadb(folder)
    finally:
        if process is not None:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)

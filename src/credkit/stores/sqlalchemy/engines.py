"""Connections of credkit's own: a small pool for each process, transactions that are short, and every failure as `StoreError`.

They are made from a URL, never from the host's engine or session, so that nothing here can be part of the caller's transaction or wait for a
place in the caller's pool (F7). Connections are in autocommit; a transaction is begun in words, where one statement is not enough.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, select
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError, SQLAlchemyError, StatementError
from sqlalchemy.pool import QueuePool

from credkit.errors import ConfigurationError, IdentifierTaken, SchemaError, StoreError
from credkit.per_process import PerProcess
from credkit.stores.sqlalchemy.schema import MYSQL, SCHEMA, TABLES

__all__ = ["Engines", "check", "in_transaction"]

T = TypeVar("T")

BLOCKING: Final = {
    "postgresql": "postgresql+psycopg",
    "postgresql+asyncpg": "postgresql+psycopg",
    "postgresql+psycopg_async": "postgresql+psycopg",
    "sqlite+aiosqlite": "sqlite",
    "mysql": "mysql+pymysql",
    "mysql+aiomysql": "mysql+pymysql",
    "mysql+asyncmy": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mariadb+aiomysql": "mariadb+pymysql",
    "mariadb+asyncmy": "mariadb+pymysql",
}
"""What is spoken instead of a driver for asyncio: the async stores call in threads, so that a cancelled task never leaves a call half made."""

BEGIN: Final = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN ISOLATION LEVEL READ COMMITTED"}
"""SQLite: a write waits for its turn before it reads. PostgreSQL: each statement sees the newest; conditions and unique indexes decide.

Anywhere else (MySQL, MariaDB) it is REPEATABLE READ, see `_of_mysql`."""

LOGGED_AS: Final = "credkit"
"""SQLAlchemy's loggers of these engines end with it."""

ROLLED_BACK: Final = frozenset({"40001", "40P01", 1213})
"""The database undid a transaction so that another one could go on (deadlock, serialisation): nothing of it was done, so it is done again."""

ATTEMPTS: Final = 50
"""After that many a store is in trouble. Of those that meet, one gets through each time."""


@dataclass(slots=True)
class _Own:
    """What one process has."""

    engine: Engine
    checked: bool = False


class Engines:
    """One engine for each process, made at first use."""

    def __init__(self, url: str | URL, *, pool_size: int, timeout: timedelta, connect_args: Mapping[str, Any]) -> None:
        """Name the database, how many connections a process may have, and how long anything may wait for one."""
        given = make_url(url)
        self._url: URL = given.set(drivername=BLOCKING.get(given.drivername, given.drivername))
        self.dialect: Final = self._url.get_backend_name()
        """The name of the engine, as in the URL."""
        self._pool_size: Final = pool_size
        self.timeout: Final = timeout.total_seconds()
        """In seconds."""
        self._connect_args: Final = dict(connect_args)
        self._own: PerProcess[_Own] = PerProcess(self._made)
        if self.dialect == "sqlite":
            self._url = _of_one_file(self._url)
        self._gate = _Gate(self.timeout, self.close) if self.dialect == "sqlite" else None

    def engine(self) -> Engine:
        """Return this process's engine."""
        return self._own.get().engine

    def close(self) -> None:
        """Close this process's connections that are not in use; the next call opens others."""
        self.engine().dispose()

    # Calls -----------------------------------------------------------------------------------------------------------

    def read(self, work: Callable[[Connection], T]) -> T:
        """Return what *work* returns; it may make one statement that changes nothing. A dropped connection is replaced once."""
        return self._told(lambda: self._tried(work, repeats=1))

    def write(self, work: Callable[[Connection], T], *, repeats: int = 0) -> T:
        """Return what *work* returns; it may make one statement. With *repeats* it is made again where it cannot be known whether it was made."""
        return self._told(lambda: self._tried(work, repeats=repeats))

    def transaction(self, work: Callable[[Connection], T], *, repeats: int = 0) -> T:
        """Return what *work* returns; all its statements are one transaction, which is durable by then."""
        return self._told(lambda: self._tried(partial(in_transaction, work, BEGIN.get(self.dialect, "START TRANSACTION")), repeats=repeats))

    def unchecked(self, work: Callable[[Connection], T]) -> T:
        """Return what *work* returns, also where there are no tables yet."""
        with _trouble():
            return self._used(work)

    def _told(self, call: Callable[[], T]) -> T:
        own = self._own.get()
        with _trouble():
            if not own.checked:
                self._tried(check, repeats=1)
                own.checked = True
            try:
                return call()
            except (ProgrammingError, OperationalError) as failure:
                # A table or a column may be missing since: the row of the schema says it better.
                if not failure.connection_invalidated:
                    own.checked = False
                    self._tried(check, repeats=1)
                raise

    def _tried(self, work: Callable[[Connection], T], *, repeats: int) -> T:
        for attempt in range(ATTEMPTS):
            try:
                return self._used(work)
            except DBAPIError as failure:
                if failure.connection_invalidated and repeats:
                    repeats -= 1
                elif not _was_rolled_back(failure) or attempt == ATTEMPTS - 1:
                    raise
                else:
                    time.sleep(min(0.02, 0.0005 * 2**attempt) * secrets.randbelow(1000) / 1000)  # seconds, so that rivals part
        raise AssertionError  # pragma: no cover  # the last attempt returns or raises

    def _used(self, work: Callable[[Connection], T]) -> T:
        if self._gate is None:
            return self._connected(work)
        with self._gate:
            return self._connected(work)

    def _connected(self, work: Callable[[Connection], T]) -> T:
        with self.engine().connect() as connection:
            try:
                return work(connection)
            except (SQLAlchemyError, IdentifierTaken):
                raise
            except BaseException:
                # A signal may have struck in the middle of an answer, and the next call would read what is left of it.
                connection.invalidate()
                raise

    # Making one -------------------------------------------------------------------------------------------------------

    def _made(self) -> _Own:
        engine = create_engine(
            self._url,
            poolclass=QueuePool,
            pool_size=self._pool_size,
            max_overflow=0,
            pool_timeout=self.timeout,
            pool_recycle=1800,  # seconds; firewalls and MySQL close what is idle for hours
            pool_reset_on_return=None,  # nothing is left open here, and a rollback would be one more round trip
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            hide_parameters=True,  # or the text of a failure would hold identifiers and hashes
            logging_name=LOGGED_AS,
            connect_args=self._arguments() | self._connect_args,
        )
        # Every row that is read would be logged otherwise where the host logs at DEBUG, and rows are hashes and identifiers.
        own: Any = engine.logger  # of this name; the host's engines have others
        own.setLevel("WARNING")
        if self.dialect == "sqlite":
            event.listen(engine, "connect", _of_sqlite)
        elif self.dialect == "postgresql":
            event.listen(engine, "connect", _of_postgres)
        elif self.dialect in MYSQL:
            event.listen(engine, "connect", _of_mysql)
        return _Own(engine)

    def _arguments(self) -> dict[str, Any]:
        if self.dialect == "sqlite":
            return {"timeout": self.timeout}
        if self.dialect == "postgresql" and self._url.get_driver_name() == "psycopg":
            # Whole seconds, at least two. An answer that does not come because the network is gone is given up after the second.
            return {"connect_timeout": max(2, round(self.timeout)), "tcp_user_timeout": max(2000, round(1000 * self.timeout))}
        return {"connect_timeout": max(2, round(self.timeout))}


def _of_one_file(url: URL) -> URL:
    """Return the URL of a file whatever folder a thread stands in that opens it later."""
    name = url.database or ":memory:"
    if ":memory:" in name or "mode=memory" in name or url.query.get("mode") == "memory":
        raise ConfigurationError(["SQLite in memory has one database for each connection; use credkit.stores.memory, or a file"])
    return url if name.startswith("file:") else url.set(database=str(Path(name).absolute()))


def check(connection: Connection) -> None:
    """Look whether the tables are those of this release (ST-10).

    Raises:
        SchemaError: They are not.
    """
    schema = TABLES.schema
    try:
        row = connection.execute(select(schema.c.version, schema.c.readable_by).where(schema.c.name == "credkit")).first()
    except (ProgrammingError, OperationalError) as failure:
        if failure.connection_invalidated or _was_rolled_back(failure) or not _is_missing(failure):
            raise
        row = None
    if row is None:
        raise SchemaError("credkit's tables are not there; run `stores.create()` once, before the workers start")
    if row.version < SCHEMA:
        raise SchemaError(f"the tables are of schema {row.version} and this release needs {SCHEMA}; run `stores.create()`, or the migration, first")
    if row.readable_by > SCHEMA:
        raise SchemaError(f"the tables are of schema {row.version}, which this release (schema {SCHEMA}) cannot use; deploy the newer release here, too")


def _is_missing(failure: DBAPIError) -> bool:
    """Whether the failure is that of a table that is not there: each engine has its own word for it."""
    return bool(_codes(failure) & {"42P01", 1146}) or "no such table" in str(failure.orig)


def _was_rolled_back(failure: DBAPIError) -> bool:
    return bool(_codes(failure) & ROLLED_BACK)


def _codes(failure: DBAPIError) -> frozenset[object]:
    """Return what the engine calls the failure: a state of the SQL standard, or a number of its own."""
    original = failure.orig
    return frozenset((getattr(original, "sqlstate", None), *getattr(original, "args", ())[:1]))


def in_transaction(work: Callable[[Connection], T], begin: str, connection: Connection) -> T:
    """Return what *work* returns, with all its statements between *begin* and a commit; a failure leaves no transaction open."""
    connection.exec_driver_sql(begin)
    try:
        result = work(connection)
        connection.exec_driver_sql("COMMIT")
    except (SQLAlchemyError, IdentifierTaken):
        _undo(connection)
        raise
    return result


def _undo(connection: Connection) -> None:
    if connection.invalidated:
        return
    try:
        connection.exec_driver_sql("ROLLBACK")
    except SQLAlchemyError:
        if not connection.invalidated:
            connection.invalidate()  # SQLite has undone some failures already; whatever it was, the connection is not used again


class _trouble:  # noqa: N801  # reads as what it is: `with _trouble():`
    """Let nothing of the database's own escape but as `StoreError`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, failure: BaseException | None, trace: object) -> None:
        if isinstance(failure, StatementError):
            failure.params = None  # a reporter of errors may look at more than the text
        if isinstance(failure, SQLAlchemyError):
            raise StoreError("the database failed; see the cause") from failure


def _of_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")  # NORMAL forgets the last commits at a power loss, and a forgotten commit is an uncounted guess (F7)
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _of_postgres(connection: Any, _: object) -> None:
    """READ COMMITTED, whatever the database has for others: the function of a commit must see what was committed while it waited for its locks."""
    cursor = connection.cursor()
    cursor.execute("SET default_transaction_isolation TO 'read committed'")
    cursor.close()
    connection.commit()  # or it would be undone with the transaction, where the driver has begun one


def _of_mysql(connection: Any, _: object) -> None:
    """REPEATABLE READ, as `SELECT ... FOR UPDATE` then also locks the gaps where absent keys would be: nobody makes them meanwhile."""
    cursor = connection.cursor()
    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    cursor.close()


class _Gate:
    """Lets calls to SQLite through, but none while the process forks, and has the idle connections closed before.

    SQLite keeps its locks by process and file; a child that inherits an open connection believes that it has the parent's locks, and once
    the parent closes it writes on to a log that has been removed.
    """

    def __init__(self, patience: float, close: Callable[[], None]) -> None:
        self._patience = patience
        self._close = close
        self._idle = threading.Condition(threading.RLock())
        self._inside = 0
        self._forking = False
        if hasattr(os, "register_at_fork"):  # nowhere else are there forks
            itself: weakref.ref[_Gate] = weakref.ref(self)
            stop, go_on, begin = (partial(_Gate._called, itself, what) for what in (_Gate._stop, _Gate._go_on, _Gate._begin_anew))
            os.register_at_fork(before=stop, after_in_parent=go_on, after_in_child=begin)

    def __enter__(self) -> None:
        with self._idle:
            self._idle.wait_for(lambda: not self._forking)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._idle:
            self._inside -= 1
            self._idle.notify_all()

    @staticmethod
    def _called(itself: weakref.ref[_Gate], what: Callable[[_Gate], None]) -> None:
        gate = itself()
        if gate is not None:
            what(gate)

    def _stop(self) -> None:
        self._idle.acquire()
        self._forking = True
        self._idle.wait_for(lambda: self._inside == 0, self._patience)
        self._close()

    def _go_on(self) -> None:
        self._forking = False
        self._idle.notify_all()
        self._idle.release()

    def _begin_anew(self) -> None:
        """Take a lock of its own: the parent's other threads, which may wait for the old one, are not here."""
        self._idle = threading.Condition(threading.RLock())
        self._inside, self._forking = 0, False

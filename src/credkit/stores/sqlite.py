"""Stores in one SQLite file, for hosts on one machine: safe for threads, processes and forks, durable at every commit.

Each thread of each process has a connection of its own, in autocommit, so nothing here is ever part of a caller's
transaction. A write begins with ``BEGIN IMMEDIATE``, so that it waits for its turn before it reads, and cannot fail half-way for
having read too early. WAL lets readers go on meanwhile; ``synchronous=FULL`` because NORMAL forgets the last commits at
a power loss, and a forgotten commit is a guess that was not counted (F7). Local file systems only.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from credkit.credential import Credential, Mark, NewCredential, Registered, Standing
from credkit.errors import IdentifierTaken, StoreError
from credkit.framing import from_microseconds, microseconds
from credkit.identifiers import Identifier, restore_identifier
from credkit.lifting import OffloadedCredentials, OffloadedRecords, offload
from credkit.ports import Committed, Record, Write

__all__ = ["AsyncSqliteStores", "OnAdd", "SqliteCredentials", "SqliteRecords", "SqliteStores"]

OnAdd = Callable[[sqlite3.Connection, Credential, object], Sequence[str] | None]
"""Called inside `add`'s transaction with the new credential and the host's *extra*; may insert the host's own rows and
return the accounts that the credential serves. Whatever it raises undoes the whole `add`."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS credkit_record (
    key TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    payload BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    due_at INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS credkit_record_due ON credkit_record (kind, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS credkit_record_expiry ON credkit_record (expires_at);
CREATE TABLE IF NOT EXISTS credkit_credential (
    id TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    generation TEXT NOT NULL,
    password_hash TEXT,
    preferred_kind TEXT,
    preferred_canonical TEXT,
    session_epoch INTEGER NOT NULL,
    locale TEXT,
    disabled INTEGER NOT NULL,
    accounts TEXT NOT NULL,
    marks TEXT NOT NULL,
    added_by TEXT NOT NULL UNIQUE,
    compromised INTEGER NOT NULL DEFAULT 0,
    earlier_hashes TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS credkit_identifier (
    kind TEXT NOT NULL,
    canonical TEXT NOT NULL COLLATE BINARY,
    credential_id TEXT NOT NULL REFERENCES credkit_credential (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    entered TEXT NOT NULL,
    standing TEXT NOT NULL,
    verified_at INTEGER,
    PRIMARY KEY (kind, canonical)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS credkit_identifier_credential ON credkit_identifier (credential_id);
"""

_ADDED_SINCE: Final = {"compromised": "INTEGER NOT NULL DEFAULT 0", "earlier_hashes": "TEXT NOT NULL DEFAULT '[]'"}
"""Columns of `credkit_credential` that a file of an earlier release lacks, with what they mean there."""

_COLUMNS: Final = (
    "version, generation, password_hash, preferred_kind, preferred_canonical, session_epoch, locale, disabled, accounts, marks, compromised, earlier_hashes"
)
"""All that `_columns` gives, by name, so that a release with more of them can share the file."""

_KEYS_AT_ONCE: Final = 500
"""Placeholders in one statement; SQLite allows 999 in its older builds."""


class _Held:
    """A connection of one thread, with the process that opened it. It closes with its thread, but only where it was opened."""

    def __init__(self, connection: sqlite3.Connection, inherited: _Held | None) -> None:
        self.pid = os.getpid()
        self.in_use = threading.RLock()
        # A child that was forked in the middle of a use keeps the parent's connection untouched: closing it would drop the parent's locks.
        self._inherited = inherited
        self.connection: sqlite3.Connection | None = connection
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    def close(self) -> None:
        """Close the connection, unless the calling thread itself is in the middle of a use."""
        if self.connection is not None and not self.connection.in_transaction:
            self.connection.close()
            self.connection = None

    def __del__(self) -> None:
        if self.pid == os.getpid() and self.connection is not None:
            self.connection.close()


class _Connections:
    """One connection for each thread of each process; none is open while the process forks.

    SQLite keeps its locks by process and file, and a child that inherits an open connection, be it of a thread that it does not
    have, believes that it has the parent's locks. Once the parent closes, such a child writes on to a log that has been
    removed. So before a fork every connection is closed as soon as its use ends, and none is opened until the fork is over.
    """

    def __init__(self, path: str | Path, timeout: timedelta) -> None:
        self._path = str(Path(path).absolute())  # a thread that opens it later may stand in another folder
        self._timeout = timeout.total_seconds()
        self._local = threading.local()
        self._opening = threading.RLock()
        self._open: weakref.WeakSet[_Held] = weakref.WeakSet()
        self._stopped: list[_Held] = []
        if hasattr(os, "register_at_fork"):  # nowhere else are there forks
            itself: weakref.ref[_Connections] = weakref.ref(self)
            go_on = partial(_told, itself, _Connections.go_on)
            os.register_at_fork(before=partial(_told, itself, _Connections.stop), after_in_parent=go_on, after_in_child=go_on)

    @contextmanager
    def using(self) -> Generator[sqlite3.Connection, None, None]:
        """Give this thread's connection, locked for use. One that a fork has closed, before it could be locked, is replaced."""
        while True:
            held: _Held | None = getattr(self._local, "held", None)
            if held is None or held.pid != os.getpid():
                held = self._opened(held)
            with held.in_use:
                if held.connection is not None:
                    yield held.connection
                    return
            del self._local.held

    def _opened(self, inherited: _Held | None) -> _Held:
        with self._opening:
            # The interpreter may collect a thread's connection in another thread; it is never used by two.
            connection = sqlite3.connect(self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
            held = self._local.held = _Held(connection, inherited)
            self._open.add(held)
            return held

    def get(self) -> sqlite3.Connection:
        """Return the connection of this thread and process, to be looked at between uses."""
        with self.using() as connection:
            return connection

    def close(self) -> None:
        """Close this thread's connection, unless it is in use; the next use opens another."""
        held: _Held | None = getattr(self._local, "held", None)
        if held is not None and held.pid == os.getpid():
            held.close()

    def stop(self) -> None:
        """Close every connection, each once it is not in use, and let none be opened. What is in use for too long stays as it is."""
        self._opening.acquire()
        for held in list(self._open):
            if held.pid == os.getpid() and held.in_use.acquire(timeout=self._timeout):
                self._stopped.append(held)
                held.close()

    def go_on(self) -> None:
        """Let connections be opened again, in the parent and in the child of a fork."""
        while self._stopped:
            self._stopped.pop().in_use.release()
        self._opening.release()

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection, None, None]:
        """Give a connection whose reads all see one instant."""
        with _trouble(), self.using() as connection, _transaction(connection, "BEGIN"):
            yield connection

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection, None, None]:
        """Give a connection that nobody else writes beside; commit at the end, or undo everything."""
        with _trouble(), self.using() as connection, _transaction(connection, "BEGIN IMMEDIATE"):
            yield connection


def _told(connections: weakref.ref[_Connections], what: Callable[[_Connections], None]) -> None:
    alive = connections()
    if alive is not None:
        what(alive)


@contextmanager
def _trouble() -> Generator[None, None, None]:
    try:
        yield
    except sqlite3.Error as failure:
        raise StoreError("SQLite failed; see the cause") from failure


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Generator[sqlite3.Connection, None, None]:
    if connection.in_transaction:
        raise StoreError("the store was called from within its own transaction")
    try:
        # Inside, as a signal that arrives while this waits for the lock is raised here once the lock has been given.
        connection.execute(begin)
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _keep_a_log(connection: sqlite3.Connection, patience: float) -> None:
    """Switch the file to WAL, which it keeps. SQLite itself does not wait for another process that does the same at this moment."""
    until = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as failure:
            if failure.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


class SqliteRecords:
    """A record store in a SQLite file."""

    def __init__(self, connections: _Connections) -> None:
        self._connections = connections

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        with self._connections.reading() as connection:
            return _select(connection, keys)

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        expected = {**checks, **{write.key: write.expected_version for write in writes}}
        with self._connections.writing() as connection:
            current = _select(connection, list(expected))
            if any((current[key].version if key in current else 0) != version for key, version in expected.items()):
                return Committed(done=False, current=current)
            for write in writes:
                _write(connection, write)
        return Committed(done=True, current={})

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        query = "SELECT * FROM credkit_record WHERE kind = ? AND due_at <= ? ORDER BY due_at LIMIT ?"
        with self._connections.reading() as connection:
            return [_record(row) for row in connection.execute(query, (kind, microseconds(now), limit))]

    def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        query = "DELETE FROM credkit_record WHERE key IN (SELECT key FROM credkit_record WHERE expires_at <= ? LIMIT ?)"
        with self._connections.writing() as connection:
            return connection.execute(query, (microseconds(now), limit)).rowcount


def _select(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[start : start + _KEYS_AT_ONCE]
        query = f"SELECT * FROM credkit_record WHERE key IN ({', '.join('?' * len(some))})"  # noqa: S608  # question marks only
        found.update((row[0], _record(row)) for row in connection.execute(query, tuple(some)))
    return found


def _record(row: tuple[str, str, int, bytes, int, int | None]) -> Record:
    key, kind, version, payload, expires_at, due_at = row
    due = None if due_at is None else from_microseconds(due_at)
    return Record(key=key, kind=kind, version=version, payload=payload, expires_at=from_microseconds(expires_at), due_at=due)


def _write(connection: sqlite3.Connection, write: Write) -> None:
    record = write.record
    if record is None:
        connection.execute("DELETE FROM credkit_record WHERE key = ?", (write.key,))
        return
    due_at = None if record.due_at is None else microseconds(record.due_at)
    connection.execute(
        "INSERT OR REPLACE INTO credkit_record VALUES (?, ?, ?, ?, ?, ?)",
        (record.key, record.kind, record.version, record.payload, microseconds(record.expires_at), due_at),
    )


class SqliteCredentials:
    """A credential store in a SQLite file. Without *on_add* a new credential serves one account, of its own id."""

    def __init__(self, connections: _Connections, on_add: OnAdd | None) -> None:
        self._connections = connections
        self._on_add = on_add

    def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        query = "SELECT credential_id FROM credkit_identifier WHERE kind = ? AND canonical = ?"
        with self._connections.reading() as connection:
            row = connection.execute(query, (identifier.kind, identifier.canonical)).fetchone()
            return None if row is None else _credential(connection, row[0])

    def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        with self._connections.reading() as connection:
            return _credential(connection, credential_id)

    def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`; *extra* goes to the `OnAdd` callable."""
        with self._connections.writing() as connection:
            earlier = connection.execute("SELECT id FROM credkit_credential WHERE added_by = ?", (new.change_id,)).fetchone()
            added = None if earlier is None else _credential(connection, earlier[0])
            return added or self._insert(connection, new, extra)

    def _insert(self, connection: sqlite3.Connection, new: NewCredential, extra: object) -> Credential:
        credential_id = secrets.token_hex(16)
        credential = Credential(
            id=credential_id,
            identifiers=new.identifiers,
            password_hash=new.password_hash,
            preferred=new.preferred,
            accounts=(credential_id,),
            session_epoch=0,
            generation=new.generation,
            marks=new.marks,
            locale=new.locale,
            version=secrets.token_hex(8),
        )
        values = (credential_id, new.change_id, *_columns(credential))
        query = f"INSERT INTO credkit_credential (id, added_by, {_COLUMNS}) VALUES ({', '.join('?' * len(values))})"  # noqa: S608  # fixed names
        connection.execute(query, values)
        _put_identifiers(connection, credential)
        accounts = None if self._on_add is None else self._on_add(connection, credential, extra)
        if accounts is None:
            return credential
        connection.execute("UPDATE credkit_credential SET accounts = ? WHERE id = ?", (json.dumps(list(accounts)), credential_id))
        return replace(credential, accounts=tuple(accounts))

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        stored = replace(new, id=old.id, version=secrets.token_hex(8))
        values = _columns(stored)
        query = f"UPDATE credkit_credential SET ({_COLUMNS}) = ({', '.join('?' * len(values))}) WHERE id = ? AND version = ?"  # noqa: S608  # fixed names
        with self._connections.writing() as connection:
            if connection.execute(query, (*values, old.id, old.version)).rowcount == 0:
                return None
            # Always: how an identifier was typed is no part of its equality, so comparing would miss a change of that.
            _put_identifiers(connection, stored)
        return stored

    def password_hashes(self) -> Iterator[str | None]:
        """Yield what is stored of each credential's password, `None` where it has none: to count what `PasswordHasher.describe` says of them.

        Some are read at a time, so a credential that is added meanwhile may be missing.
        """
        after = ""
        while True:
            with self._connections.reading() as connection:
                query = "SELECT id, password_hash FROM credkit_credential WHERE id > ? ORDER BY id LIMIT ?"
                rows = connection.execute(query, (after, _KEYS_AT_ONCE)).fetchall()
            if not rows:
                return
            yield from (password_hash for _, password_hash in rows)
            after = rows[-1][0]


def _add_columns(connection: sqlite3.Connection) -> None:
    there = {row[1] for row in connection.execute("PRAGMA table_info(credkit_credential)")}
    for name, kind in _ADDED_SINCE.items():
        if name not in there:
            connection.execute(f"ALTER TABLE credkit_credential ADD COLUMN {name} {kind}")


def _columns(credential: Credential) -> tuple[str | int | None, ...]:
    preferred = credential.preferred
    return (
        credential.version,
        credential.generation,
        credential.password_hash,
        None if preferred is None else preferred.kind,
        None if preferred is None else preferred.canonical,
        credential.session_epoch,
        credential.locale,
        int(credential.disabled),
        json.dumps(list(credential.accounts)),
        json.dumps([[mark.change_id, microseconds(mark.at)] for mark in credential.marks]),
        int(credential.compromised),
        json.dumps(list(credential.earlier_hashes)),
    )


def _put_identifiers(connection: sqlite3.Connection, credential: Credential) -> None:
    connection.execute("DELETE FROM credkit_identifier WHERE credential_id = ?", (credential.id,))
    for place, entry in enumerate(credential.identifiers):
        verified_at = None if entry.verified_at is None else microseconds(entry.verified_at)
        named = entry.identifier
        row = (named.kind, named.canonical, credential.id, place, named.entered, str(entry.standing), verified_at)
        try:
            connection.execute("INSERT INTO credkit_identifier VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise IdentifierTaken from None


def _credential(connection: sqlite3.Connection, credential_id: str) -> Credential | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM credkit_credential WHERE id = ?", (credential_id,)).fetchone()  # noqa: S608  # fixed names
    if row is None:
        return None
    version, generation, password_hash, preferred_kind, preferred, epoch, locale, disabled, accounts, marks, compromised, earlier = row
    query = "SELECT kind, entered, canonical, standing, verified_at FROM credkit_identifier WHERE credential_id = ? ORDER BY place"
    entries = tuple(_registered(entry) for entry in connection.execute(query, (credential_id,)))
    chosen = (entry.identifier for entry in entries if (entry.identifier.kind, entry.identifier.canonical) == (preferred_kind, preferred))
    return Credential(
        id=credential_id,
        identifiers=entries,
        password_hash=password_hash,
        preferred=next(chosen, None),
        accounts=tuple(json.loads(accounts)),
        session_epoch=epoch,
        generation=generation,
        marks=tuple(Mark(change_id=change_id, at=from_microseconds(at)) for change_id, at in json.loads(marks)),
        locale=locale,
        disabled=bool(disabled),
        compromised=bool(compromised),
        earlier_hashes=tuple(json.loads(earlier)),
        version=version,
    )


def _registered(row: tuple[str, str, str, str, int | None]) -> Registered:
    kind, entered, canonical, standing, verified_at = row
    at = None if verified_at is None else from_microseconds(verified_at)
    return Registered(identifier=restore_identifier(kind, entered, canonical), standing=Standing(standing), verified_at=at)


class SqliteStores:
    """Both stores in one SQLite file.

    Opening nothing until first use, it may be built once per process, also before a fork. If the host writes to SQLite
    too, it needs a file of its own: one file has one writer at a time, and a request that holds it would wait for itself.
    """

    def __init__(self, path: str | Path, *, timeout: timedelta = timedelta(seconds=10), on_add: OnAdd | None = None) -> None:
        """Name the file, how long a write may wait for its turn, and what else `add` inserts."""
        self._timeout = timeout.total_seconds()
        self._connections = _Connections(path, timeout)
        self.records: SqliteRecords = SqliteRecords(self._connections)
        self.credentials: SqliteCredentials = SqliteCredentials(self._connections, on_add)

    def create(self) -> SqliteStores:
        """Create the tables that are missing, and the columns that a file of an earlier release lacks; return the stores.

        Raises:
            StoreError: The file cannot be used.
        """
        with _trouble(), self._connections.using() as connection:
            _keep_a_log(connection, self._timeout)
            connection.executescript(_SCHEMA)
            with _transaction(connection, "BEGIN IMMEDIATE"):  # of two processes that come at once, the second finds them there
                _add_columns(connection)
        self._connections.close()  # the workers of a server are often forked next, and not every server tells Python of it
        return self


class AsyncSqliteStores:
    """Both stores in one SQLite file, for asyncio code: each call runs in a thread."""

    def __init__(self, path: str | Path, *, timeout: timedelta = timedelta(seconds=10), on_add: OnAdd | None = None) -> None:
        """Name the file, how long a write may wait for its turn, and what else `add` inserts."""
        self.blocking: SqliteStores = SqliteStores(path, timeout=timeout, on_add=on_add)
        self.records: OffloadedRecords = OffloadedRecords(self.blocking.records)
        self.credentials: OffloadedCredentials = OffloadedCredentials(self.blocking.credentials)

    async def create(self) -> AsyncSqliteStores:
        """Create the tables that are missing, and return the stores.

        Raises:
            StoreError: The file cannot be used.
        """
        await offload(self.blocking.create)
        return self

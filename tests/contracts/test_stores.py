"""Our own stores keep the contract: in memory and in a SQLite file, for blocking code, on asyncio and on trio."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio

from credkit.credential import Credential, NewCredential
from credkit.identifiers import Identifier
from credkit.ports import Committed, Record, Write
from credkit.stores.memory import AsyncMemoryStores, MemoryCredentials, MemoryStores
from credkit.stores.sqlite import AsyncSqliteStores, SqliteCredentials, SqliteRecords, SqliteStores
from credkit.testing.contracts import AsyncCredentialStoreContract, AsyncRecordStoreContract, CredentialStoreContract, RecordStoreContract

T = TypeVar("T")

on_asyncio_and_trio = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])
on_trio = pytest.mark.parametrize("anyio_backend", ["trio"])


# In memory: there is no second handle on a process's memory, and no transaction of a caller that could take anything along -----


class TestMemoryRecords(RecordStoreContract):
    @pytest.fixture
    def store(self) -> Any:
        return MemoryStores().create().records

    def callers_transaction(self, store: Any) -> AbstractContextManager[object]:
        return nullcontext()


def forget_in_memory(store: MemoryCredentials, credential_id: str) -> None:
    gone = store._credentials.pop(credential_id)
    for entry in gone.identifiers:
        del store._holders[entry.identifier.kind, entry.identifier.canonical]


class TestMemoryCredentials(CredentialStoreContract):
    @pytest.fixture
    def store(self) -> Any:
        return MemoryStores().create().credentials

    def forget(self, store: Any, credential_id: str) -> None:
        forget_in_memory(store, credential_id)

    def callers_transaction(self, store: Any) -> AbstractContextManager[object]:
        return nullcontext()


@pytest.mark.anyio
@on_asyncio_and_trio
class TestAsyncMemoryRecords(AsyncRecordStoreContract):
    @pytest.fixture
    async def store(self) -> Any:
        return (await AsyncMemoryStores().create()).records

    def callers_transaction(self, store: Any) -> Any:
        return nullcontext()


@pytest.mark.anyio
@on_asyncio_and_trio
class TestAsyncMemoryCredentials(AsyncCredentialStoreContract):
    @pytest.fixture
    async def store(self) -> Any:
        return (await AsyncMemoryStores().create()).credentials

    async def forget(self, store: Any, credential_id: str) -> None:
        forget_in_memory(store.store, credential_id)

    def callers_transaction(self, store: Any) -> Any:
        return nullcontext()


# In SQLite: the second handle is another pair of stores on the same file, as another process has them ---------------------------


@contextmanager
def rolled_back(path: Path) -> Iterator[None]:
    """The application has begun a transaction on its own connection, has read, and takes it back."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM credkit_record").fetchone()
    yield
    connection.execute("ROLLBACK")
    connection.close()


def delete(path: Path, credential_id: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("DELETE FROM credkit_credential WHERE id = ?", (credential_id,))
    connection.close()


class InFile:
    """A file for each test."""

    path: Path

    def break_off(self, store: Any) -> None:
        """Take the tables away."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            for table in ("record", "identifier", "credential"):
                connection.execute(f"DROP TABLE credkit_{table}")

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.path = tmp_path / "test.sqlite"


class TestSqliteRecords(InFile, RecordStoreContract):
    @pytest.fixture
    def store(self, _file: None) -> Any:
        return SqliteStores(self.path).create().records

    def another(self, store: Any) -> Any:
        return SqliteStores(self.path).records

    def callers_transaction(self, store: Any) -> AbstractContextManager[object]:
        return rolled_back(self.path)


class TestSqliteCredentials(InFile, CredentialStoreContract):
    @pytest.fixture
    def store(self, _file: None) -> Any:
        return SqliteStores(self.path).create().credentials

    def another(self, store: Any) -> Any:
        return SqliteStores(self.path).credentials

    def forget(self, store: Any, credential_id: str) -> None:
        delete(self.path, credential_id)

    def callers_transaction(self, store: Any) -> AbstractContextManager[object]:
        return rolled_back(self.path)


@asynccontextmanager
async def rolled_back_soon(path: Path) -> AsyncIterator[None]:
    with rolled_back(path):
        yield


@pytest.mark.anyio
@on_asyncio
class TestAsyncSqliteRecords(InFile, AsyncRecordStoreContract):
    @pytest.fixture
    async def store(self, _file: None) -> Any:
        return (await AsyncSqliteStores(self.path).create()).records

    def another(self, store: Any) -> Any:
        return AsyncSqliteStores(self.path).records

    def callers_transaction(self, store: Any) -> Any:
        return rolled_back_soon(self.path)


@pytest.mark.anyio
@on_asyncio
class TestAsyncSqliteCredentials(InFile, AsyncCredentialStoreContract):
    @pytest.fixture
    async def store(self, _file: None) -> Any:
        return (await AsyncSqliteStores(self.path).create()).credentials

    def another(self, store: Any) -> Any:
        return AsyncSqliteStores(self.path).credentials

    async def forget(self, store: Any, credential_id: str) -> None:
        delete(self.path, credential_id)

    def callers_transaction(self, store: Any) -> Any:
        return rolled_back_soon(self.path)


# A host's own, on trio: each call in a thread of trio's, so that every call suspends -----------------------------------------------


class TrioRecords:
    def __init__(self, store: SqliteRecords) -> None:
        self.store = store

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        return await in_thread(lambda: self.store.load(keys))

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        return await in_thread(lambda: self.store.commit(checks, writes))

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        return await in_thread(lambda: self.store.due(kind, now, limit))

    async def purge(self, now: datetime, limit: int) -> int:
        return await in_thread(lambda: self.store.purge(now, limit))


class TrioCredentials:
    def __init__(self, store: SqliteCredentials) -> None:
        self.store = store

    async def find(self, identifier: Identifier) -> Credential | None:
        return await in_thread(lambda: self.store.find(identifier))

    async def get(self, credential_id: str) -> Credential | None:
        return await in_thread(lambda: self.store.get(credential_id))

    async def add(self, new: NewCredential, extra: object) -> Credential:
        return await in_thread(lambda: self.store.add(new, extra))

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        return await in_thread(lambda: self.store.replace(old, new))


async def in_thread(call: Callable[[], T]) -> T:
    return await trio.to_thread.run_sync(call)


@pytest.mark.anyio
@on_trio
class TestRecordsOnTrio(InFile, AsyncRecordStoreContract):
    @pytest.fixture
    async def store(self, _file: None) -> Any:
        return TrioRecords(SqliteStores(self.path).create().records)

    def another(self, store: Any) -> Any:
        return TrioRecords(SqliteStores(self.path).records)

    def callers_transaction(self, store: Any) -> Any:
        return rolled_back_soon(self.path)


@pytest.mark.anyio
@on_trio
class TestCredentialsOnTrio(InFile, AsyncCredentialStoreContract):
    @pytest.fixture
    async def store(self, _file: None) -> Any:
        return TrioCredentials(SqliteStores(self.path).create().credentials)

    def another(self, store: Any) -> Any:
        return TrioCredentials(SqliteStores(self.path).credentials)

    async def forget(self, store: Any, credential_id: str) -> None:
        delete(self.path, credential_id)

    def callers_transaction(self, store: Any) -> Any:
        return rolled_back_soon(self.path)

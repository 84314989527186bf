"""Our own stores keep the contract: in memory and in a SQLite file, for blocking and for async code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.credentials import AsyncCredentialStoreContract
from contracts.drive import Together, plain
from contracts.records import AsyncRecordStoreContract
from credkit.lifting import LiftedCredentials, LiftedRecords, finish
from credkit.stores.memory import AsyncMemoryStores, MemoryStores
from credkit.stores.sqlite import AsyncSqliteStores, SqliteStores


class InMemory:
    """Blocking code; there is no second handle on a process's memory."""

    @pytest.fixture
    def stores(self) -> MemoryStores:
        return MemoryStores().create()

    @pytest.fixture
    def records(self, stores: MemoryStores) -> LiftedRecords:
        return LiftedRecords(stores.records)

    @pytest.fixture
    def credentials(self, stores: MemoryStores) -> LiftedCredentials:
        return LiftedCredentials(stores.credentials)

    @pytest.fixture
    def twin(self, request: pytest.FixtureRequest) -> Any:
        return request.getfixturevalue(self.part)

    @pytest.fixture
    def together(self) -> Together:
        return Together(finish)


class AsyncInMemory:
    @pytest.fixture
    def stores(self) -> AsyncMemoryStores:
        return asyncio.run(AsyncMemoryStores().create())

    @pytest.fixture
    def records(self, stores: AsyncMemoryStores) -> Any:
        return stores.records

    @pytest.fixture
    def credentials(self, stores: AsyncMemoryStores) -> Any:
        return stores.credentials

    @pytest.fixture
    def twin(self, request: pytest.FixtureRequest) -> Any:
        return request.getfixturevalue(self.part)

    @pytest.fixture
    def together(self) -> Together:
        return Together(asyncio.run)


class InSqlite:
    """The second handle is another pair of stores on the same file, as another process has them."""

    @pytest.fixture
    def stores(self, tmp_path: Path) -> SqliteStores:
        return SqliteStores(tmp_path / "test.sqlite").create()

    @pytest.fixture
    def other(self, stores: SqliteStores, tmp_path: Path) -> SqliteStores:
        return SqliteStores(tmp_path / "test.sqlite")

    @pytest.fixture
    def records(self, stores: SqliteStores) -> LiftedRecords:
        return LiftedRecords(stores.records)

    @pytest.fixture
    def credentials(self, stores: SqliteStores) -> LiftedCredentials:
        return LiftedCredentials(stores.credentials)

    @pytest.fixture
    def twin(self, other: SqliteStores) -> Any:
        return LiftedRecords(other.records) if self.part == "records" else LiftedCredentials(other.credentials)

    @pytest.fixture
    def together(self) -> Together:
        return Together(finish)


class AsyncInSqlite:
    @pytest.fixture
    def stores(self, tmp_path: Path) -> AsyncSqliteStores:
        return asyncio.run(AsyncSqliteStores(tmp_path / "test.sqlite").create())

    @pytest.fixture
    def other(self, stores: AsyncSqliteStores, tmp_path: Path) -> AsyncSqliteStores:
        return AsyncSqliteStores(tmp_path / "test.sqlite")

    @pytest.fixture
    def records(self, stores: AsyncSqliteStores) -> Any:
        return stores.records

    @pytest.fixture
    def credentials(self, stores: AsyncSqliteStores) -> Any:
        return stores.credentials

    @pytest.fixture
    def twin(self, other: AsyncSqliteStores) -> Any:
        return getattr(other, self.part)

    @pytest.fixture
    def together(self) -> Together:
        return Together(asyncio.run)


# What a blocking store does is run by `finish`, so that a call that suspends is found; an async one runs on a loop.
BLOCKING: Callable[..., Any] = finish


class TestMemoryRecords(InMemory, plain(AsyncRecordStoreContract, BLOCKING)):
    part = "records"


class TestMemoryCredentials(InMemory, plain(AsyncCredentialStoreContract, BLOCKING)):
    part = "credentials"


class TestAsyncMemoryRecords(AsyncInMemory, plain(AsyncRecordStoreContract, asyncio.run)):
    part = "records"


class TestAsyncMemoryCredentials(AsyncInMemory, plain(AsyncCredentialStoreContract, asyncio.run)):
    part = "credentials"


class TestSqliteRecords(InSqlite, plain(AsyncRecordStoreContract, BLOCKING)):
    part = "records"


class TestSqliteCredentials(InSqlite, plain(AsyncCredentialStoreContract, BLOCKING)):
    part = "credentials"


class TestAsyncSqliteRecords(AsyncInSqlite, plain(AsyncRecordStoreContract, asyncio.run)):
    part = "records"


class TestAsyncSqliteCredentials(AsyncInSqlite, plain(AsyncCredentialStoreContract, asyncio.run)):
    part = "credentials"

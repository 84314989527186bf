"""The SQLAlchemy stores keep the contract on real servers: PostgreSQL and SQLite, and MariaDB where it is installed; for blocking and for async code."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete

from contracts.credentials import AsyncCredentialStoreContract
from contracts.drive import Together, plain
from contracts.records import AsyncRecordStoreContract
from credkit.lifting import LiftedCredentials, LiftedRecords, finish
from credkit.stores.sqlalchemy import AsyncSqlStores, SqlStores
from credkit.stores.sqlalchemy.schema import TABLES


def emptied(stores: SqlStores) -> None:
    def work(connection: Any) -> None:
        for table in (TABLES.identifier, TABLES.credential, TABLES.record):
            connection.execute(delete(table))

    stores._engines.transaction(work)


@pytest.fixture(scope="module")
def on_postgres(postgres_server: Any) -> Iterator[tuple[SqlStores, SqlStores]]:
    yield from pair(postgres_server.url)


@pytest.fixture(scope="module")
def on_mariadb(mariadb_server: Any) -> Iterator[tuple[SqlStores, SqlStores]]:
    yield from pair(mariadb_server.url)


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SqlStores, SqlStores]]:
    yield from pair(f"sqlite:///{tmp_path_factory.mktemp('sqlalchemy') / 'test.sqlite'}")


def pair(url: str) -> Iterator[tuple[SqlStores, SqlStores]]:
    """Give two handles on one database, as two processes have them."""
    both = SqlStores.from_url(url).create(), SqlStores.from_url(url)
    yield both
    for stores in both:
        stores.close()


class Sql:
    """Blocking code. The second handle is another pair of stores in the same database."""

    @pytest.fixture
    def stores(self, request: pytest.FixtureRequest) -> SqlStores:
        stores: SqlStores = request.getfixturevalue(self.engine)[0]
        emptied(stores)
        return stores

    @pytest.fixture
    def other(self, request: pytest.FixtureRequest) -> SqlStores:
        return request.getfixturevalue(self.engine)[1]

    @pytest.fixture
    def records(self, stores: SqlStores) -> Any:
        return LiftedRecords(stores.records)

    @pytest.fixture
    def credentials(self, stores: SqlStores) -> Any:
        return LiftedCredentials(stores.credentials)

    @pytest.fixture
    def twin(self, other: SqlStores) -> Any:
        return LiftedRecords(other.records) if self.part == "records" else LiftedCredentials(other.credentials)

    @pytest.fixture
    def together(self) -> Together:
        return Together(finish)


class AsyncSql(Sql):
    """The same for async code."""

    @pytest.fixture
    def records(self, stores: SqlStores) -> Any:
        return AsyncSqlStores(stores).records

    @pytest.fixture
    def credentials(self, stores: SqlStores) -> Any:
        return AsyncSqlStores(stores).credentials

    @pytest.fixture
    def twin(self, other: SqlStores) -> Any:
        return getattr(AsyncSqlStores(other), self.part)

    @pytest.fixture
    def together(self) -> Together:
        return Together(asyncio.run)


class WithRowsOfTheHost(Sql):
    """Where the host inserts rows of its own, `add` is a transaction and not one statement."""

    @pytest.fixture
    def credentials(self, stores: SqlStores) -> Any:
        return LiftedCredentials(SqlStores(stores._engines, on_add=lambda *_: None).credentials)

    @pytest.fixture
    def twin(self, other: SqlStores) -> Any:
        return LiftedCredentials(SqlStores(other._engines, on_add=lambda *_: None).credentials)


class TestPostgresRecords(Sql, plain(AsyncRecordStoreContract, finish)):
    engine, part = "on_postgres", "records"


class TestPostgresCredentials(Sql, plain(AsyncCredentialStoreContract, finish)):
    engine, part = "on_postgres", "credentials"


class TestPostgresCredentialsWithRowsOfTheHost(WithRowsOfTheHost, plain(AsyncCredentialStoreContract, finish)):
    engine, part = "on_postgres", "credentials"


class TestAsyncPostgresRecords(AsyncSql, plain(AsyncRecordStoreContract, asyncio.run)):
    engine, part = "on_postgres", "records"


class TestAsyncPostgresCredentials(AsyncSql, plain(AsyncCredentialStoreContract, asyncio.run)):
    engine, part = "on_postgres", "credentials"


class TestSqliteRecords(Sql, plain(AsyncRecordStoreContract, finish)):
    engine, part = "on_sqlite", "records"


class TestSqliteCredentials(Sql, plain(AsyncCredentialStoreContract, finish)):
    engine, part = "on_sqlite", "credentials"


class TestAsyncSqliteRecords(AsyncSql, plain(AsyncRecordStoreContract, asyncio.run)):
    engine, part = "on_sqlite", "records"


class TestAsyncSqliteCredentials(AsyncSql, plain(AsyncCredentialStoreContract, asyncio.run)):
    engine, part = "on_sqlite", "credentials"


class TestMariadbRecords(Sql, plain(AsyncRecordStoreContract, finish)):
    engine, part = "on_mariadb", "records"


class TestMariadbCredentials(Sql, plain(AsyncCredentialStoreContract, finish)):
    engine, part = "on_mariadb", "credentials"

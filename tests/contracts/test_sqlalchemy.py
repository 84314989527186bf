"""The SQLAlchemy stores keep the contract on real servers: PostgreSQL and SQLite, and MariaDB where it is installed; for blocking and for async code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, func, select

from credkit.stores.sqlalchemy import AsyncSqlStores, SqlStores
from credkit.stores.sqlalchemy.schema import TABLES
from credkit.testing.contracts import AsyncCredentialStoreContract, AsyncRecordStoreContract, CredentialStoreContract, RecordStoreContract

on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])


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


def emptied(stores: SqlStores) -> None:
    def work(connection: Any) -> None:
        for table in (TABLES.identifier, TABLES.credential, TABLES.record):
            connection.execute(delete(table))

    stores._engines.transaction(work)


def forget(stores: SqlStores, credential_id: str) -> None:
    """Delete a user as the application does; what is theirs goes along."""
    stores._engines.transaction(lambda connection: connection.execute(delete(TABLES.identifier).where(TABLES.identifier.c.credential_id == credential_id)))
    stores._engines.transaction(lambda connection: connection.execute(delete(TABLES.credential).where(TABLES.credential.c.id == credential_id)))


@contextmanager
def rolled_back(url: Any) -> Iterator[None]:
    """The application has begun a transaction on its own connection, has read, and takes it back."""
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(select(func.count()).select_from(TABLES.record)).scalar_one()
        yield
        connection.rollback()
    engine.dispose()


@asynccontextmanager
async def rolled_back_soon(url: Any) -> AsyncIterator[None]:
    with rolled_back(url):
        yield


class OnServer:
    """One database for all tests of a module, emptied before each; the second handle is another pair of stores in it."""

    engine: str
    both: tuple[SqlStores, SqlStores]

    @pytest.fixture(autouse=True)
    def _stores(self, request: pytest.FixtureRequest) -> None:
        self.both = request.getfixturevalue(self.engine)
        emptied(self.both[0])

    @property
    def url(self) -> Any:
        return self.both[0]._engines._url


class Records(OnServer, RecordStoreContract):
    @pytest.fixture
    def store(self, _stores: None) -> Any:
        return self.both[0].records

    def another(self, store: Any) -> Any:
        return self.both[1].records

    def callers_transaction(self, store: Any) -> AbstractContextManager[object]:
        return rolled_back(self.url)


class Credentials(OnServer, CredentialStoreContract):
    @pytest.fixture
    def store(self, _stores: None) -> Any:
        return self.both[0].credentials

    def another(self, store: Any) -> Any:
        return self.both[1].credentials

    def forget(self, store: Any, credential_id: str) -> None:
        forget(self.both[0], credential_id)

    def callers_transaction(self, store: Any) -> AbstractContextManager[object]:
        return rolled_back(self.url)


class CredentialsWithRowsOfTheHost(Credentials):
    """Where the host inserts rows of its own, `add` is a transaction and not one statement."""

    @pytest.fixture
    def store(self, _stores: None) -> Any:
        return SqlStores(self.both[0]._engines, on_add=lambda *_: None).credentials

    def another(self, store: Any) -> Any:
        return SqlStores(self.both[1]._engines, on_add=lambda *_: None).credentials


class AsyncRecords(OnServer, AsyncRecordStoreContract):
    @pytest.fixture
    def store(self, _stores: None) -> Any:
        return AsyncSqlStores(self.both[0]).records

    def another(self, store: Any) -> Any:
        return AsyncSqlStores(self.both[1]).records

    def callers_transaction(self, store: Any) -> Any:
        return rolled_back_soon(self.url)


class AsyncCredentials(OnServer, AsyncCredentialStoreContract):
    @pytest.fixture
    def store(self, _stores: None) -> Any:
        return AsyncSqlStores(self.both[0]).credentials

    def another(self, store: Any) -> Any:
        return AsyncSqlStores(self.both[1]).credentials

    async def forget(self, store: Any, credential_id: str) -> None:
        forget(self.both[0], credential_id)

    def callers_transaction(self, store: Any) -> Any:
        return rolled_back_soon(self.url)


class TestPostgresRecords(Records):
    engine = "on_postgres"


class TestPostgresCredentials(Credentials):
    engine = "on_postgres"


class TestPostgresCredentialsWithRowsOfTheHost(CredentialsWithRowsOfTheHost):
    engine = "on_postgres"


@pytest.mark.anyio
@on_asyncio
class TestAsyncPostgresRecords(AsyncRecords):
    engine = "on_postgres"


@pytest.mark.anyio
@on_asyncio
class TestAsyncPostgresCredentials(AsyncCredentials):
    engine = "on_postgres"


class TestSqliteRecords(Records):
    engine = "on_sqlite"


class TestSqliteCredentials(Credentials):
    engine = "on_sqlite"


@pytest.mark.anyio
@on_asyncio
class TestAsyncSqliteRecords(AsyncRecords):
    engine = "on_sqlite"


@pytest.mark.anyio
@on_asyncio
class TestAsyncSqliteCredentials(AsyncCredentials):
    engine = "on_sqlite"


class TestMariadbRecords(Records):
    engine = "on_mariadb"


class TestMariadbCredentials(Credentials):
    engine = "on_mariadb"

"""What becomes of calls when a database server dies, drops a connection, is full, or is not what this release needs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine, event, func, inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from credkit.credential import Credential
from credkit.errors import Busy, ConfigurationError, IdentifierTaken, SchemaError, StoreError
from credkit.flows.transaction import Transaction, transact
from credkit.lifting import LiftedPause, LiftedRecords, finish
from credkit.ports import SleepingPause, SystemEntropy
from credkit.stores.sqlalchemy import SqlStores, commit_function, tables
from credkit.stores.sqlalchemy.records import _commit_at_once
from credkit.stores.sqlalchemy.schema import SCHEMA, TABLES
from credkit.testing.contracts._samples import ADA, BOB, NOW, new, put, record, verified
from servers import postgres

PATIENCE = 30


@pytest.fixture(params=["postgres", "sqlite", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give an empty database of each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.sqlite'}"
        return
    found: str = request.getfixturevalue(f"{request.param}_server").url
    empty(found)
    yield found


def empty(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        inspector = inspect(connection)
        for table in reversed(inspector.get_sorted_table_and_fkc_names()):
            if table[0] is not None:
                connection.execute(text(f"DROP TABLE {table[0]}{' CASCADE' if connection.dialect.name == 'postgresql' else ''}"))
    engine.dispose()


@pytest.fixture
def stores(url: str) -> Iterator[SqlStores]:
    stores = SqlStores.from_url(url, timeout=timedelta(seconds=5)).create()
    yield stores
    stores.close()


def all_calls(stores: SqlStores) -> dict[str, Callable[[], Any]]:
    ada = replace(
        Credential(
            **{name: getattr(new(ADA), name) for name in ("identifiers", "password_hash", "preferred", "generation", "marks")},
            id="id",
            accounts=(),
            session_epoch=0,
        ),
        version="1",
    )
    return {
        "load": lambda: stores.records.load(["a"]),
        "commit": lambda: stores.records.commit({"b": 0}, [put(record("a"))]),
        "due": lambda: stores.records.due("kind", NOW, 1),
        "purge": lambda: stores.records.purge(NOW, 1),
        "find": lambda: stores.credentials.find(ADA),
        "get": lambda: stores.credentials.get("id"),
        "add": lambda: stores.credentials.add(new(ADA), None),
        "replace": lambda: stores.credentials.replace(ada, ada),
        "hashes": lambda: list(stores.credentials.password_hashes()),
    }


CALLS = ["load", "commit", "due", "purge", "find", "get", "add", "replace", "hashes"]


# A schema that is not this release's (ST-10) --------------------------------------------------------------------------------


@pytest.mark.parametrize("call", CALLS)
def test_without_tables_every_call_says_what_to_run(url: str, call: str) -> None:
    stores = SqlStores.from_url(url)
    with pytest.raises(SchemaError, match="create"):
        all_calls(stores)[call]()
    stores.close()


@pytest.mark.parametrize(("version", "readable_by", "told"), [(SCHEMA - 1, SCHEMA - 1, "needs"), (SCHEMA + 1, SCHEMA + 1, "cannot use")])
def test_with_tables_of_another_release_every_call_is_refused_and_nothing_is_lost(
    url: str, stores: SqlStores, version: int, readable_by: int, told: str
) -> None:
    """Old tables under a new release, and new ones under an old release that is still running."""
    stores.records.commit({}, [put(record("a"))])
    added = stores.credentials.add(new(ADA), None)
    mark(stores, version, readable_by)
    other = SqlStores.from_url(url)
    for call in all_calls(other).values():
        with pytest.raises(SchemaError, match=told):
            call()
    with pytest.raises(SchemaError, match=told):
        other.create()
    mark(stores, SCHEMA, SCHEMA)
    assert other.records.load(["a"]) == {"a": record("a")}
    assert other.credentials.find(ADA) == added
    other.close()


def test_newer_tables_that_this_release_may_use_are_used(url: str, stores: SqlStores) -> None:
    mark(stores, SCHEMA + 1, SCHEMA)
    other = SqlStores.from_url(url).create()
    assert other.records.commit({}, [put(record())]).done
    other.close()


def mark(stores: SqlStores, version: int, readable_by: int) -> None:
    change = update(TABLES.schema).values(version=version, readable_by=readable_by)
    stores._engines.unchecked(lambda connection: connection.execute(change))


def test_a_table_that_goes_away_while_a_process_runs_is_trouble(stores: SqlStores) -> None:
    assert stores.records.commit({}, [put(record())]).done
    stores._engines.unchecked(lambda connection: connection.execute(text("DROP TABLE credkit_record")))
    with pytest.raises(StoreError):
        stores.records.load(["a"])


def test_creating_twice_keeps_what_is_there(stores: SqlStores) -> None:
    stores.records.commit({}, [put(record())])
    assert stores.create() is stores
    assert stores.records.load(["a"]) == {"a": record()}


def test_a_create_that_fails_leaves_no_transaction_open(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE VIEW credkit_schema AS SELECT 1 AS something_else"))
    stores = SqlStores.from_url(url, pool_size=1)
    with pytest.raises(StoreError):
        stores.create()
    with engine.begin() as connection:
        connection.execute(text("DROP VIEW credkit_schema"))
    engine.dispose()
    assert stores.create().records.commit({}, [put(record())]).done
    stores.close()


def test_many_may_create_at_once(url: str) -> None:
    many = [SqlStores.from_url(url) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(SqlStores.create, many)) == many
    assert all(one.records.load(["a"]) == {} for one in many)
    for one in many:
        one.close()


def test_tables_of_a_migration_are_completed_by_create(url: str) -> None:
    metadata = MetaData()
    tables(metadata)
    engine = create_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    stores = SqlStores.from_url(url).create()
    assert stores.records.commit({}, [put(record())]).done
    stores.close()


def test_the_migrations_of_alembic_find_the_function_as_text() -> None:
    assert commit_function().strip().startswith("CREATE OR REPLACE FUNCTION credkit_commit_1(")


# Secrets --------------------------------------------------------------------------------------------------------------------


def test_what_a_failure_says_holds_no_hash_and_no_identifier(stores: SqlStores) -> None:
    stores.credentials.add(new(ADA), None)
    with pytest.raises(IdentifierTaken) as taken:
        stores.credentials.add(new(BOB, ADA, change_id="second", password_hash="$hash$of$a$password"), None)
    ada = stores.credentials.add(new(BOB, change_id="third"), None)
    with pytest.raises(IdentifierTaken) as taken_again:
        stores.credentials.replace(ada, replace(ada, identifiers=(verified(BOB), verified(ADA)), password_hash="$hash$of$a$password"))
    stores._engines.unchecked(lambda connection: connection.execute(text("DROP TABLE credkit_identifier")))
    with pytest.raises(StoreError) as failed:
        stores.credentials.add(new(email := ADA, change_id="fourth", password_hash="$hash$of$a$password"), None)
    assert isinstance(failed.value.__cause__, DBAPIError)
    assert failed.value.__cause__.params is None
    for raised in (taken, taken_again, failed):
        told = all_that_is_said(raised.value)
        assert "$hash$of" not in told
        assert email.canonical not in told


def test_nothing_is_logged_of_what_is_stored(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """SQLAlchemy logs every row at DEBUG."""
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", logger="sqlalchemy")
    stores = SqlStores.from_url(url).create()
    stores.credentials.add(new(ADA, password_hash="$hash$of$a$password"), None)
    stores.credentials.find(ADA)
    assert stores.records.commit({}, [put(record("key-of-a-record", payload=b"payload-of-a-record"))]).done
    stores.records.load(["key-of-a-record"])
    stores.close()
    assert [word for word in ("$hash$of", ADA.canonical, "key-of-a-record", "payload-of-a-record") if word in caplog.text] == []


def all_that_is_said(failure: BaseException | None) -> str:
    """Return the texts of a failure and of all that is shown with it."""
    if failure is None:
        return ""
    shown_with_it = failure.__cause__ or (None if failure.__suppress_context__ else failure.__context__)
    return f"{failure!r} {failure} {all_that_is_said(shown_with_it)}"


def test_a_url_with_a_password_is_not_shown() -> None:
    stores = SqlStores.from_url("postgresql://ada:hunter2@localhost/x")
    assert "hunter2" not in repr(vars(stores)) + repr(stores) + repr(stores._engines)


# Connections ------------------------------------------------------------------------------------------------------------------


def drop_connections(stores: SqlStores) -> None:
    """End every other connection from the server's side, as a firewall or a restart of the pooler does."""
    other = create_engine(stores._engines._url)
    with other.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"))
        elif connection.dialect.name == "mariadb":
            for (number,) in connection.execute(text("SELECT id FROM information_schema.processlist WHERE id <> connection_id()")).all():
                connection.execute(text(f"KILL {number}"))
    other.dispose()


@pytest.mark.parametrize("call", ["load", "due", "find", "get", "add", "hashes"])
def test_a_dropped_connection_is_replaced_where_the_call_may_be_repeated(stores: SqlStores, call: str) -> None:
    expected = all_calls(stores)[call]()
    drop_connections(stores)
    assert all_calls(stores)[call]() == expected


def count_once(stores: SqlStores) -> int:
    """Count as the flows do: through `transact`, which finds out what became of a commit that failed."""

    async def decide(transaction: Transaction) -> int:
        (current,) = await transaction.load("count")
        count = 1 + int(current.payload if current else 0)
        transaction.put(key="count", kind="count", payload=str(count).encode(), expires_at=NOW + timedelta(days=1))
        return count

    while True:
        with suppress(Busy):  # others count the same thing all the time
            return finish(transact(LiftedRecords(stores.records), decide, entropy=SystemEntropy(), pause=LiftedPause(SleepingPause())))


def test_a_connection_that_is_dropped_before_a_commit_loses_and_doubles_nothing(stores: SqlStores) -> None:
    for number in range(1, 6):
        drop_connections(stores)
        assert count_once(stores) == number
    assert stores.records.load(["count"])["count"].payload == b"5"


def test_a_reply_that_is_lost_after_the_commit_is_found_out(stores: SqlStores) -> None:
    """The server has committed and the connection breaks before anybody hears of it."""
    engine = stores._engines.engine()
    lost: list[str] = []

    def lose(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not lost and (statement == "COMMIT" or "credkit_commit" in statement):
            lost.append(statement)
            connection.invalidate()
            raise ConnectionResetError

    event.listen(engine, "after_cursor_execute", lose)
    assert [count_once(stores) for _ in range(3)] == [1, 2, 3]
    assert len(lost) == 1
    event.remove(engine, "after_cursor_execute", lose)
    assert stores.records.load(["count"])["count"].payload == b"3"


def test_a_full_pool_is_trouble_after_the_time_it_may_wait_and_recovers(url: str, stores: SqlStores) -> None:
    small = SqlStores.from_url(url, pool_size=2, timeout=timedelta(milliseconds=200))
    held, go = threading.Barrier(3), threading.Event()

    def hold(connection: Any) -> None:
        held.wait(PATIENCE)
        go.wait(PATIENCE)

    threads = [threading.Thread(target=small._engines.unchecked, args=(hold,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    held.wait(PATIENCE)
    with pytest.raises(StoreError):
        small.records.commit({}, [put(record())])
    go.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert small.records.commit({}, [put(record())]).done
    small.close()


def test_an_exception_from_outside_gives_no_half_read_connection_to_the_next_call(stores: SqlStores) -> None:
    class TimeLimit(BaseException):
        """As a task queue raises it in the middle of a task."""

    def strike(connection: Any) -> None:
        connection.execute(select(func.count()).select_from(TABLES.record))
        raise TimeLimit

    for run in (stores._engines.read, stores._engines.transaction):
        with pytest.raises(TimeLimit):
            run(strike)
        assert stores.records.load(["a"]) == {}
    assert stores.records.commit({}, [put(record())]).done


def test_a_transaction_that_fails_is_undone_and_its_connection_goes_on(url: str) -> None:
    def fail(connection: Any, credential: Credential, extra: object) -> None:
        connection.execute(text("SELECT * FROM no_such_table"))

    stores = SqlStores.from_url(url, pool_size=1, on_add=fail).create()
    with pytest.raises(StoreError) as failed:
        stores.credentials.add(new(ADA), None)
    assert isinstance(failed.value.__cause__, DBAPIError)
    assert stores.credentials.find(ADA) is None
    stores.close()


def test_the_rows_of_the_host_stand_or_fall_with_the_credential(url: str) -> None:
    fails = [True]

    def on_add(connection: Any, credential: Credential, extra: object) -> list[str]:
        connection.execute(text("INSERT INTO profile (name) VALUES (:name)"), {"name": str(extra)})
        if fails:
            raise ValueError("no such tenant")
        return ["account-1", "account-2"]

    stores = SqlStores.from_url(url, on_add=on_add).create()
    profiles = text("SELECT name FROM profile")
    stores._engines.unchecked(lambda connection: connection.execute(text("CREATE TABLE profile (name VARCHAR(20) NOT NULL)")))
    with pytest.raises(ValueError, match="no such tenant"):
        stores.credentials.add(new(ADA), "Ada")
    assert stores.credentials.find(ADA) is None
    assert stores._engines.read(lambda connection: connection.execute(profiles).all()) == []
    fails.clear()
    added = stores.credentials.add(new(ADA), "Ada")
    assert stores.credentials.add(new(ADA), "Ada") == added == stores.credentials.get(added.id)
    assert added.accounts == ("account-1", "account-2")
    assert stores._engines.read(lambda connection: connection.execute(profiles).scalars().all()) == ["Ada"]
    stores.close()


def test_purge_takes_what_is_over_and_leaves_what_is_locked_by_a_commit(stores: SqlStores) -> None:
    made = [put(record(f"{number:03}", expires_at=NOW)) for number in range(50)]
    assert stores.records.commit({}, made).done
    assert [stores.records.purge(NOW, 20) for _ in range(4)] == [20, 20, 10, 0]


# Forks ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_children_forked_while_threads_write_can_write(stores: SqlStores) -> None:
    """F28. Each child counts, while the parent's threads do."""
    done = threading.Event()
    counted: list[int] = []

    def count() -> None:
        while not done.wait(0.001):  # SQLite's lock is not fair: who never pauses keeps everybody else out
            counted.append(count_once(stores))

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    exits: list[int] = []
    for _ in range(5):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                count_once(stores)
                code = 0
            finally:
                os._exit(code)
        exits.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    done.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert exits == [0] * 5
    assert stores.records.load(["count"])["count"].payload == str(len(counted) + 5).encode()


# Plans ------------------------------------------------------------------------------------------------------------------------


def filled(stores: SqlStores, count: int = 3000) -> None:
    made = [put(record(f"{n:05}", due_at=NOW + timedelta(seconds=n) if n % 10 == 0 else None, expires_at=NOW + timedelta(seconds=n))) for n in range(count)]
    assert stores.records.commit({}, made).done


def plans_of(stores: SqlStores, prefix: str) -> list[str]:
    """Return how the engine looks for what each call on records asks for, with the statements as they are sent."""
    sent: list[tuple[str, Any]] = []
    engine = stores._engines.engine()

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "credkit_record" in statement and not statement.startswith(("INSERT", prefix)):
            sent.append((statement, parameters[0] if isinstance(parameters, list) else parameters))

    event.listen(engine, "before_cursor_execute", note)
    stores.records.load(["00001", "absent"])
    stores.records.due("kind", NOW, 10)
    stores.records.purge(NOW, 10)
    stores.records.commit({"00002": 9}, [put(record("00003", version=2), expected=1)])
    event.remove(engine, "before_cursor_execute", note)

    def explain(connection: Any) -> list[str]:
        return [" / ".join(str(row) for row in connection.exec_driver_sql(f"{prefix} {statement}", values).all()) for statement, values in sent]

    return stores._engines.unchecked(explain)


def test_sqlite_looks_for_everything_in_an_index(tmp_path: Path) -> None:
    stores = SqlStores.from_url(f"sqlite:///{tmp_path / 'test.sqlite'}").create()
    filled(stores)
    plans = plans_of(stores, "EXPLAIN QUERY PLAN")
    stores.close()
    assert len(plans) == 4
    assert [plan for plan in plans if "SCAN credkit_record" in plan or "TEMP B-TREE" in plan] == []
    assert "credkit_record_due" in plans[1]
    assert "credkit_record_expiry" in plans[2]


def test_postgres_looks_for_everything_in_an_index(postgres_server: postgres.Postgres) -> None:
    empty(postgres_server.url)
    stores = SqlStores.from_url(postgres_server.url, pool_size=1).create()
    filled(stores)
    stores._engines.unchecked(lambda connection: connection.execute(text("ANALYZE credkit_record")))
    plans = plans_of(stores, "EXPLAIN")
    assert len(plans) == 3, "the commit is a function; see below"
    assert [plan for plan in plans if "Seq Scan" in plan] == []
    assert "credkit_record_due" in plans[1]
    assert "credkit_record_expiry" in plans[2]
    stores.close()


def test_no_call_reads_the_whole_table_on_postgres(postgres_server: postgres.Postgres) -> None:
    """By the server's own count, which knows what happens inside the function. Also right after the table was made, and by plans that are kept."""
    empty(postgres_server.url)
    stores = SqlStores.from_url(postgres_server.url, pool_size=1).create()

    def whole_reads() -> int:
        def ask(connection: Any) -> int:
            connection.execute(text("SELECT pg_stat_force_next_flush()"))
            return int(connection.execute(text("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'credkit_record'")).scalar_one())

        return stores._engines.unchecked(ask)

    before = whole_reads()
    for number in range(20):
        stores.records.commit({"absent": 0}, [put(record(f"{number}"))])
        stores.records.commit({f"{number}": 1}, [put(record("made", version=2), expected=9)])
    filled(stores)
    for number in range(20):
        stores.records.commit({"absent": 0, "00001": 1}, [put(record(f"{number}", version=3), expected=1)])
    assert whole_reads() == before
    stores.close()


# PostgreSQL alone ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def own_postgres() -> Iterator[postgres.Postgres]:
    with postgres.running() as server:
        yield server


def test_what_was_committed_is_there_after_the_server_was_killed(own_postgres: postgres.Postgres) -> None:
    stores = SqlStores.from_url(own_postgres.url).create()
    added = stores.credentials.add(new(ADA), None)
    assert [count_once(stores) for _ in range(20)] == list(range(1, 21))
    own_postgres.kill_and_restart()
    assert count_once(stores) == 21, "the first call after a restart need not fail"
    assert stores.credentials.find(ADA) == added
    stores.close()


def test_commits_are_made_at_read_committed_whatever_the_database_has_for_others(own_postgres: postgres.Postgres) -> None:
    """At any other level a commit would go by what was there before it had its locks (F3)."""
    engine = create_engine(own_postgres.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("ALTER DATABASE postgres SET default_transaction_isolation TO 'repeatable read'"))
    engine.dispose()
    stores = SqlStores.from_url(own_postgres.url).create()
    assert stores.records.commit({}, [put(record())]).done
    with pytest.raises(StoreError) as refused:
        stores._engines.unchecked(commit_at_repeatable_read)
    assert "READ COMMITTED only" in str(refused.value.__cause__)
    assert stores.records.load(["a", "b"]) == {"a": record()}
    stores.close()


def commit_at_repeatable_read(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ")
    try:
        _commit_at_once(connection, {"a": 1}, [put(record("b"))])
    finally:
        connection.exec_driver_sql("ROLLBACK")


@pytest.mark.parametrize("setting", ["synchronous_commit", "fsync"])
def test_a_server_that_may_forget_is_refused_unless_it_is_said_aloud(own_postgres: postgres.Postgres, setting: str) -> None:
    engine = create_engine(own_postgres.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
    stores = SqlStores.from_url(own_postgres.url)
    for _ in range(200):  # until the server has read its settings again
        if stores._engines.unchecked(lambda connection: connection.execute(select(func.current_setting(setting))).scalar_one()) == "off":
            break
    with pytest.raises(ConfigurationError, match=setting):
        stores.create()
    stores.close()
    careless = SqlStores.from_url(own_postgres.url, durability="may_forget_last_second").create()
    assert careless.records.commit({}, [put(record())]).done
    careless.close()


# SQLite alone -------------------------------------------------------------------------------------------------------------------


def test_a_file_is_the_same_from_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stores = SqlStores.from_url("sqlite:///test.sqlite").create()
    monkeypatch.chdir("/")
    assert stores.records.commit({}, [put(record())]).done
    stores.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&cache=shared&uri=true"])
def test_sqlite_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        SqlStores.from_url(url)


@pytest.mark.parametrize("driver", ["postgresql+asyncpg", "postgresql", "postgresql+psycopg_async"])
def test_a_url_for_asyncio_is_taken_to_name_the_blocking_driver(driver: str) -> None:
    assert SqlStores.from_url(f"{driver}://ada@localhost/x")._engines._url.drivername == "postgresql+psycopg"

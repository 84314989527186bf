"""What a SQLite file does when it is shared, locked, damaged, full or not there: an answer or `StoreError`, and never half of anything."""

from __future__ import annotations

import gc
import os
import resource
import signal
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from credkit.credential import Mark, NewCredential, Registered, Standing
from credkit.errors import Busy, CredkitError, StoreError
from credkit.identifiers import EmailAddress
from credkit.ports import Record, Write
from credkit.stores.sqlite import SqliteStores
from credkit.testing.fakes import START
from processes.crew import PATIENCE, Crew, Outcome, at_once, outcome_of
from processes.kits import ADA, CONTEXT, Office, kit_on

SHORT = timedelta(milliseconds=20)
DAY = timedelta(days=1)


def record(key: str = "a", version: int = 1, payload: bytes = b"payload") -> Record:
    return Record(key=key, kind="kind", version=version, payload=payload, expires_at=START + DAY, due_at=START)


def put(made: Record, expected: int = 0) -> list[Write]:
    return [Write(key=made.key, expected_version=expected, record=made)]


def newcomer(name: str = "ada") -> NewCredential:
    identifier = EmailAddress.restore(f"{name}@example.com", f"{name}@example.com")
    return NewCredential(
        identifiers=(Registered(identifier=identifier, standing=Standing.VERIFIED, verified_at=START),),
        password_hash=None,
        preferred=identifier,
        generation="generation",
        marks=(Mark(change_id=name, at=START),),
    )


def all_calls(stores: SqliteStores) -> dict[str, Callable[[], Any]]:
    """Return one call of each kind."""
    records, credentials = stores.records, stores.credentials
    identifier = newcomer().identifiers[0].identifier
    return {
        "load": lambda: records.load(["a"]),
        "commit": lambda: records.commit({}, put(record())),
        "due": lambda: records.due("kind", START, 10),
        "purge": lambda: records.purge(START, 10),
        "find": lambda: credentials.find(identifier),
        "get": lambda: credentials.get("id"),
        "add": lambda: credentials.add(newcomer(), None),
        "replace": lambda: credentials.replace(*[_made(newcomer())] * 2),
    }


def _made(new: NewCredential) -> Any:
    from credkit.credential import Credential

    return Credential(
        id="id",
        identifiers=new.identifiers,
        password_hash=None,
        preferred=None,
        accounts=(),
        session_epoch=0,
        generation=new.generation,
        version="version",
    )


READING = ("load", "due", "find", "get")
WRITING = ("commit", "purge", "add", "replace")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.sqlite"


@pytest.fixture
def stores(path: Path) -> SqliteStores:
    return SqliteStores(path).create()


def pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


# How it is opened ------------------------------------------------------------------------------------------------------------


def test_every_connection_waits_for_the_disk(stores: SqliteStores, path: Path) -> None:
    """F7: NORMAL would forget the last commits at a power loss."""
    assert at_once([lambda: pragma(stores._connections.get(), "synchronous")] * 3) == [Outcome(value=2)] * 3, "2 is FULL"
    assert pragma(SqliteStores(path)._connections.get(), "synchronous") == 2


def test_the_file_is_in_wal_mode_whoever_opens_it(stores: SqliteStores, path: Path) -> None:
    assert pragma(SqliteStores(path)._connections.get(), "journal_mode") == "wal"
    with closing(sqlite3.connect(path)) as connection:
        assert pragma(connection, "journal_mode") == "wal"


def test_creating_twice_keeps_what_is_there(stores: SqliteStores, path: Path) -> None:
    stores.records.commit({}, put(record()))
    added = stores.credentials.add(newcomer(), None)
    again = SqliteStores(path).create().create()
    assert again.records.load(["a"]) == {"a": record()}
    assert again.credentials.get(added.id) == added


def test_creating_leaves_nothing_open(path: Path) -> None:
    """A server creates its tables and then forks, and not every server tells Python of it: no child may inherit a connection (F28)."""
    stores = SqliteStores(path).create()
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name]
    assert stores.records.load(["a"]) == {}
    assert len(list(path.parent.iterdir())) == 3, "an open connection would have been seen by its write-ahead log"


def create(path: Path) -> Callable[[], list[Outcome]]:
    return lambda: at_once([lambda: SqliteStores(path).create().records.load([])] * 4)


def test_many_processes_may_create_one_file_at_once(tmp_path: Path, crew: Crew) -> None:
    for turn in range(5):
        results = crew.run(create, *([tmp_path / f"{turn}.sqlite"] for _ in range(4)))
        assert [outcome for result in results for outcome in result] == [Outcome(value={})] * 16


def test_building_stores_touches_no_file(path: Path) -> None:
    SqliteStores(path)
    assert not path.exists()


def test_each_thread_has_a_connection_of_its_own_and_keeps_it(stores: SqliteStores) -> None:
    seen: list[tuple[int, bool]] = []
    ready = threading.Barrier(8)

    def look() -> None:
        first = stores._connections.get()
        ready.wait(PATIENCE)  # all of them live at once, or one could be given another's number
        seen.append((id(first), stores._connections.get() is first))
        ready.wait(PATIENCE)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len({number for number, _ in seen}) == 8
    assert all(kept for _, kept in seen)


def test_no_statement_has_more_variables_than_older_builds_allow(stores: SqliteStores) -> None:
    stores._connections.get().setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
    keys = [f"{number:04}" for number in range(1200)]
    assert stores.records.commit(dict.fromkeys(keys, 0), put(record())).done
    assert stores.records.load(keys) == {}


def test_a_connection_is_closed_when_its_thread_ends(stores: SqliteStores) -> None:
    held: list[sqlite3.Connection] = []
    thread = threading.Thread(target=lambda: held.append(stores._connections.get()))
    thread.start()
    thread.join(PATIENCE)
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError):
        held[0].execute("SELECT 1")


# Beside others ---------------------------------------------------------------------------------------------------------------


def test_reading_goes_on_while_somebody_writes(path: Path, stores: SqliteStores) -> None:
    """A reader neither waits for a writer nor sees what is not committed yet."""
    stores.records.commit({}, put(record(payload=b"before")))
    added = stores.credentials.add(newcomer(), None)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE credkit_record SET payload = x'00', version = 2")
        writer.execute("DELETE FROM credkit_credential")
        reader = SqliteStores(path, timeout=SHORT)
        assert reader.records.load(["a"])["a"].payload == b"before"
        assert [one.version for one in reader.records.due("kind", START, 10)] == [1]
        assert reader.credentials.get(added.id) == reader.credentials.find(added.identifiers[0].identifier) == added
        writer.execute("ROLLBACK")


def test_writing_goes_on_while_somebody_reads(path: Path, stores: SqliteStores) -> None:
    stores.records.commit({}, put(record()))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        before = reader.execute("SELECT version FROM credkit_record").fetchall()
        assert SqliteStores(path, timeout=SHORT).records.commit({}, put(record(version=2), expected=1)).done
        assert reader.execute("SELECT version FROM credkit_record").fetchall() == before == [(1,)]
    assert stores.records.load(["a"])["a"].version == 2


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the one right to write."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize("call", WRITING)
def test_a_lock_that_is_held_too_long_is_trouble_and_nothing_is_done(path: Path, stores: SqliteStores, call: str) -> None:
    stores.records.commit({}, put(record("kept")))
    impatient = SqliteStores(path, timeout=SHORT)
    with locked(path), pytest.raises(StoreError) as raised:
        all_calls(impatient)[call]()
    assert isinstance(raised.value.__cause__, sqlite3.OperationalError)
    assert impatient.records.load(["a", "kept"]) == {"kept": record("kept")}
    assert impatient.credentials.find(newcomer().identifiers[0].identifier) is None


def test_once_the_lock_is_gone_the_same_connection_goes_on(path: Path, stores: SqliteStores) -> None:
    impatient = SqliteStores(path, timeout=SHORT)
    with locked(path), pytest.raises(StoreError):
        impatient.records.commit({}, put(record()))
    assert impatient.records.commit({}, put(record())).done
    assert stores.records.load(["a"]) == {"a": record()}


def test_a_write_waits_for_its_turn(path: Path, stores: SqliteStores) -> None:
    patient, results = SqliteStores(path, timeout=timedelta(seconds=PATIENCE)), []
    with locked(path):
        thread = threading.Thread(target=lambda: results.append(patient.records.commit({}, put(record()))))
        thread.start()
        assert stores.records.load(["a"]) == {}
    thread.join(PATIENCE)
    assert [result.done for result in results] == [True]


def test_a_journey_on_a_locked_file_is_refused_or_in_trouble_and_leaves_nothing(path: Path) -> None:
    office = Office.open(path)
    kit = kit_on(SqliteStores(path, timeout=timedelta(milliseconds=1)))
    with locked(path), pytest.raises((Busy, StoreError)):
        kit.reset.begin(ADA, context=CONTEXT)
    assert office.stores._connections.get().execute("SELECT count(*) FROM credkit_record").fetchone() == (0,)


# Not as it should be ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [*READING, *WRITING])
def test_missing_tables_are_trouble(path: Path, call: str) -> None:
    with pytest.raises(StoreError):
        all_calls(SqliteStores(path))[call]()


def test_a_journey_without_tables_is_trouble(path: Path) -> None:
    with pytest.raises(CredkitError):
        kit_on(SqliteStores(path)).reset.begin(ADA, context=CONTEXT)


@pytest.mark.parametrize("call", [*READING, *WRITING])
def test_a_file_that_is_no_database_is_trouble(path: Path, call: str) -> None:
    path.write_bytes(b"no database, " * 1000)
    with pytest.raises(StoreError):
        all_calls(SqliteStores(path))[call]()
    with pytest.raises(StoreError):
        SqliteStores(path).create()


@pytest.mark.parametrize("call", [*READING, *WRITING])
def test_a_folder_that_is_not_there_is_trouble(path: Path, call: str) -> None:
    """And no more than that: what was not opened has nothing to close, so nothing may be said on the way out."""
    absent = SqliteStores(path.parent / "absent" / "test.sqlite")
    with pytest.raises(StoreError):
        all_calls(absent)[call]()
    with pytest.raises(StoreError):
        absent.create()
    gc.collect()


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody in particular, as root may write what is read-only."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("call", WRITING)
def test_a_read_only_file_is_trouble_for_every_write(call: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders let nobody else in
        path = Path(folder) / "test.sqlite"
        stores = SqliteStores(path).create()
        stores.records.commit({}, put(record("kept")))
        del stores
        gc.collect()
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        with unprivileged(), pytest.raises(StoreError):
            all_calls(SqliteStores(path))[call]()
        Path(folder).chmod(0o755)
        path.chmod(0o644)
        assert set(SqliteStores(path).records.load(["a", "kept"])) == {"kept"}


def fill(path: Path) -> Callable[[], tuple[int, list[Outcome], bool]]:
    """Write until the file may not grow any more; return how many commits were done, and what the last one came to."""
    stores = SqliteStores(path)

    def do() -> tuple[int, list[Outcome], bool]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, before[1]))
        try:
            for number in range(100):
                writes = [put(record(f"{number}.{part}", payload=bytes(10_000)))[0] for part in range(3)]
                outcome = outcome_of(lambda writes=writes: stores.records.commit({}, writes).done)
                if outcome.value is not True:
                    return number, [outcome, outcome_of(lambda: len(stores.records.load(["0.0", "0.1", "0.2"])))], True
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        return 100, [], False

    return do


def test_a_full_disk_is_trouble_and_no_commit_is_half_there(path: Path, stores: SqliteStores, crew: Crew) -> None:
    (done, (refused, read), full) = crew.run(fill, [path])[0]
    print(f"\nfull after {done} commits")
    assert full
    assert "StoreError" in (refused.trouble or "")
    assert read.value == 3, "a reader was hurt by a write that failed"
    keys = [f"{number}.{part}" for number in range(done + 1) for part in range(3)]
    assert set(SqliteStores(path).records.load(keys)) == set(keys[:-3])
    assert stores.records.commit({}, put(record("after"))).done


def test_a_damaged_page_is_trouble_and_not_a_missing_record(path: Path) -> None:
    stores = SqliteStores(path).create()
    for number in range(200):
        stores.records.commit({}, put(record(f"{number:03}", payload=bytes(500))))
    del stores
    gc.collect()  # the last connection to close brings everything into the file itself
    content = bytearray(path.read_bytes())
    for page in range(8, len(content) // 4096):
        content[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    path.write_bytes(content)
    with pytest.raises(StoreError):
        SqliteStores(path).records.load([f"{number:03}" for number in range(200)])


# After a failure -------------------------------------------------------------------------------------------------------------


def test_a_commit_that_fails_half_way_is_undone(path: Path, stores: SqliteStores) -> None:
    """The second write cannot be stored: its version does not fit."""
    writes = [*put(record("a")), *put(replace(record("b"), version=2**63))]
    with pytest.raises(Exception, match="too large"):
        stores.records.commit({}, writes)
    assert SqliteStores(path).records.load(["a", "b"]) == stores.records.load(["a", "b"]) == {}
    assert stores.records.commit({}, put(record("a"))).done


def test_an_interrupted_read_or_write_leaves_the_connection_usable(stores: SqliteStores) -> None:
    class Interrupted(BaseException):
        """As a signal handler raises it."""

    for opened in (stores._connections.reading, stores._connections.writing):
        with suppress(Interrupted), opened():
            raise Interrupted
        assert stores.records.load(["a"]) == {}
    assert stores.records.commit({}, put(record())).done


def test_a_signal_while_a_write_waits_for_its_turn_leaves_nothing_locked(path: Path, stores: SqliteStores) -> None:
    """As when a host's time limit strikes: it does so in the long wait for the lock, and the lock is there when Python hears of it."""

    class TimeLimit(BaseException):
        """As a task queue raises it in the middle of a task."""

    def strike(number: int, frame: object) -> None:
        raise TimeLimit

    waiting = threading.Event()
    stores._connections.get().set_trace_callback(lambda statement: waiting.set() if statement.startswith("BEGIN") else None)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")

    def strike_and_let_go() -> None:
        assert waiting.wait(PATIENCE)
        os.kill(os.getpid(), signal.SIGUSR1)
        other.execute("ROLLBACK")
        other.close()

    before = signal.signal(signal.SIGUSR1, strike)
    thread = threading.Thread(target=strike_and_let_go)
    thread.start()
    try:
        with pytest.raises(TimeLimit):
            stores.records.commit({}, put(record()))
    finally:
        signal.signal(signal.SIGUSR1, before)
        thread.join(PATIENCE)
    impatient = SqliteStores(path, timeout=SHORT)
    assert impatient.records.commit({}, put(record("another"))).done, "the file is locked by nobody's transaction"
    assert stores.records.commit({}, put(record())).done

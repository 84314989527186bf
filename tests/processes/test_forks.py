"""Stores and kits that are built before a fork, as servers that load an application first and fork then have them (F28).

SQLite keeps its locks by process and by file: a child that inherits an open connection believes that it holds the parent's
locks. So no connection may be open when a fork happens, and none of the parent's may ever be used or closed by a child.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sqlite3
import threading
import weakref
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from credkit.errors import Reason
from credkit.ports import Record, Write
from credkit.stores.sqlite import SqliteStores
from credkit.testing.fakes import START
from processes.crew import PATIENCE, Crew, Outcome, at_once
from processes.kits import CONTEXT, Office, kit_on
from processes.test_races import wrong_codes

CHILDREN = 4


def write(key: str) -> list[Write]:
    made = Record(key=key, kind="kind", version=1, payload=b"payload" * 1000, expires_at=START + timedelta(days=1))
    return [Write(key=key, expected_version=0, record=made)]


class Child:
    """A forked child that does one thing, says what came of it, and ends without any of Python's farewells."""

    def __init__(self, do: Callable[[Callable[[], None], Callable[[], None]], Any]) -> None:
        """Fork; *do* is given "tell the parent that you are here" and "wait for its word"."""
        here, self._go = os.pipe(), os.pipe()
        self._here, answer = here[0], os.pipe()
        self._answer = answer[0]
        self.pid = os.fork()
        if self.pid:
            os.close(here[1])
            os.close(answer[1])
            return
        try:
            signal.alarm(10)  # a child that waits for a lock nobody will give back ends all the same
            result = do(lambda: _tell(here[1]), lambda: _hear(self._go[0]))
            os.write(answer[1], json.dumps(result).encode())
            os._exit(0)
        except BaseException as failure:  # noqa: BLE001  # nothing of the test may run twice
            os.write(answer[1], json.dumps(f"{failure!r} from {failure.__cause__!r}").encode())
            os._exit(1)

    def arrived(self) -> None:
        """Wait until the child is here."""
        _hear(self._here)

    def result(self) -> Any:
        """Let the child go on, wait for its end, and return what it said."""
        _tell(self._go[1])
        said = b"".join(iter(lambda: os.read(self._answer, 65536), b""))
        _, status = os.waitpid(self.pid, 0)
        for file in (self._here, self._answer, *self._go):
            os.close(file)
        return json.loads(said) if said else f"ended with {os.waitstatus_to_exitcode(status)} and without a word"


def _tell(pipe: int) -> None:
    os.write(pipe, b".")


def _hear(pipe: int) -> None:
    os.read(pipe, 1)


# What a process of the crew does: it has one thread, as a server has that forks --------------------------------------------------


def who_has_which_connection(path: Path) -> Callable[[], Any]:
    def do() -> Any:
        stores = SqliteStores(path)
        stores.records.load(["a"])
        mine = stores._connections.get()

        return Child(lambda *_: stores._connections.get() is mine).result(), stores.records.load(["a"]) == {}

    return do


def forked_while_in_use(path: Path) -> Callable[[], Any]:
    """As when the host forks in the middle of `on_add`: then the connection stays open, and the child must not touch it."""

    def do() -> Any:
        stores = SqliteStores(path)
        with stores._connections.writing() as mine:
            answer = Child(lambda *_: stores._connections.get() is mine).result()
        return answer, stores.records.commit({}, write("after")).done

    return do


def outlived_by_its_child(path: Path, used: str) -> Callable[[], Any]:
    """The parent ends its connections while a child goes on, as a server does that replaces itself without a pause."""

    def do() -> Any:
        stores = SqliteStores(path)
        end_use = _use(stores, used)
        child = Child(partial(_write_and_write_again, stores))
        child.arrived()
        end_use()
        stores._connections.close()
        return child.result()

    return do


def _write_and_write_again(stores: SqliteStores, here: Callable[[], None], go: Callable[[], None]) -> list[bool]:
    first = stores.records.commit({}, write("first")).done
    here()
    go()
    return [first, stores.records.commit({}, write("second")).done]


def _use(stores: SqliteStores, used: str) -> Callable[[], None]:
    """Use the stores before the fork; return what ends the use."""
    if used == "created":
        stores.create()
    if used == "read and written":
        stores.create().records.commit({}, write("before"))
        stores.records.load(["before"])
    if used != "by another thread":
        return lambda: None
    stores.create()
    over, here, held = threading.Event(), threading.Event(), []

    def hold() -> None:
        stores.records.load(["a"])
        held.append(weakref.ref(stores._connections._local.held))
        here.set()
        over.wait(PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    assert here.wait(PATIENCE)

    def end() -> None:
        over.set()
        thread.join()
        while held[0]() is not None:  # what a thread has of its own goes a moment after it
            pass

    return end


def forks_amid_writes(path: Path, forks: int) -> Callable[[], Any]:
    """Fork again and again while threads write; once it is there, each child has the file to itself, and writes once."""

    def do() -> list[Any]:
        stores, counts = SqliteStores(path, timeout=timedelta(seconds=2)), [0, 0]
        over, writing = threading.Event(), threading.Event()

        def keep_writing(thread: int) -> None:
            while not over.is_set():
                writing.wait(PATIENCE)
                stores.records.commit({}, write(f"thread-{thread}.{counts[thread]}"))
                counts[thread] += 1

        threads = [threading.Thread(target=keep_writing, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        results = []
        for number in range(forks):
            before = sum(counts)
            writing.set()
            while sum(counts) < before + 3:
                pass
            child = Child(lambda *_, number=number: stores.records.commit({}, write(f"child-{number}")).done)
            writing.clear()
            results.append(child.result())
        over.set()
        writing.set()
        for thread in threads:
            thread.join()
        return [results, counts]

    return do


def forked_guesses(path: Path, ticket: str, codes: list[str]) -> Callable[[], Any]:
    """Build a kit, use it, fork, and let parent and children guess with it, each in several threads."""

    def do() -> list[list[Any]]:
        kit = kit_on(SqliteStores(path))
        kit.reset.look(ticket, context=CONTEXT)

        def guess(share: list[str]) -> list[Any]:
            outcomes = at_once([lambda code=code: kit.reset.verify(ticket, code, context=CONTEXT).text for code in share])
            return [asdict(outcome) for outcome in outcomes]

        shares = [codes[part :: CHILDREN + 1] for part in range(CHILDREN + 1)]
        children = [Child(lambda *_, share=share: guess(share)) for share in shares[1:]]
        return [guess(shares[0]), *(child.result() for child in children)]

    return do


# What must hold --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "test.sqlite"
    SqliteStores(path).create()
    gc.collect()
    return path


def test_a_child_opens_a_connection_of_its_own_and_the_parents_goes_on(path: Path, crew: Crew) -> None:
    assert crew.run(who_has_which_connection, [path]) == [(False, True)]
    assert crew.run(forked_while_in_use, [path]) == [(False, True)]


@pytest.mark.parametrize("used", ["not at all", "created", "read and written", "by another thread"])
def test_what_a_child_commits_outlives_the_parents_connections(path: Path, crew: Crew, used: str) -> None:
    """A child that believes to hold the parent's locks goes on writing to a log that is no more: told "done", and lost."""
    assert crew.run(outlived_by_its_child, [path, used]) == [[True, True]]
    assert set(SqliteStores(path).records.load(["first", "second"])) == {"first", "second"}
    assert integrity(path) == "ok"


def test_children_forked_while_threads_write_can_write(path: Path, crew: Crew) -> None:
    (results, counts), forks = crew.run(forks_amid_writes, [path, 20])[0], 20
    print(f"\n{forks} forks amid {sum(counts)} writes: {results.count(True)} children wrote")
    assert results == [True] * forks
    stored = SqliteStores(path).records.load([f"child-{number}" for number in range(forks)])
    assert len(stored) == forks
    assert integrity(path) == "ok"


def test_a_kit_from_before_a_fork_counts_exactly_in_parent_and_children(tmp_path: Path, crew: Crew) -> None:
    office = Office.open(tmp_path / "test.sqlite")
    office.sign_up()
    ticket, code = office.reset()
    results = crew.run(forked_guesses, [office.path, ticket, wrong_codes(50, code)])[0]
    every = [Outcome(**outcome) for result in results for outcome in result]
    assert [outcome.trouble for outcome in every if outcome.trouble] == []
    assert sorted(outcome.tries_left or 0 for outcome in every if outcome.reason == Reason.CODE_WRONG) == [1, 2, 3, 4]
    assert office.challenge(ticket).tries_left == 0
    assert len(every) == 50


def integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])

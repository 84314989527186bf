"""Whatever is done in whatever order, the stores on servers answer as a few lines of dictionary do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import valkey as client_of
from hypothesis import HealthCheck, given, settings
from sqlalchemy import delete

from contracts.records import NOW, put, record
from contracts.test_histories import KEYS, KINDS, STEPS, Model, Purge, Touch, commit, due_moments, purge
from credkit.stores.sqlalchemy import SqlStores
from credkit.stores.sqlalchemy.schema import TABLES
from credkit.stores.valkey import ValkeyRecords


class Emptied:
    """A record store and how it is emptied."""

    def __init__(self, records: Any, empty: Any, close: Any) -> None:
        self.records, self.empty, self.close = records, empty, close


def in_sql(url: str) -> Emptied:
    stores = SqlStores.from_url(url).create()
    return Emptied(stores.records, lambda: stores._engines.write(lambda connection: connection.execute(delete(TABLES.record))), stores.close)


def in_valkey(url: str) -> Emptied:
    records, client = ValkeyRecords.from_url(url), client_of.Valkey.from_url(url)

    def empty() -> None:
        client.flushall()
        client.set("credkit:schema", 1)

    return Emptied(records, empty, lambda: (records.close(), client.close()))


@pytest.fixture(scope="module", params=["sqlite", "postgres", "mariadb", "valkey"])
def emptied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emptied]:
    if request.param == "sqlite":
        made = in_sql(f"sqlite:///{tmp_path_factory.mktemp('histories') / 'test.sqlite'}")
    else:
        server = request.getfixturevalue(f"{request.param}_server")
        made = (in_valkey if request.param == "valkey" else in_sql)(server.url)
    yield made
    made.close()


def test_of_two_that_each_make_what_the_other_checks_to_be_absent_one_loses(emptied: Emptied) -> None:
    """Write skew over what is not there: there is no row that could be locked (F3)."""
    emptied.empty()
    ready = threading.Barrier(2)

    def make(turn: int, mine: str, others: str, version: int) -> bool:
        ready.wait(30)
        committed = emptied.records.commit({f"{others}{turn}": 0}, [put(record(f"{mine}{turn}", version=version))])
        return bool(committed.done)

    with ThreadPoolExecutor(2) as pool:
        for turn in range(100):
            done = [pool.submit(make, turn, "a", "b", 1), pool.submit(make, turn, "b", "a", 2)]
            assert sorted(one.result() for one in done) == [False, True]


@given(steps=STEPS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_store_answers_as_the_model_does(emptied: Emptied, steps: list[list[Touch] | Purge]) -> None:
    model, store = Model(), emptied.records
    emptied.empty()
    for step in steps:
        if isinstance(step, Purge):
            purge(model, store, step)
        else:
            commit(model, store, step)
        assert store.load(KEYS) == model.now
        for kind in KINDS:
            listed = store.due(kind, NOW, 10)
            assert [record.due_at for record in listed] == due_moments(model, kind)
            assert all(model.now[record.key] == record and record.kind == kind for record in listed)

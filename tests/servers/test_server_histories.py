"""Whatever is done in whatever order, the stores on servers answer as a few lines of dictionary do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import valkey as client_of
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import delete

from credkit.stores.sqlalchemy import SqlStores
from credkit.stores.sqlalchemy.schema import TABLES
from credkit.stores.valkey import ValkeyRecords
from credkit.testing.contracts._samples import put, record
from credkit.testing.machine import credential_store_machine, record_store_machine

QUICK = settings(max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module", params=["postgres", "mariadb"])
def stores(request: pytest.FixtureRequest) -> Iterator[SqlStores]:
    stores = SqlStores.from_url(request.getfixturevalue(f"{request.param}_server").url).create()
    yield stores
    stores.close()


def emptied(stores: SqlStores) -> SqlStores:
    for table in (TABLES.identifier, TABLES.credential, TABLES.record):
        stores._engines.transaction(lambda connection, table=table: connection.execute(delete(table)))
    return stores


def test_records_in_a_database_answer_as_the_model_does(stores: SqlStores) -> None:
    run_state_machine_as_test(record_store_machine(lambda: emptied(stores).records), settings=QUICK)


def test_credentials_in_a_database_answer_as_the_model_does(stores: SqlStores) -> None:
    run_state_machine_as_test(credential_store_machine(lambda: emptied(stores).credentials), settings=QUICK)


def one_of_two_loses(records: Any) -> None:
    """Write skew over what is not there: there is no row that could be locked (F3)."""
    ready = threading.Barrier(2)

    def make(turn: int, mine: str, others: str, version: int) -> bool:
        ready.wait(30)
        committed = records.commit({f"{others}{turn}": 0}, [put(record(f"{mine}{turn}", version=version))])
        return bool(committed.done)

    with ThreadPoolExecutor(2) as pool:
        for turn in range(100):
            done = [pool.submit(make, turn, "a", "b", 1), pool.submit(make, turn, "b", "a", 2)]
            assert sorted(one.result() for one in done) == [False, True]


def test_of_two_that_each_make_what_the_other_checks_to_be_absent_one_loses(stores: SqlStores) -> None:
    one_of_two_loses(emptied(stores).records)


def test_of_two_in_valkey_that_each_make_what_the_other_checks_to_be_absent_one_loses(valkey_server: Any) -> None:
    records, client = ValkeyRecords.from_url(valkey_server.url), client_of.Valkey.from_url(valkey_server.url)
    client.flushall()
    one_of_two_loses(records.create())
    records.close()
    client.close()


def test_records_in_valkey_answer_as_the_model_does(valkey_server: Any) -> None:
    records, client = ValkeyRecords.from_url(valkey_server.url), client_of.Valkey.from_url(valkey_server.url)

    def empty() -> ValkeyRecords:
        client.flushall()
        return records.create()

    run_state_machine_as_test(record_store_machine(empty), settings=QUICK)
    records.close()
    client.close()

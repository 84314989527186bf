"""Whatever is done in whatever order, the stores on servers answer as a few lines of dictionary do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import valkey as client_of
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import delete

from credkit.stores.sqlalchemy import SqlStores
from credkit.stores.sqlalchemy.schema import TABLES
from credkit.stores.valkey import ValkeyRecords
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


def test_records_in_valkey_answer_as_the_model_does(valkey_server: Any) -> None:
    records, client = ValkeyRecords.from_url(valkey_server.url), client_of.Valkey.from_url(valkey_server.url)

    def empty() -> ValkeyRecords:
        client.flushall()
        return records.create()

    run_state_machine_as_test(record_store_machine(empty), settings=QUICK)
    records.close()
    client.close()

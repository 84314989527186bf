"""The record store in Valkey keeps the contract on a real server, for blocking and for async code."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import valkey
from contracts.drive import Together, plain
from contracts.records import AsyncRecordStoreContract

from credkit.lifting import LiftedRecords, finish
from credkit.stores.valkey import AsyncValkeyRecords, ValkeyRecords


class InValkey:
    """The second handle is another store in the same server, as another process has it."""

    @pytest.fixture
    def store(self, valkey_server: Any) -> Iterator[ValkeyRecords]:
        client = valkey.Valkey.from_url(valkey_server.url)
        client.flushall()
        client.close()
        store = ValkeyRecords.from_url(valkey_server.url).create()
        yield store
        store.close()

    @pytest.fixture
    def other(self, store: ValkeyRecords, valkey_server: Any) -> Iterator[ValkeyRecords]:
        other = ValkeyRecords.from_url(valkey_server.url)
        yield other
        other.close()

    @pytest.fixture
    def records(self, store: ValkeyRecords) -> Any:
        return LiftedRecords(store)

    @pytest.fixture
    def twin(self, other: ValkeyRecords) -> Any:
        return LiftedRecords(other)

    @pytest.fixture
    def together(self) -> Together:
        return Together(finish)


class AsyncInValkey(InValkey):
    @pytest.fixture
    def records(self, store: ValkeyRecords) -> Any:
        return AsyncValkeyRecords(store)

    @pytest.fixture
    def twin(self, other: ValkeyRecords) -> Any:
        return AsyncValkeyRecords(other)

    @pytest.fixture
    def together(self) -> Together:
        return Together(asyncio.run)


class TestValkeyRecords(InValkey, plain(AsyncRecordStoreContract, finish)):
    pass


class TestAsyncValkeyRecords(AsyncInValkey, plain(AsyncRecordStoreContract, asyncio.run)):
    pass

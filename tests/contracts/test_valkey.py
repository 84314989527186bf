"""The record store in Valkey keeps the contract on a real server, for blocking and for async code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import valkey

from credkit.stores.valkey import AsyncValkeyRecords, ValkeyRecords
from credkit.testing.contracts import AsyncRecordStoreContract, RecordStoreContract


class InValkey:
    """One server for all tests, emptied before each; the second handle is another store in it, as another process has it.

    A caller's transaction in Valkey is on a connection of its own by nature, and there is none of it in the application's hands.
    """

    url: str
    both: tuple[ValkeyRecords, ValkeyRecords]

    @pytest.fixture(autouse=True)
    def _stores(self, valkey_server: Any) -> Iterator[None]:
        client = valkey.Valkey.from_url(valkey_server.url)
        client.flushall()
        client.close()
        self.both = ValkeyRecords.from_url(valkey_server.url).create(), ValkeyRecords.from_url(valkey_server.url)
        yield
        for store in self.both:
            store.close()


class TestValkeyRecords(InValkey, RecordStoreContract):
    @pytest.fixture
    def store(self, _stores: None) -> Any:
        return self.both[0]

    def another(self, store: Any) -> Any:
        return self.both[1]

    def callers_transaction(self, store: Any) -> AbstractContextManager[object]:
        return nullcontext()


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
class TestAsyncValkeyRecords(InValkey, AsyncRecordStoreContract):
    @pytest.fixture
    def store(self, _stores: None) -> Any:
        return AsyncValkeyRecords(self.both[0])

    def another(self, store: Any) -> Any:
        return AsyncValkeyRecords(self.both[1])

    def callers_transaction(self, store: Any) -> Any:
        return nullcontext()

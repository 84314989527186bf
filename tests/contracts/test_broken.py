"""Each test of a contract catches the broken store that it names, and each broken store is named: blocking, on asyncio and on trio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
import trio

from credkit.lifting import finish
from credkit.testing import broken
from credkit.testing.broken import BROKEN_CREDENTIAL_STORES, BROKEN_RECORD_STORES, BlockingCredentials, BlockingRecords, SoundCredentials, SoundRecords
from credkit.testing.contracts import (
    AsyncCredentialStoreContract,
    AsyncRecordStoreContract,
    ContractReport,
    CredentialStoreContract,
    RecordStoreContract,
    async_report,
    report,
)
from credkit.testing.contracts._kills import kills


class AsyncRecords(AsyncRecordStoreContract):
    def another(self, store: Any) -> Any:
        return store.another()

    def callers_transaction(self, store: Any) -> Any:
        return store.callers_transaction()


class AsyncCredentials(AsyncCredentialStoreContract):
    def another(self, store: Any) -> Any:
        return store.another()

    def callers_transaction(self, store: Any) -> Any:
        return store.callers_transaction()

    async def forget(self, store: Any, credential_id: str) -> None:
        await store.forget(credential_id)


@contextmanager
def entered(manager: Any) -> Generator[None, None, None]:
    finish(manager.__aenter__())
    yield
    finish(manager.__aexit__(None, None, None))


class Records(RecordStoreContract):
    def another(self, store: Any) -> Any:
        return BlockingRecords(store.broken.another())

    def callers_transaction(self, store: Any) -> Any:
        return entered(store.broken.callers_transaction())


class Credentials(CredentialStoreContract):
    def another(self, store: Any) -> Any:
        return BlockingCredentials(store.broken.another())

    def callers_transaction(self, store: Any) -> Any:
        return entered(store.broken.callers_transaction())

    def forget(self, store: Any, credential_id: str) -> None:
        finish(store.broken.forget(credential_id))


Runner = Callable[[type, str, Any], None]


def blocking(contract: type, name: str, store: Any) -> None:
    getattr({AsyncRecords: Records, AsyncCredentials: Credentials}[contract](), name)(
        BlockingRecords(store) if isinstance(store, SoundRecords) else BlockingCredentials(store)
    )


def on_asyncio(contract: type, name: str, store: Any) -> None:
    asyncio.run(getattr(contract(), name)(store))


def on_trio(contract: type, name: str, store: Any) -> None:
    trio.run(getattr(contract(), name), store)


RUNNERS: list[Runner] = [blocking, on_asyncio, on_trio]
GALLERIES = [(AsyncRecords, SoundRecords, BROKEN_RECORD_STORES), (AsyncCredentials, SoundCredentials, BROKEN_CREDENTIAL_STORES)]
KILLS = [(contract, name, store) for contract, _, _ in GALLERIES for name, store in kills(contract).items()]

by_colour = pytest.mark.parametrize("run", RUNNERS, ids=lambda run: run.__name__)
by_gallery = pytest.mark.parametrize(("contract", "sound", "gallery"), GALLERIES, ids=["records", "credentials"])


@by_gallery
def test_every_test_names_a_store_of_the_gallery_and_every_store_is_named(contract: type, sound: type, gallery: tuple[type, ...]) -> None:
    assert set(kills(contract).values()) == {store.__name__ for store in gallery}


@by_colour
@pytest.mark.parametrize(("contract", "name", "store"), KILLS, ids=[name for _, name, _ in KILLS])
def test_a_broken_store_is_caught(contract: type, name: str, store: str, run: Runner) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011  # a store that raises is caught as well as one that answers wrongly
        run(contract, name, getattr(broken, store)())


@by_colour
@by_gallery
def test_the_sound_store_that_the_gallery_is_made_of_passes(contract: type, sound: type, gallery: tuple[type, ...], run: Runner) -> None:
    for name in kills(contract):
        run(contract, name, sound())


def reports(store: type) -> list[ContractReport]:
    records = issubclass(store, SoundRecords)
    blocking = (
        report(RecordStoreContract, lambda: BlockingRecords(store())) if records else report(CredentialStoreContract, lambda: BlockingCredentials(store()))
    )
    return [blocking, asyncio.run(async_report(AsyncRecordStoreContract if records else AsyncCredentialStoreContract, store))]


def test_a_report_says_what_is_broken_and_what_was_left_out() -> None:
    for found in reports(broken.ForgetsEarly):
        assert not found.holds
        assert list(found.broken) == ["test_purge_forgets_from_the_moment_of_expiry_and_not_a_microsecond_before", "test_nothing_is_forgotten_before_its_time"]
        assert "a microsecond before its expiry, a record is kept" in str(found)
        assert len(found.left_out) == 2
        assert "override callers_transaction" in str(found)


def test_a_report_of_a_store_that_raises_says_what() -> None:
    for found in reports(broken.RaisesForNobody):
        assert found.broken["test_nobody_is_none"] == "raised KeyError: 'nobody'"


def test_a_report_of_a_sound_store_holds() -> None:
    for found in [*reports(SoundRecords), *reports(SoundCredentials)]:
        assert found.holds
        assert len(found.kept) > 25


def test_a_report_refuses_a_contract_of_the_other_colour() -> None:
    with pytest.raises(TypeError, match="async_report"):
        report(AsyncRecordStoreContract, SoundRecords)
    with pytest.raises(TypeError, match="blocking"):
        asyncio.run(async_report(RecordStoreContract, SoundRecords))


def test_a_duty_is_not_overridden_without_a_reason() -> None:
    with pytest.raises(TypeError, match=r"test_nobody_is_none overrides a duty: mark it with pytest.mark.xfail\(reason=...\)"):

        class Silent(CredentialStoreContract):
            def test_nobody_is_none(self, store: Any) -> None: ...

    class Outspoken(CredentialStoreContract):
        @pytest.mark.xfail(reason="nobody is somebody here")
        def test_nobody_is_none(self, store: Any) -> None: ...

    assert Outspoken.test_nobody_is_none


def test_a_blocking_contract_finds_a_store_that_is_for_async_code() -> None:
    found = report(RecordStoreContract, SoundRecords)
    assert not found.kept
    assert "async port" in found.broken["test_loading_no_keys_returns_nothing"]

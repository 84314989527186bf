"""Each test of a contract catches the broken store that it names, and each broken store is named: blocking, on asyncio and on trio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
import trio

from credkit.lifting import finish
from credkit.testing.broken import BROKEN
from credkit.testing.broken.breaches import BlockingBreaches, SoundBreaches
from credkit.testing.broken.credentials import BlockingCredentials, RaisesForNobody, SoundCredentials
from credkit.testing.broken.hashing import BlockingHashing, SoundHashing
from credkit.testing.broken.notifiers import BlockingNotifier, SoundNotifier
from credkit.testing.broken.observers import SoundObserver
from credkit.testing.broken.records import BlockingRecords, ForgetsEarly, SoundRecords
from credkit.testing.contracts import (
    AsyncBreachListContract,
    AsyncCredentialStoreContract,
    AsyncHashingContract,
    AsyncNotifierContract,
    AsyncRecordStoreContract,
    BreachListContract,
    ContractReport,
    CredentialStoreContract,
    HashingContract,
    NotifierContract,
    ObserverContract,
    RecordStoreContract,
    async_report,
    report,
)
from credkit.testing.contracts._kills import kills


class AsyncRecords(AsyncRecordStoreContract):
    def break_off(self, store: Any) -> None:
        store.break_off()

    def another(self, store: Any) -> Any:
        return store.another()

    def callers_transaction(self, store: Any) -> Any:
        return store.callers_transaction()


class AsyncCredentials(AsyncCredentialStoreContract):
    def break_off(self, store: Any) -> None:
        store.break_off()

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
    def break_off(self, store: Any) -> None:
        store.broken.break_off()

    def another(self, store: Any) -> Any:
        return BlockingRecords(store.broken.another())

    def callers_transaction(self, store: Any) -> Any:
        return entered(store.broken.callers_transaction())


class Credentials(CredentialStoreContract):
    def break_off(self, store: Any) -> None:
        store.broken.break_off()

    def another(self, store: Any) -> Any:
        return BlockingCredentials(store.broken.another())

    def callers_transaction(self, store: Any) -> Any:
        return entered(store.broken.callers_transaction())

    def forget(self, store: Any, credential_id: str) -> None:
        finish(store.broken.forget(credential_id))


class AsyncNotifiers(AsyncNotifierContract):
    def sent(self, notifier: Any) -> Any:
        return notifier.sent

    def break_provider(self, notifier: Any) -> None:
        notifier.is_down = True


class Notifiers(NotifierContract):
    def sent(self, notifier: Any) -> Any:
        return notifier.broken.sent

    def break_provider(self, notifier: Any) -> None:
        notifier.broken.is_down = True


class AsyncBreaches(AsyncBreachListContract):
    def asked(self, breaches: Any) -> Any:
        return breaches.asked

    def break_service(self, breaches: Any) -> None:
        breaches.is_down = True


class Breaches(BreachListContract):
    def asked(self, breaches: Any) -> Any:
        return breaches.broken.asked

    def break_service(self, breaches: Any) -> None:
        breaches.broken.is_down = True


CONTRACTS: dict[type, tuple[type, type, Callable[[Any], Any]]] = {
    SoundRecords: (AsyncRecords, Records, BlockingRecords),
    SoundCredentials: (AsyncCredentials, Credentials, BlockingCredentials),
    SoundNotifier: (AsyncNotifiers, Notifiers, BlockingNotifier),
    SoundHashing: (AsyncHashingContract, HashingContract, BlockingHashing),
    SoundBreaches: (AsyncBreaches, Breaches, BlockingBreaches),
}
"""By the sound one: the contract for async code, for blocking code, and what makes blocking ones."""

Runner = Callable[[type, str, Any], None]


def blocking(sound: type, name: str, broken: Any) -> None:
    _, contract, made_blocking = CONTRACTS[sound]
    if name in kills(contract):
        getattr(contract(), name)(made_blocking(broken))


def on_asyncio(sound: type, name: str, broken: Any) -> None:
    asyncio.run(getattr(CONTRACTS[sound][0](), name)(broken))


def on_trio(sound: type, name: str, broken: Any) -> None:
    trio.run(getattr(CONTRACTS[sound][0](), name), broken)


RUNNERS: list[Runner] = [blocking, on_asyncio, on_trio]
KILLS = [
    (run, sound, test, kind)
    for run in RUNNERS
    for sound, (asynchronous, derived, _) in CONTRACTS.items()
    for test, name in kills(derived if run is blocking else asynchronous).items()
    for kind in BROKEN[sound]
    if kind.__name__ == name
]

by_colour = pytest.mark.parametrize("run", RUNNERS, ids=lambda run: run.__name__)
by_sound = pytest.mark.parametrize("sound", CONTRACTS, ids=lambda sound: sound.__name__)


@by_sound
def test_every_test_names_one_of_the_gallery_and_each_of_the_gallery_is_named(sound: type) -> None:
    assert set(kills(CONTRACTS[sound][0]).values()) == {kind.__name__ for kind in BROKEN[sound]}


@by_sound
def test_a_blocking_contract_has_the_tests_of_its_twin(sound: type) -> None:
    asynchronous, derived, _ = CONTRACTS[sound]
    # A blocking hasher has no places, and nothing cancels a blocking call.
    without = {"test_a_place_can_hash_more_than_once_and_is_given_back", "test_a_cancelled_commit_lands_whole_or_not_at_all"}
    assert [name for name in kills(asynchronous) if name not in without] == list(kills(derived))


@pytest.mark.parametrize(("run", "sound", "name", "broken"), KILLS, ids=[f"{name}-{run.__name__}" for run, _, name, _ in KILLS])
def test_a_broken_one_is_caught(run: Runner, sound: type, name: str, broken: type) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011  # one that raises is caught as well as one that answers wrongly
        run(sound, name, broken())


@by_colour
@by_sound
def test_the_sound_one_that_a_gallery_is_made_of_passes(sound: type, run: Runner) -> None:
    for name in kills(CONTRACTS[sound][0]):
        run(sound, name, sound())


class Observers(ObserverContract):
    def seen(self, observer: Any) -> Any:
        return observer.lines


def test_every_test_of_observers_names_one_of_the_gallery_and_each_is_named() -> None:
    assert set(kills(ObserverContract).values()) == {kind.__name__ for kind in BROKEN[SoundObserver]}


@pytest.mark.parametrize(("name", "broken"), kills(ObserverContract).items())
def test_a_broken_observer_is_caught(name: str, broken: str) -> None:
    (kind,) = [kind for kind in BROKEN[SoundObserver] if kind.__name__ == broken]
    found = report(Observers, kind)
    assert name in found.broken


def test_a_sound_observer_keeps_every_duty() -> None:
    found = report(Observers, SoundObserver)
    assert found.holds
    assert set(found.kept) == set(kills(ObserverContract))


def reports(store: type) -> list[ContractReport]:
    records = issubclass(store, SoundRecords)
    blocking = (
        report(RecordStoreContract, lambda: BlockingRecords(store())) if records else report(CredentialStoreContract, lambda: BlockingCredentials(store()))
    )
    return [blocking, asyncio.run(async_report(AsyncRecordStoreContract if records else AsyncCredentialStoreContract, store))]


def test_a_report_says_what_is_broken_and_what_was_left_out() -> None:
    for found in reports(ForgetsEarly):
        assert not found.holds
        assert list(found.broken) == ["test_purge_forgets_from_the_moment_of_expiry_and_not_a_microsecond_before", "test_nothing_is_forgotten_before_its_time"]
        assert "a microsecond before its expiry, a record is kept" in str(found)
        assert len(found.left_out) == 3
        assert "override callers_transaction" in str(found)


def test_a_report_of_a_store_that_raises_says_what() -> None:
    for found in reports(RaisesForNobody):
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

"""The contract catches every store of the gallery, so a store that passes it is none of them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from inspect import signature
from typing import Any

import pytest

from contracts.broken import BROKEN_CREDENTIALS, BROKEN_RECORDS
from contracts.credentials import AsyncCredentialStoreContract
from contracts.drive import Together, duties_of
from contracts.records import AsyncRecordStoreContract
from credkit.lifting import LiftedCredentials, LiftedRecords, finish
from credkit.stores.memory import MemoryCredentials, MemoryRecords

Test = Callable[..., Coroutine[Any, Any, None]]

FAILED = (Exception, pytest.fail.Exception)


def cases(test: Test) -> Iterator[Test]:
    """Return *test* once for each of its parameters, as pytest would run it."""
    marks = {mark.name: mark for mark in getattr(test, "pytestmark", [])}
    if "skip" in marks:
        return
    if "parametrize" not in marks:
        yield test
        return
    name, values = marks["parametrize"].args
    yield from (partial(test, **{name: value}) for value in values)


def caught_by(contract: type, part: str, make: Callable[[], Any]) -> set[str]:
    """Return the tests of *contract* that fail for the stores that *make* returns."""
    failed: set[str] = set()
    for name, test in duties_of(contract):
        for case in cases(test):
            store = make()
            given = {part: store, "twin": store, "together": Together(finish)}
            try:
                finish(case(contract(), **{wanted: given[wanted] for wanted in signature(case).parameters if wanted in given}))
            except FAILED:
                failed.add(name)
    return failed


def caught_records(store: type[MemoryRecords]) -> set[str]:
    return caught_by(AsyncRecordStoreContract, "records", lambda: LiftedRecords(store()))


def caught_credentials(store: type[MemoryCredentials]) -> set[str]:
    return caught_by(AsyncCredentialStoreContract, "credentials", lambda: LiftedCredentials(store()))


def test_a_sound_store_passes_as_the_gallery_is_run() -> None:
    assert caught_records(MemoryRecords) == set()
    assert caught_credentials(MemoryCredentials) == set()


@pytest.mark.parametrize("store", BROKEN_RECORDS, ids=lambda store: store.__name__)
def test_a_broken_record_store_is_caught(store: type[MemoryRecords]) -> None:
    caught = caught_records(store)
    print(f"\n{store.__name__} is caught by {len(caught)} tests")
    assert BROKEN_RECORDS[store] in caught


@pytest.mark.parametrize("store", BROKEN_CREDENTIALS, ids=lambda store: store.__name__)
def test_a_broken_credential_store_is_caught(store: type[MemoryCredentials]) -> None:
    caught = caught_credentials(store)
    print(f"\n{store.__name__} is caught by {len(caught)} tests")
    assert BROKEN_CREDENTIALS[store] in caught

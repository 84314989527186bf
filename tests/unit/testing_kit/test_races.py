"""Races let calls go at one moment, give back what each came to, and find what they say they find."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from credkit import Context
from credkit.credential import Credential
from credkit.errors import IdentifierTaken
from credkit.stores.memory import MemoryStores
from credkit.stores.sqlite import SqliteStores
from credkit.testing import kit_for_tests
from credkit.testing.contracts._samples import ADA, new
from credkit.testing.races import in_processes, in_tasks, in_threads, widened
from unit.testing_kit import racers

CONTEXT = Context.none()


class Seats:
    """A host's own count, which is looked at and then written."""

    def __init__(self, window: float = 0.0) -> None:
        self.left = 1
        self.window = window

    def take(self) -> bool:
        if self.left < 1:
            return False
        time.sleep(self.window)
        self.left -= 1
        return True

    async def take_soon(self) -> bool:
        if self.left < 1:
            return False
        await asyncio.sleep(self.window)
        self.left -= 1
        return True


def test_threads_find_a_look_and_a_write_with_a_window() -> None:
    assert sum(bool(taken) for taken in in_threads([Seats(window=0.05).take] * 1)) == 1
    seats = Seats(window=0.05)
    assert sum(bool(taken) for taken in in_threads([seats.take] * 8)) > 1


def test_tasks_find_it_between_two_awaits() -> None:
    seats = Seats()
    assert sum(bool(taken) for taken in asyncio.run(in_tasks([seats.take_soon] * 8))) > 1


def test_processes_find_what_a_lock_in_memory_hides(tmp_path: Path) -> None:
    (tmp_path / "seats").write_text("1")
    taken = in_processes(racers.take_a_seat, [(tmp_path / "seats",)] * 3)
    assert taken.count(True) > 1, "each process has a lock of its own, and all of them looked before one wrote"


def test_what_is_raised_comes_back_beside_what_is_returned() -> None:
    outcomes: list[Any] = in_threads([partial(int, "7"), partial(int, "seven")])
    assert outcomes[0] == 7
    assert isinstance(outcomes[1], ValueError)


def test_what_is_raised_in_a_process_comes_back_also_where_it_cannot_be_pickled() -> None:
    outcomes: list[Any] = in_processes(racers.fail, [("plain",), ("odd",)])
    assert [type(outcome) for outcome in outcomes] == [ValueError, RuntimeError]
    assert str(outcomes[1]) == "Odd: odd"


def test_a_call_that_hangs_is_told() -> None:
    with pytest.raises(AssertionError, match="have not ended"):
        in_threads([partial(time.sleep, 0.5)], patience=timedelta(milliseconds=10))


def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(AssertionError, match="a process has died without an answer"):
        in_processes(racers.die, [()])


def test_in_processes_one_of_many_takes_an_address(tmp_path: Path) -> None:
    SqliteStores(tmp_path / "race.sqlite").create()
    outcomes = in_processes(racers.add_ada, [(tmp_path / "race.sqlite", number) for number in range(3)])
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Credential", "IdentifierTaken", "IdentifierTaken"]


def test_a_widened_store_is_the_same_store() -> None:
    stores = MemoryStores()
    world = kit_for_tests().using(widened(stores, by=timedelta(0)))
    world.add("ada@example.com", password="nine grey herons wade")
    assert [type(one) for one in stores.credentials.dump()] == [Credential]
    assert world.kit.sign_in.with_password("ada@example.com", "nine grey herons wade", context=CONTEXT)
    assert world.credentials.get("nobody") is None
    assert list(world.records.due("main/outbox", world.clock.now(), 1)) == []
    assert world.records.purge(world.clock.now(), 0) == 0


def test_a_hosts_look_and_write_is_overtaken_in_a_widened_store() -> None:
    """The host looks whether an address is free before it adds; the store's own check is what holds."""
    stores = MemoryStores()
    slow = widened(stores, by=timedelta(milliseconds=50)).credentials

    def look_and_add(number: int) -> str:
        if slow.find(ADA) is not None:
            return "taken"
        try:
            slow.add(new(ADA, change_id=f"change-{number}"), None)
        except IdentifierTaken:
            return "overtaken"
        return "added"

    outcomes = in_threads([partial(look_and_add, number) for number in range(4)])
    assert outcomes.count("added") == 1
    assert outcomes.count("overtaken") > 0

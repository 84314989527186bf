"""Password hashing as a port: the same answers in place and in threads, one gate for both, never on a loop (PW-23, REQ-D13)."""

from __future__ import annotations

import asyncio
import threading

import pytest

from credkit.errors import Busy
from credkit.hashing import InPlaceHashing, ThreadHashing
from credkit.lifting import finish
from credkit.passwords import Gate, PasswordHasher, Verification
from credkit.ports import AsyncHashingPlace
from credkit.secret import Secret
from credkit.testing import cheap_hasher

PASSWORD = Secret("tortoise plumbing verdict")
OTHER = Secret("tortoise plumbing verdicu")


class Watched(PasswordHasher):
    """A real hasher that notes in which thread it works, and whether the only slot of its gate was taken meanwhile."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(cheap_hasher()._profile)
        self.gate = gate
        self.threads: list[str] = []
        self.slots: list[bool] = []

    def note(self) -> None:
        self.threads.append(threading.current_thread().name)
        self.slots.append(not self.gate._state.get().running.acquire(blocking=False))

    def hash(self, password: Secret) -> str:
        self.note()
        return super().hash(password)

    def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Verification:
        self.note()
        return super().verify(stored, password, typed=typed)


async def round_trip(place: AsyncHashingPlace) -> list[Verification]:
    try:
        stored = await place.hash(PASSWORD)
        return [await place.verify(stored, PASSWORD), await place.verify(stored, OTHER), await place.verify(None, PASSWORD), await place.verify("", PASSWORD)]
    finally:
        place.release()


EXPECTED = [Verification(matches=True), Verification(matches=False), Verification(matches=False), Verification(matches=False, malformed=True)]


def test_in_place_every_hash_is_made_in_the_callers_thread_and_no_call_suspends() -> None:
    gate = Gate(size=1, queue=0)
    hasher = Watched(gate)
    assert finish(round_trip(InPlaceHashing(hasher, gate).reserve())) == EXPECTED
    assert hasher.slots == [True] * 5
    assert set(hasher.threads) == {threading.current_thread().name}


def test_for_a_loop_every_hash_is_made_in_a_thread_of_the_gate() -> None:
    gate = Gate(size=1, queue=0)
    hasher = Watched(gate)
    assert asyncio.run(round_trip(ThreadHashing(hasher, gate).reserve())) == EXPECTED
    assert hasher.slots == [True] * 5
    assert all(name.startswith("credkit-hash") for name in hasher.threads)


@pytest.mark.parametrize("kind", [InPlaceHashing, ThreadHashing])
def test_a_full_gate_turns_the_caller_away_until_a_place_is_given_back(kind: type[InPlaceHashing | ThreadHashing]) -> None:
    hashing = kind(cheap_hasher(), Gate(size=1, queue=0))
    place = hashing.reserve()
    with pytest.raises(Busy):
        hashing.reserve()
    place.release()
    place.release()
    hashing.reserve()
    with pytest.raises(Busy):
        hashing.reserve()


def test_both_ways_share_one_gate() -> None:
    gate = Gate(size=1, queue=0)
    place = InPlaceHashing(cheap_hasher(), gate).reserve()
    with pytest.raises(Busy):
        ThreadHashing(cheap_hasher(), gate).reserve()
    place.release()


def test_many_tasks_of_a_loop_all_get_their_answer() -> None:
    hashing = ThreadHashing(cheap_hasher(), Gate(size=2, queue=48))

    async def all_at_once() -> list[list[Verification]]:
        return await asyncio.gather(*(round_trip(hashing.reserve()) for _ in range(50)))

    assert asyncio.run(all_at_once()) == [EXPECTED] * 50

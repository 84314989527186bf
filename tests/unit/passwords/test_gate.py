"""The bound on hashes at once: how many run, how many wait, who is turned away, and what a cancelled caller or a fork leaves (PW-23)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import credkit
from credkit.errors import Busy
from credkit.passwords import Gate, Place

PATIENCE = 60
"""Seconds after which a thread that never comes is a failure; nothing here waits for time to pass."""


def is_running(gate: Gate) -> bool:
    """Return whether every hash that may run at once does."""
    running = gate._state.get().running
    free = running.acquire(blocking=False)
    if free:
        running.release()
    return not free


def test_a_hundred_threads_never_hash_more_at_once_than_the_gate_is_wide() -> None:
    gate = Gate(size=4, queue=96)
    lock, entered, leave = threading.Lock(), threading.Semaphore(0), threading.Semaphore(0)
    all_there = threading.Barrier(101)
    now_in, most = 0, 0

    def call() -> str:
        nonlocal now_in, most
        with lock:
            now_in += 1
            most = max(most, now_in)
        entered.release()
        assert leave.acquire(timeout=PATIENCE)
        with lock:
            now_in -= 1
        return threading.current_thread().name

    results: list[tuple[str, str]] = []

    def caller() -> None:
        place = gate.reserve()
        all_there.wait(PATIENCE)
        result = place.run(call)
        place.release()
        results.append((threading.current_thread().name, result))

    threads = [threading.Thread(target=caller) for _ in range(100)]
    for thread in threads:
        thread.start()
    all_there.wait(PATIENCE)
    for _ in range(4):
        assert entered.acquire(timeout=PATIENCE)
    assert is_running(gate)
    for _ in range(96):  # one leaves, one enters
        leave.release()
        assert entered.acquire(timeout=PATIENCE)
    leave.release(4)
    for thread in threads:
        thread.join(PATIENCE)
    assert most == 4
    assert len(results) == 100
    assert all(asked == ran for asked, ran in results)


def test_the_place_after_the_last_is_busy_and_counts_nothing() -> None:
    gate = Gate(size=2, queue=3)
    places = [gate.reserve() for _ in range(5)]
    for _ in range(10):
        with pytest.raises(Busy):
            gate.reserve()
    places.pop().release()
    gate.reserve()
    with pytest.raises(Busy):
        gate.reserve()


def test_of_a_hundred_callers_at_once_exactly_as_many_come_in_as_there_are_places() -> None:
    gate, start = Gate(size=3, queue=20), threading.Barrier(100)
    places: list[Place | None] = []

    def caller() -> None:
        start.wait(PATIENCE)
        try:
            places.append(gate.reserve())
        except Busy:
            places.append(None)

    threads = [threading.Thread(target=caller) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert (len(places), places.count(None)) == (100, 77)


def test_busy_says_to_come_back() -> None:
    gate = Gate(size=1, queue=0)
    place = gate.reserve()
    with pytest.raises(Busy) as caught:
        gate.reserve()
    assert (caught.value.status, caught.value.retry_seconds) == (503, 1)
    place.release()
    gate.reserve().release()


def test_giving_a_place_back_twice_gives_back_one() -> None:
    gate = Gate(size=1, queue=1)
    one, _other = gate.reserve(), gate.reserve()
    for _ in range(3):
        one.release()
    gate.reserve()
    with pytest.raises(Busy):
        gate.reserve()


def test_a_place_serves_several_hashes_one_after_the_other() -> None:
    gate = Gate(size=1, queue=0)
    place = gate.reserve()
    assert [place.run(lambda number=number: number) for number in range(3)] == [0, 1, 2]


def test_a_hash_that_fails_lets_the_next_one_run() -> None:
    gate = Gate(size=1, queue=0)
    place = gate.reserve()

    def fail() -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        place.run(fail)
    assert place.run(lambda: "next") == "next"


@pytest.mark.parametrize(("processors", "size"), [(1, 1), (2, 2), (4, 4), (64, 4)])
def test_the_gate_is_as_wide_as_there_are_processors_up_to_four(processors: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)), raising=False)
    assert Gate().size == size


@pytest.mark.parametrize(("processors", "size"), [(None, 1), (2, 2)])
def test_where_the_system_does_not_say_it_is_as_wide_as_the_machine(processors: int | None, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    assert Gate().size == size


def test_a_stated_width_is_taken() -> None:
    assert Gate(size=9).size == 9


def test_building_a_gate_starts_no_thread() -> None:
    before = threading.active_count()
    Gate(size=4).reserve().run(lambda: None)
    assert threading.active_count() == before


def test_a_loop_hashes_in_threads_of_the_gate_and_stays_free() -> None:
    gate = Gate(size=1)
    begun, go_on = threading.Event(), threading.Event()

    def call() -> str:
        begun.set()
        assert go_on.wait(PATIENCE)
        return threading.current_thread().name

    async def scenario() -> str:
        hashing = asyncio.ensure_future(gate.reserve().run_in_thread(call))
        await asyncio.to_thread(begun.wait, PATIENCE)
        # The loop runs while the hash does, or it could never let it go on.
        go_on.set()
        return await hashing

    assert asyncio.run(scenario()).startswith("credkit-hash")


def test_a_cancelled_caller_does_not_free_the_slot_of_a_hash_that_runs() -> None:
    # F29: memory is bounded by what runs, whoever still waits for it.
    gate = Gate(size=1, queue=8)
    begun, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        order.append("first begins")
        begun.set()
        assert go_on.wait(PATIENCE)
        order.append("first ends")

    async def scenario() -> None:
        place = gate.reserve()
        cancelled = asyncio.ensure_future(place.run_in_thread(first))
        await asyncio.to_thread(begun.wait, PATIENCE)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        place.release()  # as a flow does on its way out

        assert is_running(gate)
        after = asyncio.ensure_future(gate.reserve().run_in_thread(lambda: order.append("second")))
        # Both ways into the gate are held up: its threads, and those of blocking callers.
        blocking = asyncio.ensure_future(asyncio.to_thread(gate.reserve().run, lambda: order.append("third")))
        await asyncio.sleep(0)
        assert is_running(gate)
        assert order == ["first begins"]
        go_on.set()
        await asyncio.gather(after, blocking)

    asyncio.run(scenario())
    assert order[:2] == ["first begins", "first ends"]
    assert sorted(order[2:]) == ["second", "third"]


def test_a_caller_cancelled_while_waiting_never_hashes() -> None:
    gate = Gate(size=1, queue=8)
    begun, go_on = threading.Event(), threading.Event()
    made: list[str] = []

    def first() -> None:
        begun.set()
        assert go_on.wait(PATIENCE)

    async def scenario() -> None:
        running = asyncio.ensure_future(gate.reserve().run_in_thread(first))
        await asyncio.to_thread(begun.wait, PATIENCE)
        waiting = asyncio.ensure_future(gate.reserve().run_in_thread(lambda: made.append("waiting")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go_on.set()
        await running
        await gate.reserve().run_in_thread(lambda: made.append("last"))

    asyncio.run(scenario())
    assert made == ["last"]


def test_every_thread_of_a_loop_shares_one_pool() -> None:
    state = Gate(size=2)._state.get()
    assert state.threads() is state.threads()


FORKED = """
import os, signal, sys, threading
sys.path.insert(0, {source!r})
from credkit.errors import Busy
from credkit.passwords import Gate

gate = Gate(size=1, queue=1)
places = [gate.reserve(), gate.reserve()]
{held}
child = os.fork()
if child == 0:
    signal.alarm(30)  # a child that waits for the parent's lock would wait for ever
    place = gate.reserve()
    assert place.run(lambda: "ran") == "ran"
    assert gate.reserve() is not None
    try:
        gate.reserve()
    except Busy:
        os._exit(0)
    os._exit(1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
{let_go}
places[0].release()
gate.reserve()
try:
    gate.reserve()
except Busy:
    print("the parent's places are its own")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize(
    ("held", "let_go"),
    [
        ("", ""),
        ("gate._state.get()._lock.acquire()", "gate._state.get()._lock.release()"),
        ("gate._state.get().running.acquire()", "gate._state.get().running.release()"),
    ],
    ids=["nothing held", "its lock held", "its hashes running"],
)
def test_a_forked_child_has_a_gate_of_its_own(held: str, let_go: str) -> None:
    program = FORKED.format(source=str(Path(credkit.__path__[0]).parent), held=held, let_go=let_go)
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout.splitlines() == ["0", "the parent's places are its own"], done.stderr

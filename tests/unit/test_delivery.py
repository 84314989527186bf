"""Delivery inside the host's process: one thread or tasks of the loop, started at first use, patient with failures, and over in time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from credkit import delivery
from credkit.delivery import AT_ONCE, DRAIN_SECONDS, TaskDelivery, ThreadDelivery
from credkit.testing import FrozenClock
from flows.journeys import in_a_child, in_a_fresh_python

PATIENCE = 20.0
"""Seconds after which a test that waits for another thread gives up. None of them takes a moment of it when all is well."""


class Runs:
    """A courier that counts its runs, and does what it is told in each."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        self.acts = list(acts)
        self.count = 0
        self.threads: list[threading.Thread] = []
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.count += 1
            self.threads.append(threading.current_thread())
            self._changed.notify_all()
        if self.acts:
            self.acts.pop(0)()

    async def soon(self) -> None:
        self()

    def wait_for(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.count >= count, PATIENCE)


def fail() -> None:
    raise OSError("the database is away")


@pytest.fixture
def made() -> Iterator[Callable[..., ThreadDelivery]]:
    """Make deliveries, and end their threads after the test."""
    every: list[ThreadDelivery] = []

    def make(runs: Runs, clock: FrozenClock | None = None) -> ThreadDelivery:
        every.append(ThreadDelivery(runs, clock or FrozenClock()))
        return every[-1]

    yield make
    for one in every:
        one.close(0)


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect what ends no thread and is reported all the same."""
    collected: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", collected.append)
    return collected


def courier_threads() -> int:
    return sum(thread.name == "credkit-courier" for thread in threading.enumerate())


# In a thread ------------------------------------------------------------------------------------------------------------


def test_no_thread_is_started_before_there_is_something_to_deliver(made: Any) -> None:
    before = threading.active_count()
    made(Runs())
    assert threading.active_count() == before


def test_a_message_that_is_due_is_delivered_in_a_daemon_thread(made: Any) -> None:
    runs, clock = Runs(), FrozenClock()
    made(runs, clock)(clock.now())
    assert runs.wait_for(1)
    (thread,) = runs.threads
    assert thread is not threading.current_thread()
    assert (thread.name, thread.daemon) == ("credkit-courier", True)


def test_all_messages_are_delivered_in_one_thread(made: Any) -> None:
    runs, clock = Runs(), FrozenClock()
    deliver = made(runs, clock)
    for count in range(1, 4):
        deliver(clock.now())
        assert runs.wait_for(count)
    assert len(set(runs.threads)) == 1


def test_every_due_message_has_a_run_of_its_own(made: Any) -> None:
    runs, clock = Runs(), FrozenClock()
    deliver = made(runs, clock)
    for _ in range(5):
        deliver(clock.now())
    deliver.close()
    assert runs.count == 5


def test_a_message_is_not_delivered_before_it_is_due(made: Any) -> None:
    runs, clock = Runs(), FrozenClock()
    deliver = made(runs, clock)
    deliver(clock.now() + timedelta(hours=1))
    deliver(clock.now())
    assert runs.wait_for(1)
    deliver.close()
    assert runs.count == 1


def test_a_run_that_fails_is_reported_and_does_not_end_delivery(made: Any, reported: list[Any]) -> None:
    runs, clock = Runs(fail), FrozenClock()
    deliver = made(runs, clock)
    deliver(clock.now())
    assert runs.wait_for(1)
    deliver(clock.now())
    assert runs.wait_for(2)
    assert [args.exc_type for args in reported] == [OSError]
    assert len(set(runs.threads)) == 1


def test_what_was_left_behind_is_looked_for_now_and_then(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "SWEEP_SECONDS", 0.001)  # messages whose first delivery failed, and those of a process that was killed
    runs, clock = Runs(), FrozenClock()
    made(runs, clock)(clock.now())
    assert runs.wait_for(4)


def test_closing_waits_for_what_is_due() -> None:
    runs, clock, free = Runs(), FrozenClock(), threading.Event()
    deliver = ThreadDelivery(runs, clock)
    runs.acts.append(lambda: free.wait(PATIENCE))
    for _ in range(3):
        deliver(clock.now())
    freeing = threading.Thread(target=free.set)
    freeing.start()
    deliver.close()
    freeing.join()
    assert runs.count == 3


def test_closing_ends_the_thread_also_if_something_is_due_much_later() -> None:
    runs, clock = Runs(), FrozenClock()
    deliver = ThreadDelivery(runs, clock)
    deliver(clock.now())
    assert runs.wait_for(1)
    deliver(clock.now() + timedelta(hours=1))
    deliver.close()
    assert not runs.threads[0].is_alive()


def test_closing_does_not_wait_for_a_run_that_hangs() -> None:
    free = threading.Event()
    runs, clock = Runs(lambda: free.wait(PATIENCE)), FrozenClock()
    deliver = ThreadDelivery(runs, clock)
    deliver(clock.now())
    assert runs.wait_for(1)
    deliver(clock.now())
    deliver.close(0)
    assert runs.threads[0].is_alive()
    free.set()
    runs.threads[0].join(PATIENCE)
    assert (runs.threads[0].is_alive(), runs.count) == (False, 1)


def test_after_closing_the_next_message_starts_a_new_thread() -> None:
    runs, clock = Runs(), FrozenClock()
    deliver = ThreadDelivery(runs, clock)
    for count in (1, 2):
        deliver(clock.now())
        assert runs.wait_for(count)
        deliver.close()
    assert len(set(runs.threads)) == 2


def test_a_thread_that_outlived_its_closing_does_not_go_on_beside_the_next() -> None:
    free = threading.Event()
    runs, clock = Runs(lambda: free.wait(PATIENCE)), FrozenClock()
    deliver = ThreadDelivery(runs, clock)
    deliver(clock.now())
    assert runs.wait_for(1)
    deliver.close(0)
    deliver(clock.now())
    assert runs.wait_for(2)
    free.set()
    runs.threads[0].join(PATIENCE)
    assert [thread.is_alive() for thread in runs.threads] == [False, True]
    deliver.close()
    assert courier_threads() == 0


def test_closing_what_has_not_begun_does_nothing() -> None:
    deliver = ThreadDelivery(Runs(), FrozenClock())
    deliver.close()
    deliver.close()
    assert courier_threads() == 0


def test_a_run_may_close_the_delivery_it_is_part_of() -> None:
    runs, clock = Runs(), FrozenClock()
    deliver = ThreadDelivery(runs, clock)
    runs.acts.append(deliver.close)
    deliver(clock.now())
    assert runs.wait_for(1)
    runs.threads[0].join(PATIENCE)
    assert not runs.threads[0].is_alive()


# Across a fork (F28) ----------------------------------------------------------------------------------------------------


def test_a_child_delivers_in_a_thread_of_its_own(made: Any) -> None:
    runs, clock = Runs(), FrozenClock()
    deliver = made(runs, clock)
    deliver(clock.now())
    assert runs.wait_for(1)

    def deliver_in_child() -> list[Any]:
        deliver(clock.now())
        return [runs.wait_for(2), threading.active_count(), len({thread.ident for thread in runs.threads})]

    assert in_a_child(deliver_in_child)[:2] == [True, 2]
    assert runs.count == 1


def test_a_child_does_not_touch_its_parents_lock_when_it_ends(made: Any) -> None:
    runs, clock = Runs(), FrozenClock()
    deliver = made(runs, clock)
    deliver(clock.now())
    assert runs.wait_for(1)
    worker = deliver._workers.get()
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with worker._changed:
            held.set()
            free.wait(PATIENCE)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(PATIENCE)
    try:
        # What `atexit` would call in the child: it was registered by the parent.
        assert in_a_child(lambda: worker.close(DRAIN_SECONDS)) is None
    finally:
        free.set()
        holder.join()


def test_what_is_due_is_delivered_before_the_process_ends() -> None:
    program = """
from datetime import UTC, datetime
from credkit.delivery import ThreadDelivery
from credkit.ports import SystemClock
deliver = ThreadDelivery(lambda: print("delivered"), SystemClock())
deliver(datetime.now(UTC))
deliver(datetime.now(UTC))
print("the end")
"""
    assert sorted(in_a_fresh_python(program).split("\n")) == ["", "delivered", "delivered", "the end"]


# In tasks ---------------------------------------------------------------------------------------------------------------


def test_no_task_is_made_before_there_is_something_to_deliver() -> None:
    async def build() -> int:
        TaskDelivery(Runs().soon, FrozenClock())
        return len(asyncio.all_tasks())

    assert asyncio.run(build()) == 1


def test_a_message_that_is_due_is_delivered_in_a_task() -> None:
    async def journey() -> None:
        runs, clock = Runs(), FrozenClock()
        deliver = TaskDelivery(runs.soon, clock)
        await deliver(clock.now())
        assert runs.count == 0  # the caller's answer does not wait for it
        await deliver.close()
        assert runs.count == 1

    asyncio.run(journey())


def test_closing_ends_every_task() -> None:
    async def journey() -> None:
        runs, clock = Runs(), FrozenClock()
        deliver = TaskDelivery(runs.soon, clock)
        await deliver(clock.now() + timedelta(hours=1))
        await deliver(clock.now())
        await deliver.close(0.01)
        assert runs.count == 1
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(journey())


def test_a_task_that_fails_is_reported_to_the_loop_and_ends_nothing() -> None:
    async def journey() -> list[Any]:
        reports: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
        runs, clock = Runs(fail), FrozenClock()
        deliver = TaskDelivery(runs.soon, clock)
        await deliver(clock.now())
        await deliver(clock.now())
        await deliver.close()
        assert runs.count == 2
        return reports

    (report,) = asyncio.run(journey())
    assert isinstance(report["exception"], OSError)


def test_the_loop_looks_for_what_was_left_behind_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "SWEEP_SECONDS", 0.001)

    async def journey() -> None:
        seen = asyncio.Event()
        runs, clock = Runs(lambda: None, lambda: None, lambda: None, seen.set), FrozenClock()
        deliver = TaskDelivery(runs.soon, clock)
        await deliver(clock.now())
        await asyncio.wait_for(seen.wait(), PATIENCE)
        await deliver.close()

    asyncio.run(journey())


def test_one_delivery_may_serve_one_loop_after_another() -> None:
    runs, clock = Runs(), FrozenClock()
    deliver = TaskDelivery(runs.soon, clock)

    async def journey() -> None:
        await deliver(clock.now())
        await deliver.close()

    async def cut_short() -> None:
        await deliver(clock.now())

    asyncio.run(journey())
    asyncio.run(cut_short())
    asyncio.run(journey())
    assert runs.count >= 2


def test_closing_tasks_that_were_never_made_does_nothing() -> None:
    asyncio.run(TaskDelivery(Runs().soon, FrozenClock()).close())


def test_a_delivery_takes_some_overdue_messages_along() -> None:
    assert AT_ONCE == 10  # F28

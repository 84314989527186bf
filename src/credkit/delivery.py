"""When the courier runs inside the host's own process: in one daemon thread, or in tasks of the running loop.

Neither is needed for anything to be right: what is not delivered here stays due, for `run_due` or another process (F28).
"""

from __future__ import annotations

import atexit
import heapq
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from credkit.per_process import PerProcess
from credkit.ports import Clock, Soon

if TYPE_CHECKING:
    import asyncio

__all__ = ["AT_ONCE", "DRAIN_SECONDS", "SWEEP_SECONDS", "TaskDelivery", "ThreadDelivery", "report_failure"]

AT_ONCE: Final = 10
"""Overdue messages that each in-process delivery takes along."""

SWEEP_SECONDS: Final = 60.0
"""How often a process that has delivered once looks on its own for what is due: messages whose first delivery failed, and what a
process left that was killed. One look at an index."""

DRAIN_SECONDS: Final = 2.0
"""How long closing waits for messages that are due; what is left is `run_due`'s."""


def report_failure() -> None:
    """Report the exception that is being handled, as Python reports one that ends a thread: nobody is there to catch it.

    A message that could not be delivered now stays due, so whoever caused it to be written has nothing to hear of it (REQ-D7b).
    """
    threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))


class ThreadDelivery:
    """Run the courier in one daemon thread per process, started at first use."""

    def __init__(self, run: Callable[[], object], clock: Clock) -> None:
        self._workers = PerProcess(lambda: _Worker(run, clock))

    def __call__(self, due_at: datetime) -> None:
        """Run the courier at that moment."""
        self._workers.get().wake(due_at)

    def close(self, timeout: float = DRAIN_SECONDS) -> None:
        """Wait up to *timeout* seconds for what is due; then stop."""
        self._workers.get().close(timeout)


class _Worker:
    def __init__(self, run: Callable[[], object], clock: Clock) -> None:
        self._run, self._clock = run, clock
        self._process: Final = os.getpid()
        self._changed = threading.Condition()
        self._due: list[datetime] = []
        self._thread: threading.Thread | None = None
        """The thread at work; any other has been closed and ends at `_stop_at` at the latest."""
        self._stop_at = 0.0

    def wake(self, due_at: datetime) -> None:
        with self._changed:
            heapq.heappush(self._due, due_at)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="credkit-courier", daemon=True)
                self._thread.start()
                atexit.register(self.close, DRAIN_SECONDS)
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        if self._process != os.getpid():
            return  # called at the exit of a child: its parent's thread is not there, and perhaps still holds the lock
        with self._changed:
            thread, self._thread = self._thread, None
            self._stop_at = time.monotonic() + timeout
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
            atexit.unregister(self.close)

    def _work(self) -> None:
        while self._next():
            try:
                self._run()
            except Exception:  # noqa: BLE001  # a store that fails now must not end delivery for good
                report_failure()

    def _next(self) -> bool:
        """Wait for the next due moment, or the next sweep; return False when this thread was closed and nothing comes due in time."""
        sweep_at = time.monotonic() + SWEEP_SECONDS
        with self._changed:
            while True:
                now = time.monotonic()
                to_due = (self._due[0] - self._clock.now()).total_seconds() if self._due else math.inf
                if self._thread is not threading.current_thread() and now + max(to_due, 0.0) > self._stop_at:
                    return False
                if to_due <= 0:
                    heapq.heappop(self._due)
                    return True
                if now >= sweep_at:
                    return True
                self._changed.wait(min(sweep_at - now, to_due))


class TaskDelivery:
    """Run the courier in tasks of the running asyncio loop."""

    def __init__(self, run: Callable[[], Soon[object]], clock: Clock) -> None:
        self._run, self._clock = run, clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    async def __call__(self, due_at: datetime) -> None:
        """Run the courier at that moment."""
        import asyncio  # noqa: PLC0415  # 40 ms that a blocking host never pays

        loop = asyncio.get_running_loop()
        task = loop.create_task(self._later(due_at))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._sweeper is None or self._sweeper.done() or self._sweeper.get_loop() is not loop:
            self._sweeper = loop.create_task(self._sweep())

    async def _later(self, due_at: datetime) -> None:
        import asyncio  # noqa: PLC0415  # see above

        await asyncio.sleep(max(0.0, (due_at - self._clock.now()).total_seconds()))
        await self._deliver()

    async def _sweep(self) -> None:
        import asyncio  # noqa: PLC0415  # see above

        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self._deliver()

    async def _deliver(self) -> None:
        import asyncio  # noqa: PLC0415  # see above

        try:
            await self._run()
        except Exception as failure:  # noqa: BLE001  # as above: reported, never fatal
            report: dict[str, Any] = {"message": "credkit courier", "exception": failure}
            asyncio.get_running_loop().call_exception_handler(report)

    async def close(self, timeout: float = DRAIN_SECONDS) -> None:  # noqa: ASYNC109  # a bound on draining, not on a call
        """Wait up to *timeout* seconds for what is due; then stop."""
        import asyncio  # noqa: PLC0415  # see above

        late = set[asyncio.Task[None]]()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout)
        for task in (*late, *([] if self._sweeper is None else [self._sweeper])):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

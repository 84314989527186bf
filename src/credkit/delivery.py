"""When the courier runs inside the host's own process: in one daemon thread, or in tasks of the running loop.

Neither is needed for anything to be right: what is not delivered here stays due, for `run_due` or another process (F28).
"""

from __future__ import annotations

import atexit
import heapq
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from credkit.per_process import PerProcess
from credkit.ports import Clock, Soon

if TYPE_CHECKING:
    import asyncio

__all__ = ["AT_ONCE", "DRAIN_SECONDS", "TaskDelivery", "ThreadDelivery"]

AT_ONCE: Final = 10
"""Overdue messages that each in-process delivery takes along."""

DRAIN_SECONDS: Final = 2.0
"""How long closing waits for messages that are due; what is left is `run_due`'s."""


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
        self._changed = threading.Condition()
        self._due: list[datetime] = []
        self._closing = False
        self._thread: threading.Thread | None = None

    def wake(self, due_at: datetime) -> None:
        with self._changed:
            heapq.heappush(self._due, due_at)
            if self._thread is None:
                self._closing = False
                self._thread = threading.Thread(target=self._work, name="credkit-courier", daemon=True)
                self._thread.start()
                atexit.register(self.close, DRAIN_SECONDS)
            self._changed.notify()

    def close(self, timeout: float) -> None:
        with self._changed:
            thread, self._thread = self._thread, None
            self._closing = True
            self._changed.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
            atexit.unregister(self.close)

    def _work(self) -> None:
        while self._next():
            try:
                self._run()
            except Exception:  # noqa: BLE001  # a store that fails now must not end delivery for good
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def _next(self) -> bool:
        """Wait for the next due moment; return False when there is nothing left and the worker is closing."""
        with self._changed:
            while True:
                if self._due:
                    wait = (self._due[0] - self._clock.now()).total_seconds()
                    if wait <= 0:
                        heapq.heappop(self._due)
                        return True
                    self._changed.wait(wait)
                elif self._closing:
                    return False
                else:
                    self._changed.wait()


class TaskDelivery:
    """Run the courier in tasks of the running asyncio loop."""

    def __init__(self, run: Callable[[], Soon[object]], clock: Clock) -> None:
        self._run, self._clock = run, clock
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, due_at: datetime) -> None:
        """Run the courier at that moment."""
        import asyncio  # noqa: PLC0415  # 40 ms that a blocking host never pays

        task = asyncio.get_running_loop().create_task(self._later(due_at))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self, due_at: datetime) -> None:
        import asyncio  # noqa: PLC0415  # see above

        await asyncio.sleep(max(0.0, (due_at - self._clock.now()).total_seconds()))
        try:
            await self._run()
        except Exception as failure:  # noqa: BLE001  # as above: reported, never fatal
            report: dict[str, Any] = {"message": "credkit courier", "exception": failure}
            asyncio.get_running_loop().call_exception_handler(report)

    async def close(self, timeout: float = DRAIN_SECONDS) -> None:  # noqa: ASYNC109  # a bound on draining, not on a call
        """Wait up to *timeout* seconds for what is due; then stop."""
        import asyncio  # noqa: PLC0415  # see above

        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout)
            for task in late:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

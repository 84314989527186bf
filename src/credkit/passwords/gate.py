"""A bound on password hashes at once, so that a burst of sign-ins cannot eat the machine's memory (PW-23).

At most *size* hashes run in this process and at most *queue* more callers wait; one more is told `Busy`, before anything has been
counted. Memory under a storm is then size x the profile's memory, whatever arrives. The bound is per process (F29).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from credkit.errors import Busy
from credkit.per_process import PerProcess

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["Gate", "Place"]

T = TypeVar("T")

_MOST_BY_DEFAULT: Final = 4
"""With 64 MiB each: 256 MiB a process. More at once on the same cores gains nothing, as one hash has four lanes already."""


class Gate:
    """The gate of one kit and all its siblings."""

    def __init__(self, size: int | None = None, queue: int = 64) -> None:
        """Let *size* hashes run at once, by default one for each processor up to 4, and *queue* callers wait."""
        self._size: Final = size or min(_MOST_BY_DEFAULT, _processors())
        self._state: Final = PerProcess(lambda: _State(self._size, self._size + queue))

    @property
    def size(self) -> int:
        """How many hashes run at once."""
        return self._size

    def reserve(self) -> Place:
        """Return a place.

        Raises:
            Busy: *size* hashes run and *queue* callers wait.
        """
        state = self._state.get()
        state.enter()
        return Place(state)


class Place:
    """A caller's place in the gate, held from before anything is counted until the last hash is done."""

    __slots__ = ("_held", "_state")

    def __init__(self, state: _State) -> None:
        self._state: Final = state
        self._held = True

    def run(self, call: Callable[[], T]) -> T:
        """Return what *call* returns, made in this thread once one of the running hashes has ended."""
        with self._state.running:
            return call()

    async def run_in_thread(self, call: Callable[[], T]) -> T:
        """Return what *call* returns, made in one of the gate's own threads. Cancelling gives up the answer; the thread ends its hash first."""
        import asyncio  # noqa: PLC0415  # 40 ms that a blocking host never pays

        return await asyncio.get_running_loop().run_in_executor(self._state.threads(), self.run, call)

    def release(self) -> None:
        """Give the place back; a second time does nothing."""
        if self._held:
            self._held = False
            self._state.leave()


class _State:
    """What one process has of the gate."""

    def __init__(self, size: int, places: int) -> None:
        self.running: Final = threading.Semaphore(size)
        self._size, self._free = size, places
        self._lock: Final = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    def enter(self) -> None:
        with self._lock:
            if self._free == 0:
                raise Busy
            self._free -= 1

    def leave(self) -> None:
        with self._lock:
            self._free += 1

    def threads(self) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # for async kits only

        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._size, "credkit-hash")
            return self._threads


def _processors() -> int:
    """Return how many processors this process may use, which in a container is often fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

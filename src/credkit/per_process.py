"""One value for each process: what must not be shared across a fork, such as threads, locks and connections (F28).

A child of a fork finds the parent's locks as they were, perhaps held by threads that it does not have. So it never looks at
them: it makes its own at first use.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, Generic, TypeVar

__all__ = ["PerProcess"]

T = TypeVar("T")


class PerProcess(Generic[T]):
    """A value that each process makes for itself when it first asks."""

    __slots__ = ("_make", "_values")

    def __init__(self, make: Callable[[], T]) -> None:
        """Remember how to *make* one: cheap and without effect, as of two threads that ask at once one makes it in vain."""
        self._make: Final = make
        self._values: Final[dict[int, T]] = {}

    def get(self) -> T:
        """Return this process's value. No lock guards it, as a lock is what a fork breaks: `dict.setdefault` decides.

        The parent's value is kept and not touched: its end could give back what the parent still uses.
        """
        pid = os.getpid()
        if pid in self._values:
            return self._values[pid]
        return self._values.setdefault(pid, self._make())

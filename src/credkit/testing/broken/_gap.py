"""The moment between a look and a write, in which somebody else comes by."""

from __future__ import annotations

import threading
from typing import Final

from credkit.testing.contracts._driving import breathe

__all__ = ["Gap"]


class Gap:
    """The moment between a look and a write, in which somebody else comes by: in threads, until somebody does or it has been long enough."""

    def __init__(self) -> None:
        self._arrival = threading.Condition()
        self._arrived = 0

    async def pass_through(self, *, in_threads: bool) -> None:
        if not in_threads:
            await breathe()
            return
        with self._arrival:
            self._arrived += 1
            mine = self._arrived
            self._arrival.notify_all()
            self._arrival.wait_for(lambda: self._arrived > mine, _LONG_ENOUGH)


_LONG_ENOUGH: Final = 0.05
"""Seconds; whoever waits so long is alone."""

"""Observers that are broken on purpose, each in one way that real ones have been."""

from __future__ import annotations

import threading
import time
from typing import Any

from credkit.events import Event, EventKind

__all__ = [
    "FormatsTwice",
    "IsACoroutine",
    "KeepsTheLast",
    "KnowsSomeKinds",
    "SoundObserver",
    "TakesOneAtATime",
    "WaitsForANetwork",
]


class SoundObserver:
    """An observer that keeps every duty, for the others to break."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.lines: list[str] = []
        """What has reached the sink."""

    def saw(self, event: Event) -> Any:
        """See `Observer.saw`."""
        self._write(" ".join(f"{name}={value!r}" for name, value in event.facts().items()))

    def _write(self, line: str) -> None:
        self.lines.append(line)


class KnowsSomeKinds(SoundObserver):
    """Has words of its own for some kinds of event."""

    def saw(self, event: Event) -> None:
        """See `Observer.saw`."""
        words = {EventKind.SIGN_IN: "somebody signed in", EventKind.RESET: "somebody has a new password"}
        self._write(f"{words[event.kind]} {event.about}")


class FormatsTwice(SoundObserver):
    """Takes a line that is complete for a format."""

    def _write(self, line: str) -> None:
        super()._write(line % ())


class IsACoroutine(SoundObserver):
    """Is written like the other ports of an async kit."""

    async def saw(self, event: Event) -> None:
        """See `Observer.saw`."""
        super().saw(event)


class WaitsForANetwork(SoundObserver):
    """Sends each event away before it returns."""

    def _write(self, line: str) -> None:
        time.sleep(0.06)
        super()._write(line)


class TakesOneAtATime(SoundObserver):
    """Has one buffer, and no lock."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self._writing = threading.Lock()

    def _write(self, line: str) -> None:
        if not self._writing.acquire(blocking=False):
            raise RuntimeError("the buffer is in use")
        time.sleep(0.001)
        super()._write(line)
        self._writing.release()


class KeepsTheLast(SoundObserver):
    """Has room for one event, and overwrites it."""

    def _write(self, line: str) -> None:
        self.lines[:] = [line]

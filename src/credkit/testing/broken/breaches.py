"""Lists of breached passwords that are broken on purpose, each in one way that real ones have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from credkit.breaches import BreachCheckFailed, Fingerprint
from credkit.lifting import finish
from credkit.secret import Secret

__all__ = [
    "AnswersYesOrNo",
    "BlockingBreaches",
    "ComparesLowerCase",
    "CountsTheWholeRange",
    "ReadsItsListOnce",
    "SaysNoWhenItFails",
    "SendsTheWholeHash",
    "SoundBreaches",
]

_FINGERPRINT: Final = Fingerprint.of(Secret("password"))
_LISTED: Final = _FINGERPRINT.prefix + _FINGERPRINT.suffix


class SoundBreaches:
    """A list that has "password", and keeps every duty, for the others to break. It is its own fake of a service."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self.asked: list[str] = []
        """What the service was told."""
        self.is_down: bool = False
        """Whether the service fails."""

    async def count(self, fingerprint: Fingerprint) -> int:
        """See `BreachList.count`."""
        return int(fingerprint.suffix in self._range(fingerprint.prefix))

    def _range(self, prefix: str) -> list[str]:
        """Ask the service for what begins so, and return the ends."""
        if self.is_down:
            raise BreachCheckFailed("the service is down")
        self.asked.append(f"GET /range/{prefix}")
        return [_LISTED[5:]] if _LISTED.startswith(prefix) else []


class ComparesLowerCase(SoundBreaches):
    """Looks for hex digits as the list does not have them."""

    async def count(self, fingerprint: Fingerprint) -> int:
        """See `BreachList.count`."""
        return int(fingerprint.suffix.lower() in self._range(fingerprint.prefix))


class CountsTheWholeRange(SoundBreaches):
    """Counts the rows of an answer, padding included."""

    async def count(self, fingerprint: Fingerprint) -> int:
        """See `BreachList.count`."""
        return 1 + len(self._range(fingerprint.prefix))


class AnswersYesOrNo(SoundBreaches):
    """Returns whether, and not how often."""

    async def count(self, fingerprint: Fingerprint) -> int:
        """See `BreachList.count`."""
        return await super().count(fingerprint) > 0


class ReadsItsListOnce(SoundBreaches):
    """Reads from an iterator, which is empty the second time."""

    _read: bool = False

    def _range(self, prefix: str) -> list[str]:
        found = super()._range(prefix)
        before, self._read = self._read, self._read or bool(found)
        return [] if before else found


class SendsTheWholeHash(SoundBreaches):
    """Asks for the very password."""

    async def count(self, fingerprint: Fingerprint) -> int:
        """See `BreachList.count`."""
        self.asked.append(f"GET /hash/{fingerprint.reveal().hex()}")
        return await super().count(fingerprint)


class SaysNoWhenItFails(SoundBreaches):
    """Takes a failure for "not on the list"."""

    async def count(self, fingerprint: Fingerprint) -> int:
        """See `BreachList.count`."""
        try:
            return await super().count(fingerprint)
        except BreachCheckFailed:
            return 0


@dataclass(frozen=True, slots=True)
class BlockingBreaches:
    """One of the gallery as a blocking list."""

    broken: SoundBreaches

    def count(self, fingerprint: Fingerprint) -> int:
        """See `BreachList.count`."""
        return finish(self.broken.count(fingerprint))

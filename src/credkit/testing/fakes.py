"""Stand-ins that a test can steer: a clock that stands still, chance that repeats, a mail box that can be read."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from credkit.identifiers import Identifier, parse_identifier
from credkit.messages import Message
from credkit.passwords import Verification
from credkit.ports import Entropy
from credkit.secret import Secret

__all__ = ["START", "AsyncInbox", "FrozenClock", "Inbox", "InstantHashing", "NoPause", "SeededEntropy"]

START: Final = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


class FrozenClock:
    """A clock that moves only when it is told to."""

    def __init__(self, start: datetime = START) -> None:
        """Stand still at *start*."""
        self._now = start

    def now(self) -> datetime:
        """See `Clock.now`."""
        return self._now

    def advance(self, span: timedelta | None = None, **units: float) -> datetime:
        """Let time pass: ``advance(seconds=60)``; return the new moment."""
        self._now += timedelta(**units) if span is None else span
        return self._now


class SeededEntropy:
    """Chance that repeats: the same seed gives the same values, different seeds unrelated ones. For tests only."""

    def __init__(self, seed: str = "") -> None:
        """Start from *seed*."""
        self._seed = seed.encode()
        self._count = 0

    def token(self, size: int) -> bytes:
        """See `Entropy.token`."""
        blocks = [self._block() for _ in range(-(-size // 32))]
        return b"".join(blocks)[:size]

    def below(self, bound: int) -> int:
        """See `Entropy.below`; uniform up to 2^-128."""
        return int.from_bytes(self.token(16 + (bound.bit_length() + 7) // 8), "big") % bound

    def _block(self) -> bytes:
        self._count += 1
        return hashlib.sha256(self._seed + b"/" + self._count.to_bytes(8, "big")).digest()


class NoPause:
    """A pause that takes no time."""

    def wait(self, seconds: float) -> None:
        """See `Pause.wait`."""


@dataclass(frozen=True, slots=True)
class InstantHashing:
    """Password hashing that costs nothing and protects nothing, in the shape flows expect. It counts, for trace tests."""

    entropy: Entropy
    calls: list[str]

    def reserve(self) -> InstantHashing:
        """See `AsyncHashing.reserve`; there is always a place."""
        return self

    async def hash(self, password: Secret) -> str:
        """See `AsyncHashingPlace.hash`."""
        self.calls.append("hash")
        salt = self.entropy.token(8).hex()
        return f"instant${salt}${_digest(salt, password)}"

    async def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Verification:
        """See `AsyncHashingPlace.verify`."""
        self.calls.append("verify")
        _, salt, digest = (stored or "instant$nobody$").split("$")
        return Verification(matches=hmac.compare_digest(digest, _digest(salt, password)), needs_rehash=False, malformed=False)

    def release(self) -> None:
        """See `AsyncHashingPlace.release`."""


def _digest(salt: str, password: Secret) -> str:
    return hashlib.sha256(f"{salt}{password.reveal()}".encode()).hexdigest()


class _Kept:
    def __init__(self) -> None:
        self.messages: list[Message] = []
        """Everything delivered, oldest first."""
        self.failing: Exception | None = None
        """What to raise instead of delivering."""

    def _keep(self, message: Message) -> None:
        if self.failing is not None:
            raise self.failing
        self.messages.append(message)

    def to(self, identifier: str | Identifier) -> list[Message]:
        """Return the messages to *identifier*, oldest first."""
        wanted = parse_identifier(identifier, allow_test_domains=True, smtputf8=True)
        return [message for message in self.messages if message.to == wanted]

    def last_code(self, identifier: str | Identifier) -> str:
        """Return the newest code sent to *identifier*.

        Raises:
            AssertionError: None was; the text says what was delivered instead, masked.
        """
        codes = [message.code for message in self.to(identifier) if message.code is not None]
        if not codes:
            delivered = [f"{message.kind} to {message.to.masked}" for message in self.messages]
            raise AssertionError(f"no code was delivered there; delivered: {delivered or 'nothing'}; with deliver='manual', call run_due first")
        return codes[-1].reveal()


class Inbox(_Kept):
    """A notifier that keeps what it is given."""

    def deliver(self, message: Message) -> None:
        """See `Notifier.deliver`."""
        self._keep(message)


class AsyncInbox(_Kept):
    """An inbox for async kits."""

    async def deliver(self, message: Message) -> None:
        """See `Notifier.deliver`."""
        self._keep(message)

"""Stand-ins that a test can steer: a clock that stands still, chance that repeats, a mail box that can be read."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import sys
import warnings
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from credkit.events import Event, EventKind, Outcome
from credkit.identifiers import Identifier, parse_identifier
from credkit.messages import Message, MessageKind
from credkit.passwords import Verification
from credkit.ports import Entropy, SystemEntropy
from credkit.secret import Secret

__all__ = ["START", "AsyncInbox", "FrozenClock", "Inbox", "InstantHashing", "NoPause", "Recorder", "ScriptedEntropy", "SeededEntropy", "warn_outside_tests"]

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


class ScriptedEntropy:
    """Chance that makes the next codes those of a script: ``kit_for_tests(entropy=ScriptedEntropy(["12345678"]))``. For tests only.

    Each `begin` takes one, and so does each `resend`, whether or not it comes to a new code; ``itertools.repeat("12345678")`` gives always the same.
    `TestWorld.add` takes none. After the last one, and for all that is not a code, chance comes from *rest*: from the system, if nothing else is said.
    It works in a kit for tests only: anywhere else the keys take part in making a code.
    """

    def __init__(self, codes: Iterable[str], *, rest: Entropy | None = None) -> None:
        """Begin with the first of *codes*."""
        self._codes = iter(codes)
        self._rest = rest or SystemEntropy()

    def token(self, size: int) -> bytes:
        """See `Entropy.token`."""
        return self._rest.token(size)

    def below(self, bound: int) -> int:
        """See `Entropy.below`.

        Raises:
            ValueError: The next code of the script is not as long as the policy's codes, or not of digits.
        """
        code = next(self._codes, None) if bound in _DIGITS else None
        if code is None:
            return self._rest.below(bound)
        if len(code) != _DIGITS[bound] or not (code.isascii() and code.isdigit()):
            raise ValueError(f"the script has a code of {len(code)} characters, and codes here are {_DIGITS[bound]} digits")
        return int(code)

    @contextmanager
    def left_alone(self) -> Generator[None]:
        """Take no code from the script meanwhile."""
        codes, self._codes = self._codes, iter(())
        try:
            yield
        finally:
            self._codes = codes


_DIGITS: Final = {10**digits: digits for digits in range(4, 13)}
"""How many digits a code has, by how many such codes there are. Nothing else is drawn from as many."""


class NoPause:
    """A pause that takes no time."""

    def wait(self, seconds: float) -> None:
        """See `Pause.wait`."""


@dataclass(frozen=True, slots=True)
class InstantHashing:
    """Password hashing that costs nothing and protects nothing, in the shape flows expect. It counts, for trace tests."""

    entropy: Entropy
    calls: list[str]

    def __post_init__(self) -> None:
        warn_outside_tests("InstantHashing keeps passwords as good as in clear")

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
        read = _INSTANT.fullmatch(stored or "")
        salt, digest = ("nobody", "") if read is None else (read[1], read[2])
        matches = hmac.compare_digest(digest, _digest(salt, password))
        return Verification(matches=matches, malformed=read is None and stored is not None)

    def release(self) -> None:
        """See `AsyncHashingPlace.release`."""


_INSTANT: Final = re.compile(r"instant\$([0-9a-f]{16})\$([0-9a-f]{64})")


def _digest(salt: str, password: Secret) -> str:
    return hashlib.sha256(f"{salt}{password.reveal()}".encode()).hexdigest()


class _Kept:
    def __init__(self, *, smtputf8: bool = False) -> None:
        """Take addresses beyond ASCII, or not."""
        self.messages: list[Message] = []
        """Everything delivered, oldest first."""
        self.failing: Exception | None = None
        """What to raise instead of delivering."""
        self.smtputf8: bool = smtputf8
        """Whether it can send to addresses beyond ASCII."""

    def _keep(self, message: Message) -> None:
        if self.failing is not None:
            raise self.failing
        self.messages.append(message)

    def to(self, identifier: str | Identifier) -> list[Message]:
        """Return the messages to *identifier*, oldest first."""
        wanted = parse_identifier(identifier, allow_test_domains=True, smtputf8=True)
        return [message for message in self.messages if message.to == wanted]

    def clear(self) -> None:
        """Forget what was delivered."""
        self.messages.clear()

    def last_code(self, identifier: str | Identifier) -> str:
        """Return the newest code sent to *identifier*.

        Raises:
            AssertionError: None was; the text says what was delivered instead, masked.
        """
        codes = [message.code for message in self.to(identifier) if message.code is not None]
        if not codes:
            raise AssertionError(f"no code was delivered there; {_told(self.messages)}; with deliver='manual', call run_due first")
        return codes[-1].reveal()

    def assert_sent(self, kind: MessageKind | str, *, to: str | Identifier, times: int = 1) -> Message:
        """Return the newest message of *kind* to *to*, of which there must be exactly so many.

        Raises:
            AssertionError: There are more or fewer; the text says what was delivered, masked.
        """
        wanted = MessageKind(kind)
        found = [message for message in self.to(to) if message.kind is wanted]
        if not found or len(found) != times:
            raise AssertionError(f"{wanted} was to be delivered {_times(times)} there, and was {_times(len(found))}; {_told(self.messages)}")
        return found[-1]

    def assert_nothing_sent(self, *, to: str | Identifier | None = None) -> None:
        """Go on only if nothing was delivered, to *to* or to anybody.

        Raises:
            AssertionError: Something was; the text says what, masked.
        """
        found = self.messages if to is None else self.to(to)
        if found:
            raise AssertionError(f"nothing was to be delivered{'' if to is None else ' there'}; {_told(found)}")


def _told(messages: Sequence[Message]) -> str:
    return "delivered: " + (", ".join(f"{message.kind} to {message.to.masked}" for message in messages) or "nothing")


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")


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


class Recorder:
    """An observer that keeps what it is told, oldest first."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.seen: list[Event] = []
        """Everything it was told."""
        self.failing: Exception | None = None
        """What to raise instead of keeping."""
        self._deaf = False

    def saw(self, event: Event) -> None:
        """See `Observer.saw`."""
        if self._deaf:
            return
        if self.failing is not None:
            raise self.failing
        self.seen.append(event)

    def of(self, kind: EventKind) -> list[Event]:
        """Return the events of that kind."""
        return [event for event in self.seen if event.kind is kind]

    def clear(self) -> None:
        """Forget what was told."""
        self.seen.clear()

    def assert_saw(self, kind: EventKind, outcome: Outcome) -> Event:
        """Return the only event of *kind*, which ended with *outcome*.

        Raises:
            AssertionError: There are none or more, or it ended otherwise; the text says what was told instead.
        """
        found = self.of(kind)
        if len(found) != 1 or found[0].outcome is not outcome:
            told = ", ".join(f"{event.kind} {event.outcome}" for event in self.seen) or "nothing"
            raise AssertionError(f"one event was to be told, {kind} {outcome}; told: {told}")
        return found[0]

    @contextmanager
    def left_alone(self) -> Generator[None]:
        """Hear nothing meanwhile."""
        self._deaf = True
        try:
            yield
        finally:
            self._deaf = False


def warn_outside_tests(what: str) -> None:
    """Warn, on behalf of whoever called, that *what*, unless tests are being run: a fake that slips into production is to be heard."""
    if not _in_a_test_run():
        warnings.warn(f"{what}: for tests only, and no test is running here", stacklevel=3)


_RUNNERS: Final = frozenset({"_pytest", "behave", "doctest", "nose2", "robot", "unittest", "ward"})


def _in_a_test_run() -> bool:
    """Return whether pytest is at work here or in the process that started this one, or whoever called was called by a test runner."""
    if "_pytest" in sys.modules or not os.environ.keys().isdisjoint({"PYTEST_VERSION", "PYTEST_CURRENT_TEST"}):
        return True
    import traceback  # noqa: PLC0415  # milliseconds that a run of pytest does not pay

    callers = (str(frame.f_globals.get("__name__", "")) for frame, _ in traceback.walk_stack(None))
    return any(caller.partition(".")[0] in _RUNNERS for caller in callers)

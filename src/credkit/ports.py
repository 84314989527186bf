"""What credkit asks of its host, once for blocking and once for async code: two stores, a notifier, and the small things of a machine.

Every duty a docstring names is one that the flows rely on for a promise; a store that keeps them all keeps the promises.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias, TypeVar

from credkit.credential import Credential, NewCredential
from credkit.events import Event
from credkit.identifiers import Identifier
from credkit.messages import Message, MessageKind
from credkit.passwords import Verification
from credkit.secret import Secret

__all__ = [
    "AsyncCredentialStore",
    "AsyncDispatch",
    "AsyncHashing",
    "AsyncHashingPlace",
    "AsyncNotifier",
    "AsyncPause",
    "AsyncRecordStore",
    "AsyncSendCheck",
    "AsyncioPause",
    "Clock",
    "Committed",
    "CredentialStore",
    "Dispatch",
    "Entropy",
    "Notifier",
    "Observer",
    "Pause",
    "Record",
    "RecordStore",
    "Send",
    "SendCheck",
    "SleepingPause",
    "Soon",
    "SystemClock",
    "SystemEntropy",
    "Write",
]

T = TypeVar("T")

Soon: TypeAlias = Coroutine[Any, Any, T]
"""What an ``async def`` returns when called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A small versioned piece of credkit's own state."""

    key: str
    """ASCII, at most 200 characters."""
    kind: str
    version: int
    """63 random bits, made anew for every write; compared for equality only; 0 stands for "absent" (F6)."""
    payload: bytes = field(repr=False)
    """Opaque to the store."""
    expires_at: datetime
    """The store may forget the record from then on, and not a microsecond earlier."""
    due_at: datetime | None = None
    """From when `due` lists it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One change in a commit."""

    key: str
    expected_version: int
    """0: the key must be absent."""
    record: Record | None
    """`None`: delete it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What became of a commit."""

    done: bool
    current: Mapping[str, Record]
    """Of a commit that lost: the records of all its keys as they are now, absent ones missing. Otherwise of no meaning."""


class RecordStore(Protocol):
    """Where credkit keeps its own state.

    Duties: a commit is atomic and isolated over all its keys; it is durable when it returns, by itself, also when the
    caller's own transaction is rolled back later, so it never runs on the caller's connection; a later load sees it;
    nothing is forgotten before `expires_at`; payloads come back byte for byte, times to the microsecond, keys are compared
    exactly. Any failure raises: `StoreError`, or anything else. After a raise the commit may or may not have landed.
    """

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """Return the records of *keys* as they were at one instant; absent ones are missing."""
        ...

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """Make all *writes*, if at one instant every check and every expected version holds; else none of them."""
        ...

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """Return up to *limit* records of *kind* whose `due_at` is *now* or earlier, the longest due first."""
        ...

    def purge(self, now: datetime, limit: int) -> int:
        """Forget up to *limit* records whose `expires_at` is *now* or earlier; return how many."""
        ...


class AsyncRecordStore(Protocol):
    """`RecordStore` for async code, with the same duties."""

    def load(self, keys: Sequence[str]) -> Soon[Mapping[str, Record]]:
        """Return the records of *keys* as they were at one instant; absent ones are missing."""
        ...

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Soon[Committed]:
        """Make all *writes*, if at one instant every check and every expected version holds; else none of them."""
        ...

    def due(self, kind: str, now: datetime, limit: int) -> Soon[Sequence[Record]]:
        """Return up to *limit* records of *kind* whose `due_at` is *now* or earlier, the longest due first."""
        ...

    def purge(self, now: datetime, limit: int) -> Soon[int]:
        """Forget up to *limit* records whose `expires_at` is *now* or earlier; return how many."""
        ...


class CredentialStore(Protocol):
    """Where the host keeps its users.

    Duties: `add` and `replace` are durable when they return and never part of the caller's transaction (a store that
    finds itself inside one raises `InsideTransaction`); look-ups see the newest state, not a replica's; identifiers are
    unique by their canonical text, compared exactly (ST-04); a version is never given twice, not after A, B, A, and not after an
    id is used again.
    """

    def find(self, identifier: Identifier) -> Credential | None:
        """Return the credential that holds *identifier*, whatever its standing."""
        ...

    def get(self, credential_id: str) -> Credential | None:
        """Return the credential of that id."""
        ...

    def add(self, new: NewCredential, extra: object) -> Credential:
        """Add a credential; choose its id; insert the host's own rows from *extra* in the same transaction.

        At most one credential is ever added for a `change_id`: a second `add` with it changes nothing and returns the
        credential as it is now, so that a call whose reply was lost can be repeated (F4).

        Raises:
            IdentifierTaken: Another credential holds one of the identifiers.
        """
        ...

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        """Store *new* under a version of its own if `old.version` still stands, and return it; else return `None`.

        Raises:
            IdentifierTaken: Another credential holds one of the identifiers.
        """
        ...


class AsyncCredentialStore(Protocol):
    """`CredentialStore` for async code, with the same duties."""

    def find(self, identifier: Identifier) -> Soon[Credential | None]:
        """Return the credential that holds *identifier*, whatever its standing."""
        ...

    def get(self, credential_id: str) -> Soon[Credential | None]:
        """Return the credential of that id."""
        ...

    def add(self, new: NewCredential, extra: object) -> Soon[Credential]:
        """Add a credential; see `CredentialStore.add`."""
        ...

    def replace(self, old: Credential, new: Credential) -> Soon[Credential | None]:
        """Store *new* if `old.version` still stands; see `CredentialStore.replace`."""
        ...


class Notifier(Protocol):
    """What sends emails and text messages.

    One whose attribute `smtputf8` is true can send to addresses beyond ASCII, and such are accepted then (RFC 6531, ID-09).
    """

    def deliver(self, message: Message) -> None:
        """Hand *message* over to a provider; return once it has been accepted.

        Raises:
            DeliveryFailed: ``permanent=True`` gives the message up; with this or any other exception otherwise, it is tried again later.
        """
        ...


class AsyncNotifier(Protocol):
    """`Notifier` for async code."""

    def deliver(self, message: Message) -> Soon[None]:
        """Hand *message* over to a provider; see `Notifier.deliver`."""
        ...


class Observer(Protocol):
    """What is told of everything that happens: for an audit log, metrics, alarms and traces (AU-01).

    Blocking and quick, also in an async kit, which calls it on its loop: so no call can be cancelled between what it did and telling it, and
    both kits keep one order. One that has to wait for a network puts the event on a queue of its own and returns. Calls come from every
    thread that uses the kit.

    One that has an attribute `span`, a callable that takes the name of an operation and returns a context manager, has each operation run inside
    such a one, for tracing.
    """

    def saw(self, event: Event) -> None:
        """Take *event* in. What this raises is reported and changes no answer, unless the policy's `audit` is ``"required"`` (AU-07)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A message that could open a sign-in, just before it goes out: what a host may judge it by. It holds no code and no link."""

    kind: MessageKind
    to: Identifier
    """Where it would go, as stored."""
    region: str | None
    """Of a phone number, by its numbering plan: ISO 3166."""
    credential_id: str | None
    """Whose sign-in it is about; `None` for a sign-up."""
    device: str | None
    """What was said of whoever asked, as in `Context`."""
    place: str | None
    locale: str | None


class SendCheck(Protocol):
    """What a host knows that credkit cannot: that a number was moved to another card, that an address is burnt, that a country is under attack (ID-18).

    Asked by the courier, off the request path, before each delivery of a code, a link, a request to approve, or a reminder; never for notices
    of changes. Whoever asked for the message sees nothing of the answer.
    """

    def allows(self, send: Send) -> bool:
        """Return whether it may go there. If not, a code goes to the next destination of that sign-in that is trusted, if there is one; all else is dropped.

        Raises:
            Exception: Whatever it raises, the message is not sent and stays due.
        """
        ...


class AsyncSendCheck(Protocol):
    """`SendCheck` for async code."""

    def allows(self, send: Send) -> Soon[bool]:
        """Return whether it may go there; see `SendCheck.allows`."""
        ...


class AsyncHashingPlace(Protocol):
    """A place in the gate, held while the flow charges and hashes."""

    def hash(self, password: Secret) -> Soon[str]:
        """Return a new hash of a normalised password."""
        ...

    def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Soon[Verification]:
        """Compare a normalised password, and what was *typed* where that differs, with a stored hash; `None` costs the same and never matches (PW-15)."""
        ...

    def release(self) -> None:
        """Give the place back; a hash that still runs in a thread keeps its own slot until it ends (F29)."""
        ...


class AsyncHashing(Protocol):
    """Password hashing behind a bounded gate (PW-23)."""

    def reserve(self) -> AsyncHashingPlace:
        """Return a place in the gate.

        Raises:
            Busy: The gate and its queue are full; nothing has been counted.
        """
        ...


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...


class Entropy(Protocol):
    """Where chance comes from."""

    def token(self, size: int) -> bytes:
        """Return *size* random bytes."""
        ...

    def below(self, bound: int) -> int:
        """Return a uniform whole number of at least 0 and less than *bound*."""
        ...


class Pause(Protocol):
    """How blocking code waits before it tries a lost commit again."""

    def wait(self, seconds: float) -> None:
        """Return after about that long."""
        ...


class AsyncPause(Protocol):
    """How async code waits before it tries a lost commit again."""

    def wait(self, seconds: float) -> Soon[None]:
        """Return after about that long."""
        ...


Dispatch: TypeAlias = Callable[[datetime], None]
"""Told, after a commit, that a message is due at that moment."""

AsyncDispatch: TypeAlias = Callable[[datetime], Soon[None]]
"""Told, after a commit, that a message is due at that moment."""


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SystemEntropy:
    """The operating system's generator, and nothing else (KE-08)."""

    def token(self, size: int) -> bytes:
        """Return *size* random bytes."""
        return secrets.token_bytes(size)

    def below(self, bound: int) -> int:
        """Return a uniform whole number of at least 0 and less than *bound*."""
        return secrets.randbelow(bound)


@dataclass(frozen=True, slots=True)
class SleepingPause:
    """Sleep in the calling thread."""

    def wait(self, seconds: float) -> None:
        """Return after that long."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class AsyncioPause:
    """Sleep on the asyncio loop."""

    async def wait(self, seconds: float) -> None:
        """Return after that long."""
        import asyncio  # noqa: PLC0415  # 40 ms that a blocking host never pays

        await asyncio.sleep(seconds)

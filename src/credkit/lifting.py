"""How blocking and async code share one set of flows, which are written once, as coroutines.

A flow suspends only where one of its ports does. Over blocking ports lifted into coroutines that never suspend it runs
from start to end in one step, in the calling thread, with no event loop, at about a microsecond's cost (`finish`). The
other way round, an async kit may use a blocking store by offloading each call to a thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from credkit.breaches import BreachList, Fingerprint
from credkit.credential import Credential, NewCredential
from credkit.errors import ConfigurationError
from credkit.identifiers import Identifier
from credkit.messages import Message
from credkit.ports import Committed, CredentialStore, Dispatch, Notifier, Pause, Record, RecordStore, Send, SendCheck, Write

__all__ = [
    "LiftedBreaches",
    "LiftedCredentials",
    "LiftedDispatch",
    "LiftedNotifier",
    "LiftedPause",
    "LiftedRecords",
    "LiftedSendCheck",
    "OffloadedCredentials",
    "OffloadedRecords",
    "awaited",
    "finish",
    "offload",
]

T = TypeVar("T")

_ASYNC_PORT: Final = "a blocking kit was given an async port; use AsyncCredkit"


def finish(flow: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, and return its result.

    Raises:
        ConfigurationError: Something it awaits was not ready: an async port was given to a blocking kit.
    """
    try:
        flow.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    flow.close()
    raise ConfigurationError([_ASYNC_PORT])


def _done(result: T) -> T:
    """Return what a blocking port has returned.

    Raises:
        ConfigurationError: It has done nothing yet: an async port was given to a blocking kit.
    """
    if isinstance(result, Coroutine):
        result.close()
        raise ConfigurationError([_ASYNC_PORT])
    return result


def awaited(result: Awaitable[T]) -> Awaitable[T]:
    """Return what an async port has returned, to be awaited.

    Raises:
        ConfigurationError: It cannot be: a blocking port was given to an async kit.
    """
    if not hasattr(result, "__await__"):
        raise ConfigurationError(["an async kit was given a blocking port; use the async one, or Credkit"])
    return result


@dataclass(frozen=True, slots=True, repr=False)
class LiftedRecords:
    """A blocking record store in the shape flows expect."""

    store: RecordStore

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        return _done(self.store.load(keys))

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return _done(self.store.commit(checks, writes))

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        return _done(self.store.due(kind, now, limit))

    async def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        return _done(self.store.purge(now, limit))


@dataclass(frozen=True, slots=True, repr=False)
class LiftedCredentials:
    """A blocking credential store in the shape flows expect."""

    store: CredentialStore

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return _done(self.store.find(identifier))

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        return _done(self.store.get(credential_id))

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        return _done(self.store.add(new, extra))

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        return _done(self.store.replace(old, new))


@dataclass(frozen=True, slots=True, repr=False)
class LiftedNotifier:
    """A blocking notifier in the shape flows expect."""

    notifier: Notifier

    async def deliver(self, message: Message) -> None:
        """See `Notifier.deliver`."""
        deliver: Callable[[Message], object] = self.notifier.deliver
        _done(deliver(message))


@dataclass(frozen=True, slots=True, repr=False)
class LiftedBreaches:
    """A blocking list of breached passwords in the shape flows expect."""

    breaches: BreachList

    async def count(self, fingerprint: Fingerprint) -> int:
        """See `BreachList.count`."""
        return _done(self.breaches.count(fingerprint))


@dataclass(frozen=True, slots=True, repr=False)
class LiftedSendCheck:
    """A blocking check of messages in the shape flows expect."""

    check: SendCheck

    async def allows(self, send: Send) -> bool:
        """See `SendCheck.allows`."""
        return _done(self.check.allows(send))


@dataclass(frozen=True, slots=True, repr=False)
class LiftedPause:
    """A blocking pause in the shape flows expect."""

    pause: Pause

    async def wait(self, seconds: float) -> None:
        """See `Pause.wait`."""
        wait: Callable[[float], object] = self.pause.wait
        _done(wait(seconds))


@dataclass(frozen=True, slots=True, repr=False)
class LiftedDispatch:
    """A blocking dispatch in the shape flows expect."""

    dispatch: Dispatch

    async def __call__(self, due_at: datetime) -> None:
        """See `Dispatch`."""
        self.dispatch(due_at)


async def offload(call: Callable[[], T]) -> T:
    """Return what *call* returns, from a thread of the asyncio loop's executor."""
    import asyncio  # noqa: PLC0415  # 40 ms that a blocking host never pays

    return await asyncio.to_thread(call)


@dataclass(frozen=True, slots=True, repr=False)
class OffloadedRecords:
    """A blocking record store for asyncio code: each call runs in a thread."""

    store: RecordStore

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        return await offload(lambda: self.store.load(keys))

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return await offload(lambda: self.store.commit(checks, writes))

    async def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        return await offload(lambda: self.store.due(kind, now, limit))

    async def purge(self, now: datetime, limit: int) -> int:
        """See `RecordStore.purge`."""
        return await offload(lambda: self.store.purge(now, limit))


@dataclass(frozen=True, slots=True, repr=False)
class OffloadedCredentials:
    """A blocking credential store for asyncio code: each call runs in a thread."""

    store: CredentialStore

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return await offload(lambda: self.store.find(identifier))

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        return await offload(lambda: self.store.get(credential_id))

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        return await offload(lambda: self.store.add(new, extra))

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        return await offload(lambda: self.store.replace(old, new))

"""Calls that are let go at one moment: in threads, as tasks, or in processes. What each of them can find, and what it cannot.

`in_threads` finds what two threads of one process do to each other: a store or a host's own code that looks and then writes. Python switches between
threads a thousand times as often meanwhile, so that a window of a few lines is met; one of a few bytecodes may still not be. It finds nothing
about several processes: a lock in memory looks like a lock.

`in_tasks` finds what happens between two `await`s of one loop, and nothing else: code between two of them is never interrupted. A store whose calls
do not suspend cannot be caught by it.

`in_processes` finds what a lock in memory, a cache or a counter hides, as each process has its own. It costs the start of the processes, and windows
that are shorter than a switch between processors stay unseen.

`widened` makes a window real: it is a store that takes its time before it answers a look-up, so that whoever looks and then writes is overtaken.

None of them proves anything by finding nothing. Whether a *flow* is right in every order is a question for `explore`, which tries them all; whether
a *store* keeps what the flows rely on, for its contract.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

from credkit.credential import Credential, NewCredential
from credkit.identifiers import Identifier
from credkit.ports import Committed, CredentialStore, Record, RecordStore, Write
from credkit.testing.contracts._driving import at_once, require

__all__ = ["WidenedCredentials", "WidenedRecords", "in_processes", "in_tasks", "in_threads", "widened"]

T = TypeVar("T")

_PATIENCE: Final = timedelta(seconds=60)

_EAGER: Final = 1e-6
"""Seconds after which a thread gives way; 5 ms otherwise. A check and a write that follow each other are then overtaken in most races of eight."""


def in_threads(calls: Sequence[Callable[[], T]], *, patience: timedelta = _PATIENCE) -> list[T | Exception]:
    """Make *calls*, each in a thread of its own, all let go at one moment; return what each returned or raised.

    Raises:
        AssertionError: One has not ended after *patience*.
    """
    results: list[Any] = [None] * len(calls)
    ready = threading.Barrier(len(calls))

    def run(number: int, call: Callable[[], T]) -> None:
        try:
            ready.wait(patience.total_seconds())
            results[number] = call()
        except Exception as raised:  # noqa: BLE001  # what it is, the caller judges
            results[number] = raised

    threads = [threading.Thread(target=run, args=(number, call), daemon=True) for number, call in enumerate(calls)]
    with _eagerly():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(patience.total_seconds())
    require(not any(thread.is_alive() for thread in threads), f"calls made at once have not ended after {patience}")
    return results


@contextmanager
def _eagerly() -> Generator[None, None, None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_EAGER)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


async def in_tasks(calls: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T | Exception]:
    """Make *calls* as tasks of the loop that this is awaited on, asyncio's or trio's; return what each returned or raised."""
    return await at_once(calls)


def in_processes(call: Callable[..., T], arguments: Sequence[tuple[Any, ...]], *, patience: timedelta = _PATIENCE) -> list[T | Exception]:
    """Call *call* once for each of *arguments*, each in a process of its own, all let go at one moment; return what each returned or raised.

    The processes are started anew, so *call* is a function that they can import, and what goes in and comes out can be pickled. An exception that
    cannot comes back as a `RuntimeError` with its text.

    Raises:
        AssertionError: One has not ended after *patience*, or has died.
    """
    import multiprocessing  # noqa: PLC0415  # tens of milliseconds that only a race in processes pays

    context = multiprocessing.get_context("spawn")
    go = context.Event()
    crew: list[tuple[Any, Any]] = []
    try:
        for given in arguments:
            here, there = context.Pipe()
            process = context.Process(target=_worker, args=(there, go, call, given), daemon=True)
            process.start()
            there.close()
            crew.append((process, here))
        _received(crew, patience)  # each has imported what it needs
        go.set()
        return _received(crew, patience)
    finally:
        for process, here in crew:
            process.join(1)
            process.kill()
            process.join()
            here.close()


def _received(crew: Sequence[tuple[Any, Any]], patience: timedelta) -> list[Any]:
    end = time.monotonic() + patience.total_seconds()
    received: list[Any] = []
    for _, here in crew:
        require(here.poll(max(0.0, end - time.monotonic())), f"a process has not answered after {patience}")
        try:
            received.append(here.recv())
        except EOFError:
            raise AssertionError("a process has died without an answer") from None
    return received


def _worker(there: Any, go: Any, call: Callable[..., object], given: tuple[Any, ...]) -> None:
    there.send("ready")
    go.wait()
    try:
        outcome: object = call(*given)
    except Exception as raised:  # noqa: BLE001  # what it is, the caller judges
        outcome = raised
    try:
        there.send(outcome)
    except Exception:  # noqa: BLE001  # whatever pickle says
        there.send(RuntimeError(f"{type(outcome).__name__}: {outcome}"))


# A real window ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WidenedRecords:
    """A record store that takes its time before it answers a look-up."""

    store: RecordStore
    seconds: float

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """See `RecordStore.load`."""
        found = self.store.load(keys)
        time.sleep(self.seconds)
        return found

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        """See `RecordStore.commit`."""
        return self.store.commit(checks, writes)

    def due(self, kind: str, now: Any, limit: int) -> Sequence[Record]:
        """See `RecordStore.due`."""
        found = self.store.due(kind, now, limit)
        time.sleep(self.seconds)
        return found

    def purge(self, now: Any, limit: int) -> int:
        """See `RecordStore.purge`."""
        return self.store.purge(now, limit)


@dataclass(frozen=True, slots=True)
class WidenedCredentials:
    """A credential store that takes its time before it answers a look-up."""

    store: CredentialStore
    seconds: float

    def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        found = self.store.find(identifier)
        time.sleep(self.seconds)
        return found

    def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        found = self.store.get(credential_id)
        time.sleep(self.seconds)
        return found

    def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        return self.store.add(new, extra)

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        return self.store.replace(old, new)


@dataclass(frozen=True, slots=True)
class _Widened:
    records: WidenedRecords
    credentials: WidenedCredentials


def widened(stores: Any, *, by: timedelta = timedelta(milliseconds=5)) -> _Widened:
    """Return *stores* with a window: each look-up answers *by* later than it has looked. For ``world.using(widened(stores))`` and `in_threads`."""
    seconds = by.total_seconds()
    return _Widened(WidenedRecords(stores.records, seconds), WidenedCredentials(stores.credentials, seconds))

"""The one way credkit writes its own state: load, decide, commit everything at once if nothing that was read has moved.

`transact` runs a decision as often as it takes. The decision loads records through the transaction it is given, puts
what should change, and returns its result; nobody is told the result before the commit has landed. A decision that raises
writes nothing.

Rules kept here and nowhere else: every key that was loaded and is not written becomes a check, so that two decisions
that read what the other writes cannot both land (write skew, F3); a version is made of fresh random bits for every
attempt, so that "my write" can be recognised after a lost reply and no version ever comes back (F6).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeVar

from credkit.errors import Busy, CredkitError, IdentifierTaken, Refused, StoreError
from credkit.lifting import awaited
from credkit.ports import AsyncPause, AsyncRecordStore, Entropy, Record, Write

__all__ = ["ATTEMPTS", "Transaction", "guarded", "transact"]

T = TypeVar("T")

ATTEMPTS: Final = 16
"""With jittered, doubling waits, 64 writers of one key all get through within 16 attempts (F8)."""

FIRST_WAIT: Final = 0.0005
LONGEST_WAIT: Final = 0.02
"""Seconds; 14 waits of at most 0.5, 1, 2, 4, 8, 16, then 20 ms each: some 190 ms at the most, within the 250 ms of F8."""

_GRAIN: Final = 1 << 20


@dataclass(slots=True)
class Transaction:
    """What one attempt has seen and wants to write."""

    store: AsyncRecordStore = field(repr=False)
    version: int
    known: dict[str, Record | None] = field(default_factory=dict[str, "Record | None"])
    """Records that need not be loaded: a commit that was lost a moment ago has returned them."""
    seen: dict[str, Record | None] = field(default_factory=dict[str, "Record | None"])
    writes: dict[str, Record | None] = field(default_factory=dict[str, "Record | None"])

    async def load(self, *keys: str) -> tuple[Record | None, ...]:
        """Return the records of *keys*, `None` for absent ones. Whatever is loaded must not move before the commit."""
        missing = [key for key in dict.fromkeys(keys) if key not in self.seen and key not in self.known]
        if missing:
            found = await guarded(self.store.load(missing))
            self.known.update({key: found.get(key) for key in missing})
        for key in keys:
            self.seen.setdefault(key, self.known.get(key))
        return tuple(self.seen[key] for key in keys)

    def put(self, *, key: str, kind: str, payload: bytes, expires_at: datetime, due_at: datetime | None = None) -> None:
        """Write a record at commit; a key that was never loaded must be absent then."""
        self.writes[key] = Record(key=key, kind=kind, version=self.version, payload=payload, expires_at=expires_at, due_at=due_at)

    def postpone(self, record: Record, *, due_at: datetime) -> None:
        """Write *record* again as it is, due later, whatever it holds."""
        self.writes[record.key] = replace(record, version=self.version, due_at=due_at)

    def delete(self, key: str) -> None:
        """Delete a loaded record at commit."""
        self.writes[key] = None

    def checks(self) -> dict[str, int]:
        """Return the versions that must still stand of what was read and is not written."""
        return {key: _version(record) for key, record in self.seen.items() if key not in self.writes}

    def changes(self) -> list[Write]:
        """Return the writes, in order of their keys."""
        return [Write(key=key, expected_version=_version(self.seen.get(key)), record=record) for key, record in sorted(self.writes.items())]

    def landed(self, current: Mapping[str, Record]) -> bool:
        """Return whether *current* shows that this attempt's writes were made.

        Only this attempt can have written its version. One that only deleted leaves no trace but absence, which is all
        that it wanted.
        """
        written = [key for key, record in self.writes.items() if record is not None]
        if written:
            return any(_version(current.get(key)) == self.version for key in written)
        return all(key not in current for key in self.writes)

    def untouched(self, current: Mapping[str, Record]) -> bool:
        """Return whether *current* is still exactly what this attempt saw."""
        return all(_version(current.get(key)) == _version(self.seen.get(key)) for key in {*self.seen, *self.writes})


async def transact(
    store: AsyncRecordStore,
    decide: Callable[[Transaction], Awaitable[T]],
    *,
    entropy: Entropy,
    pause: AsyncPause,
    presumed: Mapping[str, Record | None] | None = None,
) -> T:
    """Return what *decide* returned in the attempt whose writes landed.

    *presumed* are records that the first attempt takes for granted instead of loading them. That saves a round trip and proves nothing, so the
    commit has to: where it is wrong it loses, and returns what there is. A decision over presumed records must therefore write, and refuse nobody.

    Raises:
        Busy: Others kept writing the same records; nothing of this call was written.
        StoreError: The store failed twice, or once so that it cannot be told whether the writes landed.
    """
    failures: list[Exception] = []
    known: dict[str, Record | None] = dict(presumed or {})
    for attempt in range(ATTEMPTS):
        # The first time at once, on the records that the lost commit returned: of two calls that met, the other is through.
        # Later there is a crowd, and what was returned before the wait has moved on by its end: as good as lost again.
        if attempt > 1:
            await awaited(pause.wait(_wait(attempt - 1, entropy)))
            known = {}
        transaction = Transaction(store, version=1 + entropy.below(2**63 - 1), known=known)
        result = await decide(transaction)
        if not transaction.writes:
            if not presumed or attempt > 0:
                return result
            known = {}  # nothing would prove what was presumed
            continue
        lost = await _commit(transaction, failures)
        if lost is None:
            return result
        known = {key: lost.get(key) for key in {*transaction.seen, *transaction.writes}}
    raise Busy


async def guarded(call: Awaitable[T]) -> T:
    """Return what a store returns; whatever it raises that is not credkit's own becomes `StoreError`."""
    try:
        return await awaited(call)
    except (CredkitError, Refused, IdentifierTaken):
        raise
    except Exception as failure:
        raise StoreError("a store failed") from failure


async def _commit(transaction: Transaction, failures: list[Exception]) -> Mapping[str, Record] | None:
    """Return `None` if the writes landed, else the records as they are now; remember a failure."""
    try:
        committed = await transaction.store.commit(transaction.checks(), transaction.changes())
    except Exception as failure:  # noqa: BLE001  # whatever a store raises, what became of the commit has to be found out
        failures.append(failure)
        return await _resolve(transaction, failures)
    return None if committed.done else committed.current


async def _resolve(transaction: Transaction, failures: Sequence[Exception]) -> Mapping[str, Record] | None:
    """Find out what became of a commit that raised: its own version in the store means that it landed (F6)."""
    failure = failures[0]  # the first is the one to tell
    try:
        current = await transaction.store.load(sorted({*transaction.seen, *transaction.writes}))
    except Exception:  # noqa: BLE001  # as above
        raise _trouble(failure) from failure
    if transaction.landed(current):
        return None
    if not transaction.untouched(current):
        raise _trouble(failure) from failure
    if len(failures) > 1:  # once it may have been a dropped connection; trying on would only add up the store's time-outs
        raise _trouble(failure, "a store failed twice; nothing was changed") from failure
    return current


def _trouble(failure: Exception, told: str = "a store failed; it is not known whether the change was made") -> CredkitError:
    return failure if isinstance(failure, CredkitError) else StoreError(told)


def _wait(attempt: int, entropy: Entropy) -> float:
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (attempt - 1))
    return longest * entropy.below(_GRAIN) / _GRAIN


def _version(record: Record | None) -> int:
    return 0 if record is None else record.version

"""Budgets inside a transaction: load the tallies of several limits at once, ask them, charge them.

What is charged is written by the same commit as the decision it belongs to, so a limit is exact: of two calls that saw
the last use free, one loses its commit and decides again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from credkit.budgets import Limit, Tally
from credkit.errors import Busy, CredkitError, Reason, Refused
from credkit.flows.shell import Shell, Subject
from credkit.flows.transaction import Transaction
from credkit.payloads import UnreadableRecord
from credkit.ports import Record

__all__ = ["Charge", "Meter", "charge_all", "forget_uses", "load_meters", "refund"]


@dataclass(frozen=True, slots=True)
class Charge:
    """One use that was counted, so that exactly it can be taken back (F9)."""

    limit: Limit
    key: str
    tally: Tally
    counted: bool
    """False where the meter was full already: then there is nothing to take back."""
    written: Record | None = None
    """The record as this use left it: most likely it is still so when it is taken back."""


@dataclass(frozen=True, slots=True)
class Meter:
    """One limit of one subject, as a transaction sees it."""

    limit: Limit
    kind: str
    keys: tuple[str, ...]
    tallies: tuple[Tally, ...]
    kept_until: datetime | None
    """When the record that is written may be forgotten, as it is now."""

    def used(self, now: datetime) -> int:
        """Return how many uses count."""
        return sum(self.limit.used(tally, now) for tally in self.tallies)

    def full(self, now: datetime) -> bool:
        """Return whether one more use would be too many."""
        return self.used(now) >= self.limit.count

    def require_room(self, now: datetime, reason: Reason) -> None:
        """Go on only if there is room.

        Raises:
            Refused: There is none; it says how long to wait.
        """
        if self.full(now):
            raise Refused(reason, retry_after=self.limit.retry_after(self.tallies, now))

    @property
    def last_at(self) -> datetime | None:
        """The newest use."""
        return max((tally.last_at for tally in self.tallies if tally.last_at is not None), default=None)

    def charge(self, transaction: Transaction, now: datetime) -> Charge:
        """Count one use. A full meter is written again as it is: the same traffic, and no count past the limit."""
        counted = not self.full(now)
        tally = self.limit.charge(self.tallies[0], now) if counted else self.tallies[0]
        # Never sooner than another worker, whose clock may differ, has asked for.
        expires_at = max(now + self.limit.memory, self.kept_until or now)
        transaction.put(key=self.keys[0], kind=self.kind, payload=tally.to_payload(), expires_at=expires_at)
        return Charge(self.limit, self.keys[0], tally, counted, transaction.writes[self.keys[0]])

    def clear(self, transaction: Transaction) -> None:
        """Take back every use counted under the name that is written; where there is none, write nothing."""
        if self.kept_until is not None:
            transaction.put(key=self.keys[0], kind=self.kind, payload=self.limit.clear(self.tallies[0]).to_payload(), expires_at=self.kept_until)


async def load_meters(shell: Shell, transaction: Transaction, wanted: Sequence[tuple[Limit, Subject]]) -> tuple[Meter, ...]:
    """Return a meter for each of *wanted*, with one load for all of them."""
    names = [(limit, shell.budget_keys(limit.name, subject)) for limit, subject in wanted]
    await transaction.load(*(key for _, keys in names for key in keys))
    meters: list[Meter] = []
    for limit, keys in names:
        records = await transaction.load(*keys)
        tallies = tuple(Tally() if record is None else Tally.from_payload(record.payload) for record in records)
        meters.append(Meter(limit, shell.kind("budget"), keys, tallies, None if records[0] is None else records[0].expires_at))
    return tuple(meters)


def charge_all(transaction: Transaction, meters: Sequence[Meter], now: datetime, reason: Reason) -> tuple[Charge, ...]:
    """Count one use on each of *meters*, or on none.

    Raises:
        Refused: One of them is full: *reason*, with how long to wait.
    """
    for meter in meters:
        meter.require_room(now, reason)
    return tuple(meter.charge(transaction, now) for meter in meters)


async def refund(shell: Shell, charges: Sequence[Charge]) -> None:
    """Take back exactly these uses, and no others. If that fails they stay counted: once too many, never once too few."""

    async def take_back(transaction: Transaction) -> None:
        counted = [charge for charge in charges if charge.counted]
        records = await transaction.load(*(charge.key for charge in counted))
        for charge, record in zip(counted, records, strict=True):
            if record is not None:
                tally = charge.limit.refund(Tally.from_payload(record.payload), charge.tally)
                transaction.put(key=charge.key, kind=record.kind, payload=tally.to_payload(), expires_at=record.expires_at)

    with suppress(Busy, CredkitError):
        await shell.transact(take_back, presumed={charge.key: charge.written for charge in charges if charge.counted})


async def forget_uses(shell: Shell, transaction: Transaction, limit: Limit, subject: Subject) -> None:
    """Let a count begin anew: the person has proved who they are. One that cannot be read stays as it is."""
    with suppress(UnreadableRecord):
        (meter,) = await load_meters(shell, transaction, [(limit, subject)])
        meter.clear(transaction)

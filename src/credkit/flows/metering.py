"""Budgets inside a transaction: load the tallies of several limits at once, ask them, charge them.

What is charged is written by the same commit as the decision it belongs to, so a limit is exact: of two calls that saw
the last use free, one loses its commit and decides again.

A limit that many people share, those behind one network key, is kept in stripes: a call takes one of them by lot and goes on to the
others only if that one is full, so it is refused exactly when all are. Limits of a credential and of an identifier are not: few
use them at once, and a further load would tell a stranger how full a silent one is (F13).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from credkit.budgets import Limit, Tally
from credkit.errors import Busy, CredkitError, Reason, Refused
from credkit.flows.shell import Shell, Subject
from credkit.flows.transaction import Transaction
from credkit.payloads import UnreadableRecord
from credkit.ports import Record

__all__ = ["Charge", "Meter", "charge_all", "forget_uses", "load_meters", "refund", "succeed"]

_EMPTY: Final = timedelta(hours=25)
"""How long a count that has begun anew is kept: until no call is under way that was counted before (F15)."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One use that was counted, so that exactly it can be taken back (F9)."""

    limit: Limit
    key: str
    before: Tally
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
        return self.limit.full(self.tallies, now)

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
        return Charge(self.limit, self.keys[0], self.tallies[0], tally, counted, transaction.writes[self.keys[0]])

    def clear(self, transaction: Transaction) -> None:
        """Take back every use counted under the name that is written; where there is none, write nothing."""
        if self.kept_until is not None:
            transaction.put(key=self.keys[0], kind=self.kind, payload=self.limit.clear(self.tallies[0]).to_payload(), expires_at=self.kept_until)


async def load_meters(shell: Shell, transaction: Transaction, wanted: Sequence[tuple[Limit, Subject]]) -> tuple[Meter, ...]:
    """Return a meter for each of *wanted*, with one load for all of them, unless a stripe is full."""
    choices = [_stripes(shell, limit, subject) for limit, subject in wanted]
    await transaction.load(*(key for first, *_ in choices for key in first.keys))
    return tuple([await _with_room(shell, transaction, stripes) for stripes in choices])


@dataclass(frozen=True, slots=True)
class _Stripe:
    """A limit, or a part of one, with the names of its records."""

    limit: Limit
    keys: tuple[str, ...]


def _stripes(shell: Shell, limit: Limit, subject: Subject) -> tuple[_Stripe, ...]:
    """Return the stripes of a limit in the order in which this call tries them."""
    parts = limit.stripes if subject.shared else (limit,)
    first = shell.entropy.below(len(parts)) if len(parts) > 1 else 0
    return tuple(_Stripe(part, shell.budget_keys(part.name, subject)) for part in (*parts[first:], *parts[:first]))


async def _with_room(shell: Shell, transaction: Transaction, stripes: Sequence[_Stripe]) -> Meter:
    """Return the first meter that has room; if none has, the one that will have it first."""
    now, full = shell.clock.now(), list[Meter]()
    for stripe in stripes:
        meter = await _meter(shell, transaction, stripe)
        if not meter.full(now):
            return meter
        full.append(meter)
    return min(full, key=lambda meter: meter.limit.retry_after(meter.tallies, now))


async def _meter(shell: Shell, transaction: Transaction, stripe: _Stripe) -> Meter:
    records = await transaction.load(*stripe.keys)
    tallies = tuple(Tally() if record is None else Tally.from_payload(record.payload) for record in records)
    return Meter(stripe.limit, shell.kind("budget"), stripe.keys, tallies, None if records[0] is None else records[0].expires_at)


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
    await _settle(shell, [(charge, False) for charge in charges if charge.counted])


async def succeed(shell: Shell, charges: Sequence[Charge]) -> None:
    """Take these uses back, as they were right, and let a count of failures in a row begin anew (N4 3.2.2)."""
    await _settle(shell, [(charge, charge.limit.consecutive) for charge in charges if charge.counted or charge.limit.consecutive])


async def _settle(shell: Shell, charges: Sequence[tuple[Charge, bool]]) -> None:
    """Take uses back, or with `True` all uses of their count."""
    now = shell.clock.now()

    async def take_back(transaction: Transaction) -> None:
        records = await transaction.load(*(charge.key for charge, _ in charges))
        for (charge, anew), record in zip(charges, records, strict=True):
            if record is not None:
                tally = Tally.from_payload(record.payload)
                after = charge.limit.clear(tally) if anew else _without(charge, tally)
                expires_at = now + _EMPTY if anew else record.expires_at
                transaction.put(key=charge.key, kind=record.kind, payload=after.to_payload(), expires_at=expires_at)

    with suppress(Busy, CredkitError):
        await shell.transact(take_back, presumed={charge.key: charge.written for charge, _ in charges})


def _without(charge: Charge, tally: Tally) -> Tally:
    """Return *tally* without the use: as it was before, with its newest use, if nothing has happened since."""
    return charge.before if tally == charge.tally else charge.limit.refund(tally, charge.tally)


async def forget_uses(shell: Shell, transaction: Transaction, limit: Limit, subject: Subject) -> None:
    """Let a count begin anew: the person has proved who they are. One that cannot be read stays as it is."""
    with suppress(UnreadableRecord):
        (meter,) = await load_meters(shell, transaction, [(limit, subject)])
        meter.clear(transaction)

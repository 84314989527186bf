"""Rolling limits as values: how much of a limit is used, and what one more use leaves behind. No store, no clock.

A window is kept in buckets of a 24th of its length. A bucket stops counting only when its *end* is older than the window, so
a use may count up to a 24th too long and never too short. What no longer counts is not thrown away by the clock, as one
worker's wrong clock could empty every count: the newest 50 buckets are kept, which is two windows, so a record has
constant size all the same (F16).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from credkit.errors import ConfigurationError
from credkit.framing import from_microseconds, microseconds
from credkit.payloads import Json, UnreadableRecord, as_json, from_payload, to_payload

__all__ = ["BUCKETS", "KEPT", "STRIPED_ABOVE", "STRIPES", "Delays", "Limit", "Tally"]

BUCKETS: Final = 24

KEPT: Final = 2 * (BUCKETS + 1)
"""A window touches at most 25 buckets. While all clocks agree, twice as many are never all needed; beside a window that a
clock running ahead has filled, the true one is still there."""

STRIPED_ABOVE: Final = 32
STRIPES: Final = 16
"""A larger limit that many share is kept as 16 smaller ones, so that their calls seldom write the same record (F8)."""

_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What has been used of one limit by one subject."""

    buckets: tuple[tuple[int, int], ...] = ()
    """(number of the bucket since 1970, uses in it), oldest first."""
    last_at: datetime | None = None
    """The newest use."""
    cleared: int = 0
    """How often it has begun anew, so that a use of before is not taken back from what came after."""
    carried: dict[str, Json] = field(default_factory=dict[str, Json], repr=False)

    def to_payload(self) -> bytes:
        """Return the bytes of a record."""
        fields: dict[str, Json] = {"buckets": self.buckets, "last_at": as_json(self.last_at), "cleared": self.cleared}
        return to_payload(fields, self.carried)

    @classmethod
    def from_payload(cls, payload: bytes) -> Tally:
        """Read the bytes of a record.

        Raises:
            UnreadableRecord: They are not a tally.
        """
        fields = from_payload(payload)
        buckets = tuple(_bucket(item) for item in fields.items("buckets"))
        return cls(buckets=buckets, last_at=fields.maybe_moment("last_at"), cleared=fields.number("cleared"), carried=dict(fields.rest()))


def _bucket(item: Json) -> tuple[int, int]:
    match item:
        case [int(number), int(count)]:
            return number, count
        case _:
            raise UnreadableRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most *count* uses in any span of *per*.

    Raises:
        ConfigurationError: The count is under one, or the span under 24 seconds or over 366 days.
    """

    name: str
    """Part of the record key: another name is another count."""
    count: int
    per: timedelta
    consecutive: bool = False
    """Whether a success lets it begin anew."""

    def __post_init__(self) -> None:
        problems = [] if self.count >= 1 else [f"limit {self.name}: the count must be at least 1"]
        if not timedelta(seconds=BUCKETS) <= self.per <= timedelta(days=366):
            problems.append(f"limit {self.name}: the span must be between {BUCKETS} seconds and 366 days")
        if problems:
            raise ConfigurationError(problems)

    @property
    def memory(self) -> timedelta:
        """How long a use is remembered at the most: the span and one bucket."""
        return self.per + self._bucket

    def used(self, tally: Tally, now: datetime) -> int:
        """Return the number of uses that still count at *now*."""
        return sum(count for number, count in tally.buckets if self._counts(number, now))

    def charge(self, tally: Tally, now: datetime) -> Tally:
        """Return *tally* with one more use at *now*.

        A clock that has gone back does not open an older bucket, which would end too early: the use lands in the newest there is.
        """
        counts = dict(tally.buckets)
        newest = max(microseconds(now) // self._width, *counts, 0)
        counts[newest] = counts.get(newest, 0) + 1
        last_at = now if tally.last_at is None else max(now, tally.last_at)
        return replace(tally, buckets=tuple(sorted(counts.items())[-KEPT:]), last_at=last_at)

    def refund(self, tally: Tally, charged: Tally) -> Tally:
        """Return *tally* without the one use that made *charged*: its newest bucket holds it (F9), unless the count has begun anew."""
        if tally.cleared != charged.cleared:
            return tally
        newest = charged.buckets[-1][0]
        counts = [(number, count - 1 if number == newest else count) for number, count in tally.buckets]
        return replace(tally, buckets=tuple((n, c) for n, c in counts if c > 0))

    def clear(self, tally: Tally) -> Tally:
        """Return *tally* with no uses, to begin anew."""
        return replace(tally, buckets=(), cleared=tally.cleared + 1)

    def full(self, tallies: Sequence[Tally], now: datetime) -> bool:
        """Return whether one more use would be too many, after those of all *tallies* together."""
        return sum(self.used(tally, now) for tally in tallies) >= self.count

    @property
    def stripes(self) -> tuple[Limit, ...]:
        """The limits that this one is where many share it: itself, or smaller ones, whose counts come to its own."""
        if self.count <= STRIPED_ABOVE:
            return (self,)
        share, rest = divmod(self.count, STRIPES)
        return tuple(replace(self, name=f"{self.name}.{number}", count=share + (number < rest)) for number in range(STRIPES))

    def retry_after(self, tallies: Sequence[Tally], now: datetime) -> timedelta:
        """Return how long until one more use has room, if nobody uses any meanwhile."""
        live = sorted((n, c) for tally in tallies for n, c in tally.buckets if self._counts(n, now))
        over = sum(count for _, count in live) - self.count + 1
        wait = timedelta(0)
        for number, count in live:
            if over <= 0:
                break
            over -= count
            wait = from_microseconds((number + 1) * self._width) + self.per - now
        return wait

    @property
    def _bucket(self) -> timedelta:
        return self.per / BUCKETS

    @property
    def _width(self) -> int:
        return self._bucket // _MICROSECOND

    def _counts(self, number: int, now: datetime) -> bool:
        return (number + 1) * self._width > microseconds(now) - self.per // _MICROSECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays(Limit):
    """No limit on how many uses there are, but a wait before each: *count* are free, then one waits *first* after the newest, and ever twice as long.

    Raises:
        ConfigurationError: As for any limit, or waits that do not grow from above nothing to at most the span.
    """

    first: timedelta
    longest: timedelta

    def __post_init__(self) -> None:
        Limit.__post_init__(self)
        if not timedelta(0) < self.first <= self.longest <= self.per:
            raise ConfigurationError([f"limit {self.name}: the waits must be above nothing, grow, and end within the span"])

    def wait(self, used: int) -> timedelta:
        """Return how long one more use has to wait after the newest of *used* uses."""
        if used < self.count:
            return timedelta(0)
        return self.first * min(2.0 ** min(used - self.count, 64), self.longest / self.first)

    def full(self, tallies: Sequence[Tally], now: datetime) -> bool:
        """Return whether one more use has to wait."""
        return self.retry_after(tallies, now) > timedelta(0)

    def retry_after(self, tallies: Sequence[Tally], now: datetime) -> timedelta:
        """Return how long until one more use has room, at the most."""
        wait = self.wait(sum(self.used(tally, now) for tally in tallies))
        newest = max((tally.last_at for tally in tallies if tally.last_at is not None), default=None)
        # A clock that runs ahead has its say until the others have caught up, but nobody is told to wait longer than a wait.
        return timedelta(0) if newest is None or now >= newest + wait else min(newest, now) + wait - now

"""Which text messages may be sent for the asking: to which regions and lines, how many a day, and to numbers confirmed how long ago.

Whoever earns by texts to a number of theirs has them sent by typing it into forms (toll fraud, ID-13), and a number given up by one person is
given to the next (ID-18). Neither is answered by looking at a sign-in: a verdict on a number is the same for everybody who types it (ID-14).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from credkit.budgets import Limit
from credkit.credential import Credential, Registered
from credkit.errors import ConfigurationError
from credkit.identifiers import Identifier, PhoneNumber
from credkit.identifiers.lines import SmsGate

__all__ = ["SmsPolicy", "allows", "reached", "reaches", "texts_back", "texts_sent"]

_SHORTEST_STALE: Final = timedelta(days=30)

_HOUR: Final = timedelta(hours=1)

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsPolicy:
    """The text messages that strangers may cause. Notices of changes are no such thing, and are never held back.

    Raises:
        ConfigurationError: No region or no cap is given: neither has a default, as both cost the host money. Or one of them cannot work.
    """

    regions: frozenset[str] | Literal["anywhere"] = frozenset()
    """ISO 3166 regions where people sign in from, each to be named; or the word for all of them."""
    per_day: int | Literal["uncapped"] | None = None
    """Texts in a rolling day, over the whole site: what a day of fraud may cost. Or the word for a bill without end."""
    voip: bool = False
    """Whether numbers of internet telephony count as phones (ASVS 6.6)."""
    alarm_from: int = 50
    """Codes sent to one region within an hour from which on it is looked at how many come back (AU-08)."""
    alarm_below: float = 0.2
    """Which part of them has to come back right; below it the observer is told, once an hour for each region. People type most of theirs (AU-08)."""
    stale_after: timedelta | None = timedelta(days=365)
    """How long after it was last confirmed a number gets no more codes and links by itself (ID-18); none means never."""

    def __post_init__(self) -> None:
        problems: list[str] = []
        if not self.regions:
            problems.append('name the sms regions you send to, such as frozenset({"US"}); to send no text messages at all, leave Policy.sms out')
        if self.per_day is None:
            problems.append('sms per_day: say how many text messages a day you are ready to pay for, or "uncapped"')
        elif self.per_day != "uncapped" and self.per_day < 1:
            problems.append("sms per_day must be at least 1")
        if self.alarm_from < 1 or not 0 <= self.alarm_below <= 1:
            problems.append("sms alarm_from must be at least 1, and alarm_below from 0 to 1")
        if self.stale_after is not None and self.stale_after < _SHORTEST_STALE:
            problems.append(f"sms stale_after must be at least {_SHORTEST_STALE.days} days, or None")
        if problems:
            raise ConfigurationError(problems)
        SmsGate(regions=self.regions)

    def allows(self, number: PhoneNumber) -> bool:
        """Return whether *number* is on a line, and of a region, that is sent to."""
        return SmsGate(regions=self.regions, allow_voip=self.voip).allows(number)

    def is_stale(self, entry: Registered, now: datetime) -> bool:
        """Return whether a number was confirmed so long ago that somebody else may have it by now.

        One that was carried over without a date is not: when it was confirmed, only the host knows, and says by importing it with the date.
        """
        return self.stale_after is not None and entry.verified_at is not None and now - entry.verified_at >= self.stale_after

    @property
    def cap(self) -> Limit | None:
        """The limit of a day, over the whole site; none where the host pays without end."""
        return Limit(name="sms", count=self.per_day, per=_DAY) if isinstance(self.per_day, int) else None

    def is_pumped(self, sent: int, back: int) -> bool:
        """Return whether so few of the codes *sent* have come *back* that somebody seems to earn by having them sent."""
        return sent >= self.alarm_from and back < self.alarm_below * sent


def texts_sent(region: str) -> Limit:
    """Return what counts the codes sent by text message to *region*. It limits nothing."""
    return Limit(name=f"texts-sent-{region}", count=1, per=_HOUR)


def texts_back(region: str) -> Limit:
    """Return what counts those that came back right. It limits nothing."""
    return Limit(name=f"texts-back-{region}", count=1, per=_HOUR)


def allows(sms: SmsPolicy | None, identifier: Identifier) -> bool:
    """Return whether messages that strangers cause may go to *identifier*: to any email address, and to a phone as far as *sms* has it."""
    return not isinstance(identifier, PhoneNumber) or (sms is not None and sms.allows(identifier))


def reaches(sms: SmsPolicy | None, entry: Registered, now: datetime) -> bool:
    """Return whether a code or link sent to *entry* may be trusted to reach its owner."""
    stale = isinstance(entry.identifier, PhoneNumber) and sms is not None and sms.is_stale(entry, now)
    return allows(sms, entry.identifier) and not stale


def reached(sms: SmsPolicy | None, credential: Credential, among: Iterable[Identifier], now: datetime) -> tuple[Identifier, ...]:
    """Return those *among* the identifiers of *credential* that a code or link may be sent to, in their order."""
    entries = ((identifier, credential.registered(identifier)) for identifier in among)
    return tuple(identifier for identifier, entry in entries if entry is not None and reaches(sms, entry, now))

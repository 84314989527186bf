"""The counts of a whole site: kept over many records, written after the commit they are about, read by whoever wants to know.

They are an alarm and no limit (F8): all callers share them, so that one record of them would be in everybody's way, and what is
exact for each sign-in does not have to wait for them. A count that could not be written is lost, and nothing else.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from credkit.budgets import Limit, Tally
from credkit.errors import Busy, CredkitError
from credkit.events import Cause, EventKind, Outcome
from credkit.flows.metering import load_meters
from credkit.flows.shell import Shell, Subject
from credkit.flows.trails import note
from credkit.flows.transaction import Transaction, guarded

__all__ = ["count_at_site", "raise_alarm", "site_is_under_attack", "used_at_site", "watch_for_guesses"]

_HOUR: Final = timedelta(hours=1)

SHARDS: Final = 16
"""Records of one count; each call writes one of them, taken by chance."""


async def count_at_site(shell: Shell, limit: Limit, now: datetime) -> None:
    """Count one use of the site's; whatever goes wrong, the caller goes on."""
    key = _keys(shell, limit)[shell.entropy.below(SHARDS)]

    async def count(transaction: Transaction) -> None:
        (record,) = await transaction.load(key)
        tally = limit.charge(Tally() if record is None else Tally.from_payload(record.payload), now)
        expires_at = max(now + limit.memory, now if record is None else record.expires_at)
        transaction.put(key=key, kind=shell.kind("budget"), payload=tally.to_payload(), expires_at=expires_at)

    with suppress(Busy, CredkitError):
        await shell.transact(count)


async def used_at_site(shell: Shell, limit: Limit, now: datetime) -> int:
    """Return how many uses of the site's count. Read beside transactions: it need not be exact. What cannot be read counts for nothing."""
    with suppress(Busy, CredkitError):
        records = await guarded(shell.records.load(_keys(shell, limit)))
        return sum(limit.used(Tally.from_payload(record.payload), now) for record in records.values())
    return 0


async def site_is_under_attack(shell: Shell, now: datetime) -> bool:
    """Return whether there were so many wrong codes lately that new ones have to be longer (OT-12)."""
    limit = shell.policy.limits.site_failures
    return await used_at_site(shell, limit, now) >= limit.count


async def watch_for_guesses(shell: Shell, now: datetime) -> None:
    """Raise the alarm if there were more wrong codes lately than people make (OT-12)."""
    if await used_at_site(shell, shell.policy.limits.site_failures, now) >= shell.policy.otp.site_alarm:
        await raise_alarm(shell, Cause.MANY_WRONG_CODES, now)


async def raise_alarm(shell: Shell, cause: Cause, now: datetime, *, about: str | None = None) -> None:
    """Tell the observer, unless somebody has told it the same within the hour; whatever goes wrong, the caller goes on."""
    limit = Limit(name=f"alarm-{cause}-{about or 'site'}", count=1, per=_HOUR)

    async def is_the_first(transaction: Transaction) -> bool:
        (meter,) = await load_meters(shell, transaction, [(limit, Subject.site())])
        return not meter.full(now) and meter.charge(transaction, now).counted

    with suppress(Busy, CredkitError):
        if await shell.transact(is_the_first):
            note(shell, EventKind.SITE_ALARM, Outcome.REFUSED, cause=cause, about=about)


def _keys(shell: Shell, limit: Limit) -> tuple[str, ...]:
    return tuple(shell.budget_keys(limit.name, Subject.shard(number))[0] for number in range(SHARDS))

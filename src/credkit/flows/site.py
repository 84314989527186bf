"""The counts of a whole site: kept over many records, written after the commit they are about, read by whoever wants to know.

They are an alarm and no limit (F8): all callers share them, so that one record of them would be in everybody's way, and what is
exact for each sign-in does not have to wait for them. A count that could not be written is lost, and nothing else.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final

from credkit.budgets import Limit, Tally
from credkit.errors import Busy, CredkitError
from credkit.flows.shell import Shell, Subject
from credkit.flows.transaction import Transaction, guarded

__all__ = ["count_at_site", "site_is_under_attack"]

SHARDS: Final = 16
"""Records of one count; each call writes one of them, taken by chance."""


async def count_at_site(shell: Shell, now: datetime) -> None:
    """Count one wrong code of the site; whatever goes wrong, the caller goes on."""
    limit = shell.policy.limits.site_failures
    key = _keys(shell, limit)[shell.entropy.below(SHARDS)]

    async def count(transaction: Transaction) -> None:
        (record,) = await transaction.load(key)
        tally = limit.charge(Tally() if record is None else Tally.from_payload(record.payload), now)
        expires_at = max(now + limit.memory, now if record is None else record.expires_at)
        transaction.put(key=key, kind=shell.kind("budget"), payload=tally.to_payload(), expires_at=expires_at)

    with suppress(Busy, CredkitError):
        await shell.transact(count)


async def site_is_under_attack(shell: Shell, now: datetime) -> bool:
    """Return whether there were more wrong codes lately than people make (OT-12). Read beside transactions: it need not be exact."""
    limit, keys = shell.policy.limits.site_failures, _keys(shell, shell.policy.limits.site_failures)
    records = await guarded(shell.records.load(keys))
    return sum(limit.used(Tally.from_payload(record.payload), now) for record in records.values()) >= limit.count


def _keys(shell: Shell, limit: Limit) -> tuple[str, ...]:
    return tuple(shell.budget_keys(limit.name, Subject.shard(number))[0] for number in range(SHARDS))

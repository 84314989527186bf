"""The history of a credential inside a transaction: loaded, put, and asked whether anything may be changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from credkit.errors import Reason, Refused
from credkit.flows.shell import Shell
from credkit.flows.transaction import Transaction
from credkit.history import Entry, History
from credkit.outbox import FOREVER
from credkit.payloads import to_payload

__all__ = ["HISTORY", "MEMORY", "UNDO", "load_history", "put_entry", "put_history", "require_unfrozen"]

HISTORY: Final = "history"
UNDO: Final = "undo"
"""Whose history the token in an undo or contest link is about."""

MEMORY: Final = timedelta(days=45)
"""How long a history is kept after it was written last: more than any span of it can be. One in dispute is kept until that is settled."""


async def load_history(shell: Shell, transaction: Transaction, credential_id: str) -> History:
    """Return the history of a credential; an empty one where nothing of its settings was changed lately.

    One that is over counts as gone, whether it has been purged or not: the key that it was sealed with may have been dropped (KE-04).
    """
    key = shell.credential_key(HISTORY, credential_id)
    (record,) = await transaction.load(key)
    if record is None or record.expires_at <= shell.clock.now():
        return History(credential_id=credential_id)
    return History.from_payload(record.payload, shell.codes, site=shell.site.id, record_key=key)


def put_history(shell: Shell, transaction: Transaction, history: History, now: datetime) -> None:
    """Write the history of a credential at commit."""
    key = shell.credential_key(HISTORY, history.credential_id)
    transaction.put(
        key=key,
        kind=shell.kind(HISTORY),
        payload=history.to_payload(shell.codes, site=shell.site.id, record_key=key),
        expires_at=now + (MEMORY if history.dispute is None else FOREVER),
    )


async def put_entry(shell: Shell, transaction: Transaction, history: History, entry: Entry, now: datetime) -> None:
    """Write the picture of a credential before its change, and where its undo link finds it, at commit."""
    key = shell.key(UNDO, entry.id)
    await transaction.load(key)
    transaction.put(
        key=key, kind=shell.kind(UNDO), payload=to_payload({"credential_id": history.credential_id}, {}), expires_at=entry.at + shell.policy.undo.undelivered
    )
    put_history(shell, transaction, history.with_entry(entry, shell.policy.undo), now)


async def require_unfrozen(shell: Shell, credential_id: str, now: datetime) -> None:
    """Go on only if no dispute or freeze holds the credential still. One that comes a moment later ends older proofs, so what was begun here fails then.

    Raises:
        Refused: CHANGES_FROZEN.
    """

    async def read(transaction: Transaction) -> bool:
        return (await load_history(shell, transaction, credential_id)).frozen(now)

    if await shell.transact(read):
        raise Refused(Reason.CHANGES_FROZEN)

"""The history of a credential inside a transaction: loaded, put, and asked whether anything may be changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from credkit.errors import Reason, Refused, UnknownKey
from credkit.flows.shell import Shell
from credkit.flows.transaction import Transaction
from credkit.history import Entry, History
from credkit.outbox import FOREVER
from credkit.payloads import to_payload

__all__ = ["HISTORY", "MEMORY", "UNDO", "history_key", "load_history", "put_entry", "put_history", "require_unfrozen"]

HISTORY: Final = "history"
UNDO: Final = "undo"
"""Whose history the token in an undo or contest link is about."""

MEMORY: Final = timedelta(days=45)
"""How long a history is kept after it was written last: more than any span of it can be. One in dispute is kept until that is settled."""


async def load_history(shell: Shell, transaction: Transaction, credential_id: str, *, for_the_way_back: bool = False) -> History:
    """Return the history of a credential; an empty one where nothing of its settings was changed lately.

    One that is over counts as gone, whether it has been purged or not: the key that it was sealed with may have been dropped (KE-04).
    One that was sealed with a key that is gone is trouble, but not where an owner would be locked out by it (promise 5): *for_the_way_back* it holds
    nothing back, as if it had been deleted, which whoever can write to the store can do anyway.

    Raises:
        UnknownKey: It was sealed with a key that is not on the ring.
        UnreadableRecord: It was tampered with.
    """
    key = history_key(shell, credential_id)
    (record,) = await transaction.load(key)
    if record is None or record.expires_at <= shell.clock.now():
        return History(credential_id=credential_id)
    try:
        return History.from_payload(record.payload, shell.codes, site=shell.site.id, record_key=key)
    except UnknownKey:
        if for_the_way_back:
            return History(credential_id=credential_id)
        raise


def put_history(shell: Shell, transaction: Transaction, history: History, now: datetime) -> None:
    """Write the history of a credential at commit."""
    key = history_key(shell, history.credential_id)
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


def history_key(shell: Shell, credential_id: str) -> str:
    """Return the name of a credential's history, which most credentials have not."""
    return shell.credential_key(HISTORY, credential_id)


async def require_unfrozen(shell: Shell, transaction: Transaction, credential_id: str, now: datetime) -> None:
    """Go on only if no dispute or freeze holds the credential still.

    Raises:
        Refused: CHANGES_FROZEN.
    """
    if (await load_history(shell, transaction, credential_id, for_the_way_back=True)).frozen(now):
        raise Refused(Reason.CHANGES_FROZEN)

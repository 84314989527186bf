"""How a credential is changed: the intent first, then the swap; and what a call may say when it comes too late.

The order is the promise. An intent without its change is harmless: the courier finds no mark and drops it behind a fence.
A change without its intent would leave the owner untold, so no swap is ever tried before an intent that is newer than
the credential it swaps (F1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from credkit.budgets import Limit
from credkit.context import Context
from credkit.credential import Credential
from credkit.errors import Busy, StoreError
from credkit.flows.challenges import OUTBOX
from credkit.flows.courier import FOREVER
from credkit.flows.metering import forget_uses
from credkit.flows.shell import Shell, Subject
from credkit.flows.transaction import ATTEMPTS, Transaction
from credkit.identifiers import Identifier
from credkit.messages import MessageKind
from credkit.outbox import Intent

__all__ = ["Changed", "Ended", "change_credential", "intent_of"]


class Ended(StrEnum):
    """Which sessions a change ended."""

    ALL = "all"
    OTHERS = "others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A change that is in force."""

    credential: Credential
    session_epoch: int
    """The epoch that sessions must have from now on; the acting session takes it over where `ended` is OTHERS (F32)."""
    ended: Ended
    """Whose sessions and refresh tokens the host has to end."""


def intent_of(kind: MessageKind, change_id: str, credential: Credential, *, context: Context, now: datetime, proved: Identifier | None = None) -> Intent:
    """Return the intent that announces a change to every verified identifier, before or by it (NO-08, RS-13)."""
    told = credential.told
    if proved is not None and proved not in told:
        told = (*told, proved)
    return Intent(
        id=change_id,
        at=now,
        device=context.device,
        place=context.place,
        locale=credential.locale,
        kind=kind,
        credential_id=credential.id,
        accounts=credential.accounts,
        destinations=told,
    )


async def change_credential(
    shell: Shell,
    before: Credential,
    *,
    intent: Callable[[Credential], Intent],
    change: Callable[[Credential], Credential],
    forgets: tuple[Limit, Subject] | None = None,
) -> Credential | None:
    """Swap *before* for what *change* makes of it, announced; return the credential as stored.

    The uses that it *forgets* begin anew with the intent, so a change that dies half-way has forgotten them, too: whoever may make it may try again.

    A swap that lost to one that ended no proofs (a rehash, the courier's fence) is tried again; `None` means that the
    generation has moved, or that the credential is gone or carries this change's mark already: the caller looks and decides.

    Raises:
        Busy: Others kept writing the credential.
        StoreError: The store failed, and it cannot be told whether the change was made.
    """
    current = before
    for _ in range(ATTEMPTS):
        announced = intent(current)
        after = change(current)
        due_at = await _write_intent(shell, announced, forgets)
        stored = await _replace(shell, current, after)
        if stored is not None:
            await shell.dispatch(due_at)
            return stored
        fresh = await shell.get(before.id)
        if fresh is None or fresh.generation != before.generation or fresh.has_mark(announced.id):
            return None
        current = fresh
    raise Busy


async def _write_intent(shell: Shell, intent: Intent, forgets: tuple[Limit, Subject] | None) -> datetime:
    """Write the intent under a new version, so that a courier about to forget it sees that the change is tried again."""
    due_at, key = shell.delivery_start(shell.clock.now()), shell.key(OUTBOX, intent.id)

    async def write(transaction: Transaction) -> None:
        await transaction.load(key)
        if forgets is not None:
            await forget_uses(shell, transaction, *forgets)
        transaction.put(key=key, kind=shell.kind(OUTBOX), payload=intent.to_payload(), expires_at=intent.at + FOREVER, due_at=due_at)

    counted = () if forgets is None else shell.budget_keys(forgets[0].name, forgets[1])
    # Most changes are made once, by people whose count is at nothing: then there are no such records.
    await shell.transact(write, presumed=dict.fromkeys((key, *counted)))
    return due_at


async def _replace(shell: Shell, old: Credential, new: Credential) -> Credential | None:
    """Return what `replace` returns; after a reply that was lost, what the store says now."""
    try:
        return await shell.replace(old, new)
    except StoreError:
        found = await shell.get(old.id)
        if found is None or found.password_hash != new.password_hash or found.generation != new.generation:
            raise
        return found

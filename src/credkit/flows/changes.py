"""How a credential is changed: the intent first, then the swap; and what a call may say when it comes too late.

The order is the promise. An intent without its change is harmless: the courier finds no mark and drops it behind a fence.
A change without its intent would leave the owner untold, so no swap is ever tried before an intent that is newer than
the credential it swaps (F1).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from credkit.context import Context
from credkit.credential import Credential
from credkit.devices import DeviceMark
from credkit.edits import Shown
from credkit.errors import Busy, StoreError
from credkit.flows.challenges import OUTBOX
from credkit.flows.shell import Shell
from credkit.flows.transaction import ATTEMPTS, Transaction
from credkit.identifiers import Identifier
from credkit.messages import MessageKind
from credkit.outbox import FOREVER, EventDue, Intent, NoticeDue

__all__ = ["Changed", "Ended", "Within", "change_credential", "fence", "intent_of", "put_notices", "words_of"]

Within: TypeAlias = Callable[[Transaction, Credential], Awaitable[None]]
"""What else has to hold, or is written, by the commit that announces a change. It is asked after the credential has been read: so once a gate has
been closed and the credential *fenced*, nothing that saw the gate open can land any more (F2)."""


class Ended(StrEnum):
    """Which sessions a change ended."""

    ALL = "all"
    OTHERS = "others"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A change that is in force."""

    credential: Credential
    session_epoch: int
    """The epoch that sessions must have from now on; the acting session takes it over where `ended` is OTHERS (F32)."""
    ended: Ended
    """Whose sessions and refresh tokens the host has to end."""
    device_mark: DeviceMark | None = field(default=None, repr=False, compare=False)
    """By what the acting device is known from now on, where the change has proved the password, or set it after a code: it ended all earlier marks.
    Two answers about one change are equal whatever marks they hold."""


def intent_of(
    kind: MessageKind,
    change_id: str,
    credential: Credential,
    *,
    context: Context,
    now: datetime,
    proved: Identifier | None = None,
    also: Sequence[Identifier] = (),
    shown: tuple[Shown, ...] = (),
    link_id: str | None = None,
) -> Intent:
    """Return the intent that announces a change to every verified identifier, before or by it, and to *also* (NO-08, RS-13)."""
    told: list[Identifier] = [*credential.told, *([] if proved is None else [proved]), *also]
    return Intent(
        id=change_id,
        at=now,
        device=context.device,
        place=context.place,
        locale=credential.locale,
        kind=kind,
        credential_id=credential.id,
        accounts=credential.accounts,
        destinations=tuple(dict.fromkeys(told)),
        shown=shown,
        link_id=link_id,
    )


async def change_credential(
    shell: Shell,
    before: Credential,
    *,
    intent: Callable[[Credential], Intent],
    change: Callable[[Credential], Credential],
    within: Within | None = None,
    presumes: Sequence[str] = (),
) -> Credential | None:
    """Swap *before* for what *change* makes of it, announced; return the credential as stored.

    *within* is part of the commit that announces, so what it writes holds also where the change dies half-way. *presumes* names records of its that
    most likely are not there, which saves loading them (see `transact`); the intent itself is one.

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
        due_at = await _write_intent(shell, announced, current, within, presumes)
        stored = await _replace(shell, current, after)
        if stored is not None:
            await shell.dispatch(due_at)
            return stored
        fresh = await shell.get(before.id)
        if fresh is None or fresh.generation != before.generation or fresh.has_mark(announced.id):
            return None
        current = fresh
    raise Busy


async def fence(shell: Shell, credential_id: str) -> None:
    """Let no change land that was begun before: closing whatever gates changes is over only after this (F2).

    A swap that is lost does as well: whoever won it wrote a new version after the gate was closed, or had read the gate before and is through.
    """
    credential = await shell.get(credential_id)
    if credential is not None:
        await shell.replace(credential, credential)


def put_notices(shell: Shell, transaction: Transaction, announced: Intent, due_at: datetime) -> None:
    """Queue the notices of something that happens by this very commit, so that there is no change in another store to wait for."""
    for key, item in words_of(shell, announced).items():
        transaction.put(key=key, kind=shell.kind(OUTBOX), payload=item.to_payload(), expires_at=announced.at + FOREVER, due_at=due_at)


def words_of(shell: Shell, announced: Intent) -> dict[str, NoticeDue | EventDue]:
    """Return what goes out about a change, by the names of the records: its notices and, where there is an observer, its event."""
    items: list[NoticeDue | EventDue] = [*announced.notices()]
    if shell.observer is not None:
        items.append(EventDue.of(announced))
    return {shell.key(OUTBOX, item.id): item for item in items}


async def _write_intent(shell: Shell, intent: Intent, current: Credential, within: Within | None, presumes: Sequence[str]) -> datetime:
    """Write the intent under a new version, so that a courier about to forget it sees that the change is tried again."""
    due_at, key = shell.delivery_start(shell.clock.now()), shell.key(OUTBOX, intent.id)

    async def write(transaction: Transaction) -> None:
        if within is not None:
            await within(transaction, current)
        await transaction.load(key)
        transaction.put(key=key, kind=shell.kind(OUTBOX), payload=intent.to_payload(), expires_at=intent.at + FOREVER, due_at=due_at)

    await shell.transact(write, presumed=dict.fromkeys((key, *presumes)))
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

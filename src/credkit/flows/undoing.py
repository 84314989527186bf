"""Rolling back: a credential becomes again what it was before a change, announced like any other change, and what the change touched is held back.

Both ways to it meet here: an undo that was proved, and a dispute that nobody contested.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from credkit.context import Context
from credkit.credential import Credential
from credkit.errors import Busy, IdentifierTaken, Reason, Refused
from credkit.flows.changes import change_credential, intent_of
from credkit.flows.histories import load_history, put_history
from credkit.flows.shell import Shell
from credkit.flows.transaction import ATTEMPTS, Transaction
from credkit.history import Entry, History, restored
from credkit.messages import MessageKind
from credkit.outbox import Intent

__all__ = ["Grounds", "roll_back"]

Grounds: TypeAlias = Callable[[History, Entry, Credential], None]
"""What an undo rests on: a proof, a silence, or the host's word. It raises `Refused` where that holds no more."""


async def roll_back(shell: Shell, credential_id: str, entry_id: str, *, grounds: Grounds, change_id: str, context: Context) -> Credential:
    """Undo the change of that entry and all later ones; return the credential as it is then.

    *grounds* are asked by the commit that comes before each swap, of the credential that is swapped: what they rested on a moment ago may have
    been given up, contested or decided otherwise since (F2).

    What is held back is written before the swap, so that no code goes to what the change touched from the moment it is undone. The entries
    go after it: a crash in between leaves a link that, proved again, gives back the same state once more.

    Raises:
        Refused: The entry is gone, so it has been undone already; or another sign-in has one of the identifiers by now; or what *grounds* raise.
        Busy: Others kept writing the credential.
    """
    for _ in range(ATTEMPTS):
        credential = await shell.get(credential_id)
        if credential is None:
            raise Refused(Reason.UNDO_INVALID)
        if credential.has_mark(change_id) or await _swap(shell, credential, entry_id, grounds, change_id=change_id, context=context):
            return await _after(shell, credential_id, entry_id)
    raise Busy


async def _swap(shell: Shell, credential: Credential, entry_id: str, grounds: Grounds, *, change_id: str, context: Context) -> bool:
    """Return whether the credential is rolled back now; if not, somebody has changed it meanwhile."""
    now, generation = shell.clock.now(), shell.fresh_id()
    history = await _history(shell, credential.id)
    entry = _require_entry(history, entry_id)
    undone = history.entries[history.entries.index(entry) :]

    async def hold_back(transaction: Transaction, current: Credential) -> None:
        history = await load_history(shell, transaction, current.id)
        touched = _require_entry(history, entry_id)
        grounds(history, touched, current)
        hold = history.hold_after_undo(touched, current, now, shell.policy.undo)
        put_history(shell, transaction, replace(history, hold=hold), now)

    def announced(current: Credential) -> Intent:
        return intent_of(MessageKind.CHANGES_UNDONE, change_id, current, context=context, now=now, also=entry.verified, shown=entry.shown)

    def rolled_back(current: Credential) -> Credential:
        return restored(entry, current, change_id=change_id, generation=generation, now=now, undone=undone)

    try:
        return await change_credential(shell, credential, intent=announced, change=rolled_back, within=hold_back) is not None
    except IdentifierTaken:
        raise Refused(Reason.IDENTIFIER_TAKEN) from None


async def _after(shell: Shell, credential_id: str, entry_id: str) -> Credential:
    """Void the links of what has been undone, end a dispute about it, and return the credential."""
    now = shell.clock.now()

    async def forget(transaction: Transaction) -> None:
        history = await load_history(shell, transaction, credential_id)
        if history.entry(entry_id) is not None:
            put_history(shell, transaction, history.without(entry_id), now)

    await shell.transact(forget)
    credential = await shell.get(credential_id)
    if credential is None:
        raise Refused(Reason.UNDO_INVALID)
    return credential


async def _history(shell: Shell, credential_id: str) -> History:
    async def read(transaction: Transaction) -> History:
        return await load_history(shell, transaction, credential_id)

    return await shell.transact(read)


def _require_entry(history: History, entry_id: str) -> Entry:
    entry = history.entry(entry_id)
    if entry is None:
        raise Refused(Reason.UNDO_INVALID)
    return entry

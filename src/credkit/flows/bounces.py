"""Identifiers that can never be reached again: they prove nothing about their owner any more, and soon may be somebody else's (ID-19)."""

from __future__ import annotations

from dataclasses import replace

from credkit.context import Context
from credkit.credential import Credential, Standing
from credkit.edits import Shown
from credkit.errors import Busy, Reason, Refused, UnknownKey
from credkit.flows.changes import change_credential, intent_of
from credkit.flows.histories import load_history
from credkit.flows.shell import Shell
from credkit.flows.transaction import Transaction
from credkit.messages import Message, MessageKind
from credkit.outbox import Intent
from credkit.payloads import UnreadableRecord
from credkit.sms import reaches

__all__ = ["withdraw_unreachable"]


async def withdraw_unreachable(shell: Shell, message: Message) -> None:
    """Take back the verification of where *message* can never be delivered, if its owner can be reached elsewhere; tell them there.

    Elsewhere has to be trusted by itself: not added lately, and no number gone stale. Otherwise all stays as it is, as the owner would be shut out.
    The same message repeated, after a crash, finds it done. What makes a message bounce is its address, and not whoever asked for it.

    Raises:
        Busy: Others kept writing the credential.
        StoreError: A store failed; the message is still due, and tried again.
    """
    credential = None if message.credential_id is None else await shell.get(message.credential_id)
    entry = None if credential is None else credential.registered(message.to)
    if credential is None or entry is None or entry.standing is not Standing.VERIFIED:
        return
    gone, now, change_id, generation = entry.identifier, shell.clock.now(), f"{message.id}.unreachable", shell.fresh_id()

    def intent(current: Credential) -> Intent:
        line = Shown(what="cannot be reached, so no longer confirmed", old=gone.masked)
        whole = intent_of(MessageKind.SETTINGS_CHANGED, change_id, current, context=Context.none(), now=now, shown=(line,))
        return replace(whole, destinations=tuple(to for to in whole.destinations if to != gone))

    async def within(transaction: Transaction, current: Credential) -> None:
        history = await load_history(shell, transaction, current.id)
        trusted = history.trusted(current, now, shell.policy.approvals.cooling_off)
        others = [r for r in current.identifiers if r.identifier in trusted and r.identifier != gone]
        if not any(reaches(shell.policy.sms, other, now) for other in others):
            raise Refused(Reason.IDENTIFIER_LAST)

    try:
        await change_credential(
            shell,
            credential,
            intent=intent,
            change=lambda current: current.without_proof_of(gone, change_id=change_id, generation=generation, now=now),
            within=within,
        )
    except Busy:
        raise
    except (Refused, UnknownKey, UnreadableRecord):
        return  # the only way to its owner, too many changes, or a history that cannot be read: it stays as it is

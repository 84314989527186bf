"""Reminding people what they sign in with: sent to the contact that was typed if it is theirs, and nowhere else (SI-06).

`send` asks nobody whose it is: one load, one commit, the same for everybody (F17). It earns nothing and changes nothing, so there is no ticket.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from credkit.budgets import Limit
from credkit.context import Context
from credkit.errors import Reason
from credkit.events import EventKind
from credkit.flows.challenges import OUTBOX
from credkit.flows.metering import charge_all, load_meters
from credkit.flows.shell import IdentifierInput, Shell, Subject
from credkit.flows.trails import Trail
from credkit.flows.transaction import Transaction
from credkit.lifting import finish
from credkit.outbox import ReminderDue

__all__ = ["AsyncReminder", "Reminder"]

_LIFE: Final = timedelta(hours=1)
"""How long it may wait for a notifier that fails: after that its reader has asked again, or got in."""


@dataclass(frozen=True, slots=True)
class AsyncReminder:
    """Remind somebody what they sign in with."""

    _shell: Shell

    async def send(self, identifier: IdentifierInput, *, context: Context) -> None:
        """Send to *identifier* what its owner signs in with, masked, if it is anybody's; say nothing of whether it was.

        Raises:
            InvalidIdentifier: What was typed is neither an email address nor a phone number.
            Refused: TOO_MANY_REQUESTS, with `retry_after`.
            Busy: Others kept writing; nothing was sent.
            StoreError: The store failed; it may or may not be sent, and the call can be repeated.
        """
        with Trail(self._shell, EventKind.REMINDER, context) as trail:
            await self._send(trail, identifier, context)

    async def _send(self, trail: Trail, identifier: IdentifierInput, context: Context) -> None:
        shell, now = self._shell, self._shell.clock.now()
        typed = trail.typed(shell.parse(identifier, context))
        item = ReminderDue(id=shell.fresh_id(), at=now, device=context.device, place=context.place, locale=context.locale, typed=typed)
        trail.about(item.id)

        async def queue(transaction: Transaction) -> datetime:
            meters = await load_meters(shell, transaction, self._limits(item, context))
            charge_all(transaction, meters, now, Reason.TOO_MANY_REQUESTS)
            due_at = shell.delivery_start(now)
            transaction.put(key=shell.key(OUTBOX, item.id), kind=shell.kind(OUTBOX), payload=item.to_payload(), expires_at=now + _LIFE, due_at=due_at)
            return due_at

        await shell.dispatch(await shell.transact(queue))

    def _limits(self, item: ReminderDue, context: Context) -> list[tuple[Limit, Subject]]:
        limits, seen = self._shell.policy.limits, self._shell.seen_by(item.typed, context, "begin:reminder")
        return [(limits.begins, seen.subject), *([] if seen.network is None else [(limits.network_begins, seen.network)])]


class Reminder:
    """Remind somebody what they sign in with, from blocking code."""

    __slots__ = ("_flow",)

    def __init__(self, shell: Shell) -> None:
        self._flow = AsyncReminder(shell)

    def send(self, identifier: IdentifierInput, *, context: Context) -> None:
        """Send to *identifier* what its owner signs in with, masked, if it is anybody's; say nothing of whether it was.

        Raises:
            InvalidIdentifier: What was typed is neither an email address nor a phone number.
            Refused: TOO_MANY_REQUESTS, with `retry_after`.
            Busy: Others kept writing; nothing was sent.
            StoreError: The store failed; it may or may not be sent, and the call can be repeated.
        """
        return finish(self._flow.send(identifier, context=context))

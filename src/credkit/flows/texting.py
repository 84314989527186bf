"""Text messages that strangers cause, counted over the whole site: a cap that holds, as each one costs the host money (ID-13)."""

from __future__ import annotations

from datetime import datetime

from credkit.flows.metering import Meter, load_meters
from credkit.flows.shell import Shell, Subject
from credkit.flows.transaction import Transaction
from credkit.identifiers import Identifier, PhoneNumber

__all__ = ["text_meters"]


async def text_meters(shell: Shell, transaction: Transaction, destination: Identifier, now: datetime) -> tuple[Meter, ...] | None:
    """Return what a message to *destination* is to be charged to beside its own limits: one part of the cap, for a phone; nothing, for an email address.

    `None` if it may not be sent there: no text goes to that number, or the cap is used up. One part is looked at, in random order so that couriers do
    not wait for each other; only where that is full are the others, so the cap is used to the last message and never passed.
    """
    if not isinstance(destination, PhoneNumber):
        return ()
    sms = shell.policy.sms
    if sms is None or not sms.allows(destination):
        return None
    stripes = [(limit, Subject.shard(number)) for number, limit in enumerate(sms.stripes())]
    if not stripes:
        return ()
    first = shell.entropy.below(len(stripes))
    for wanted in ([stripes[first]], stripes):
        for meter in await load_meters(shell, transaction, wanted):
            if not meter.full(now):
                return (meter,)
    return None

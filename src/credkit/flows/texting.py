"""Text messages that strangers cause, counted over the whole site: a cap that holds, as each one costs the host money (ID-13)."""

from __future__ import annotations

from datetime import datetime

from credkit.flows.metering import Meter, load_meters
from credkit.flows.shell import Shell, Subject
from credkit.flows.transaction import Transaction
from credkit.identifiers import Identifier, PhoneNumber

__all__ = ["text_meters"]


async def text_meters(shell: Shell, transaction: Transaction, destination: Identifier, now: datetime) -> tuple[Meter, ...] | None:
    """Return what a message to *destination* is to be charged to beside its own limits: the cap of the site, for a phone; nothing, for an email address.

    `None` if it may not be sent there: no text goes to that number, or the cap is used up.
    """
    if not isinstance(destination, PhoneNumber):
        return ()
    sms = shell.policy.sms
    if sms is None or not sms.allows(destination):
        return None
    meters = await load_meters(shell, transaction, [] if sms.cap is None else [(sms.cap, Subject.site())])
    return None if any(meter.full(now) for meter in meters) else meters

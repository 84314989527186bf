"""How many of the codes sent by text message come back right, by region: few do while somebody has them sent to numbers that he earns by (AU-08).

Counted late and over many records, as everything of the whole site is. An alarm and no limit: the limit is the cap of the day.
"""

from __future__ import annotations

from datetime import datetime

from credkit.events import Cause
from credkit.flows.shell import Shell
from credkit.flows.site import count_at_site, raise_alarm, used_at_site
from credkit.identifiers import Identifier, PhoneNumber
from credkit.identifiers.lines import line_of
from credkit.sms import texts_back, texts_sent

__all__ = ["count_back", "count_sent"]


async def count_back(shell: Shell, destination: Identifier, now: datetime) -> None:
    """Count a code that came back right, if it went out by text message; whatever goes wrong, the caller goes on."""
    region = _region(destination)
    if region is not None:
        await count_at_site(shell, texts_back(region), now)


async def count_sent(shell: Shell, destination: Identifier, now: datetime) -> None:
    """Count a code that went out, if it did by text message, and raise the alarm of its region if too few come back."""
    region, sms = _region(destination), shell.policy.sms
    if region is None or sms is None:
        return
    await count_at_site(shell, texts_sent(region), now)
    sent, back = await used_at_site(shell, texts_sent(region), now), await used_at_site(shell, texts_back(region), now)
    if sms.is_pumped(sent, back):
        await raise_alarm(shell, Cause.FEW_CODES_BACK, now, about=region)


def _region(destination: Identifier) -> str | None:
    return line_of(destination).region if isinstance(destination, PhoneNumber) else None

"""A message that a stranger may have asked for: whether it goes out, where to, and how strong the proof in it has to be.

All of it is decided by the courier, off the request path, and in the commit that leases the message: whoever asked sees nothing of it (F13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from credkit.budgets import Limit
from credkit.credential import Credential
from credkit.flows.challenges import BOUND_AT_ONCE, failures_of, owned
from credkit.flows.histories import load_history
from credkit.flows.metering import forget_uses, load_meters
from credkit.flows.shell import Shell, Subject
from credkit.flows.site import site_is_under_attack
from credkit.flows.texting import text_meters
from credkit.flows.transaction import Transaction
from credkit.identifiers import Identifier
from credkit.otp import Binding, Challenge, Issue, Link, link_secret, stop_secret
from credkit.secret import Secret
from credkit.sms import reached
from credkit.tickets import Purpose, Token

__all__ = ["Sending", "bindings_of", "bound_to", "choose", "credential_of", "forget_sends", "link_to", "may_send", "stop_link"]


@dataclass(frozen=True, slots=True)
class Sending:
    """Where a code goes."""

    binding: Binding
    piled_up: bool
    """Whether there were so many messages lately that somebody else may be asking for them."""


async def credential_of(shell: Shell, challenge: Challenge) -> Credential | None:
    """Return whose a code would be: of the one who asked in a signed-in session, or of whoever signs in with what was typed."""
    if challenge.purpose in BOUND_AT_ONCE and challenge.binding is not None and challenge.binding.credential_id is not None:
        return await shell.get(challenge.binding.credential_id)
    return await shell.find(challenge.identifier)


async def bindings_of(shell: Shell, transaction: Transaction, challenge: Challenge, credential: Credential | None, now: datetime) -> tuple[Binding, ...]:
    """Return whom a code concerns and where it may go, best first; nowhere, if nobody may have it."""
    if challenge.purpose is Purpose.SIGN_UP:
        return (Binding(destination=challenge.identifier),)
    if credential is None or credential.disabled:
        return ()
    if challenge.purpose in BOUND_AT_ONCE:
        return () if challenge.binding is None else (challenge.binding,)
    policy, history = shell.policy, await load_history(shell, transaction, credential.id, for_the_way_back=True)
    trusted = history.destinations(credential, challenge.identifier, now, policy.approvals.cooling_off)
    destinations = reached(policy.sms, credential, trusted, now)
    bindings = tuple(Binding(destination=to, credential_id=credential.id, generation=credential.generation) for to in destinations)
    # A code that has been sent once stays with whom and where it went; after a resend it is a new one, and belongs to nobody yet.
    return bindings if challenge.binding is None else tuple(binding for binding in bindings if binding == challenge.binding)


async def choose(
    shell: Shell, transaction: Transaction, bindings: Sequence[Binding], now: datetime, *, again: bool, sparing: bool, known: bool
) -> Sending | None:
    """Return the first of *bindings* whose destination has room for one more message, with that counted; a delivery tried *again* counts once.

    Where none has, a message that was asked for on a device *known* to the credential goes out all the same, a few times (F12).
    """
    for binding in bindings:
        if again:
            return Sending(binding, piled_up=False)
        sent = await may_send(shell, transaction, binding, now, sparing=sparing)
        if sent is not None:
            return Sending(binding, piled_up=sent + 1 >= shell.policy.otp.link_from)
    if bindings and known and await _has_kept_one(shell, transaction, bindings[0], now):
        return Sending(bindings[0], piled_up=True)
    return None


async def bound_to(shell: Shell, transaction: Transaction, challenge: Challenge, sending: Sending, now: datetime) -> Challenge:
    """Return the challenge with whose it is, a code as long as it has to be, and the link that goes out with it."""
    otp, binding = shell.policy.otp, sending.binding
    issue, by_day = challenge.issue, not owned(binding)
    failures = (await failures_of(shell, transaction, challenge.identifier, binding)).used(now)
    # A code that may have been read already is replaced only if it can not be right any more.
    if challenge.binding is None or not otp.compares(issue, failures, by_day=by_day):
        issue = _as_long_as(shell, issue, otp.length_for(failures, by_day=by_day, longer=await site_is_under_attack(shell, now)))
    return replace(challenge, issue=issue, binding=binding, link=_link_for(shell, challenge, sending, now))


def _as_long_as(shell: Shell, issue: Issue, digits: int | None) -> Issue:
    if digits == (None if issue.letters else issue.digits):
        return issue
    other = replace(issue, letters=True) if digits is None else replace(issue, digits=digits, letters=False)
    return replace(other, c=shell.entropy.below(other.space))


def _link_for(shell: Shell, challenge: Challenge, sending: Sending, now: datetime) -> Link | None:
    """Return the link to send beside the code, or instead of it; one that was sent before stays good where none is sent now.

    Where messages pile up, somebody else may be asking for them, and may go on until none is left for the owner. So these carry a link that
    outlasts that (F12). In a text message it lives as long as a code: a phone number is worth less as proof.
    """
    destination = sending.binding.destination
    if challenge.purpose is not Purpose.PASSWORD_RESET or shell.site.paths.reset is None:
        return challenge.link
    lasting = sending.piled_up and destination.kind == "email"
    if not lasting and shell.policy.reset_by != "link":
        return challenge.link
    before, ends = challenge.link, challenge.issue.expires_at
    if before is not None and before.binding == sending.binding and (before.expires_at > ends or (before.expires_at == ends and not lasting)):
        return before  # or whoever asks again would void the link that somebody is about to open
    until = now + shell.policy.otp.link_lifetime if lasting else ends
    return Link(key_id=shell.codes.current, nonce=shell.entropy.token(16), binding=sending.binding, expires_at=until)


def link_to(shell: Shell, challenge: Challenge) -> Secret | None:
    """Return the link that proves what the code of a reset proves, if one goes out with this message."""
    link = challenge.link
    if link is None or link.binding != challenge.binding:
        return None
    secret = link_secret(challenge, link, shell.codes, site=shell.site.id)
    return Secret(shell.site.link(shell.site.paths.reset, Token(challenge.id, secret).text))


def stop_link(shell: Shell, challenge: Challenge, destination: Identifier) -> Secret | None:
    """Return the link that says "I did not ask", where the site has a page for it and the message has room."""
    site = shell.site
    if challenge.purpose is not Purpose.PASSWORD_RESET or site.paths.stop is None or destination.kind == "phone":
        return None
    secret = stop_secret(challenge, destination, shell.codes, site=site.id)
    return Secret(site.link(site.paths.stop, Token(challenge.id, secret).text))


async def may_send(shell: Shell, transaction: Transaction, binding: Binding, now: datetime, *, sparing: bool = False) -> int | None:
    """Charge the budgets of the destination, the credential and the site, and return how many messages the destination had before.

    `None` if one of them is used up, and nothing was charged. Nobody sees which. *Sparing* finds a budget used up at half: for messages that anybody
    can ask for and that lead nobody back in, as some must be left for those that do (F12).
    """
    meters = await load_meters(shell, transaction, _sends_of(shell, [binding.destination], binding.credential_id))
    texts = await text_meters(shell, transaction, binding.destination, now)
    if texts is None or any(meter.used(now) >= (-(-meter.limit.count // 2) if sparing else meter.limit.count) for meter in meters):
        return None
    before = max(meter.used(now) for meter in meters)
    for meter in (*meters, *texts):
        meter.charge(transaction, now)
    return before


async def _has_kept_one(shell: Shell, transaction: Transaction, binding: Binding, now: datetime) -> bool:
    """Charge the sends that are kept for the known devices of a credential, and return whether one was left, and a text message may go there.

    They are one count for all devices of a credential: a mark comes with every sign-in, so that one by device would be none for its owner.
    """
    limits, owner = shell.policy.limits, Subject.credential(binding.credential_id or "")
    kept, account = await load_meters(shell, transaction, [(limits.device_sends, owner), (limits.account_sends, owner)])
    texts = await text_meters(shell, transaction, binding.destination, now)
    if texts is None or kept.full(now):
        return False
    for meter in (kept, account, *texts):
        meter.charge(transaction, now)
    return True


async def forget_sends(shell: Shell, transaction: Transaction, destinations: Sequence[Identifier], credential_id: str) -> None:
    """Let the messages be counted anew: a new password ends every link that was sent, so none of them would lead back in another time (F12)."""
    sends = _sends_of(shell, destinations, credential_id)
    await transaction.load(*(key for limit, subject in sends for key in shell.budget_keys(limit.name, subject)))
    for limit, subject in sends:
        await forget_uses(shell, transaction, limit, subject)


def _sends_of(shell: Shell, destinations: Sequence[Identifier], credential_id: str | None) -> list[tuple[Limit, Subject]]:
    """Return what counts the messages to *destinations* and, over all of its destinations, those of a credential."""
    limits = shell.policy.limits
    there = [Subject.identifier(destination, what="destination") for destination in destinations]
    wanted = [(limit, destination) for destination in there for limit in (limits.sends_hour, limits.sends_day)]
    return wanted if credential_id is None else [*wanted, (limits.account_sends, Subject.credential(credential_id))]

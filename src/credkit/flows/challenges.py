"""The steps that journeys with a one-time code share: begin, look, resend, verify; and spending what verify yields.

`begin` asks nobody who the identifier belongs to: one load, one commit, the same for everybody (F17). `verify` never
touches the credential store: it compares, commits the count together with the challenge, and only then tells.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from credkit.budgets import Limit
from credkit.context import Context
from credkit.credential import Credential
from credkit.devices import Device
from credkit.errors import Reason, Refused
from credkit.events import Cause
from credkit.flows.conversions import count_back
from credkit.flows.metering import Meter, charge_all, load_meters
from credkit.flows.shell import IdentifierInput, Seen, Shell, Subject
from credkit.flows.site import count_at_site
from credkit.flows.trails import Trail
from credkit.flows.transaction import Transaction
from credkit.grants import GrantRecord, grant_secret, proves
from credkit.identifiers import Identifier
from credkit.otp import (
    ALPHABET,
    Binding,
    Challenge,
    Decision,
    Issue,
    Verdict,
    code_of,
    judge,
    judge_link,
    link_secret,
    normalize_code,
    stop_secret,
)
from credkit.outbox import CodeDue
from credkit.secret import Secret
from credkit.tickets import Asked, EditWindow, Grant, GrantInput, Purpose, Ticket, TicketInput, Token, cookie_name, encode_bytes, ended_cookie, secret_digest

__all__ = [
    "BOUND_AT_ONCE",
    "CHALLENGE",
    "GRANT",
    "OUTBOX",
    "RETENTION",
    "Challenges",
    "Within",
    "failures_of",
    "owned",
    "same_session",
    "token_of",
    "verdict_reasons",
]

CHALLENGE: Final = "challenge"
GRANT: Final = "grant"
OUTBOX: Final = "outbox"

BOUND_AT_ONCE: Final = frozenset({Purpose.IDENTIFIER, Purpose.UNDO})
"""Journeys in which it is known whose code it is and where it goes when it is asked for. Elsewhere the courier finds out."""

Within: TypeAlias = Callable[[Transaction, str], Awaitable[None]]
"""What else has to hold, or is written, by the same commit as a step; it is given the id of the challenge."""

RETENTION: Final = timedelta(minutes=30)
"""How long an ended challenge is kept, so that its page hears "expired" and not "unknown"."""

verdict_reasons: Final = {
    Verdict.WRONG: Reason.CODE_WRONG,
    Verdict.EXHAUSTED: Reason.CODE_EXHAUSTED,
    Verdict.EXPIRED: Reason.CODE_EXPIRED,
    Verdict.USED: Reason.CODE_USED,
}


@dataclass(frozen=True, slots=True)
class Challenges:
    """The shared steps, for one purpose."""

    shell: Shell
    purpose: Purpose

    @property
    def cookie_name(self) -> str:
        """See `tickets.cookie_name`."""
        return cookie_name(self.purpose, insecure=self.shell.site.insecure)

    def ended_cookie(self) -> dict[str, Any]:
        """See `tickets.ended_cookie`."""
        return ended_cookie(self.purpose, insecure=self.shell.site.insecure)

    async def begin(
        self, identifier: IdentifierInput, context: Context, trail: Trail, *, binding: Binding | None = None, within: Within | None = None
    ) -> Ticket:
        """Open a challenge for what was typed, whoever that is, and queue its message. *binding* is given where it is known whose it is."""
        shell, now = self.shell, self.shell.clock.now()
        typed = trail.typed(shell.parse(identifier, context))
        token = Token(shell.fresh_id(), Secret(encode_bytes(shell.entropy.token(32))))
        trail.about(token.id)
        challenge = Challenge(
            id=token.id,
            purpose=self.purpose,
            secret_digest=secret_digest(self.purpose, token.id, token.secret),
            session_digest=shell.session_digest(context),
            identifier=typed,
            label="".join(ALPHABET[shell.entropy.below(len(ALPHABET))] for _ in range(3)),
            begun_at=now,
            resend_at=now + self._pause(0),
            resends=0,
            tries_left=shell.policy.otp.comparisons,
            issue=self._issue(1, now),
            binding=binding,
        )

        seen = self._seen_by(typed, context)

        async def open_challenge(transaction: Transaction) -> datetime:
            if within is not None:
                await within(transaction, challenge.id)
            meters = await load_meters(shell, transaction, self._begin_limits(seen))
            charge_all(transaction, meters, now, Reason.TOO_MANY_REQUESTS)
            due_at = self._not_too_soon(meters[0], shell.delivery_start(now))
            self._put(transaction, challenge)
            self._queue(transaction, challenge, context, seen.device, now, due_at)
            return due_at

        due_at = await shell.transact(open_challenge)
        await shell.dispatch(due_at)
        return self._ticket(challenge, token)

    async def look(self, ticket: TicketInput, context: Context) -> Ticket:
        """Return the ticket's facts as they are now; count nothing."""
        token = token_of(ticket, Reason.TICKET_INVALID)

        async def read(transaction: Transaction) -> Challenge:
            return await self._load(transaction, token, context)

        return self._ticket(await self.shell.transact(read), token)

    async def resend(self, ticket: TicketInput, context: Context, trail: Trail, *, within: Within | None = None) -> Ticket:
        """Queue the message again: the same code in the first half of its life, a new one later (F22)."""
        shell, now = self.shell, self.shell.clock.now()
        token = token_of(ticket, Reason.TICKET_INVALID)
        fresh = self._issue(0, now)

        async def send_again(transaction: Transaction) -> tuple[Challenge, datetime]:
            if within is not None:
                await within(transaction, token.id)
            challenge = await self._load(transaction, token, context)
            self._require_resend(challenge, now)
            seen = self._seen_by(challenge.identifier, context)
            meters = await load_meters(shell, transaction, self._network_limits(seen))
            charge_all(transaction, meters, now, Reason.TOO_MANY_REQUESTS)
            after = _renewed(challenge, fresh, now, self._pause(challenge.resends + 1))
            due_at = shell.delivery_start(now)
            self._put(transaction, after)
            self._queue(transaction, after, context, seen.device, now, due_at)
            return after, due_at

        after, due_at = await shell.transact(send_again)
        _note(trail, after)
        await shell.dispatch(due_at)
        return self._ticket(after, token)

    async def verify(self, ticket: TicketInput, code: str, context: Context, trail: Trail, *, within: Within | None = None) -> Grant:
        """Compare one guess, count it, and only then tell."""
        shell, now = self.shell, self.shell.clock.now()
        token = token_of(ticket, Reason.TICKET_INVALID)
        guess = normalize_code(code)
        if guess is None:
            raise Refused(Reason.CODE_MALFORMED)
        grant_id, nonce = shell.fresh_id(), shell.entropy.token(32)

        async def compare(transaction: Transaction) -> tuple[Decision, Challenge, GrantRecord | None]:
            trail.because(None)
            if within is not None:
                await within(transaction, token.id)
            challenge = await self._load(transaction, token, context)
            failures = await failures_of(shell, transaction, challenge.identifier, challenge.binding)
            expected = code_of(challenge, shell.codes, site=shell.site.id, record_key=shell.key(CHALLENGE, challenge.id))
            allowed = not challenge.stopped and shell.policy.otp.compares(challenge.issue, failures.used(now), by_day=not owned(challenge.binding))
            decision = judge(challenge, guess, expected, now=now, allowed=allowed, grant_id=grant_id, repeat=shell.policy.otp.repeat)
            if decision.compared:
                failures.charge(transaction, now)
            after = decision.after or challenge
            if decision.after is not None:
                self._put(transaction, after)
            grant = await self._grant_for(transaction, decision, after, nonce, now)
            trail.because(_cause_of(decision, challenge, allowed=allowed))
            return decision, after, grant

        decision, after, grant = await shell.transact(compare)
        _note(trail, after)
        if decision.compared:
            await count_at_site(shell, shell.policy.limits.site_failures, now)
        if grant is None:
            raise Refused(verdict_reasons[decision.verdict], tries_left=after.tries_left)
        if decision.verdict is Verdict.RIGHT:
            await count_back(shell, grant.identifier, now)
        return self._grant(grant)

    async def redeem(self, link: str, context: Context, trail: Trail) -> Grant:
        """Exchange the token of a reset link for a grant: what it proves nobody can guess, so a wrong one is not counted (RS-15)."""
        shell, now = self.shell, self.shell.clock.now()
        token = Token.in_link(link)
        if token is None:
            raise Refused(Reason.TICKET_INVALID)
        grant_id, nonce = shell.fresh_id(), shell.entropy.token(32)

        async def compare(transaction: Transaction) -> tuple[Decision, GrantRecord | None]:
            challenge = await self._sent(transaction, token)
            link = challenge.link
            if link is None or not token.proves(link_secret(challenge, link, shell.codes, site=shell.site.id)):
                raise Refused(Reason.TICKET_INVALID)
            # Opened on whatever device reads the mail: from here on the journey belongs to the session there.
            moved = replace(challenge, session_digest=shell.session_digest(context))
            decision = judge_link(moved, link, now=now, grant_id=grant_id, repeat=shell.policy.otp.repeat)
            if decision.after is not None:
                self._put(transaction, decision.after)
            return decision, await self._grant_for(transaction, decision, decision.after or moved, nonce, now)

        decision, grant = await shell.transact(compare)
        trail.of(None if grant is None else grant.credential_id)
        if grant is None or not same_session(grant.session_digest, shell.session_digest(context)):
            raise Refused(verdict_reasons.get(decision.verdict, Reason.CODE_USED))
        return self._grant(grant)

    async def stop(self, link: str, typed: IdentifierInput, context: Context, trail: Trail) -> None:
        """End a challenge that its addressee did not ask for (RS-18). What is typed is the address or number the message went to: no scanner knows it."""
        shell = self.shell
        token, address = Token.in_link(link), trail.typed(shell.parse(typed, context))
        if token is None:
            raise Refused(Reason.TICKET_INVALID)

        async def end(transaction: Transaction) -> Challenge:
            challenge = await self._sent(transaction, token)
            if not token.proves(stop_secret(challenge, address, shell.codes, site=shell.site.id)):
                raise Refused(Reason.CONFIRMATION_WRONG)
            if not challenge.stopped:
                self._put(transaction, replace(challenge, stopped=True, link=None))
            await self._withdraw_grant(transaction, challenge)
            return challenge

        stopped = await shell.transact(end)
        trail.of(None if stopped.binding is None else stopped.binding.credential_id)

    async def _withdraw_grant(self, transaction: Transaction, challenge: Challenge) -> None:
        """End what the right code has earned already: whoever typed it was not the one who says "I did not ask"."""
        if challenge.grant_id is not None:
            key = self.shell.key(GRANT, challenge.grant_id)
            (grant,) = await transaction.load(key)
            if grant is not None:
                transaction.delete(key)

    async def grant_to(self, credential: Credential, identifier: Identifier, context: Context, *, by_password: bool) -> Grant:
        """Return a grant that a sign-in has earned: by the right password, which proves nothing about *identifier*, or by a code that was sent to it."""
        shell, now = self.shell, self.shell.clock.now()
        grant = self._grant_record(
            shell.fresh_id(),
            shell.entropy.token(32),
            now,
            identifier=identifier,
            credential_id=credential.id,
            generation=credential.generation,
            session_digest=shell.session_digest(context),
            by_password=by_password,
        )

        async def put(transaction: Transaction) -> None:
            self._put_grant(transaction, grant)

        await shell.transact(put)
        return self._grant(grant)

    async def spend(self, transaction: Transaction, token: Token, context: Context, now: datetime) -> GrantRecord:
        """Return the grant that *token* proves, with one of its tries taken; to be committed before a password is judged.

        Raises:
            Refused: Not a grant of this purpose and session, or it is over.
        """
        grant = await self.read_grant(transaction, token, context, now)
        if grant.tries_left <= 0:
            raise Refused(Reason.GRANT_EXHAUSTED)
        after = replace(grant, tries_left=grant.tries_left - 1)
        self._put_grant(transaction, after)
        return after

    async def read_grant(self, transaction: Transaction, token: Token, context: Context, now: datetime) -> GrantRecord:
        """Return the grant that *token* proves.

        Raises:
            Refused: Not a grant of this purpose and session, or it is over.
        """
        shell = self.shell
        (record,) = await transaction.load(shell.key(GRANT, token.id))
        grant = None if record is None else GrantRecord.from_payload(record.payload)
        if grant is None or grant.id != token.id or grant.purpose is not self.purpose or not proves(token.secret, grant, shell.codes, site=shell.site.id):
            raise Refused(Reason.GRANT_INVALID)
        if not same_session(grant.session_digest, shell.session_digest(context)):
            raise Refused(Reason.GRANT_INVALID)
        if now >= grant.expires_at:
            raise Refused(Reason.GRANT_EXPIRED)
        return grant

    def token_of_grant(self, grant: GrantInput) -> Token:
        """Return the halves of a grant's text.

        Raises:
            Refused: It cannot be a grant.
        """
        return token_of(grant, Reason.GRANT_INVALID)

    async def _load(self, transaction: Transaction, token: Token, context: Context) -> Challenge:
        (record,) = await transaction.load(self.shell.key(CHALLENGE, token.id))
        challenge = None if record is None else Challenge.from_payload(record.payload)
        if challenge is None or challenge.id != token.id or challenge.purpose is not self.purpose or self._is_forgotten(challenge):
            raise Refused(Reason.TICKET_INVALID)
        if not hmac.compare_digest(challenge.secret_digest, secret_digest(self.purpose, token.id, token.secret)):
            raise Refused(Reason.TICKET_INVALID)
        if not same_session(challenge.session_digest, self.shell.session_digest(context)):
            raise Refused(Reason.TICKET_INVALID)
        return challenge

    def _is_forgotten(self, challenge: Challenge) -> bool:
        """Return whether its record would be gone if no link that lasts had been sent: somebody's ticket must not live longer than nobody's (F13)."""
        return self.shell.clock.now() >= challenge.issue.expires_at + RETENTION

    async def _sent(self, transaction: Transaction, token: Token) -> Challenge:
        """Return the challenge that a link in a message names; what the token proves is for the caller to ask."""
        (record,) = await transaction.load(self.shell.key(CHALLENGE, token.id))
        challenge = None if record is None else Challenge.from_payload(record.payload)
        if challenge is None or challenge.id != token.id or challenge.purpose is not self.purpose:
            raise Refused(Reason.TICKET_INVALID)
        return challenge

    async def _grant_for(self, transaction: Transaction, decision: Decision, after: Challenge, nonce: bytes, now: datetime) -> GrantRecord | None:
        """Return the grant a right guess has earned: a new one, written by this commit, or the one it earned before."""
        if decision.verdict is Verdict.RIGHT:
            grant = self._new_grant(after, nonce, now)
            self._put_grant(transaction, grant)
            return grant
        if decision.verdict is Verdict.REPEATED:
            (record,) = await transaction.load(self.shell.key(GRANT, after.grant_id or ""))
            if record is None:
                raise Refused(Reason.CODE_USED)
            return GrantRecord.from_payload(record.payload)
        return None

    def _new_grant(self, challenge: Challenge, nonce: bytes, now: datetime) -> GrantRecord:
        binding = challenge.binding
        return self._grant_record(
            challenge.grant_id or "",
            nonce,
            now,
            identifier=challenge.identifier if binding is None else binding.destination,
            credential_id=None if binding is None else binding.credential_id,
            generation=None if binding is None else binding.generation,
            session_digest=challenge.session_digest,
        )

    def _grant_record(
        self,
        grant_id: str,
        nonce: bytes,
        now: datetime,
        *,
        identifier: Identifier,
        credential_id: str | None,
        generation: str | None,
        session_digest: bytes | None,
        by_password: bool = False,
    ) -> GrantRecord:
        return GrantRecord(
            id=grant_id,
            purpose=self.purpose,
            key_id=self.shell.codes.current,
            nonce=nonce,
            identifier=identifier,
            credential_id=credential_id,
            generation=generation,
            session_digest=session_digest,
            begun_at=now,
            expires_at=now + self.shell.policy.grant_lifetime,
            # A sign-in has nothing to propose, and is to happen once.
            tries_left=1 if self.purpose is Purpose.SIGN_IN else self.shell.policy.grant_tries,
            by_password=by_password,
        )

    def _issue(self, number: int, now: datetime) -> Issue:
        shell, digits = self.shell, self.shell.policy.otp.digits
        return Issue(
            number=number,
            key_id=shell.codes.current,
            nonce=shell.entropy.token(16),
            c=shell.entropy.below(10**digits),
            digits=digits,
            issued_at=now,
            expires_at=now + shell.policy.otp.lifetime,
        )

    def _pause(self, resends: int) -> timedelta:
        pauses = self.shell.policy.otp.resend_pauses
        return pauses[resends] if resends < len(pauses) else timedelta(0)

    def _require_resend(self, challenge: Challenge, now: datetime) -> None:
        if challenge.verified_at is not None:
            raise Refused(Reason.CODE_USED)
        if challenge.tries_left <= 0:
            raise Refused(Reason.CODE_EXHAUSTED)
        if challenge.resends >= len(self.shell.policy.otp.resend_pauses):
            raise Refused(Reason.RESEND_EXHAUSTED)
        if now < challenge.resend_at:
            raise Refused(Reason.RESEND_TOO_SOON, retry_after=challenge.resend_at - now)

    def _not_too_soon(self, begins: Meter, due_at: datetime) -> datetime:
        """Defer a message that follows another of the same kind too closely; never drop it (F12, host review B12)."""
        # Not after a pause from now, whatever another worker's clock has said.
        return due_at if begins.last_at is None else max(due_at, min(begins.last_at, due_at) + self._pause(0))

    def _begin_limits(self, seen: Seen) -> list[tuple[Limit, Subject]]:
        return [(self.shell.policy.limits.begins, seen.subject), *self._network_limits(seen)]

    def _network_limits(self, seen: Seen) -> list[tuple[Limit, Subject]]:
        return [] if seen.network is None else [(self.shell.policy.limits.network_begins, seen.network)]

    def _seen_by(self, typed: Identifier, context: Context) -> Seen:
        return self.shell.seen_by(typed, context, f"begin:{self.purpose}")

    def _put(self, transaction: Transaction, challenge: Challenge) -> None:
        transaction.put(
            key=self.shell.key(CHALLENGE, challenge.id),
            kind=self.shell.kind(CHALLENGE),
            payload=challenge.to_payload(),
            expires_at=challenge.ends_at + RETENTION,
        )

    def _put_grant(self, transaction: Transaction, grant: GrantRecord) -> None:
        transaction.put(key=self.shell.key(GRANT, grant.id), kind=self.shell.kind(GRANT), payload=grant.to_payload(), expires_at=grant.expires_at + RETENTION)

    def _queue(  # noqa: PLR0917  # what the message says, and when
        self, transaction: Transaction, challenge: Challenge, context: Context, known: Device | None, now: datetime, due_at: datetime
    ) -> None:
        item = CodeDue(
            id=f"{challenge.id}.{challenge.resends}",
            at=now,
            device=context.device,
            place=context.place,
            locale=context.locale,
            challenge_id=challenge.id,
            number=challenge.issue.number,
            known=known,
        )
        transaction.put(
            key=self.shell.key(OUTBOX, item.id),
            kind=self.shell.kind(OUTBOX),
            payload=item.to_payload(),
            expires_at=challenge.issue.expires_at + RETENTION,
            due_at=due_at,
        )

    def _ticket(self, challenge: Challenge, token: Token) -> Ticket:
        return Ticket(
            purpose=self.purpose,
            secret_text=Secret(token.text),
            begun_at=challenge.issue.issued_at,
            expires_at=challenge.issue.expires_at,
            resend_at=challenge.resend_at,
            label=challenge.label,
            masked=challenge.identifier.masked,
            tries_left=challenge.tries_left,
            insecure=self.shell.site.insecure,
        )

    def _grant(self, grant: GrantRecord) -> Grant:
        secret = grant_secret(grant, self.shell.codes, site=self.shell.site.id)
        return Grant(
            purpose=self.purpose,
            secret_text=Secret(Token(grant.id, secret).text),
            begun_at=grant.begun_at,
            expires_at=grant.expires_at,
            insecure=self.shell.site.insecure,
        )


def _note(trail: Trail, challenge: Challenge) -> None:
    """Note whose challenge it is."""
    trail.typed(challenge.identifier)
    trail.of(None if challenge.binding is None else challenge.binding.credential_id)


def _cause_of(decision: Decision, challenge: Challenge, *, allowed: bool) -> Cause | None:
    """Return why a guess was wrong; where it was never compared, the answer itself says why."""
    if not decision.compared:
        return None
    if challenge.stopped:
        return Cause.STOPPED
    if challenge.binding is None:
        return Cause.NOBODYS_CODE
    return Cause.WRONG_CODE if allowed else Cause.LIMIT_OF_CREDENTIAL


async def failures_of(shell: Shell, transaction: Transaction, typed: Identifier, binding: Binding | None) -> Meter:
    """Return the count of wrong codes that a challenge belongs to: of its credential or, where it is nobody's, of what was typed (F15).

    One meter in every case, so that the traffic is the same.
    """
    otp, owner = shell.policy.otp, None if binding is None else binding.credential_id
    nobodys, somebodys = (otp.nobody_failures, Subject.nobody(typed)), (otp.failures, Subject.credential(owner or typed.canonical))
    counted, (spare, whose) = (nobodys, somebodys) if owner is None else (somebodys, nobodys)
    shell.budget_keys(spare.name, whose)  # a keyed name takes longer to make than a plain one, so both are made (TE-05)
    (meter,) = await load_meters(shell, transaction, [counted])
    return meter


def owned(binding: Binding | None) -> bool:
    """Return whether a challenge is some credential's, whose failures are counted for a year, and not for a day."""
    return binding is not None and binding.credential_id is not None


def same_session(begun_in: bytes | None, now_in: bytes | None) -> bool:
    """Return whether a journey may go on here: one begun without a session may anywhere, others only in theirs (F23)."""
    return begun_in is None or hmac.compare_digest(begun_in, now_in or b"")


def token_of(given: object, reason: Reason) -> Token:
    """Return the halves of a value's text.

    Raises:
        Refused: *reason*, as it cannot be one.
    """
    token = Token.parse(given.text if isinstance(given, Ticket | Grant | Asked | EditWindow) else given)
    if token is None:
        raise Refused(reason)
    return token


def _renewed(challenge: Challenge, fresh: Issue, now: datetime, pause: timedelta) -> Challenge:
    """Return the challenge after a resend: wrong guesses stay counted whatever is sent (OT-07)."""
    issue = challenge.issue
    again = replace(challenge, resends=challenge.resends + 1, resend_at=now + pause)
    if not issue.over and now < issue.issued_at + (issue.expires_at - issue.issued_at) / 2:
        return again
    # A new code belongs to nobody until the courier has looked again: the credential may have changed meanwhile.
    binding = challenge.binding if challenge.purpose in BOUND_AT_ONCE else None
    return replace(again, issue=replace(fresh, number=issue.number + 1), binding=binding)

"""Password reset by one-time code: begin, resend, look, verify, complete.

The code goes to the verification method of the sign-in. The new password works at once, for every account of the
sign-in; other sessions end; every verified identifier is told; nobody is signed in by it (RS-12).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from credkit.context import Context
from credkit.credential import Credential
from credkit.errors import Finding, FindingKind, PasswordRefused, Reason, Refused
from credkit.events import EventKind
from credkit.flows.challenges import Challenges
from credkit.flows.changes import Changed, Ended, change_credential, intent_of
from credkit.flows.histories import history_key, require_unfrozen
from credkit.flows.metering import forget_uses
from credkit.flows.passwords import as_typed, failed_passwords_of, is_password_of, judge_password, was_used_before
from credkit.flows.shell import IdentifierInput, Shell
from credkit.flows.trails import Trail
from credkit.flows.transaction import Transaction
from credkit.grants import GrantRecord
from credkit.lifting import finish
from credkit.messages import MessageKind
from credkit.passwords import normalize_password
from credkit.ports import AsyncHashingPlace
from credkit.secret import PasswordInput, Secret
from credkit.tickets import Grant, GrantInput, Purpose, Ticket, TicketInput

__all__ = ["AsyncPasswordReset", "PasswordReset"]


@dataclass(frozen=True, slots=True)
class AsyncPasswordReset:
    """Let a person who can read a code set a new password."""

    _shell: Shell

    @property
    def _challenges(self) -> Challenges:
        return Challenges(self._shell, Purpose.PASSWORD_RESET)

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that `cookie()` of this journey's tickets and grants describes, for reading it."""
        return self._challenges.cookie_name

    def ended_cookie(self) -> dict[str, Any]:
        """Return the keyword arguments of ``set_cookie`` that take that cookie away, once the journey is over."""
        return self._challenges.ended_cookie()

    async def begin(self, identifier: IdentifierInput, *, context: Context) -> Ticket:
        """Send a code to whoever signs in with *identifier*, if anybody does; the answer is the same in any case (RS-01).

        Raises:
            InvalidIdentifier: It is not an email address or phone number.
            Refused: Too many requests for it, or from this network.
        """
        with Trail(self._shell, EventKind.RESET_BEGIN, context) as trail:
            return await self._challenges.begin(identifier, context, trail)

    async def resend(self, ticket: TicketInput, *, context: Context) -> Ticket:
        """Send the code again: the same one in the first half of its life, then a new one.

        Raises:
            Refused: Not a ticket, too soon (`retry_after`), or no more sends on this ticket.
        """
        with Trail(self._shell, EventKind.RESET_RESEND, context, given=ticket) as trail:
            return await self._challenges.resend(ticket, context, trail)

    async def look(self, ticket: TicketInput, *, context: Context) -> Ticket:
        """Return the ticket's facts for a page that is shown again; count nothing.

        Raises:
            Refused: Not a ticket.
        """
        return await self._challenges.look(ticket, context)

    async def verify(self, ticket: TicketInput, code: str, *, context: Context) -> Grant:
        """Return a grant for the right code. A repeated right code gives the same grant for 30 seconds.

        Raises:
            Refused: Wrong (`tries_left`), expired, used, malformed (not counted), or too many tries.
        """
        with Trail(self._shell, EventKind.RESET_VERIFY, context, given=ticket) as trail:
            return await self._challenges.verify(ticket, code, context, trail)

    async def redeem(self, token: str, *, context: Context) -> Grant:
        """Return a grant for the token of a reset link, or for the whole link; for the POST of the page behind it, never for its GET.

        Raises:
            Refused: TICKET_INVALID; expired or used.
        """
        with Trail(self._shell, EventKind.RESET_REDEEM, context, given=token) as trail:
            return await self._challenges.redeem(token, context, trail)

    async def stop(self, token: str, identifier: IdentifierInput, *, context: Context) -> None:
        """Say "I did not ask": end a reset, by the link in its message and the address that message went to, typed (RS-18).

        Nothing else changes, whoever asked sees no difference, and to say it twice is to say it once.

        Raises:
            InvalidIdentifier: It is not an email address or phone number.
            Refused: TICKET_INVALID; CONFIRMATION_WRONG if the message went elsewhere.
        """
        with Trail(self._shell, EventKind.RESET_STOP, context, given=token) as trail:
            await self._challenges.stop(token, identifier, context, trail)

    async def complete(self, grant: GrantInput, new_password: PasswordInput, *, context: Context) -> Changed:
        """Set the new password; end all sessions; tell every verified identifier; forget the wrong passwords of before.

        The same call repeated, after a lost reply, says the same; another password with the same grant is refused.

        Raises:
            PasswordRefused: The password breaks a rule; the grant stays good for another (RS-09).
            Refused: Not a grant, expired, used, too many passwords proposed with it, or CHANGES_FROZEN while an undo is in dispute.
            Busy: Too many passwords are being hashed; nothing was counted.
        """
        with Trail(self._shell, EventKind.RESET, context, given=grant) as trail:
            return await self._complete(trail, grant, new_password, context)

    async def _complete(self, trail: Trail, grant: GrantInput, new_password: PasswordInput, context: Context) -> Changed:
        shell, now = self._shell, self._shell.clock.now()
        token = self._challenges.token_of_grant(grant)
        place = shell.hashing.reserve()
        try:
            spent = await shell.transact(lambda transaction: self._challenges.spend(transaction, token, context, now))
            trail.of(spent.credential_id)
            credential = await self._credential(spent)
            return await self._set(place, spent, credential, new_password, context)
        finally:
            place.release()

    async def _credential(self, grant: GrantRecord) -> Credential:
        """Return the credential the grant is for.

        Raises:
            Refused: It is gone or disabled (RS-17).
        """
        credential = None if grant.credential_id is None else await self._shell.get(grant.credential_id)
        if credential is None or credential.disabled:
            raise Refused(Reason.GRANT_INVALID)
        return credential

    async def _set(self, place: AsyncHashingPlace, grant: GrantRecord, credential: Credential, proposed: PasswordInput, context: Context) -> Changed:
        shell, now = self._shell, self._shell.clock.now()
        if credential.has_mark(grant.id) or credential.generation != grant.generation:
            return await self._too_late(place, grant, credential, proposed)
        password = await judge_password(shell, proposed, [entry.identifier for entry in credential.identifiers])
        await self._require_new(place, credential, password, as_typed(proposed, password))
        password_hash, generation = await place.hash(password), shell.fresh_id()
        kind, proved = (MessageKind.PASSWORD_CHANGED, None) if grant.by_password else (MessageKind.PASSWORD_RESET, grant.identifier)

        failures, forgotten = shell.policy.limits.password_failures, failed_passwords_of(credential.id)

        async def within(transaction: Transaction, current: Credential) -> None:
            await require_unfrozen(shell, transaction, current.id, now)
            # The wrong passwords of before were guesses at another password (RS-11). Only where that cannot be seen: a stranger who has filled a
            # limit of what was typed must not see it lifted (F13).
            for subject in forgotten:
                await forget_uses(shell, transaction, failures, subject)

        stored = await change_credential(
            shell,
            credential,
            intent=lambda current: intent_of(kind, grant.id, current, proved=proved, context=context, now=now),
            change=lambda current: current.with_password(
                password_hash, change_id=grant.id, generation=generation, now=now, proved=proved, history=shell.policy.password_history
            ),
            within=within,
            presumes=(history_key(shell, credential.id), *(key for subject in forgotten for key in shell.budget_keys(failures.name, subject))),
        )
        if stored is None:
            return await self._too_late(place, grant, await self._credential(grant), proposed)
        return self._changed(stored, grant)

    def _changed(self, credential: Credential, grant: GrantRecord) -> Changed:
        """Return what to tell. Whoever read the code is on a known device from now on; whoever knew a password that others may know is not."""
        mark = None if grant.by_password else self._shell.mark(credential)
        return Changed(credential=credential, session_epoch=credential.session_epoch, ended=Ended.ALL, device_mark=mark)

    async def _require_new(self, place: AsyncHashingPlace, credential: Credential, password: Secret, typed: Secret | None) -> None:
        """Go on only with a password that is neither the current one nor one that is remembered.

        Asked last, and counted on the grant: it costs hashes, and answers a question about the old passwords.

        Raises:
            PasswordRefused: It is one of them.
        """
        current = await is_password_of(place, credential.password_hash, password, typed=typed)
        earlier = await was_used_before(self._shell, place, credential, password, typed=typed)
        if current or earlier:
            raise PasswordRefused([Finding(kind=FindingKind.CURRENT if current else FindingKind.EARLIER)])

    async def _too_late(self, place: AsyncHashingPlace, grant: GrantRecord, credential: Credential, proposed: PasswordInput) -> Changed:
        """Say the same again to the call that made this change and lost the reply, and "used" to any other (F4)."""
        password = normalize_password(proposed)
        if not credential.has_mark(grant.id) or not (await place.verify(credential.password_hash, password)).matches:
            raise Refused(Reason.GRANT_USED)
        return self._changed(credential, grant)


class PasswordReset:
    """Let a person who can read a code set a new password, from blocking code."""

    __slots__ = ("_flow",)

    def __init__(self, shell: Shell) -> None:
        self._flow = AsyncPasswordReset(shell)

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that `cookie()` of this journey's tickets and grants describes, for reading it."""
        return self._flow.cookie_name

    def ended_cookie(self) -> dict[str, Any]:
        """Return the keyword arguments of ``set_cookie`` that take that cookie away, once the journey is over."""
        return self._flow.ended_cookie()

    def begin(self, identifier: IdentifierInput, *, context: Context) -> Ticket:
        """Send a code to whoever signs in with *identifier*, if anybody does; the answer is the same in any case (RS-01).

        Raises:
            InvalidIdentifier: It is not an email address or phone number.
            Refused: Too many requests for it, or from this network.
        """
        return finish(self._flow.begin(identifier, context=context))

    def resend(self, ticket: TicketInput, *, context: Context) -> Ticket:
        """Send the code again: the same one in the first half of its life, then a new one.

        Raises:
            Refused: Not a ticket, too soon (`retry_after`), or no more sends on this ticket.
        """
        return finish(self._flow.resend(ticket, context=context))

    def look(self, ticket: TicketInput, *, context: Context) -> Ticket:
        """Return the ticket's facts for a page that is shown again; count nothing.

        Raises:
            Refused: Not a ticket.
        """
        return finish(self._flow.look(ticket, context=context))

    def verify(self, ticket: TicketInput, code: str, *, context: Context) -> Grant:
        """Return a grant for the right code. A repeated right code gives the same grant for 30 seconds.

        Raises:
            Refused: Wrong (`tries_left`), expired, used, malformed (not counted), or too many tries.
        """
        return finish(self._flow.verify(ticket, code, context=context))

    def redeem(self, token: str, *, context: Context) -> Grant:
        """Return a grant for the token of a reset link, or for the whole link; for the POST of the page behind it, never for its GET.

        Raises:
            Refused: TICKET_INVALID; expired or used.
        """
        return finish(self._flow.redeem(token, context=context))

    def stop(self, token: str, identifier: IdentifierInput, *, context: Context) -> None:
        """Say "I did not ask": end a reset, by the link in its message and the address that message went to, typed (RS-18).

        Nothing else changes, whoever asked sees no difference, and to say it twice is to say it once.

        Raises:
            InvalidIdentifier: It is not an email address or phone number.
            Refused: TICKET_INVALID; CONFIRMATION_WRONG if the message went elsewhere.
        """
        return finish(self._flow.stop(token, identifier, context=context))

    def complete(self, grant: GrantInput, new_password: PasswordInput, *, context: Context) -> Changed:
        """Set the new password; end all sessions; tell every verified identifier; forget the wrong passwords of before.

        The same call repeated, after a lost reply, says the same; another password with the same grant is refused.

        Raises:
            PasswordRefused: The password breaks a rule; the grant stays good for another (RS-09).
            Refused: Not a grant, expired, used, too many passwords proposed with it, or CHANGES_FROZEN while an undo is in dispute.
            Busy: Too many passwords are being hashed; nothing was counted.
        """
        return finish(self._flow.complete(grant, new_password, context=context))

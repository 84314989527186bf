"""Sign-up: prove an identifier by a code, then choose a password.

A stranger who types an identifier that is in use sees what anybody sees; its owner gets a message that says so (SI-08).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from credkit.context import Context
from credkit.credential import Credential, Mark, NewCredential, Registered, Standing
from credkit.errors import IdentifierTaken, Reason, Refused
from credkit.events import EventKind
from credkit.flows.challenges import Challenges
from credkit.flows.lookalikes import note_look_alike
from credkit.flows.passwords import judge_password
from credkit.flows.shell import IdentifierInput, Shell
from credkit.flows.trails import Trail
from credkit.grants import GrantRecord
from credkit.lifting import finish
from credkit.ports import AsyncHashingPlace
from credkit.secret import PasswordInput, Secret
from credkit.tickets import Grant, GrantInput, Purpose, Ticket, TicketInput

__all__ = ["AsyncSignUp", "SignUp"]


@dataclass(frozen=True, slots=True)
class AsyncSignUp:
    """Let a person who can read a code make a sign-in."""

    _shell: Shell

    @property
    def _challenges(self) -> Challenges:
        return Challenges(self._shell, Purpose.SIGN_UP)

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that `cookie()` of this journey's tickets and grants describes, for reading it."""
        return self._challenges.cookie_name

    def ended_cookie(self) -> dict[str, Any]:
        """Return the keyword arguments of ``set_cookie`` that take that cookie away, once the journey is over."""
        return self._challenges.ended_cookie()

    async def begin(self, identifier: IdentifierInput, *, context: Context) -> Ticket:
        """Send a code to *identifier*, or word to its owner if it is in use; the answer is the same in both cases.

        Raises:
            InvalidIdentifier: It is not an email address or phone number, or a number that is sent no text messages (PHONE_NOT_SUPPORTED).
            Refused: Too many requests for it, or from this network.
        """
        with Trail(self._shell, EventKind.SIGN_UP_BEGIN, context) as trail:
            return await self._challenges.begin(trail.typed(self._shell.parse_new(identifier, context)), context, trail)

    async def resend(self, ticket: TicketInput, *, context: Context) -> Ticket:
        """Send the code again: the same one in the first half of its life, then a new one.

        Raises:
            Refused: Not a ticket, too soon (`retry_after`), or no more sends on this ticket.
        """
        with Trail(self._shell, EventKind.SIGN_UP_RESEND, context, given=ticket) as trail:
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
        with Trail(self._shell, EventKind.SIGN_UP_VERIFY, context, given=ticket) as trail:
            return await self._challenges.verify(ticket, code, context, trail)

    async def complete(self, grant: GrantInput, password: PasswordInput, *, context: Context, extra: object = None) -> Credential:
        """Add the credential and return it; *extra* goes to `CredentialStore.add` unseen, for the host's own rows.

        The same call repeated, after a lost reply, returns the same credential; a grant can only ever add one.

        Raises:
            PasswordRefused: The password breaks a rule; the grant stays good for another (RS-09).
            Refused: Not a grant, expired, used, too many passwords proposed, or the identifier was taken meanwhile.
            Busy: Too many passwords are being hashed; nothing was counted.
        """
        with Trail(self._shell, EventKind.SIGN_UP, context, given=grant) as trail:
            return await self._complete(trail, grant, password, context, extra)

    async def _complete(self, trail: Trail, grant: GrantInput, password: PasswordInput, context: Context, extra: object) -> Credential:
        shell, now = self._shell, self._shell.clock.now()
        token = self._challenges.token_of_grant(grant)
        place = shell.hashing.reserve()
        try:
            # The commit that takes a try also marks the grant as being spent, before anything can be added with it.
            spent = await shell.transact(lambda transaction: self._challenges.spend(transaction, token, context, now))
            trail.typed(spent.identifier)
            chosen = await judge_password(shell, password, [spent.identifier])
            added = await self._add(place, spent, chosen, context, extra)
            trail.of(added.id)
            await note_look_alike(shell, spent.identifier, added.id)
            return added
        finally:
            place.release()

    async def _add(self, place: AsyncHashingPlace, grant: GrantRecord, password: Secret, context: Context, extra: object) -> Credential:
        now = self._shell.clock.now()
        new = NewCredential(
            identifiers=(Registered(identifier=grant.identifier, standing=Standing.VERIFIED, verified_at=now),),
            password_hash=await place.hash(password),
            preferred=grant.identifier,
            generation=self._shell.fresh_id(),
            marks=(Mark(change_id=grant.id, at=now),),
            locale=context.locale,
        )
        try:
            stored = await self._shell.add(new, extra)
        except IdentifierTaken:
            # Its owner proved it a moment ago, so this tells nobody anything that is not theirs.
            raise Refused(Reason.IDENTIFIER_TAKEN) from None
        if stored.password_hash != new.password_hash and not (await place.verify(stored.password_hash, password)).matches:
            raise Refused(Reason.GRANT_USED)
        return stored


class SignUp:
    """Let a person who can read a code make a sign-in, from blocking code."""

    __slots__ = ("_flow",)

    def __init__(self, shell: Shell) -> None:
        self._flow = AsyncSignUp(shell)

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that `cookie()` of this journey's tickets and grants describes, for reading it."""
        return self._flow.cookie_name

    def ended_cookie(self) -> dict[str, Any]:
        """Return the keyword arguments of ``set_cookie`` that take that cookie away, once the journey is over."""
        return self._flow.ended_cookie()

    def begin(self, identifier: IdentifierInput, *, context: Context) -> Ticket:
        """Send a code to *identifier*, or word to its owner if it is in use; the answer is the same in both cases.

        Raises:
            InvalidIdentifier: It is not an email address or phone number, or a number that is sent no text messages (PHONE_NOT_SUPPORTED).
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

    def complete(self, grant: GrantInput, password: PasswordInput, *, context: Context, extra: object = None) -> Credential:
        """Add the credential and return it; *extra* goes to `CredentialStore.add` unseen, for the host's own rows.

        The same call repeated, after a lost reply, returns the same credential; a grant can only ever add one.

        Raises:
            PasswordRefused: The password breaks a rule; the grant stays good for another (RS-09).
            Refused: Not a grant, expired, used, too many passwords proposed, or the identifier was taken meanwhile.
            Busy: Too many passwords are being hashed; nothing was counted.
        """
        return finish(self._flow.complete(grant, password, context=context, extra=extra))

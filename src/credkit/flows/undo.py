"""Undo: the link in the notice of a change gives back what was before it, once its holder proves to be the owner; otherwise it opens a dispute.

Undo is not a back door. The link alone restores nothing, because an owner may have left that mailbox for good reason (F24). A code to an
identifier that no change has touched, or the password of before, does it at once. Without either, everything is held still for a
day, everybody concerned is told and may object, and only silence restores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from credkit.context import Context, checked
from credkit.credential import Credential
from credkit.edits import Shown
from credkit.errors import Busy, PasswordRefused, Reason, Refused
from credkit.events import EventKind
from credkit.flows.approvals import typed_in_full
from credkit.flows.challenges import OUTBOX, Challenges
from credkit.flows.changes import Changed, Ended, change_credential, fence, intent_of, put_notices
from credkit.flows.histories import MEMORY, UNDO, load_history, put_history
from credkit.flows.metering import succeed
from credkit.flows.passwords import as_typed, charge_try, compare_password
from credkit.flows.shell import IdentifierInput, Shell
from credkit.flows.trails import Trail
from credkit.flows.transaction import ATTEMPTS, Transaction
from credkit.flows.undoing import roll_back
from credkit.history import Dispute, Entry, History, contest_secret, hash_before, undo_secret
from credkit.identifiers import Identifier
from credkit.lifting import finish
from credkit.messages import MessageKind
from credkit.otp import Binding
from credkit.outbox import FOREVER, DisputeDue
from credkit.passwords import normalize_password
from credkit.payloads import from_payload, to_payload
from credkit.secret import PasswordInput, Secret
from credkit.sms import reached
from credkit.tickets import Grant, GrantInput, Purpose, Ticket, TicketInput, Token

__all__ = ["AsyncUndo", "Undo", "UndoReview"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoReview:
    """What a link from a notice is about, for the page behind it."""

    contest: bool
    """Whether the link objects to an undo, and does not ask for one."""
    changes: tuple[Shown, ...]
    """What would be undone: that change, and all later ones."""
    at: datetime
    """When the first of them was made."""
    expires_at: datetime
    """When the link ends, or the dispute."""
    channels: tuple[str, ...]
    """Where a code that proves the owner may go, masked; choose by place in this list."""
    by_password: bool
    """Whether the password of before the change is still known, and proves the owner as well."""
    disputed: bool
    """Whether an undo waits for objections, or for the host's decision."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What an undo link's token stands for."""

    history: History
    entry: Entry
    credential: Credential
    holder: Identifier
    """Whose link it is: each recipient of a notice has their own."""

    def require_link(self, history: History, entry: Entry, current: Credential) -> None:
        """Go on only if the link is its holder's still: it may be void since it was read, by a decision of the host or as the holder was given up.

        Raises:
            Refused: UNDO_INVALID.
        """
        if entry.nonce != self.entry.nonce or self.holder not in history.recipients(entry, current):
            raise Refused(Reason.UNDO_INVALID)


_Proof: TypeAlias = Callable[[History, Entry, Credential], bool]
"""Whether what has proved the owner does so still."""


@dataclass(frozen=True, slots=True)
class AsyncUndo:
    """Let the owner of a sign-in take back changes of it."""

    _shell: Shell

    @property
    def _challenges(self) -> Challenges:
        return Challenges(self._shell, Purpose.UNDO)

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that `cookie()` of this journey's tickets and grants describes, for reading it."""
        return self._challenges.cookie_name

    def ended_cookie(self) -> dict[str, Any]:
        """Return the keyword arguments of ``set_cookie`` that take that cookie away, once the journey is over."""
        return self._challenges.ended_cookie()

    async def review(self, token: str) -> UndoReview:
        """Return what the link is about. It changes nothing, however often it is called.

        Raises:
            Refused: UNDO_INVALID.
        """
        shell, link = self._shell, _token_in(token)
        history = await self._history(link)
        dispute = history.dispute
        if dispute is not None and dispute.id == link.id:
            await self._contester(history, link)
            return _review_of_dispute(history, dispute)
        found = await self._find(link)
        later = found.history.entries[found.history.entries.index(found.entry) :]
        return UndoReview(
            contest=False,
            changes=tuple(line for entry in later for line in entry.shown),
            at=found.entry.at,
            expires_at=found.entry.ends_at(shell.policy.undo),
            channels=tuple(identifier.masked for identifier in self._channels(found)),
            by_password=hash_before(found.entry, found.credential) is not None,
            disputed=dispute is not None,
        )

    async def begin(self, token: str, *, context: Context, channel: int = 0) -> Ticket:
        """Send a code to an identifier that none of the changes touched: *channel* is its place in `UndoReview.channels`.

        Raises:
            Refused: UNDO_INVALID, UNDO_PROOF_REQUIRED where there is no such identifier, or too many requests.
        """
        with Trail(self._shell, EventKind.UNDO_BEGIN, context) as trail:
            return await self._begin(trail, token, context, channel)

    async def _begin(self, trail: Trail, token: str, context: Context, channel: int) -> Ticket:
        found = await self._find(_token_in(token))
        trail.of(found.credential.id)
        channels = self._channels(found)
        if not 0 <= channel < len(channels):
            raise Refused(Reason.UNDO_PROOF_REQUIRED)
        binding = Binding(destination=channels[channel], credential_id=found.credential.id)
        return await self._challenges.begin(channels[channel], context, trail, binding=binding)

    async def resend(self, ticket: TicketInput, *, context: Context) -> Ticket:
        """Send the code again: the same one in the first half of its life, then a new one.

        Raises:
            Refused: Not a ticket, too soon (`retry_after`), or no more sends on this ticket.
        """
        with Trail(self._shell, EventKind.UNDO_RESEND, context, given=ticket) as trail:
            return await self._challenges.resend(ticket, context, trail)

    async def verify(self, ticket: TicketInput, code: str, *, context: Context) -> Grant:
        """Return a grant for the right code. A repeated right code gives the same grant for 30 seconds.

        Raises:
            Refused: Wrong (`tries_left`), expired, used, malformed (not counted), or too many tries.
        """
        with Trail(self._shell, EventKind.UNDO_VERIFY, context, given=ticket) as trail:
            return await self._challenges.verify(ticket, code, context, trail)

    async def complete(self, token: str, *, context: Context, grant: GrantInput | None = None, password: PasswordInput | None = None) -> Changed:
        """Undo that change and all later ones, on the strength of a *grant* or of the *password* of before; end all sessions; tell everybody.

        Codes go only to what the changes did not touch for a day. If the password was changed meanwhile and the one of before is gone,
        nobody's works any more, and the owner sets one by a reset.

        Raises:
            Refused: UNDO_INVALID, UNDO_PROOF_REQUIRED, CURRENT_PASSWORD_WRONG, TOO_MANY_TRIES, or another sign-in has an identifier by now.
            Busy: Too many passwords are being hashed, or others kept writing the credential.
        """
        with Trail(self._shell, EventKind.UNDO, context, given=token) as trail:
            return await self._complete(trail, token, context, grant, password)

    async def _complete(self, trail: Trail, token: str, context: Context, grant: GrantInput | None, password: PasswordInput | None) -> Changed:
        shell, context = self._shell, checked(context)
        found = await self._find(_token_in(token))
        trail.of(found.credential.id)
        if grant is not None:
            proof = await self._prove_by_code(found, grant, context)
        elif password is not None:
            proof = await self._prove_by_password(found, password)
        else:
            raise Refused(Reason.UNDO_PROOF_REQUIRED)

        def grounds(history: History, entry: Entry, current: Credential) -> None:
            found.require_link(history, entry, current)
            if not proof(history, entry, current):
                raise Refused(Reason.UNDO_PROOF_REQUIRED)

        stored = await roll_back(shell, found.credential.id, found.entry.id, grounds=grounds, change_id=shell.fresh_id(), context=context)
        return Changed(credential=stored, session_epoch=stored.session_epoch, ended=Ended.ALL)

    async def dispute(self, token: str, typed: IdentifierInput, *, context: Context) -> UndoReview:
        """Ask for the undo without a proof: sessions end, nothing can be changed or reset, and everybody concerned may object for a day.

        *typed* is the address or number that the notice was sent to, in full. A second time changes nothing.

        Raises:
            InvalidIdentifier: *typed* is not an email address or phone number.
            Refused: UNDO_INVALID, CONFIRMATION_WRONG.
            Busy: Others kept writing the credential.
        """
        with Trail(self._shell, EventKind.UNDO_DISPUTE, context, given=token) as trail:
            return await self._dispute(trail, token, typed, context)

    async def _dispute(self, trail: Trail, token: str, typed: IdentifierInput, context: Context) -> UndoReview:
        shell, context, link = self._shell, checked(context), _token_in(token)
        confirmed = shell.parse(typed, context)
        found = await self._find(link)
        trail.of(found.credential.id)
        typed_in_full(confirmed, found.holder)
        if found.history.dispute is None:
            await self._open_dispute(found, context)
        return await self.review(token)

    async def contest(self, token: str, typed: IdentifierInput, *, context: Context) -> None:
        """Object to a disputed undo: from then on the host decides, by `kit.admin.settle_dispute`.

        *typed* is the address or number that the notice was sent to, in full; whoever opened the dispute cannot object. A second time changes nothing.

        Raises:
            InvalidIdentifier: *typed* is not an email address or phone number.
            Refused: UNDO_INVALID where there is nothing to object to any more, CONFIRMATION_WRONG.
        """
        with Trail(self._shell, EventKind.UNDO_CONTEST, context, given=token) as trail:
            await self._contest(trail, token, typed, context)

    async def _contest(self, trail: Trail, token: str, typed: IdentifierInput, context: Context) -> None:
        shell, now, context, link = self._shell, self._shell.clock.now(), checked(context), _token_in(token)
        confirmed = shell.parse(typed, context)
        credential, holder = await self._contester(await self._history(link), link)
        trail.of(credential.id)
        typed_in_full(confirmed, holder)

        async def object_to(transaction: Transaction) -> None:
            history = await load_history(shell, transaction, credential.id)
            dispute, entry = history.dispute, None if history.dispute is None else history.entry(history.dispute.entry_id)
            if dispute is None or dispute.id != link.id or entry is None or holder == dispute.opened_by:
                raise Refused(Reason.UNDO_INVALID)
            concerned = history.concerned(entry, credential)
            if not dispute.contested:
                put_history(shell, transaction, replace(history, dispute=replace(dispute, contested=True)), now)
                announced = intent_of(
                    MessageKind.UNDO_CONTESTED, f"{dispute.id}.contested", credential, context=context, now=now, also=concerned, shown=entry.shown
                )
                put_notices(shell, transaction, announced, now)

        await shell.transact(object_to)
        # Whoever carries out the undo at this moment, for want of an objection, does not get through any more (F2).
        await fence(shell, credential.id)
        await shell.dispatch(now)

    async def _open_dispute(self, found: _Found, context: Context) -> None:
        """End the sessions and freeze, told by the commit that freezes. The swap that ends the sessions ends all older proofs, too."""
        shell, now = self._shell, self._shell.clock.now()
        dispute = Dispute(
            id=shell.fresh_id(),
            entry_id=found.entry.id,
            change_id=shell.fresh_id(),
            opened_at=now,
            opened_by=found.holder,
            resolves_at=now + shell.policy.undo.dispute,
            key_id=shell.codes.current,
            nonce=shell.entropy.token(16),
        )
        change_id, generation = f"{dispute.change_id}.frozen", shell.fresh_id()
        concerned = found.history.concerned(found.entry, found.credential)

        async def within(transaction: Transaction, current: Credential) -> None:
            history = await load_history(shell, transaction, current.id)
            entry = history.entry(found.entry.id)
            if entry is None:
                raise Refused(Reason.UNDO_INVALID)
            found.require_link(history, entry, current)
            if history.dispute is None:
                put_history(shell, transaction, replace(history, dispute=dispute), now)
                await self._queue_resolution(transaction, dispute, current, now)

        for _ in range(ATTEMPTS):
            credential = await shell.get(found.credential.id)
            if credential is None or credential.has_mark(change_id):
                return
            stored = await change_credential(
                shell,
                credential,
                intent=lambda current: intent_of(
                    MessageKind.UNDO_DISPUTED, change_id, current, context=context, now=now, also=concerned, shown=found.entry.shown, link_id=dispute.id
                ),
                change=lambda current: current.with_sessions_ended(change_id=change_id, generation=generation, now=now),
                within=within,
            )
            if stored is not None:
                return
        raise Busy

    async def _queue_resolution(self, transaction: Transaction, dispute: Dispute, credential: Credential, now: datetime) -> None:
        shell = self._shell
        item = DisputeDue(id=f"{dispute.id}.due", at=now, credential_id=credential.id, dispute_id=dispute.id)
        transaction.put(
            key=shell.key(OUTBOX, item.id), kind=shell.kind(OUTBOX), payload=item.to_payload(), expires_at=now + FOREVER, due_at=dispute.resolves_at
        )
        payload, kept_until = to_payload({"credential_id": credential.id}, {}), dispute.resolves_at + MEMORY
        # Not for ever: they name a person. The undo link's own is kept as long, so that its holder can prove it while the dispute runs.
        for link_id in (dispute.id, dispute.entry_id):
            key = shell.key(UNDO, link_id)
            await transaction.load(key)
            transaction.put(key=key, kind=shell.kind(UNDO), payload=payload, expires_at=kept_until)

    def _channels(self, found: _Found) -> tuple[Identifier, ...]:
        """Return where a code may go that proves the undo: no number that was given up long ago, nor one that is sent no text messages (ID-18)."""
        now = self._shell.clock.now()
        return reached(self._shell.policy.sms, found.credential, found.history.proofs(found.entry, found.credential, now), now)

    async def _prove_by_code(self, found: _Found, grant: GrantInput, context: Context) -> _Proof:
        """Return whether a code came back from an identifier of this credential that none of the changes touched."""
        shell, now = self._shell, self._shell.clock.now()
        token = self._challenges.token_of_grant(grant)
        proved = await shell.transact(lambda transaction: self._challenges.spend(transaction, token, context, now))
        mine = proved.credential_id == found.credential.id
        return lambda history, entry, current: mine and proved.identifier in history.proofs(entry, current, now)

    async def _prove_by_password(self, found: _Found, password: PasswordInput) -> _Proof:
        """Return whether the password that was in force before the change is so still, if that is it; each try is counted first."""
        shell = self._shell
        try:
            presented = normalize_password(password)
        except PasswordRefused:
            raise Refused(Reason.CURRENT_PASSWORD_WRONG) from None
        place = shell.hashing.reserve()
        try:
            charges = await charge_try(shell, found.credential, "undo")
            stored = hash_before(found.entry, found.credential)
            if not (await compare_password(shell, place, stored, presented, charges, typed=as_typed(password, presented))).matches:
                raise Refused(Reason.CURRENT_PASSWORD_WRONG)
            await succeed(shell, charges)
        finally:
            place.release()
        return lambda _, entry, current: hash_before(entry, current) is not None

    async def _find(self, link: Token) -> _Found:
        """Return what an undo link stands for; the credential as it is now.

        Raises:
            Refused: UNDO_INVALID: no undo link, or it has ended, or what it is about has been undone.
        """
        shell, now = self._shell, self._shell.clock.now()
        history = await self._history(link)
        entry, credential = history.entry(link.id), await shell.get(history.credential_id)
        if entry is None or credential is None:
            raise Refused(Reason.UNDO_INVALID)
        secrets = {to: undo_secret(entry, credential.id, to, shell.codes, site=shell.site.id) for to in history.recipients(entry, credential)}
        holder = _holder_of(link, secrets)
        waits = history.dispute is not None and history.dispute.entry_id == entry.id
        if now >= entry.ends_at(shell.policy.undo) and not waits:
            raise Refused(Reason.UNDO_INVALID)
        return _Found(history, entry, credential, holder)

    async def _contester(self, history: History, link: Token) -> tuple[Credential, Identifier]:
        """Return the credential in dispute as it is now, and whose contest link it is.

        Raises:
            Refused: UNDO_INVALID.
        """
        shell, dispute = self._shell, history.dispute
        entry, credential = None if dispute is None else history.entry(dispute.entry_id), await shell.get(history.credential_id)
        if dispute is None or entry is None or credential is None:
            raise Refused(Reason.UNDO_INVALID)
        secrets = {to: contest_secret(dispute, credential.id, to, shell.codes, site=shell.site.id) for to in history.concerned(entry, credential)}
        return credential, _holder_of(link, secrets)

    async def _history(self, link: Token) -> History:
        shell = self._shell

        async def read(transaction: Transaction) -> History:
            (record,) = await transaction.load(shell.key(UNDO, link.id))
            if record is None:
                raise Refused(Reason.UNDO_INVALID)
            return await load_history(shell, transaction, from_payload(record.payload).text("credential_id"))

        return await shell.transact(read)


def _holder_of(link: Token, secrets: Mapping[Identifier, Secret]) -> Identifier:
    """Return whose link it is.

    Raises:
        Refused: UNDO_INVALID: nobody's.
    """
    holders = [to for to, secret in secrets.items() if link.proves(secret)]
    if not holders:
        raise Refused(Reason.UNDO_INVALID)
    return holders[0]


def _review_of_dispute(history: History, dispute: Dispute) -> UndoReview:
    entry = history.entry(dispute.entry_id)
    later = () if entry is None else history.entries[history.entries.index(entry) :]
    return UndoReview(
        contest=True,
        changes=tuple(line for e in later for line in e.shown),
        at=dispute.opened_at if entry is None else entry.at,
        expires_at=dispute.resolves_at,
        channels=(),
        by_password=False,
        disputed=True,
    )


def _token_in(link: str) -> Token:
    token = Token.in_link(link)
    if token is None:
        raise Refused(Reason.UNDO_INVALID)
    return token


class Undo:
    """Let the owner of a sign-in take back changes of it, from blocking code."""

    __slots__ = ("_flow",)

    def __init__(self, shell: Shell) -> None:
        self._flow = AsyncUndo(shell)

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that `cookie()` of this journey's tickets and grants describes, for reading it."""
        return self._flow.cookie_name

    def ended_cookie(self) -> dict[str, Any]:
        """Return the keyword arguments of ``set_cookie`` that take that cookie away, once the journey is over."""
        return self._flow.ended_cookie()

    def review(self, token: str) -> UndoReview:
        """Return what the link is about. It changes nothing, however often it is called.

        Raises:
            Refused: UNDO_INVALID.
        """
        return finish(self._flow.review(token))

    def begin(self, token: str, *, context: Context, channel: int = 0) -> Ticket:
        """Send a code to an identifier that none of the changes touched: *channel* is its place in `UndoReview.channels`.

        Raises:
            Refused: UNDO_INVALID, UNDO_PROOF_REQUIRED where there is no such identifier, or too many requests.
        """
        return finish(self._flow.begin(token, context=context, channel=channel))

    def resend(self, ticket: TicketInput, *, context: Context) -> Ticket:
        """Send the code again: the same one in the first half of its life, then a new one.

        Raises:
            Refused: Not a ticket, too soon (`retry_after`), or no more sends on this ticket.
        """
        return finish(self._flow.resend(ticket, context=context))

    def verify(self, ticket: TicketInput, code: str, *, context: Context) -> Grant:
        """Return a grant for the right code. A repeated right code gives the same grant for 30 seconds.

        Raises:
            Refused: Wrong (`tries_left`), expired, used, malformed (not counted), or too many tries.
        """
        return finish(self._flow.verify(ticket, code, context=context))

    def complete(self, token: str, *, context: Context, grant: GrantInput | None = None, password: PasswordInput | None = None) -> Changed:
        """Undo that change and all later ones, on the strength of a *grant* or of the *password* of before; end all sessions; tell everybody.

        Codes go only to what the changes did not touch for a day. If the password was changed meanwhile and the one of before is gone,
        nobody's works any more, and the owner sets one by a reset.

        Raises:
            Refused: UNDO_INVALID, UNDO_PROOF_REQUIRED, CURRENT_PASSWORD_WRONG, TOO_MANY_TRIES, or another sign-in has an identifier by now.
            Busy: Too many passwords are being hashed, or others kept writing the credential.
        """
        return finish(self._flow.complete(token, context=context, grant=grant, password=password))

    def dispute(self, token: str, typed: IdentifierInput, *, context: Context) -> UndoReview:
        """Ask for the undo without a proof: sessions end, nothing can be changed or reset, and everybody concerned may object for a day.

        *typed* is the address or number that the notice was sent to, in full. A second time changes nothing.

        Raises:
            InvalidIdentifier: *typed* is not an email address or phone number.
            Refused: UNDO_INVALID, CONFIRMATION_WRONG.
            Busy: Others kept writing the credential.
        """
        return finish(self._flow.dispute(token, typed, context=context))

    def contest(self, token: str, typed: IdentifierInput, *, context: Context) -> None:
        """Object to a disputed undo: from then on the host decides, by `kit.admin.settle_dispute`.

        *typed* is the address or number that the notice was sent to, in full; whoever opened the dispute cannot object. A second time changes nothing.

        Raises:
            InvalidIdentifier: *typed* is not an email address or phone number.
            Refused: UNDO_INVALID where there is nothing to object to any more, CONFIRMATION_WRONG.
        """
        return finish(self._flow.contest(token, typed, context=context))

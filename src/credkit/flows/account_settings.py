"""Account settings: ask, approve or deny on another device, edit in the window that opens, Done.

Every edit is made the same way, in `_edit`: the credential is read; one commit finds the window open, keeps a picture of how things were, and
announces the change; then the credential is swapped. A window that is closed meanwhile is fenced off, so no edit lands after Done, a
denial or an undo has returned (F2). A new identifier has proved itself by a code before any of that (ID-20).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from credkit.approvals import Approval, Step
from credkit.context import Context, Session, checked
from credkit.credential import Credential, Standing
from credkit.edits import Edit, HostChange, Prefer, RemoveIdentifier, SetPassword, told
from credkit.errors import Busy, ConfigurationError, Finding, FindingKind, IdentifierTaken, PasswordRefused, Reason, Refused
from credkit.events import EventKind
from credkit.flows.approvals import Approvals, ApprovalStatus, Review
from credkit.flows.challenges import Challenges, token_of
from credkit.flows.changes import Changed, Ended, change_credential, intent_of, put_notices
from credkit.flows.histories import put_entry
from credkit.flows.lookalikes import note_look_alike
from credkit.flows.passwords import as_typed, is_password_of, judge_password, was_used_before
from credkit.flows.shell import IdentifierInput, Shell
from credkit.flows.trails import Trail
from credkit.flows.transaction import ATTEMPTS, Transaction
from credkit.history import Entry, entry_id_of, password_digest
from credkit.identifiers import Identifier
from credkit.lifting import finish
from credkit.messages import MessageKind
from credkit.otp import Binding
from credkit.secret import PasswordInput
from credkit.tickets import Asked, AskedInput, EditWindow, Purpose, Ticket, TicketInput, Token, WindowInput, cookie_name, ended_cookie

__all__ = ["AccountSettings", "AsyncAccountSettings", "Authorized", "IdentifierView", "SettingsView"]

_MOST_STEPS: Final = 20
"""Identifiers that one window may send codes to: more than anybody has, and few enough that a window is no way to send mail to strangers."""


_MOST_LEAVES: Final = 20
"""Times that one window gives leave to change something of the host's: each is told to everybody, and nobody reads more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierView:
    """An identifier, as its owner's page lists it."""

    identifier: Identifier
    standing: Standing
    preferred: bool
    """Whether it is the verification method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsView:
    """What the page of the settings lists."""

    identifiers: tuple[IdentifierView, ...]
    has_password: bool
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorized:
    """Leave to change something that the host keeps; its owner has been told."""

    credential_id: str
    accounts: tuple[str, ...]
    name: str
    new: str | None = field(repr=False)
    """The approved value, where the request named it; `None` in a window for settings in general."""
    at: datetime


@dataclass(frozen=True, slots=True)
class AsyncAccountSettings:
    """Let a signed-in person change how they sign in, once the owner has approved it on another device."""

    _shell: Shell

    @property
    def _approvals(self) -> Approvals:
        return Approvals(self._shell)

    @property
    def _challenges(self) -> Challenges:
        return Challenges(self._shell, Purpose.IDENTIFIER)

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that `cookie()` of a request and of a window describes, for reading it."""
        return cookie_name(Purpose.SETTINGS, insecure=self._shell.site.insecure)

    def ended_cookie(self) -> dict[str, Any]:
        """Return the keyword arguments of ``set_cookie`` that take that cookie away."""
        return ended_cookie(Purpose.SETTINGS, insecure=self._shell.site.insecure)

    async def view(self, who: Session) -> SettingsView:
        """Return what there is to change, for the page.

        Raises:
            Refused: SESSION_ENDED.
        """
        return _view(await self._approvals.held(who))

    async def request(self, who: Session, changes: Sequence[Edit] | None = None, *, context: Context, via: IdentifierInput | None = None) -> Asked:
        """Ask the owner, by a link to the verification method, to approve *changes* or, without any, an edit window for settings in general.

        A request that waits from before is cancelled. *via* names another verified identifier, where the policy allows that.

        Raises:
            InvalidIdentifier: One of the changes names something that is no email address or phone number.
            Refused: SESSION_ENDED, TOO_MANY_REQUESTS, APPROVAL_UNREACHABLE where no verified identifier may be asked, CHANGES_FROZEN.
            ConfigurationError: The site has no path for approvals or for undo, or *changes* is empty or too long.
        """
        with Trail(self._shell, EventKind.SETTINGS_REQUEST, context, who=who) as trail:
            return await self._approvals.ask(who, changes, context, via, trail)

    async def status(self, who: Session, ticket: AskedInput) -> ApprovalStatus:
        """Return how the request stands, with the match code to show. Asking sooner than `poll_after` makes that longer.

        Raises:
            Refused: SESSION_ENDED, or not a request of this session.
        """
        return await self._approvals.status(who, ticket)

    async def cancel(self, who: Session, ticket: AskedInput | WindowInput) -> None:
        """Take the request back, or close its window: for a cancel button, and for signing out. A second time changes nothing.

        Raises:
            Refused: SESSION_ENDED, not a request of this session, or it has ended in another way.
        """
        with Trail(self._shell, EventKind.SETTINGS_CANCEL, given=ticket, who=who):
            await self._approvals.cancel(who, ticket)

    async def review(self, token: str) -> Review:
        """Return what the owner is asked, for the page behind the link. It decides nothing, however often it is called.

        Raises:
            Refused: APPROVAL_INVALID.
        """
        return await self._approvals.review(token)

    async def approve(self, token: str, match_code: str | None = None, *, context: Context) -> Review:
        """Approve, with the number that is shown where the change was asked for.

        Raises:
            Refused: MATCH_CODE_REQUIRED; MATCH_CODE_WRONG (`tries_left`); APPROVAL_DENIED after the last of them; or it is not pending any more.
        """
        with Trail(self._shell, EventKind.SETTINGS_APPROVE, context, given=token) as trail:
            return await self._approvals.approve(token, match_code, context, trail)

    async def deny(self, token: str, *, context: Context) -> Review:
        """Deny: in one step, and also after an approval. The window is closed when this returns; `undo` of the result gives back what it changed.

        Raises:
            Refused: APPROVAL_INVALID, or it has ended in another way.
        """
        with Trail(self._shell, EventKind.SETTINGS_DENY, context, given=token) as trail:
            return await self._approvals.deny(token, context, trail)

    async def not_me(self, token: str, typed: IdentifierInput, *, context: Context) -> None:
        """Say that somebody else asked: sessions end, everybody is told, and the asking session may soon ask no more. The second step, after `deny`.

        *typed* is the address or number that the message was sent to, typed in full.

        Raises:
            InvalidIdentifier: *typed* is not an email address or phone number.
            Refused: APPROVAL_INVALID, CONFIRMATION_WRONG.
            Busy: Others kept writing the credential; say it again.
        """
        with Trail(self._shell, EventKind.SETTINGS_NOT_ME, context, given=token) as trail:
            await self._approvals.not_me(token, typed, context, trail)

    async def open(self, who: Session, ticket: AskedInput, *, context: Context) -> EditWindow:
        """Open the edit window of an approved request. The same session gets the same window again.

        Raises:
            Refused: SESSION_ENDED, not a request of this session, not approved, or over.
        """
        with Trail(self._shell, EventKind.SETTINGS_OPEN, context, given=ticket, who=who):
            checked(context)
            return await self._approvals.open(who, ticket)

    async def done(self, who: Session, window: WindowInput) -> SettingsView:
        """Close the window, and return what there is now. No edit lands after this has returned.

        Raises:
            Refused: SESSION_ENDED, not this session's window, or it has ended in another way.
        """
        with Trail(self._shell, EventKind.SETTINGS_DONE, given=window, who=who):
            await self._approvals.done(who, window)
            return await self.view(who)

    async def add_identifier(self, who: Session, window: WindowInput, identifier: IdentifierInput, *, context: Context) -> Ticket:
        """Send a code to a new address or number; `confirm_identifier` adds it.

        Raises:
            InvalidIdentifier: It is not an email address or phone number, or a number that is sent no text messages (PHONE_NOT_SUPPORTED).
            Refused: The window is not open for this session, the change is not what was approved, it is there already, or too many requests.
        """
        with Trail(self._shell, EventKind.IDENTIFIER_ADD, context, who=who) as trail:
            new = self._shell.parse_new(identifier, context)
            return await self._begin(who, window, lambda challenge_id: Step(challenge_id=challenge_id, identifier=new), context, trail)

    async def change_identifier(
        self, who: Session, window: WindowInput, old: IdentifierInput, new: IdentifierInput, *, context: Context, lost_control: bool = False
    ) -> Ticket:
        """Send a code to a new address or number; `confirm_identifier` puts it in the place of *old*, which stays in force until then.

        With *lost_control* the old one may be in other hands: it is told, and gets no link to undo; links that it has got are void. But only where
        another identifier that was there before has a link: or whoever is in the window could take the owner's only one away.

        Raises:
            InvalidIdentifier: One of them is not an email address or phone number, or *new* is a number that is sent no text messages.
            Refused: As `add_identifier`; or *old* is none of theirs.
        """
        with Trail(self._shell, EventKind.IDENTIFIER_CHANGE, context, who=who) as trail:
            before, after = self._shell.parse(old, context), self._shell.parse_new(new, context)

            def step(challenge_id: str) -> Step:
                return Step(challenge_id=challenge_id, identifier=after, replaces=before, lost_control=lost_control)

            return await self._begin(who, window, step, context, trail)

    async def resend(self, who: Session, window: WindowInput, ticket: TicketInput, *, context: Context) -> Ticket:
        """Send the code for a new identifier again.

        Raises:
            Refused: The window is not open for this session, not a ticket of it, too soon (`retry_after`), or no more sends.
        """
        with Trail(self._shell, EventKind.IDENTIFIER_RESEND, context, given=ticket, who=who) as trail:
            credential, token = await self._approvals.held(who), token_of(window, Reason.APPROVAL_INVALID)

            async def within(transaction: Transaction, challenge_id: str) -> None:
                await self._step(transaction, who, token, credential, challenge_id)

            return await self._challenges.resend(ticket, _of(who, context), trail, within=within)

    async def confirm_identifier(self, who: Session, window: WindowInput, ticket: TicketInput, code: str, *, context: Context) -> Changed:
        """Put the new identifier in force, once its code has come back; tell everybody. The same call repeated says the same.

        Raises:
            Refused: The window is not open for this session, not a ticket of it, the code is wrong (`tries_left`) or over, or another sign-in
                has the identifier.
        """
        with Trail(self._shell, EventKind.IDENTIFIER_CONFIRM, context, given=ticket, who=who) as trail:
            return await self._confirm(trail, who, window, ticket, code, context=context)

    async def _confirm(self, trail: Trail, who: Session, window: WindowInput, ticket: TicketInput, code: str, *, context: Context) -> Changed:
        credential, token = await self._approvals.held(who), token_of(window, Reason.APPROVAL_INVALID)
        found: list[Step] = []

        async def within(transaction: Transaction, challenge_id: str) -> None:
            found[:] = [await self._step(transaction, who, token, credential, challenge_id)]

        grant = await self._challenges.verify(ticket, code, _of(who, context), trail, within=within)
        step, change_id = found[0], f"{token.id}.{token_of(grant, Reason.TICKET_INVALID).id}"
        lost = (step.replaces,) if step.lost_control and step.replaces is not None else ()

        def change(current: Credential, generation: str, now: datetime) -> Credential:
            return current.with_identifier(step.identifier, replaces=step.replaces, change_id=change_id, generation=generation, now=now)

        changed = await self._edit(who, token, step.edit, change, context, change_id=change_id, also=(step.identifier,), lost=lost)
        await note_look_alike(self._shell, step.identifier, changed.credential.id)
        return changed

    async def remove_identifier(
        self, who: Session, window: WindowInput, identifier: IdentifierInput, *, context: Context, lost_control: bool = False
    ) -> Changed:
        """Take an identifier away; tell everybody. With *lost_control* the removed one has no link to undo.

        Raises:
            InvalidIdentifier: It is not an email address or phone number.
            Refused: The window is not open for this session, it is none of theirs, or it is the last one they can be reached at.
        """
        with Trail(self._shell, EventKind.IDENTIFIER_REMOVE, context, given=window, who=who) as trail:
            gone, token = trail.typed(self._shell.parse(identifier, context)), token_of(window, Reason.APPROVAL_INVALID)
            change_id = self._change_id(token)

            def change(current: Credential, generation: str, now: datetime) -> Credential:
                return current.without_identifier(gone, change_id=change_id, generation=generation, now=now)

            return await self._edit(who, token, RemoveIdentifier(gone), change, context, change_id=change_id, lost=(gone,) if lost_control else ())

    async def prefer(self, who: Session, window: WindowInput, identifier: IdentifierInput, *, context: Context) -> Changed:
        """Make a verified identifier the verification method: where codes and approvals go.

        Raises:
            InvalidIdentifier: It is not an email address or phone number.
            Refused: The window is not open for this session, or it is none of their verified ones.
        """
        with Trail(self._shell, EventKind.IDENTIFIER_PREFER, context, given=window, who=who) as trail:
            chosen, token = trail.typed(self._shell.parse(identifier, context)), token_of(window, Reason.APPROVAL_INVALID)
            change_id = self._change_id(token)

            def change(current: Credential, generation: str, now: datetime) -> Credential:
                return current.with_preferred(chosen, change_id=change_id, generation=generation, now=now)

            return await self._edit(who, token, Prefer(chosen), change, context, change_id=change_id)

    async def set_password(self, who: Session, window: WindowInput, new: PasswordInput, *, context: Context) -> Changed:
        """Set a new password, without the current one: the owner has approved it. The acting session takes over `session_epoch`; others end.

        Raises:
            PasswordRefused: The new password breaks a rule; all findings at once.
            Refused: The window is not open for this session.
            Busy: Too many passwords are being hashed; nothing was counted.
        """
        with Trail(self._shell, EventKind.PASSWORD_SET, context, given=window, who=who):
            return await self._set_password(who, window, new, context)

    async def _set_password(self, who: Session, window: WindowInput, new: PasswordInput, context: Context) -> Changed:
        shell, token = self._shell, token_of(window, Reason.APPROVAL_INVALID)
        change_id = self._change_id(token)
        place = shell.hashing.reserve()
        try:
            credential = await self._approvals.held(who)
            await self._require_open(who, token, credential)
            chosen = await judge_password(shell, new, [entry.identifier for entry in credential.identifiers])
            typed = as_typed(new, chosen)
            is_current = await is_password_of(place, credential.password_hash, chosen, typed=typed)
            if await was_used_before(shell, place, credential, chosen, typed=typed) or is_current:
                raise PasswordRefused([Finding(kind=FindingKind.CURRENT if is_current else FindingKind.EARLIER)])
            password_hash = await place.hash(chosen)
        finally:
            place.release()

        def change(current: Credential, generation: str, now: datetime) -> Credential:
            return current.with_password(password_hash, change_id=change_id, generation=generation, now=now, history=shell.policy.password_history)

        return await self._edit(who, token, SetPassword(), change, context, change_id=change_id, ended=Ended.OTHERS)

    async def authorize(self, who: Session, window: WindowInput, name: str, *, context: Context, shown: HostChange | None = None) -> Authorized:
        """Return leave to change what the host calls *name*, and tell everybody. Change it after this has returned, and only then.

        A change that was asked for exactly gets leave once.

        *shown* says from what to what, for the message; where the request named the values, they are the ones that were approved.

        Raises:
            Refused: The window is not open for this session, or the request named changes and this is none of them.
            ConfigurationError: *name* is no name of a setting, or not that of *shown*.
        """
        with Trail(self._shell, EventKind.SETTINGS_AUTHORIZE, context, given=window, who=who):
            return await self._authorize(who, window, name, context, shown)

    async def _authorize(self, who: Session, window: WindowInput, name: str, context: Context, shown: HostChange | None) -> Authorized:
        shell, now, context = self._shell, self._shell.clock.now(), checked(context)
        asked = HostChange(name) if shown is None else shown
        if asked.name != name:
            raise ConfigurationError(["what is shown must have the name of what is authorized, or its owner would be told of something else"])
        credential, token = await self._approvals.held(who), token_of(window, Reason.APPROVAL_INVALID)
        change_id, due_at = self._change_id(token), shell.delivery_start(now)

        async def allow(transaction: Transaction) -> str | None:
            approval, _ = await self._approvals.gate(transaction, who, token, credential, now)
            edit = _permitted_host_change(approval, name, asked, exact=shown is not None)
            if len(approval.authorized) >= _MOST_LEAVES:
                raise Refused(Reason.TOO_MANY_REQUESTS)
            self._approvals.put(transaction, replace(approval, authorized=(*approval.authorized, name)))
            lines = (told(edit, masked=True),)
            announced = intent_of(MessageKind.SETTINGS_CHANGED, change_id, credential, context=context, now=now, shown=lines)
            put_notices(shell, transaction, announced, due_at)
            return None if approval.edits is None else edit.new

        approved = await shell.transact(allow)
        await shell.dispatch(due_at)
        return Authorized(credential_id=credential.id, accounts=credential.accounts, name=name, new=approved, at=now)

    # How every edit is made ----------------------------------------------------------------------------------------

    async def _edit(
        self,
        who: Session,
        token: Token,
        edit: Edit,
        change: Callable[[Credential, str, datetime], Credential],
        context: Context,
        *,
        change_id: str,
        also: tuple[Identifier, ...] = (),
        lost: tuple[Identifier, ...] = (),
        ended: Ended = Ended.NONE,
    ) -> Changed:
        shell, now, context = self._shell, self._shell.clock.now(), checked(context)
        entry_id, nonce, lines = entry_id_of(change_id), shell.entropy.token(16), (told(edit, masked=True),)
        # A generation that begins with the window's id is one that this window has left, so its next edit goes on from there (F5).
        generation = f"{token.id}.{shell.fresh_id()}"

        async def within(transaction: Transaction, current: Credential) -> None:
            approval, history = await self._approvals.gate(transaction, who, token, current, now)
            if not approval.permits(edit):
                raise Refused(Reason.EDIT_NOT_APPROVED)
            entry = Entry(
                id=entry_id,
                change_id=change_id,
                at=now,
                identifiers=current.identifiers,
                preferred=current.preferred,
                password_digest=password_digest(current.password_hash),
                shown=lines,
                key_id=shell.codes.current,
                nonce=nonce,
                lost=lost if set(history.untouched(current)) - set(lost) else (),
            )
            await put_entry(shell, transaction, history, entry, now)

        for _ in range(ATTEMPTS):
            credential = await self._approvals.held(who)
            if credential.has_mark(change_id):
                return Changed(credential=credential, session_epoch=credential.session_epoch, ended=ended)
            try:
                stored = await change_credential(
                    shell,
                    credential,
                    intent=lambda current: intent_of(
                        MessageKind.SETTINGS_CHANGED,
                        change_id,
                        current,
                        context=context,
                        now=now,
                        also=also,
                        shown=lines,
                        link_id=entry_id,
                    ),
                    change=lambda current: change(current, generation, now),
                    within=within,
                )
            except IdentifierTaken:
                # Its owner proved it a moment ago, so this tells nobody anything that is not theirs.
                raise Refused(Reason.IDENTIFIER_TAKEN) from None
            if stored is not None:
                return Changed(credential=stored, session_epoch=stored.session_epoch, ended=ended)
        raise Busy

    async def _begin(self, who: Session, window: WindowInput, step_of: Callable[[str], Step], context: Context, trail: Trail) -> Ticket:
        """Send the code for a new identifier, and keep in the window what is to be done once it has come back."""
        now = self._shell.clock.now()
        credential, token = await self._approvals.held(who), token_of(window, Reason.APPROVAL_INVALID)
        step = step_of("")
        _require_sensible(credential, step)

        async def within(transaction: Transaction, challenge_id: str) -> None:
            approval, _ = await self._approvals.gate(transaction, who, token, credential, now)
            if not approval.permits(step.edit):
                raise Refused(Reason.EDIT_NOT_APPROVED)
            if len(approval.steps) >= _MOST_STEPS:
                raise Refused(Reason.TOO_MANY_REQUESTS)
            self._approvals.put(transaction, replace(approval, steps=(*approval.steps, step_of(challenge_id))))

        binding = Binding(destination=step.identifier, credential_id=credential.id)
        return await self._challenges.begin(step.identifier, _of(who, context), trail, binding=binding, within=within)

    async def _step(self, transaction: Transaction, who: Session, token: Token, credential: Credential, challenge_id: str) -> Step:
        approval, _ = await self._approvals.gate(transaction, who, token, credential, self._shell.clock.now())
        step = approval.step(challenge_id)
        if step is None:
            raise Refused(Reason.TICKET_INVALID)
        return step

    async def _require_open(self, who: Session, token: Token, credential: Credential) -> None:
        async def read(transaction: Transaction) -> None:
            approval, _ = await self._approvals.gate(transaction, who, token, credential, self._shell.clock.now())
            if not approval.permits(SetPassword()):
                raise Refused(Reason.EDIT_NOT_APPROVED)

        await self._shell.transact(read)

    def _change_id(self, token: Token) -> str:
        return f"{token.id}.{self._shell.fresh_id()}"


def _of(who: Session, context: Context) -> Context:
    """Return the context of a step that belongs to the signed-in session, whatever else it says."""
    return replace(checked(context), session_key=who.session_key)


def _view(credential: Credential) -> SettingsView:
    listed = tuple(IdentifierView(identifier=r.identifier, standing=r.standing, preferred=r.identifier == credential.preferred) for r in credential.identifiers)
    return SettingsView(identifiers=listed, has_password=credential.password_hash is not None, accounts=credential.accounts)


def _require_sensible(credential: Credential, step: Step) -> None:
    """Refuse at once what the swap would refuse in the end."""
    known = credential.registered(step.identifier)
    if known is not None and known.standing is Standing.VERIFIED:
        raise Refused(Reason.IDENTIFIER_PRESENT)
    if step.replaces is not None and credential.registered(step.replaces) is None:
        raise Refused(Reason.IDENTIFIER_UNKNOWN)


def _permitted_host_change(approval: Approval, name: str, asked: HostChange, *, exact: bool) -> HostChange:
    if approval.edits is None:
        return asked
    approved = approval.host_change(name)
    if approved is None or name in approval.authorized or (exact and asked != approved):
        raise Refused(Reason.EDIT_NOT_APPROVED)
    return approved


class AccountSettings:
    """Let a signed-in person change how they sign in, once the owner has approved it on another device, from blocking code."""

    __slots__ = ("_flow",)

    def __init__(self, shell: Shell) -> None:
        self._flow = AsyncAccountSettings(shell)

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that `cookie()` of a request and of a window describes, for reading it."""
        return self._flow.cookie_name

    def ended_cookie(self) -> dict[str, Any]:
        """Return the keyword arguments of ``set_cookie`` that take that cookie away."""
        return self._flow.ended_cookie()

    def view(self, who: Session) -> SettingsView:
        """Return what there is to change, for the page.

        Raises:
            Refused: SESSION_ENDED.
        """
        return finish(self._flow.view(who))

    def request(self, who: Session, changes: Sequence[Edit] | None = None, *, context: Context, via: IdentifierInput | None = None) -> Asked:
        """Ask the owner, by a link to the verification method, to approve *changes* or, without any, an edit window for settings in general.

        A request that waits from before is cancelled. *via* names another verified identifier, where the policy allows that.

        Raises:
            InvalidIdentifier: One of the changes names something that is no email address or phone number.
            Refused: SESSION_ENDED, TOO_MANY_REQUESTS, APPROVAL_UNREACHABLE where no verified identifier may be asked, CHANGES_FROZEN.
            ConfigurationError: The site has no path for approvals or for undo, or *changes* is empty or too long.
        """
        return finish(self._flow.request(who, changes, context=context, via=via))

    def status(self, who: Session, ticket: AskedInput) -> ApprovalStatus:
        """Return how the request stands, with the match code to show. Asking sooner than `poll_after` makes that longer.

        Raises:
            Refused: SESSION_ENDED, or not a request of this session.
        """
        return finish(self._flow.status(who, ticket))

    def cancel(self, who: Session, ticket: AskedInput | WindowInput) -> None:
        """Take the request back, or close its window: for a cancel button, and for signing out. A second time changes nothing.

        Raises:
            Refused: SESSION_ENDED, not a request of this session, or it has ended in another way.
        """
        return finish(self._flow.cancel(who, ticket))

    def review(self, token: str) -> Review:
        """Return what the owner is asked, for the page behind the link. It decides nothing, however often it is called.

        Raises:
            Refused: APPROVAL_INVALID.
        """
        return finish(self._flow.review(token))

    def approve(self, token: str, match_code: str | None = None, *, context: Context) -> Review:
        """Approve, with the number that is shown where the change was asked for.

        Raises:
            Refused: MATCH_CODE_REQUIRED; MATCH_CODE_WRONG (`tries_left`); APPROVAL_DENIED after the last of them; or it is not pending any more.
        """
        return finish(self._flow.approve(token, match_code, context=context))

    def deny(self, token: str, *, context: Context) -> Review:
        """Deny: in one step, and also after an approval. The window is closed when this returns; `undo` of the result gives back what it changed.

        Raises:
            Refused: APPROVAL_INVALID, or it has ended in another way.
        """
        return finish(self._flow.deny(token, context=context))

    def not_me(self, token: str, typed: IdentifierInput, *, context: Context) -> None:
        """Say that somebody else asked: sessions end, everybody is told, and the asking session may soon ask no more. The second step, after `deny`.

        *typed* is the address or number that the message was sent to, typed in full.

        Raises:
            InvalidIdentifier: *typed* is not an email address or phone number.
            Refused: APPROVAL_INVALID, CONFIRMATION_WRONG.
            Busy: Others kept writing the credential; say it again.
        """
        return finish(self._flow.not_me(token, typed, context=context))

    def open(self, who: Session, ticket: AskedInput, *, context: Context) -> EditWindow:
        """Open the edit window of an approved request. The same session gets the same window again.

        Raises:
            Refused: SESSION_ENDED, not a request of this session, not approved, or over.
        """
        return finish(self._flow.open(who, ticket, context=context))

    def done(self, who: Session, window: WindowInput) -> SettingsView:
        """Close the window, and return what there is now. No edit lands after this has returned.

        Raises:
            Refused: SESSION_ENDED, not this session's window, or it has ended in another way.
        """
        return finish(self._flow.done(who, window))

    def add_identifier(self, who: Session, window: WindowInput, identifier: IdentifierInput, *, context: Context) -> Ticket:
        """Send a code to a new address or number; `confirm_identifier` adds it.

        Raises:
            InvalidIdentifier: It is not an email address or phone number, or a number that is sent no text messages (PHONE_NOT_SUPPORTED).
            Refused: The window is not open for this session, the change is not what was approved, it is there already, or too many requests.
        """
        return finish(self._flow.add_identifier(who, window, identifier, context=context))

    def change_identifier(
        self, who: Session, window: WindowInput, old: IdentifierInput, new: IdentifierInput, *, context: Context, lost_control: bool = False
    ) -> Ticket:
        """Send a code to a new address or number; `confirm_identifier` puts it in the place of *old*, which stays in force until then.

        With *lost_control* the old one may be in other hands: it is told, and gets no link to undo; links that it has got are void. But only where
        another identifier that was there before has a link: or whoever is in the window could take the owner's only one away.

        Raises:
            InvalidIdentifier: One of them is not an email address or phone number, or *new* is a number that is sent no text messages.
            Refused: As `add_identifier`; or *old* is none of theirs.
        """
        return finish(self._flow.change_identifier(who, window, old, new, context=context, lost_control=lost_control))

    def resend(self, who: Session, window: WindowInput, ticket: TicketInput, *, context: Context) -> Ticket:
        """Send the code for a new identifier again.

        Raises:
            Refused: The window is not open for this session, not a ticket of it, too soon (`retry_after`), or no more sends.
        """
        return finish(self._flow.resend(who, window, ticket, context=context))

    def confirm_identifier(self, who: Session, window: WindowInput, ticket: TicketInput, code: str, *, context: Context) -> Changed:
        """Put the new identifier in force, once its code has come back; tell everybody. The same call repeated says the same.

        Raises:
            Refused: The window is not open for this session, not a ticket of it, the code is wrong (`tries_left`) or over, or another sign-in
                has the identifier.
        """
        return finish(self._flow.confirm_identifier(who, window, ticket, code, context=context))

    def remove_identifier(self, who: Session, window: WindowInput, identifier: IdentifierInput, *, context: Context, lost_control: bool = False) -> Changed:
        """Take an identifier away; tell everybody. With *lost_control* the removed one has no link to undo.

        Raises:
            InvalidIdentifier: It is not an email address or phone number.
            Refused: The window is not open for this session, it is none of theirs, or it is the last one they can be reached at.
        """
        return finish(self._flow.remove_identifier(who, window, identifier, context=context, lost_control=lost_control))

    def prefer(self, who: Session, window: WindowInput, identifier: IdentifierInput, *, context: Context) -> Changed:
        """Make a verified identifier the verification method: where codes and approvals go.

        Raises:
            InvalidIdentifier: It is not an email address or phone number.
            Refused: The window is not open for this session, or it is none of their verified ones.
        """
        return finish(self._flow.prefer(who, window, identifier, context=context))

    def set_password(self, who: Session, window: WindowInput, new: PasswordInput, *, context: Context) -> Changed:
        """Set a new password, without the current one: the owner has approved it. The acting session takes over `session_epoch`; others end.

        Raises:
            PasswordRefused: The new password breaks a rule; all findings at once.
            Refused: The window is not open for this session.
            Busy: Too many passwords are being hashed; nothing was counted.
        """
        return finish(self._flow.set_password(who, window, new, context=context))

    def authorize(self, who: Session, window: WindowInput, name: str, *, context: Context, shown: HostChange | None = None) -> Authorized:
        """Return leave to change what the host calls *name*, and tell everybody. Change it after this has returned, and only then.

        A change that was asked for exactly gets leave once.

        *shown* says from what to what, for the message; where the request named the values, they are the ones that were approved.

        Raises:
            Refused: The window is not open for this session, or the request named changes and this is none of them.
            ConfigurationError: *name* is no name of a setting, or not that of *shown*.
        """
        return finish(self._flow.authorize(who, window, name, context=context, shown=shown))

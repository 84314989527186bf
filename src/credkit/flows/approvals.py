"""The steps of an approval: asked in a signed-in session, answered through a link on another device, and the gate that the answer opens.

Whoever asks holds a ticket, whoever answers holds a link, and whoever edits holds a window; none of the three is worth anything in the place
of another (AP-08). Reading decides nothing, however often it happens (AP-05). Whatever ends a request closes the gate first and then
fences the credential, so that no edit lands after the call that ended it has returned (F2).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from credkit.approvals import Approval, Event, State, decide, link_secret, match_code_of, moved, refusal_of, window_secret
from credkit.context import Context, Session, checked
from credkit.credential import Credential
from credkit.edits import Edit, HostChange, Shown, parsed, shown, told
from credkit.errors import Busy, ConfigurationError, Reason, Refused, UnknownKey
from credkit.flows.challenges import OUTBOX, same_session, token_of
from credkit.flows.changes import change_credential, fence, intent_of, put_notices
from credkit.flows.histories import load_history, put_history
from credkit.flows.metering import load_meters
from credkit.flows.shell import IdentifierInput, Shell, Subject
from credkit.flows.sign_in import held_by
from credkit.flows.trails import Trail
from credkit.flows.transaction import ATTEMPTS, Transaction
from credkit.history import History, undo_secret
from credkit.identifiers import Identifier
from credkit.messages import MessageKind
from credkit.otp import ALPHABET, normalize_code
from credkit.outbox import ApprovalDue, Intent
from credkit.payloads import UnreadableRecord, as_json, from_payload, to_payload
from credkit.secret import Secret
from credkit.sms import reached
from credkit.tickets import Asked, AskedInput, EditWindow, Purpose, Token, WindowInput, encode_bytes, secret_digest

__all__ = ["APPROVAL", "ApprovalStatus", "Approvals", "Review", "typed_in_full"]

APPROVAL: Final = "approval"
_ASKED: Final = "asked"
"""Which request of a credential is the newest: a newer one takes its place."""
_POLL: Final = "poll"

_NOTICES: Final = {State.APPROVED: MessageKind.SETTINGS_APPROVED, State.DENIED: MessageKind.SETTINGS_DENIED}

_MOST_EDITS: Final = 20
"""Changes that one request may name: as many as a person can read."""

_RETENTION: Final = timedelta(days=1)
"""How long a request is kept after it could last do anything, so that its pages hear what became of it, and its owner can still say "it was not me"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A request, as the page behind the owner's link shows it. Escape the texts like any other."""

    state: State
    changes: tuple[Shown, ...] | None
    """Exactly what would be changed; `None`: settings in general, as the person goes on to choose."""
    device: str | None
    """What the asking session uses, and where: as the host told it, made harmless."""
    place: str | None
    asked_at: datetime
    expires_at: datetime
    label: str
    needs_match_code: bool
    tries_left: int
    undo: Secret | None = None
    """After a denial: what `kit.undo` takes to give back what the window had already changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalStatus:
    """How a request stands, for the page of the session that asked."""

    state: State
    match_code: str | None = field(repr=False)
    """What to type on the other device, for as long as it has not been answered. Show it, and say that nobody may be told of it."""
    expires_at: datetime
    """When the present state ends by itself."""
    poll_after: timedelta
    """When to ask again; asking sooner makes it longer (AP-13)."""
    sent_by: str
    """``email`` or ``phone``."""
    label: str


@dataclass(frozen=True, slots=True)
class Approvals:
    """The steps of an approval."""

    shell: Shell

    async def held(self, who: Session) -> Credential:
        """Return the credential of the signed-in session.

        Raises:
            Refused: SESSION_ENDED.
        """
        credential = await held_by(self.shell, who)
        if credential is None:
            raise Refused(Reason.SESSION_ENDED)
        return credential

    async def ask(self, who: Session, edits: Sequence[Edit] | None, context: Context, via: IdentifierInput | None, trail: Trail) -> Asked:
        """Write the request, and queue its message; a request that waits from before is cancelled."""
        shell, now, context = self.shell, self.shell.clock.now(), checked(context)
        shell.site.require_paths("approve", "undo")
        wanted = self._parsed(edits, context)
        chosen = None if via is None else shell.parse(via, context)
        credential = await self.held(who)
        token = Token(shell.fresh_id(), Secret(encode_bytes(shell.entropy.token(32))))
        trail.about(token.id)
        approval = self._new(token, who, credential, edits=wanted, context=context, now=now)

        async def put(transaction: Transaction) -> tuple[Approval, datetime]:
            history = await load_history(shell, transaction, credential.id)
            asked = replace(approval, destination=self._destination(credential, history, chosen, now))
            await self._charge(transaction, asked, now)
            await self._take_the_place(transaction, asked, now)
            self._put(transaction, asked)
            return asked, self._queue_question(transaction, asked, context, now)

        asked, due_at = await shell.transact(put)
        await shell.dispatch(due_at)
        return Asked(
            secret_text=Secret(token.text),
            begun_at=now,
            expires_at=asked.ends_at,
            label=asked.label,
            masked=asked.destination.masked,
            insecure=shell.site.insecure,
        )

    async def status(self, who: Session, ticket: AskedInput) -> ApprovalStatus:
        """Return how the request stands; remember that it was asked."""
        shell, now = self.shell, self.shell.clock.now()
        token = token_of(ticket, Reason.APPROVAL_INVALID)
        await self.held(who)

        async def read(transaction: Transaction) -> tuple[Approval, timedelta]:
            approval = await self._asked(transaction, token, who)
            return approval, await self._polled(transaction, approval, now)

        approval, poll_after = await shell.transact(read)
        state = approval.state_at(now)
        code = match_code_of(approval, shell.codes, site=shell.site.id).reveal() if state is State.PENDING else None
        return ApprovalStatus(
            state=state, match_code=code, expires_at=approval.ends_at, poll_after=poll_after, sent_by=approval.destination.kind, label=approval.label
        )

    async def cancel(self, who: Session, held: AskedInput | WindowInput) -> None:
        """End the request, whatever stage it is in; then fence."""
        token = token_of(held, Reason.APPROVAL_INVALID)
        credential = await self.held(who)
        await self._end(who, token, Event.CANCEL)
        await fence(self.shell, credential.id)

    async def done(self, who: Session, window: WindowInput) -> None:
        """Close the window; then fence."""
        token = token_of(window, Reason.APPROVAL_INVALID)
        credential = await self.held(who)
        await self._end(who, token, Event.DONE)
        await fence(self.shell, credential.id)

    async def open(self, who: Session, ticket: AskedInput) -> EditWindow:
        """Open the window of an approved request; the same session gets the same window again."""
        shell, now = self.shell, self.shell.clock.now()
        token = token_of(ticket, Reason.APPROVAL_INVALID)
        credential = await self.held(who)

        async def open_window(transaction: Transaction) -> Approval:
            approval = await self._asked(transaction, token, who)
            after = moved(approval, Event.OPEN, now, ends_at=now + shell.policy.approvals.window)
            await self._require_unchanged(transaction, after, credential, now)
            if after is not approval:
                self._put(transaction, after)
            return after

        opened = await shell.transact(open_window)
        text = Token(opened.id, window_secret(opened, shell.codes, site=shell.site.id)).text
        return EditWindow(secret_text=Secret(text), begun_at=now, expires_at=opened.ends_at, insecure=shell.site.insecure)

    async def gate(self, transaction: Transaction, who: Session, token: Token, credential: Credential, now: datetime) -> tuple[Approval, History]:
        """Return the request whose window is open for this session, and the history of its credential.

        *credential* has to be read before: then a fence behind whatever closes the window stops every edit that came through here (F2).

        Raises:
            Refused: It is not this session's window, or it is not open any more, or the credential was changed by somebody else.
        """
        approval = await self._load(transaction, token)
        self._require_asker(approval, who)
        if not token.proves(window_secret(approval, self.shell.codes, site=self.shell.site.id)):
            raise Refused(Reason.APPROVAL_INVALID)
        if approval.state_at(now) is not State.OPEN:
            raise refusal_of(approval, now)
        return approval, await self._require_unchanged(transaction, approval, credential, now)

    def put(self, transaction: Transaction, approval: Approval) -> None:
        """Write a request that `gate` has returned."""
        self._put(transaction, approval)

    async def review(self, link: str) -> Review:
        """Return what the link is about; count and change nothing."""
        shell, now = self.shell, self.shell.clock.now()
        token = _token_in(link)

        async def read(transaction: Transaction) -> Approval:
            return await self._linked(transaction, token)

        return self._review(await shell.transact(read), now)

    async def approve(self, link: str, match_code: str | None, context: Context, trail: Trail) -> Review:
        """Compare the match code, count a wrong one, and only then tell."""
        shell, now, context = self.shell, self.shell.clock.now(), checked(context)
        token = _token_in(link)
        typed = normalize_code(match_code)
        if match_code is not None and typed is None:
            raise Refused(Reason.MATCH_CODE_REQUIRED)

        async def answer(transaction: Transaction) -> tuple[Approval, datetime]:
            before = await self._linked(transaction, token)
            history = await load_history(shell, transaction, before.credential_id)
            if history.frozen(now):
                raise Refused(Reason.CHANGES_FROZEN)
            expected = match_code_of(before, shell.codes, site=shell.site.id)
            after = decide(before, typed, expected, now, shell.policy.approvals)
            self._put(transaction, after)
            return after, self._queue_notices(transaction, after, context, now)

        after, due_at = await shell.transact(answer)
        trail.of(after.credential_id)
        if after.state is not State.PENDING:
            await shell.dispatch(due_at)
        if after.state is State.APPROVED:
            return self._review(after, now)
        raise Refused(Reason.APPROVAL_DENIED if after.state is State.DENIED else Reason.MATCH_CODE_WRONG, tries_left=after.tries_left)

    async def deny(self, link: str, context: Context, trail: Trail) -> Review:
        """End the request, from any stage; fence; say what can be undone."""
        shell, now, context = self.shell, self.shell.clock.now(), checked(context)
        token = _token_in(link)

        async def answer(transaction: Transaction) -> Approval:
            before = await self._linked(transaction, token)
            after = moved(before, Event.DENY, now)
            if after is not before:
                self._put(transaction, after)
                self._queue_notices(transaction, after, context, now)
            return after

        denied = await shell.transact(answer)
        trail.of(denied.credential_id)
        await fence(shell, denied.credential_id)
        await shell.dispatch(now)
        return replace(self._review(denied, now), undo=await self._undo_of(denied))

    async def not_me(self, link: str, typed: IdentifierInput, context: Context, trail: Trail) -> None:
        """Deny, end every session, and let the asking one ask no more for a while."""
        shell, now, context = self.shell, self.shell.clock.now(), checked(context)
        token, confirmed = _token_in(link), shell.parse(typed, context)

        async def answer(transaction: Transaction) -> Approval:
            before = await self._linked(transaction, token)
            typed_in_full(confirmed, before.destination)
            after = before if before.state_at(now) in {State.DONE, State.EXPIRED, State.CANCELLED} else moved(before, Event.DENY, now)
            if not before.not_me:
                await self._count_stranger(transaction, after, now)
                self._put(transaction, replace(after, not_me=True))
            return after

        denied = await shell.transact(answer)
        trail.of(denied.credential_id)
        await self._end_sessions(denied, context, now)

    # What is written and read ----------------------------------------------------------------------------------------

    def _new(self, token: Token, who: Session, credential: Credential, *, edits: tuple[Edit, ...] | None, context: Context, now: datetime) -> Approval:
        shell, policy = self.shell, self.shell.policy.approvals
        return Approval(
            id=token.id,
            credential_id=credential.id,
            generation=credential.generation,
            session_digest=shell.digest_of_session(who.session_key),
            ticket_digest=secret_digest(Purpose.SETTINGS, token.id, token.secret),
            destination=credential.identifiers[0].identifier,
            edits=edits,
            label="".join(ALPHABET[shell.entropy.below(len(ALPHABET))] for _ in range(3)),
            device=context.device,
            place=context.place,
            key_id=shell.codes.current,
            nonce=shell.entropy.token(16),
            c=shell.entropy.below(10**policy.match_digits),
            digits=policy.match_digits,
            asked_at=now,
            state=State.PENDING,
            ends_at=now + policy.lifetime,
            tries_left=policy.match_tries,
            told=credential.told,
            accounts=credential.accounts,
            locale=credential.locale,
        )

    def _parsed(self, edits: Sequence[Edit] | None, context: Context) -> tuple[Edit, ...] | None:
        if edits is None:
            return None
        if not 1 <= len(edits) <= _MOST_EDITS:
            raise ConfigurationError([f"a request names 1 to {_MOST_EDITS} changes, or None for settings in general"])
        names = [edit.name for edit in edits if isinstance(edit, HostChange)]
        if len(set(names)) < len(names):
            raise ConfigurationError(["a request names each of the host's own settings once"])
        return tuple(parsed(edit, lambda text: self.shell.parse(text, context)) for edit in edits)

    def _destination(self, credential: Credential, history: History, chosen: Identifier | None, now: datetime) -> Identifier:
        """Return where the link goes: the verification method, if it may be trusted alone; else another that may (AP-12, ID-18, ID-21)."""
        if history.frozen(now):
            raise Refused(Reason.CHANGES_FROZEN)
        policy = self.shell.policy
        trusted = reached(policy.sms, credential, history.trusted(credential, now, policy.approvals.cooling_off), now)
        if chosen is not None:
            if not policy.approvals.other_channels or chosen not in trusted:
                raise Refused(Reason.APPROVAL_UNREACHABLE)
            return next(identifier for identifier in trusted if identifier == chosen)  # as stored, never as typed (ID-04)
        if not trusted:
            raise Refused(Reason.APPROVAL_UNREACHABLE)
        return next((identifier for identifier in trusted if identifier == credential.preferred), trusted[0])

    async def _charge(self, transaction: Transaction, approval: Approval, now: datetime) -> None:
        limits = self.shell.policy.limits
        asking = Subject.session(approval.session_digest, approval.credential_id)
        wanted = [(limits.approvals, Subject.credential(approval.credential_id)), (limits.strangers, asking)]
        requests, strangers = await load_meters(self.shell, transaction, wanted)
        for meter in (requests, strangers):
            meter.require_room(now, Reason.TOO_MANY_REQUESTS)
        requests.charge(transaction, now)

    async def _take_the_place(self, transaction: Transaction, approval: Approval, now: datetime) -> None:
        """Cancel the request that waits from before: a lost ticket must not block its owner, and nobody is to have two questions at once (AP-11)."""
        shell = self.shell
        key = shell.credential_key(_ASKED, approval.credential_id)
        (record,) = await transaction.load(key)
        if record is not None and now < record.expires_at:  # what is over but not purged may be sealed with a key that was dropped (KE-04)
            (older,) = await transaction.load(shell.key(APPROVAL, from_payload(record.payload).text("approval_id")))
            before = None if older is None else self._readable(older.payload, older.key)
            if before is not None and before.state_at(now) in {State.PENDING, State.APPROVED}:
                self._put(transaction, moved(before, Event.CANCEL, now))
        payload = to_payload({"approval_id": approval.id}, {})
        transaction.put(key=key, kind=shell.kind(_ASKED), payload=payload, expires_at=self._kept_until(approval))

    async def _polled(self, transaction: Transaction, approval: Approval, now: datetime) -> timedelta:
        shell, step = self.shell, self.shell.policy.approvals.poll
        key = shell.key(_POLL, approval.id)
        (record,) = await transaction.load(key)
        every = step
        if record is not None:
            fields = from_payload(record.payload)
            every = timedelta(microseconds=fields.number("every"))
            every += step if now < fields.moment("at") + every else timedelta(0)
        payload = to_payload({"at": as_json(now), "every": every // timedelta(microseconds=1)}, {})
        transaction.put(key=key, kind=shell.kind(_POLL), payload=payload, expires_at=self._kept_until(approval))
        return every

    def _queue_question(self, transaction: Transaction, approval: Approval, context: Context, now: datetime) -> datetime:
        shell, due_at = self.shell, self.shell.delivery_start(now)
        item = ApprovalDue(id=f"{approval.id}.ask", at=now, device=context.device, place=context.place, locale=approval.locale, approval_id=approval.id)
        transaction.put(
            key=shell.key(OUTBOX, item.id), kind=shell.kind(OUTBOX), payload=item.to_payload(), expires_at=self._kept_until(approval), due_at=due_at
        )
        return due_at

    def _queue_notices(self, transaction: Transaction, approval: Approval, context: Context, now: datetime) -> datetime:
        """Queue word of a decision to every verified identifier, by the commit that decides (NO-08)."""
        kind, due_at = _NOTICES.get(approval.state), self.shell.delivery_start(now)
        if kind is not None:
            announced = Intent(
                id=f"{approval.id}.{approval.state}",
                at=now,
                device=context.device,
                place=context.place,
                locale=approval.locale,
                kind=kind,
                credential_id=approval.credential_id,
                accounts=approval.accounts,
                destinations=approval.told,
                shown=tuple(told(edit, masked=True) for edit in approval.edits or ()),
            )
            put_notices(self.shell, transaction, announced, due_at)
        return due_at

    async def _end(self, who: Session, token: Token, event: Event) -> None:
        shell, now = self.shell, self.shell.clock.now()

        async def end(transaction: Transaction) -> None:
            approval = await self._load(transaction, token)
            self._require_asker(approval, who)
            is_window = token.proves(window_secret(approval, shell.codes, site=shell.site.id))
            if not is_window and (event is Event.DONE or not _is_ticket_of(token, approval)):
                raise Refused(Reason.APPROVAL_INVALID)
            after = moved(approval, event, now)
            if after is not approval:
                self._put(transaction, after)

        await shell.transact(end)

    async def _count_stranger(self, transaction: Transaction, approval: Approval, now: datetime) -> None:
        shell, policy = self.shell, self.shell.policy
        wanted = [(policy.limits.strangers, Subject.session(approval.session_digest, approval.credential_id))]
        (meter,) = await load_meters(shell, transaction, wanted)
        meter.charge(transaction, now)
        if policy.approvals.freeze_after_not_me:
            history = await load_history(shell, transaction, approval.credential_id)
            put_history(shell, transaction, replace(history, frozen_until=now + policy.approvals.freeze_after_not_me), now)

    async def _end_sessions(self, approval: Approval, context: Context, now: datetime) -> None:
        """End the sessions, once for each request; what was edited in the window stays, and can be undone."""
        shell, change_id = self.shell, f"{approval.id}.not-me"
        for _ in range(ATTEMPTS):
            credential = await shell.get(approval.credential_id)
            if credential is None or credential.has_mark(change_id):
                return
            stored = await change_credential(
                shell,
                credential,
                intent=lambda current: intent_of(MessageKind.SESSIONS_ENDED, change_id, current, context=context, now=now),
                change=lambda current: current.with_sessions_ended(change_id=change_id, generation=shell.fresh_id(), now=now),
            )
            if stored is not None:
                return
        raise Busy  # never in silence: the owner would believe that the stranger is out

    async def _undo_of(self, approval: Approval) -> Secret | None:
        """Return the token that undoes all that the window has changed, or `None` where that is nothing."""
        shell = self.shell

        async def read(transaction: Transaction) -> History:
            return await load_history(shell, transaction, approval.credential_id)

        history, credential = await shell.transact(read), await shell.get(approval.credential_id)
        made = (e for e in history.entries if e.change_id.startswith(f"{approval.id}.") and credential is not None and credential.has_mark(e.change_id))
        first = next(made, None)
        if first is None or approval.destination in history.lost:
            return None
        secret = undo_secret(first, approval.credential_id, approval.destination, shell.codes, site=shell.site.id)
        return Secret(Token(first.id, secret).text)

    async def _asked(self, transaction: Transaction, token: Token, who: Session) -> Approval:
        approval = await self._load(transaction, token)
        self._require_asker(approval, who)
        if not _is_ticket_of(token, approval):
            raise Refused(Reason.APPROVAL_INVALID)
        return approval

    async def _linked(self, transaction: Transaction, token: Token) -> Approval:
        approval = await self._load(transaction, token)
        if not token.proves(link_secret(approval, self.shell.codes, site=self.shell.site.id)):
            raise Refused(Reason.APPROVAL_INVALID)
        return approval

    def _require_asker(self, approval: Approval, who: Session) -> None:
        """Go on only for the credential and session that asked; for others it is like a request that never was (AP-14, F23)."""
        if approval.credential_id != who.credential_id or not same_session(approval.session_digest, self.shell.digest_of_session(who.session_key)):
            raise Refused(Reason.APPROVAL_INVALID)

    async def _require_unchanged(self, transaction: Transaction, approval: Approval, credential: Credential, now: datetime) -> History:
        """Go on only while the credential is as it was when the change was asked for, or as the window itself has left it (REQ-D6c, F5)."""
        if approval.credential_id != credential.id or not approval.made(credential.generation):
            raise Refused(Reason.APPROVAL_OVER)
        history = await load_history(self.shell, transaction, credential.id)
        if history.frozen(now):
            raise Refused(Reason.CHANGES_FROZEN)
        return history

    async def _load(self, transaction: Transaction, token: Token) -> Approval:
        (record,) = await transaction.load(self.shell.key(APPROVAL, token.id))
        if record is None or record.expires_at <= self.shell.clock.now():  # the same whether it was purged or not
            raise Refused(Reason.APPROVAL_INVALID)
        return self._read(record.payload, record.key)

    def _read(self, payload: bytes, key: str) -> Approval:
        return Approval.from_payload(payload, self.shell.codes, site=self.shell.site.id, record_key=key)

    def _readable(self, payload: bytes, key: str) -> Approval | None:
        """Return a request, or `None` for one that nobody can use any more: its key is gone, or it was tampered with."""
        try:
            return self._read(payload, key)
        except (UnknownKey, UnreadableRecord):
            return None

    def _put(self, transaction: Transaction, approval: Approval) -> None:
        shell, key = self.shell, self.shell.key(APPROVAL, approval.id)
        payload = approval.to_payload(shell.codes, site=shell.site.id, record_key=key)
        transaction.put(key=key, kind=shell.kind(APPROVAL), payload=payload, expires_at=self._kept_until(approval))

    def _kept_until(self, approval: Approval) -> datetime:
        policy = self.shell.policy.approvals
        return approval.asked_at + policy.lifetime + policy.approved + policy.window + _RETENTION

    def _review(self, approval: Approval, now: datetime) -> Review:
        return Review(
            state=approval.state_at(now),
            changes=None if approval.edits is None else tuple(shown(edit) for edit in approval.edits),
            device=approval.device,
            place=approval.place,
            asked_at=approval.asked_at,
            expires_at=approval.ends_at,
            label=approval.label,
            needs_match_code=not self.shell.policy.approvals.without_match_code,
            tries_left=approval.tries_left,
        )


def typed_in_full(typed: Identifier, sent_to: Identifier) -> None:
    """Go on only if the identifier that a message was sent to was typed in full: a person can, a scanner that follows links and presses buttons does not (F27).

    Raises:
        Refused: CONFIRMATION_WRONG.
    """
    if typed != sent_to:
        raise Refused(Reason.CONFIRMATION_WRONG)


def _token_in(link: str) -> Token:
    token = Token.in_link(link)
    if token is None:
        raise Refused(Reason.APPROVAL_INVALID)
    return token


def _is_ticket_of(token: Token, approval: Approval) -> bool:
    return hmac.compare_digest(approval.ticket_digest, secret_digest(Purpose.SETTINGS, token.id, token.secret))

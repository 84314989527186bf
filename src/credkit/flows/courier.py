"""The courier: takes what waits in the outbox, decides whom it concerns, and delivers it at least once.

All that `begin` refuses to know is found out here, off the request path: whose identifier it is, whether it may be used,
where the code goes, whether that destination has had enough. The challenge is bound in the same commit that leases the
message, so a code exists only for the one it was bound to.

It never drops an intent or a notice for its age, an unknown key or an unreadable payload: what it cannot read, it keeps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, TypeAlias, TypeVar

from credkit.approvals import Approval, State
from credkit.approvals import link_secret as approval_secret
from credkit.context import Context
from credkit.credential import Credential
from credkit.edits import told
from credkit.errors import Busy, ConfigurationError, CredkitError, DeliveryFailed, Reason, Refused, SendCheckFailed, UnknownKey
from credkit.events import Cause, EventKind, Outcome
from credkit.flows.approvals import APPROVAL
from credkit.flows.bounces import withdraw_unreachable
from credkit.flows.challenges import BOUND_AT_ONCE, CHALLENGE, OUTBOX, RETENTION
from credkit.flows.changes import words_of
from credkit.flows.conversions import count_sent
from credkit.flows.histories import load_history, put_history
from credkit.flows.sending import bindings_of, bound_to, choose, credential_of, forget_sends, link_to, may_send, stop_link
from credkit.flows.shell import Shell
from credkit.flows.site import watch_for_guesses
from credkit.flows.texting import text_meters
from credkit.flows.trails import note
from credkit.flows.transaction import Transaction, guarded
from credkit.flows.undoing import roll_back
from credkit.history import Dispute, Entry, History, contest_secret, undo_secret
from credkit.identifiers import Identifier, PhoneNumber
from credkit.identifiers.lines import line_of
from credkit.lifting import awaited, finish
from credkit.messages import Message, MessageKind
from credkit.otp import Binding, Challenge, code_of
from credkit.outbox import FOREVER, ApprovalDue, CodeDue, DisputeDue, EventDue, Intent, NoticeDue, ReminderDue, read_outbox_item
from credkit.payloads import UnreadableRecord
from credkit.ports import Record, Send
from credkit.secret import Secret
from credkit.sms import reaches
from credkit.tickets import Purpose, Token

__all__ = ["AsyncCourier", "Courier", "Delivered"]

_UNREADABLE: Final = timedelta(minutes=5)
"""When to look again at an item that this release or key ring cannot read: a deployment may be under way."""

_Item = TypeVar("_Item", CodeDue, ApprovalDue, DisputeDue, ReminderDue, NoticeDue, Intent, EventDue)

_CODE_KINDS: Final = {
    Purpose.SIGN_UP: MessageKind.SIGN_UP_CODE,
    Purpose.PASSWORD_RESET: MessageKind.RESET_CODE,
    Purpose.SIGN_IN: MessageKind.SIGN_IN_CODE,
    Purpose.IDENTIFIER: MessageKind.IDENTIFIER_CODE,
    Purpose.UNDO: MessageKind.UNDO_CODE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What one run of the courier did."""

    sent: int = 0
    """Messages a notifier accepted."""
    failed: int = 0
    """Messages it did not; they are tried again, unless it said for good."""
    kept: int = 0
    """Items left for later: intents not settled yet, records that cannot be read."""
    dropped: int = 0
    """Items that concern nobody or are out of date."""


class _Outcome(Enum):
    SENT = "sent"
    FAILED = "failed"
    KEPT = "kept"
    DROPPED = "dropped"
    SETTLED = "settled"
    TAKEN = "taken"  # by another courier


@dataclass(frozen=True, slots=True)
class _Unsettled:
    """A leased intent, and the version of its record under that lease."""

    intent: Intent
    version: int


@dataclass(frozen=True, slots=True)
class _Parcel:
    """A leased message, ready to hand over."""

    message: Message
    item: CodeDue | ApprovalDue | ReminderDue | NoticeDue


@dataclass(frozen=True, slots=True)
class _Dropped:
    """A message that is not sent, and why, for the observer alone."""

    cause: Cause
    about: str
    message: MessageKind | None
    identifier: Identifier | None = None
    credential_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Uncontested:
    """A leased dispute that nobody has objected to in time."""

    item: DisputeDue
    dispute: Dispute


_Step: TypeAlias = _Parcel | _Outcome | _Dropped | _Unsettled | _Uncontested | EventDue


@dataclass(frozen=True, slots=True)
class AsyncCourier:
    """Deliver what is due."""

    _shell: Shell

    async def run_due(self, *, limit: int = 100) -> Delivered:
        """Deliver up to *limit* due messages and return what became of them. For cron, Celery, or a process of its own.

        Any number of couriers may run at once: a message is leased to one of them.

        Raises:
            CredkitError: A store failed, for one message or for all; the others have been delivered, and what was not stays due.
        """
        shell = self._shell
        due = list(await guarded(shell.records.due(shell.kind(OUTBOX), shell.clock.now(), limit)))
        counts = dict.fromkeys(_Outcome, 0)
        trouble: CredkitError | None = None
        while due:
            # In random order, so that couriers that start together do not race for the same message (F28).
            record = due.pop(shell.entropy.below(len(due)))
            try:
                for outcome in await self._deliver(record.key):
                    counts[outcome] += 1
            except Busy:
                counts[_Outcome.KEPT] += 1
            except CredkitError as failure:
                trouble = failure
        if trouble is not None:
            raise trouble
        return Delivered(sent=counts[_Outcome.SENT], failed=counts[_Outcome.FAILED], kept=counts[_Outcome.KEPT], dropped=counts[_Outcome.DROPPED])

    async def _deliver(self, key: str) -> list[_Outcome]:
        """Deliver one item, and return what became of each of its messages: an intent may hold several, or none."""
        step = await self._shell.transact(lambda transaction: self._take(transaction, key))
        if isinstance(step, _Unsettled):
            return await self._settle(step, key)
        if isinstance(step, _Uncontested):
            return [await self._resolve(step, key)]
        if isinstance(step, _Dropped):
            note(
                self._shell,
                EventKind.MESSAGE,
                Outcome.REFUSED,
                cause=step.cause,
                identifier=step.identifier,
                credential_id=step.credential_id,
                about=step.about,
                message=step.message,
            )
            return [_Outcome.DROPPED]
        if isinstance(step, EventDue):
            return [await self._tell(step, key)]
        if isinstance(step, _Outcome):
            return [step]
        if not await self._allowed(step):
            return await self._turned_down(step, key)
        return [await self._hand_over(step, key)]

    async def _allowed(self, parcel: _Parcel) -> bool:
        """Return whether the host lets the message go where it would; notices of what has happened go in any case (ID-18).

        Raises:
            SendCheckFailed: It could not say. The message stays leased for a while, and is asked about again.
        """
        check, message = self._shell.send_check, parcel.message
        if check is None or isinstance(parcel.item, NoticeDue):
            return True
        send = Send(
            kind=message.kind,
            to=message.to,
            region=line_of(message.to).region if isinstance(message.to, PhoneNumber) else None,
            credential_id=message.credential_id,
            device=message.device,
            place=message.place,
            locale=message.locale,
        )
        try:
            return await awaited(check.allows(send))
        except ConfigurationError:
            raise  # the check is of the other colour
        except Exception as failure:
            raise SendCheckFailed("the check of a message failed; it was not sent, and stays due") from failure

    async def _turned_down(self, parcel: _Parcel, key: str) -> list[_Outcome]:
        """Try the next destination of a code that may not go where it would; anything else is dropped."""
        outcome = await self._shell.transact(lambda transaction: self._look_elsewhere(transaction, parcel, key))
        if outcome is _Outcome.DROPPED:
            self._note(parcel.message, Outcome.REFUSED, Cause.TURNED_DOWN)
        return await self._deliver(key) if outcome is None else [outcome]

    async def _look_elsewhere(self, transaction: Transaction, parcel: _Parcel, key: str) -> _Outcome | None:
        item = parcel.item
        (record,) = await transaction.load(key)
        if record is None or read_outbox_item(record.payload) != item:
            return _Outcome.TAKEN
        if not isinstance(item, CodeDue):
            transaction.delete(key)
            return _Outcome.DROPPED
        await self._unbind(transaction, item)
        # Of this destination nothing has been sent, so the next one is a first delivery, and is charged.
        elsewhere = replace(item, attempts=0, turned_down=(*item.turned_down, parcel.message.to))
        transaction.put(key=key, kind=record.kind, payload=elsewhere.to_payload(), expires_at=record.expires_at, due_at=self._shell.clock.now())
        return None

    async def _unbind(self, transaction: Transaction, item: CodeDue) -> None:
        """Let a code be nobody's again, if it could go elsewhere."""
        (stored,) = await transaction.load(self._shell.key(CHALLENGE, item.challenge_id))
        challenge = None if stored is None else Challenge.from_payload(stored.payload)
        if stored is not None and challenge is not None and challenge.purpose not in BOUND_AT_ONCE and challenge.issue.number == item.number:
            after = replace(challenge, binding=None)
            transaction.put(key=stored.key, kind=stored.kind, payload=after.to_payload(), expires_at=stored.expires_at)

    async def _hand_over(self, parcel: _Parcel, key: str) -> _Outcome:
        try:
            await awaited(self._shell.notifier.deliver(parcel.message))
        except ConfigurationError:
            raise  # the notifier is of the other colour: trying again would go wrong each time, and unseen
        except DeliveryFailed as failure:
            if failure.permanent:
                await withdraw_unreachable(self._shell, parcel.message)
            return await self._after_failure(key, parcel, give_up=failure.permanent)
        except Exception:  # noqa: BLE001  # a host's notifier may raise anything; none of it may stop the other messages
            return await self._after_failure(key, parcel, give_up=False)
        await self._shell.transact(lambda transaction: self._accepted(transaction, parcel.item, key))
        self._note(parcel.message, Outcome.SUCCESS)
        if isinstance(parcel.item, CodeDue):
            await count_sent(self._shell, parcel.message.to, self._shell.clock.now())
            await watch_for_guesses(self._shell, self._shell.clock.now())
        return _Outcome.SENT

    def _note(self, message: Message, outcome: Outcome, cause: Cause | None = None) -> None:
        """Tell the observer what became of a message."""
        note(
            self._shell,
            EventKind.MESSAGE,
            outcome,
            cause=cause,
            identifier=message.to,
            credential_id=message.credential_id,
            about=message.id,
            message=message.kind,
        )

    async def _take(self, transaction: Transaction, key: str) -> _Step:
        """Lease one item to this courier, and decide what it is."""
        now = self._shell.clock.now()
        (record,) = await transaction.load(key)
        if record is None or record.due_at is None or record.due_at > now:
            return _Outcome.TAKEN
        try:
            item = read_outbox_item(record.payload)
            match item:
                case CodeDue():
                    return await self._take_code(transaction, record, item, now)
                case ApprovalDue():
                    return await self._take_approval(transaction, record, item, now)
                case DisputeDue():
                    return await self._take_dispute(transaction, record, item, now)
                case ReminderDue():
                    return await self._take_reminder(transaction, record, item, now)
                case NoticeDue():
                    return await self._take_notice(transaction, record, item, now)
                case EventDue():
                    return self._lease(transaction, record, item, now)
                case Intent():
                    self._lease(transaction, record, item, now)
                    return _Unsettled(item, transaction.version)
        except (UnreadableRecord, UnknownKey):
            transaction.postpone(record, due_at=now + _UNREADABLE)
            return _Outcome.KEPT

    async def _tell(self, item: EventDue, key: str) -> _Outcome:
        """Tell the observer of a change, and let go of it only once that was taken in (AU-09)."""
        shell = self._shell
        if not note(shell, EventKind.CHANGE, event_id=item.change_id, credential_id=item.credential_id, about=item.change_id, message=item.kind):
            await self._put_off(key, shell.clock.now() + shell.policy.courier.backoff(item.attempts))
            return _Outcome.KEPT
        await shell.transact(lambda transaction: self._remove(transaction, key))
        return _Outcome.SETTLED

    async def _take_code(self, transaction: Transaction, record: Record, item: CodeDue, now: datetime) -> _Step:
        shell = self._shell
        (stored,) = await transaction.load(shell.key(CHALLENGE, item.challenge_id))
        challenge = None if stored is None else Challenge.from_payload(stored.payload)
        if challenge is None or stored is None or not _still_wanted(challenge, item, now):
            transaction.delete(record.key)
            return _Dropped(Cause.OUT_OF_DATE, item.id, None if challenge is None else _CODE_KINDS[challenge.purpose])
        credential = await credential_of(shell, challenge)
        if challenge.purpose is Purpose.SIGN_UP and credential is not None:
            return await self._take_sign_up_of_known(transaction, record, item, challenge, credential)
        again = item.attempts > 0
        bindings = [to for to in await bindings_of(shell, transaction, challenge, credential, now) if to.destination not in item.turned_down]
        known, sparing = item.known is not None and item.known.is_of(credential), challenge.purpose is Purpose.SIGN_IN
        sending = await choose(shell, transaction, bindings, now, again=again, sparing=sparing, known=known)
        if sending is None:
            transaction.delete(record.key)
            cause = Cause.LIMIT_OF_DESTINATION if bindings else Cause.TURNED_DOWN if item.turned_down else _why_nobody(credential)
            return _dropped(cause, item.id, _CODE_KINDS[challenge.purpose], challenge.identifier, credential)
        bound = await bound_to(shell, transaction, challenge, sending, now)
        by_link = challenge.purpose is Purpose.PASSWORD_RESET and shell.policy.reset_by == "link"
        code = None if by_link else code_of(bound, shell.codes, site=shell.site.id, record_key=stored.key)
        transaction.put(key=stored.key, kind=stored.kind, payload=bound.to_payload(), expires_at=max(stored.expires_at, bound.ends_at + RETENTION))
        leased = self._lease(transaction, record, item, now)
        binding = sending.binding
        message = Message(
            id=item.id,
            kind=MessageKind.RESET_LINK if by_link else _CODE_KINDS[challenge.purpose],
            to=binding.destination,
            site=shell.site,
            at=item.at,
            expires_at=bound.link.expires_at if by_link and bound.link else bound.issue.expires_at,
            credential_id=binding.credential_id,
            accounts=() if credential is None else credential.accounts,
            locale=item.locale if credential is None else credential.locale or item.locale,
            label=challenge.label,
            device=item.device,
            place=item.place,
            code=code,
            link=link_to(shell, bound),
            link_until=None if bound.link is None else bound.link.expires_at,
            stop_link=stop_link(shell, bound, binding.destination),
        )
        return _Parcel(message, leased)

    async def _take_approval(self, transaction: Transaction, record: Record, item: ApprovalDue, now: datetime) -> _Step:
        """Ask the owner, if it is still asked: the link's token is made here, and lies nowhere."""
        shell, key = self._shell, self._shell.key(APPROVAL, item.approval_id)
        (stored,) = await transaction.load(key)
        approval = None if stored is None else Approval.from_payload(stored.payload, shell.codes, site=shell.site.id, record_key=key)
        if approval is None or approval.state_at(now) is not State.PENDING:
            transaction.delete(record.key)
            return _Dropped(Cause.OUT_OF_DATE, item.id, MessageKind.SETTINGS_REQUEST)
        texts = await text_meters(shell, transaction, approval.destination, now) if item.attempts == 0 else ()
        if texts is None:
            transaction.delete(record.key)
            return _Dropped(Cause.LIMIT_OF_DESTINATION, item.id, MessageKind.SETTINGS_REQUEST, approval.destination, approval.credential_id)
        for meter in texts:
            meter.charge(transaction, now)
        token = Token(approval.id, approval_secret(approval, shell.codes, site=shell.site.id))
        message = Message(
            id=item.id,
            kind=MessageKind.SETTINGS_REQUEST,
            to=approval.destination,
            site=shell.site,
            at=item.at,
            expires_at=approval.ends_at,
            credential_id=approval.credential_id,
            accounts=approval.accounts,
            locale=item.locale,
            label=approval.label,
            device=item.device,
            place=item.place,
            link=Secret(shell.site.link(shell.site.paths.approve, token.text)),
            shown=tuple(told(edit, masked=False) for edit in approval.edits or ()),
        )
        return _Parcel(message, self._lease(transaction, record, item, now))

    async def _take_dispute(self, transaction: Transaction, record: Record, item: DisputeDue, now: datetime) -> _Step:
        history = await load_history(self._shell, transaction, item.credential_id)
        dispute = history.dispute
        if dispute is None or dispute.id != item.dispute_id or dispute.contested:
            transaction.delete(record.key)
            return _Outcome.DROPPED
        return _Uncontested(self._lease(transaction, record, item, now), dispute)

    async def _resolve(self, uncontested: _Uncontested, key: str) -> _Outcome:
        """Carry out an undo that nobody objected to. What cannot be carried out is left to the host, as if somebody had."""
        shell, dispute = self._shell, uncontested.dispute

        def silence(history: History, _: Entry, __: Credential) -> None:
            if not history.rests_on(dispute.id):
                raise Refused(Reason.UNDO_INVALID)

        try:
            await roll_back(shell, uncontested.item.credential_id, dispute.entry_id, grounds=silence, change_id=dispute.change_id, context=Context.none())
        except Busy:
            raise
        except Refused:
            await shell.transact(lambda transaction: self._contested(transaction, uncontested.item))
        await shell.transact(lambda transaction: self._remove(transaction, key))
        return _Outcome.SETTLED

    async def _contested(self, transaction: Transaction, item: DisputeDue) -> None:
        history = await load_history(self._shell, transaction, item.credential_id)
        if history.dispute is not None and history.dispute.id == item.dispute_id:
            put_history(self._shell, transaction, replace(history, dispute=replace(history.dispute, contested=True)), self._shell.clock.now())

    async def _take_reminder(self, transaction: Transaction, record: Record, item: ReminderDue, now: datetime) -> _Step:
        """Somebody has forgotten what they sign in with: its owner is told, at the stored address that was typed, and nobody else."""
        if now >= record.expires_at:
            transaction.delete(record.key)
            return _Dropped(Cause.OUT_OF_DATE, item.id, MessageKind.SIGN_IN_NAMES, item.typed)
        credential = await self._shell.find(item.typed)
        registered = None if credential is None else credential.registered(item.typed)
        if credential is None or registered is None or not registered.usable or credential.disabled or not reaches(self._shell.policy.sms, registered, now):
            transaction.delete(record.key)
            return _dropped(_why_nobody(credential), item.id, MessageKind.SIGN_IN_NAMES, item.typed, credential)
        binding = Binding(destination=registered.identifier, credential_id=credential.id)
        if item.attempts == 0 and await may_send(self._shell, transaction, binding, now, sparing=True) is None:
            transaction.delete(record.key)
            return _dropped(Cause.LIMIT_OF_DESTINATION, item.id, MessageKind.SIGN_IN_NAMES, item.typed, credential)
        leased = self._lease(transaction, record, item, now)
        message = Message(
            id=item.id,
            kind=MessageKind.SIGN_IN_NAMES,
            to=registered.identifier,
            site=self._shell.site,
            at=item.at,
            expires_at=record.expires_at,
            credential_id=credential.id,
            accounts=credential.accounts,
            locale=credential.locale or item.locale,
            device=item.device,
            place=item.place,
            names=tuple(identifier.masked for identifier in credential.names_told_to(registered)),
        )
        return _Parcel(message, leased)

    async def _take_sign_up_of_known(self, transaction: Transaction, record: Record, item: CodeDue, challenge: Challenge, credential: Credential) -> _Step:
        """Somebody signs up with an identifier that is in use: its owner is told, at the stored address (SI-08)."""
        now = self._shell.clock.now()
        registered = credential.registered(challenge.identifier)
        if registered is None or not registered.usable or credential.disabled:
            transaction.delete(record.key)
            return _dropped(_why_nobody(credential), item.id, MessageKind.ALREADY_REGISTERED, challenge.identifier, credential)
        binding = Binding(destination=registered.identifier, credential_id=credential.id)
        if await may_send(self._shell, transaction, binding, now, sparing=True) is None:
            transaction.delete(record.key)
            return _dropped(Cause.LIMIT_OF_DESTINATION, item.id, MessageKind.ALREADY_REGISTERED, challenge.identifier, credential)
        notice = NoticeDue(
            id=item.id,
            at=item.at,
            device=item.device,
            place=item.place,
            locale=credential.locale,
            kind=MessageKind.ALREADY_REGISTERED,
            to=registered.identifier,
            credential_id=credential.id,
            accounts=credential.accounts,
        )
        # From here on it is a notice, which ends by delivery and not with the code it stands for.
        return await self._take_notice(transaction, replace(record, expires_at=now + FOREVER), notice, now)

    async def _take_notice(self, transaction: Transaction, record: Record, item: NoticeDue, now: datetime) -> _Step:
        link, ends_at = await self._link_of(transaction, item)
        leased = self._lease(transaction, record, item, now)
        message = Message(
            id=item.id,
            kind=item.kind,
            to=item.to,
            site=self._shell.site,
            at=item.at,
            expires_at=ends_at,
            credential_id=item.credential_id,
            accounts=item.accounts,
            locale=item.locale,
            device=item.device,
            place=item.place,
            link=link,
            shown=item.shown,
        )
        return _Parcel(message, leased)

    async def _link_of(self, transaction: Transaction, item: NoticeDue) -> tuple[Secret | None, datetime | None]:
        """Return the link that undoes what the notice tells of, or that contests an undo, and until when the latter may be.

        Where that is over, the notice goes without.
        """
        if item.link_id is None:
            return None, None
        shell, history = self._shell, await load_history(self._shell, transaction, item.credential_id)
        entry, dispute = history.entry(item.link_id), history.dispute
        if entry is not None and item.to not in history.lost:
            secret, ends_at = undo_secret(entry, item.credential_id, item.to, shell.codes, site=shell.site.id), None
        elif dispute is not None and dispute.id == item.link_id:
            secret, ends_at = contest_secret(dispute, item.credential_id, item.to, shell.codes, site=shell.site.id), dispute.resolves_at
        else:
            return None, None
        return Secret(shell.site.link(shell.site.paths.undo, Token(item.link_id, secret).text)), ends_at

    async def _settle(self, unsettled: _Unsettled, key: str) -> list[_Outcome]:
        """Find out whether the intended change was made, and make sure that the answer stays true."""
        shell, now, intent = self._shell, self._shell.clock.now(), unsettled.intent
        credential = await shell.get(intent.credential_id)
        if credential is not None and credential.has_mark(intent.id):
            return await self._announce(intent, key)
        if credential is not None and now < intent.at + shell.policy.courier.settles:
            await self._put_off(key, intent.at + shell.policy.courier.settles)
            return [_Outcome.KEPT]
        # Fence: with a new version in place, a change that was prepared on the old one loses its swap. It may try again,
        # but only after it has written its intent anew, and then the intent is not forgotten below.
        if credential is not None and await shell.replace(credential, credential) is None:
            await self._put_off(key, now)
            return [_Outcome.KEPT]
        return [await shell.transact(lambda transaction: self._forget(transaction, unsettled, key))]

    async def _announce(self, intent: Intent, key: str) -> list[_Outcome]:
        """Turn a settled intent into its notices, at once or not at all, and deliver them."""
        shell, now = self._shell, self._shell.clock.now()
        words = words_of(shell, intent)

        async def expand(transaction: Transaction) -> bool:
            record, *waiting = await transaction.load(key, *words)
            if record is None:
                return False
            transaction.delete(key)
            if intent.kind is MessageKind.PASSWORD_RESET:
                await forget_sends(shell, transaction, intent.destinations, intent.credential_id)
            for (name, item), out in zip(words.items(), waiting, strict=True):
                if out is None:  # else a call that came too late has written the intent anew, and it is on its way already
                    transaction.put(key=name, kind=shell.kind(OUTBOX), payload=item.to_payload(), expires_at=now + FOREVER, due_at=now)
            return True

        if not await shell.transact(expand):
            return [_Outcome.TAKEN]
        delivered = [await self._deliver(name) for name in words]
        return [outcome for outcomes in delivered for outcome in outcomes]

    async def _forget(self, transaction: Transaction, unsettled: _Unsettled, key: str) -> _Outcome:
        """Drop an intent whose change can not land any more, unless a call has written it anew since the lease."""
        (record,) = await transaction.load(key)
        if record is None or record.version != unsettled.version:
            return _Outcome.TAKEN
        transaction.delete(key)
        return _Outcome.DROPPED

    async def _put_off(self, key: str, due_at: datetime) -> None:
        async def put_off(transaction: Transaction) -> None:
            (record,) = await transaction.load(key)
            if record is not None:
                transaction.postpone(record, due_at=due_at)

        await self._shell.transact(put_off)

    async def _accepted(self, transaction: Transaction, item: CodeDue | ApprovalDue | ReminderDue | NoticeDue, key: str) -> None:
        """Take a delivered message out of the outbox; from the first delivery of an undo link its time runs (F25)."""
        await self._remove(transaction, key)
        if isinstance(item, NoticeDue) and item.link_id is not None:
            now, history = self._shell.clock.now(), await load_history(self._shell, transaction, item.credential_id)
            after = history.delivered(item.link_id, now)
            if after != history:
                put_history(self._shell, transaction, after, now)

    async def _after_failure(self, key: str, parcel: _Parcel, *, give_up: bool) -> _Outcome:
        if give_up:
            await self._shell.transact(lambda transaction: self._remove(transaction, key))
        else:
            await self._put_off(key, self._shell.clock.now() + self._shell.policy.courier.backoff(parcel.item.attempts))
        self._note(parcel.message, Outcome.FAILED, Cause.REJECTED if give_up else Cause.DELIVERY_FAILED)
        return _Outcome.FAILED

    async def _remove(self, transaction: Transaction, key: str) -> None:
        (record,) = await transaction.load(key)
        if record is not None:
            transaction.delete(key)

    def _lease(self, transaction: Transaction, record: Record, item: _Item, now: datetime) -> _Item:
        """Keep the item from other couriers for as long as the notifier may take, three times over."""
        leased = replace(item, attempts=item.attempts + 1)
        transaction.put(
            key=record.key, kind=record.kind, payload=leased.to_payload(), expires_at=record.expires_at, due_at=now + self._shell.policy.courier.lease
        )
        return leased


def _dropped(cause: Cause, about: str, message: MessageKind, identifier: Identifier, credential: Credential | None) -> _Dropped:
    return _Dropped(cause, about, message, identifier, None if credential is None else credential.id)


def _why_nobody(credential: Credential | None) -> Cause:
    """Return why nobody may have a message for that credential, or for nobody's identifier."""
    if credential is None:
        return Cause.UNKNOWN_IDENTIFIER
    return Cause.DISABLED if credential.disabled else Cause.UNVERIFIED


def _still_wanted(challenge: Challenge, item: CodeDue, now: datetime) -> bool:
    """Return whether the code is the newest of its ticket and can still be used (F22)."""
    live = not challenge.stopped and not challenge.issue.over and now < challenge.issue.expires_at
    return live and item.number == challenge.issue.number and challenge.tries_left > 0 and challenge.verified_at is None


class Courier:
    """Deliver what is due, from blocking code."""

    __slots__ = ("_flow",)

    def __init__(self, shell: Shell) -> None:
        self._flow = AsyncCourier(shell)

    def run_due(self, *, limit: int = 100) -> Delivered:
        """Deliver up to *limit* due messages and return what became of them. For cron, Celery, or a process of its own.

        Any number of couriers may run at once: a message is leased to one of them.

        Raises:
            CredkitError: A store failed, for one message or for all; the others have been delivered, and what was not stays due.
        """
        return finish(self._flow.run_due(limit=limit))

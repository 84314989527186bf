"""What a sign-in looked like before each of its recent changes, as values; and what follows from that. Nothing here can block.

Three things follow, and all of them are computed here. Which identifiers are too new to be trusted alone. What an undo gives back, and
when it may do so at once: undo is not a back door, so the link alone is never enough (F24). And what is held still meanwhile.

An entry is written *before* its change. One whose change never happened does no harm: it is a true picture of a state that was.
Entries form a stack that no later change ends (F25): undoing one undoes all that came after it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from credkit.credential import MARKS, Credential, Registered, Standing
from credkit.edits import Shown, read_shown, shown_fields
from credkit.errors import ConfigurationError, Reason, Refused
from credkit.framing import frame, microseconds
from credkit.identifiers import Identifier
from credkit.keys import KeyRing
from credkit.otp import identifier_fields, read_identifier
from credkit.payloads import Fields, Json, as_json
from credkit.sealing import sealed, unsealed
from credkit.secret import Secret
from credkit.tickets import encode_bytes

__all__ = ["Dispute", "Entry", "History", "Hold", "UndoPolicy", "contest_secret", "entry_id_of", "hash_before", "password_digest", "restored", "undo_secret"]


_LONGEST_COOLING_OFF: Final = timedelta(days=7)
"""As much as `ApprovalPolicy.cooling_off` may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoPolicy:
    """How changes of a sign-in are undone.

    Raises:
        ConfigurationError: A span that cannot work.
    """

    lifetime: timedelta = timedelta(hours=72)
    """How long an undo link works, from the first delivery that was accepted (architecture section 11)."""
    undelivered: timedelta = timedelta(days=14)
    """How long it works from the change at the most, however late it was delivered: an outage must not eat the undo (F25)."""
    dispute: timedelta = timedelta(hours=24)
    """How long an undo without a second proof waits for somebody to contest it; nothing can be changed or reset meanwhile."""
    after_undo: timedelta = timedelta(hours=24)
    """For so long after an undo, codes go only to identifiers that the undone changes did not touch."""

    def __post_init__(self) -> None:
        spans = (self.lifetime, self.undelivered, self.dispute)
        if min(spans) < timedelta(hours=1) or max(*spans, self.after_undo) > timedelta(days=30) or self.after_undo < timedelta(0):
            raise ConfigurationError(["the spans of the undo policy must be between an hour and 30 days"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A sign-in as it was just before one change."""

    id: str
    """The first half of the undo link's token."""
    change_id: str
    """The mark that the change has left, if it was made."""
    at: datetime
    identifiers: tuple[Registered, ...]
    preferred: Identifier | None
    password_digest: bytes | None = field(repr=False)
    """Of the password hash, not of the password: it tells which of the hashes that the credential store keeps was in force."""
    shown: tuple[Shown, ...]
    key_id: str
    nonce: bytes
    delivered_at: datetime | None = None
    """When a notice with the undo link was first accepted."""
    lost: tuple[Identifier, ...] = ()
    """What the change gave up because it may be in other hands: it gets no undo link, and those that it has got are void (F24)."""

    @property
    def verified(self) -> tuple[Identifier, ...]:
        """The identifiers that were verified."""
        return tuple(entry.identifier for entry in self.identifiers if entry.standing is Standing.VERIFIED)

    def ends_at(self, policy: UndoPolicy) -> datetime:
        """Return when the undo link stops working."""
        last = self.at + policy.undelivered
        return last if self.delivered_at is None else min(last, self.delivered_at + policy.lifetime)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What is held back for a while."""

    until: datetime
    only: tuple[Identifier, ...] = ()
    """Codes and approvals go to these and nowhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """An undo that waits for an objection."""

    id: str
    """The first half of the contest link's token."""
    entry_id: str
    change_id: str
    """Of the undo itself."""
    opened_at: datetime
    opened_by: Identifier
    """Whose undo link opened it; an objection is for the others."""
    resolves_at: datetime
    key_id: str
    nonce: bytes
    contested: bool = False
    """Somebody objected: the host decides, and until then nothing changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The recent changes of one credential, and what is held still because of them."""

    credential_id: str
    entries: tuple[Entry, ...] = ()
    hold: Hold | None = None
    """What an undo holds back."""
    frozen_until: datetime | None = None
    """Until when "it was not me" holds everything still, beside and apart from that."""
    dispute: Dispute | None = None
    carried: dict[str, Json] = field(default_factory=dict[str, Json], repr=False)

    def entry(self, entry_id: str) -> Entry | None:
        """Return the entry of that id, or `None`."""
        return next((entry for entry in self.entries if entry.id == entry_id), None)

    def frozen(self, now: datetime) -> bool:
        """Return whether nothing may be changed or reset."""
        return self.dispute is not None or (self.frozen_until is not None and now < self.frozen_until)

    def rests_on(self, dispute_id: str) -> bool:
        """Return whether that dispute is open and nobody has objected."""
        return self.dispute is not None and self.dispute.id == dispute_id and not self.dispute.contested

    def trusted(self, credential: Credential, now: datetime, cooling_off: timedelta) -> tuple[Identifier, ...]:
        """Return the verified identifiers that codes and approvals may go to: not those added lately, nor those held back after an undo (ID-21).

        An identifier is new if some entry young enough shows the sign-in without it. The one that a person signed up with is in every entry.
        """
        if self.frozen(now):
            return ()
        lately = [entry for entry in self.entries if now < entry.at + cooling_off]
        kept = tuple(i for i in credential.verified if all(i in entry.verified for entry in lately))
        if self.hold is None or now >= self.hold.until:
            return kept
        return tuple(identifier for identifier in kept if identifier in self.hold.only)

    def destinations(self, credential: Credential, typed: Identifier, now: datetime, cooling_off: timedelta) -> tuple[Identifier, ...]:
        """Return the stored identifiers that a code asked for by *typed* may go to, best first: the usual one, then others that are trusted (ID-21).

        The others are for when the first has had enough messages, or may have none.
        """
        usual = credential.destination(typed)
        if usual is None or self.frozen(now):
            return ()
        trusted = self.trusted(credential, now, cooling_off)
        held_back = self.hold is not None and now < self.hold.until
        if usual not in credential.verified and not held_back:
            return (usual,)
        return tuple(sorted(trusted, key=lambda identifier: identifier != usual))

    def with_entry(self, entry: Entry, policy: UndoPolicy) -> History:
        """Return the history with one more entry; entries that are good for nothing any more are dropped.

        One whose change is tried again keeps what its undo link is made of, with the newer picture: that link may have been delivered (F25).

        Raises:
            Refused: There are `MARKS` of them (TOO_MANY_CHANGES): dropping the oldest would take an owner's undo away (F25).
        """
        tried = next((e for e in self.entries if e.change_id == entry.change_id), None)
        if tried is not None:
            entry = replace(entry, id=tried.id, at=tried.at, key_id=tried.key_id, nonce=tried.nonce, delivered_at=tried.delivered_at)
        kept = tuple(e for e in self.entries if e.change_id != entry.change_id and entry.at < max(e.ends_at(policy), e.at + _LONGEST_COOLING_OFF))
        if len(kept) >= MARKS:
            raise Refused(Reason.TOO_MANY_CHANGES)
        return replace(self, entries=(*kept, entry))

    def delivered(self, entry_id: str, now: datetime) -> History:
        """Return the history after a notice with that entry's link was accepted: the first one counts."""
        return replace(self, entries=tuple(replace(e, delivered_at=e.delivered_at or now) if e.id == entry_id else e for e in self.entries))

    def common(self, entry: Entry, credential: Credential) -> tuple[Identifier, ...]:
        """Return the identifiers that were verified before the change and are now, and in every state between: a proof by one of them is its owner's."""
        later = self.entries[self.entries.index(entry) :]
        return tuple(i for i in credential.verified if all(i in e.verified for e in later))

    def proofs(self, entry: Entry, credential: Credential, now: datetime) -> tuple[Identifier, ...]:
        """Return the identifiers whose code proves an undo: those in common, without what an earlier undo holds back still (F24)."""
        held = self.hold if self.hold is not None and now < self.hold.until else None
        return tuple(i for i in self.common(entry, credential) if held is None or i in held.only)

    def untouched(self, credential: Credential) -> tuple[Identifier, ...]:
        """Return the identifiers that are verified, and were in every picture there is."""
        return tuple(i for i in credential.verified if all(i in entry.verified for entry in self.entries))

    @property
    def lost(self) -> frozenset[Identifier]:
        """What was given up because it may be in other hands."""
        return frozenset(identifier for entry in self.entries for identifier in entry.lost)

    def recipients(self, entry: Entry, credential: Credential) -> tuple[Identifier, ...]:
        """Return everybody who may hold a link about that change: whoever was registered in any state from then on, and has not been given up."""
        later = self.entries[self.entries.index(entry) :]
        registered = [*credential.identifiers, *(r for e in later for r in e.identifiers)]
        return tuple(dict.fromkeys(r.identifier for r in registered if r.identifier not in self.lost))

    def concerned(self, entry: Entry, credential: Credential) -> tuple[Identifier, ...]:
        """Return every identifier verified in any state from that change on: they are all told of a dispute."""
        later = self.entries[self.entries.index(entry) :]
        return tuple(dict.fromkeys([*credential.told, *(i for e in later for i in e.verified)]))

    def hold_after_undo(self, entry: Entry, credential: Credential, now: datetime, policy: UndoPolicy) -> Hold:
        """Return what is held back once that change and all later ones are undone: codes go only to what none of them touched (F24).

        What an earlier undo holds back stays so: one step further back must not give a mailbox that was given up its codes again.
        """
        untouched, until = self.common(entry, credential), now + policy.after_undo
        if self.hold is None or now >= self.hold.until:
            return Hold(until=until, only=untouched)
        return replace(self.hold, until=max(until, self.hold.until), only=tuple(i for i in untouched if i in self.hold.only))

    def without(self, entry_id: str) -> History:
        """Return the history once that change and all later ones are undone: their links are void, and a dispute about one of them has ended."""
        place = next(place for place, entry in enumerate(self.entries) if entry.id == entry_id)
        kept = self.entries[:place]
        settled = self.dispute is not None and self.dispute.entry_id not in {entry.id for entry in kept}
        return replace(self, entries=kept, dispute=None if settled else self.dispute)

    def settled(self, fresh: Callable[[], bytes]) -> History:
        """Return the history once the host has decided that things stay as they are: what undid them by link until now does so no more."""
        return replace(self, dispute=None, entries=tuple(replace(entry, nonce=fresh()) for entry in self.entries))

    def to_payload(self, keys: KeyRing, *, site: str, record_key: str) -> bytes:
        """Return the sealed bytes of a record."""
        fields: dict[str, Json] = {
            "credential_id": self.credential_id,
            "entries": [_entry_fields(entry) for entry in self.entries],
            "hold": None if self.hold is None else _hold_fields(self.hold),
            "frozen_until": as_json(self.frozen_until),
            "dispute": None if self.dispute is None else _dispute_fields(self.dispute),
        }
        return sealed(fields, self.carried, keys, site=site, record_key=record_key)

    @classmethod
    def from_payload(cls, payload: bytes, keys: KeyRing, *, site: str, record_key: str) -> History:
        """Read the sealed bytes of a record.

        Raises:
            UnreadableRecord: They are not a history, or were tampered with.
            UnknownKey: They were sealed with a key that is not on the ring.
        """
        fields = unsealed(payload, keys, site=site, record_key=record_key)
        hold, dispute = fields.maybe_part("hold"), fields.maybe_part("dispute")
        return cls(
            credential_id=fields.text("credential_id"),
            entries=tuple(_read_entry(Fields(entry)) for entry in fields.items("entries")),
            hold=None if hold is None else _read_hold(hold),
            frozen_until=fields.maybe_moment("frozen_until"),
            dispute=None if dispute is None else _read_dispute(dispute),
            carried=dict(fields.rest()),
        )


def entry_id_of(change_id: str) -> str:
    """Return the id of the entry of a change: one however many calls try that change, so that each of them announces the same undo link."""
    return encode_bytes(hashlib.sha256(frame("undo-entry", change_id)).digest()[:16])


def password_digest(password_hash: str | None) -> bytes | None:
    """Return what an entry keeps of a password hash: enough to know it again, useless for guessing without the hash itself and its salt."""
    return None if password_hash is None else hashlib.sha256(b"password-hash/" + password_hash.encode("utf-8", "surrogatepass")).digest()


def hash_before(entry: Entry, credential: Credential) -> str | None:
    """Return the password hash that was in force before the change, if it is still.

    One that was given up since proves nothing: it may have been given up because somebody else knew it (F24).
    """
    now = credential.password_hash
    return now if hmac.compare_digest(password_digest(now) or b"", entry.password_digest or b"-") else None


def restored(entry: Entry, credential: Credential, *, change_id: str, generation: str, now: datetime, undone: Sequence[Entry] = ()) -> Credential:
    """Return the credential as it was before the change, with all sessions ended and older proofs dead.

    Where the password was changed since, nobody's works any more: its owner resets it. The one of before does not come back, as it may have been
    given up for good reason.

    *undone* are the entries that go with it: that one and all later ones. However many changes there were, one more is made, and room for
    others: where marks run short, those of the changes undone are dropped. A thief must not be able to use them up (F25).
    """
    gone = {later.change_id for later in undone} if len(credential.marks) >= MARKS // 2 else set[str]()
    marked = replace(credential, marks=tuple(mark for mark in credential.marks if mark.change_id not in gone))
    return replace(
        credential,
        identifiers=entry.identifiers,
        preferred=entry.preferred,
        password_hash=hash_before(entry, credential),
        session_epoch=credential.session_epoch + 1,
        generation=generation,
        marks=marked.with_mark(change_id, now, always=True),
    )


def undo_secret(entry: Entry, credential_id: str, to: Identifier, keys: KeyRing, *, site: str) -> Secret:
    """Return the secret half of the token in the undo link that goes *to* one recipient: each has a link of their own (F24).

    Raises:
        UnknownKey: The entry was made with a key that is not on the ring.
    """
    keys.require(entry.key_id)
    bound = (credential_id, entry.id, entry.change_id, microseconds(entry.at), entry.nonce, to.kind, to.canonical)
    return Secret(encode_bytes(keys.mac(entry.key_id, "undo-link", site, *bound)))


def contest_secret(dispute: Dispute, credential_id: str, to: Identifier, keys: KeyRing, *, site: str) -> Secret:
    """Return the secret half of the token in the contest link that goes *to* one recipient.

    Raises:
        UnknownKey: The dispute was opened with a key that is not on the ring.
    """
    keys.require(dispute.key_id)
    bound = (credential_id, dispute.id, dispute.entry_id, dispute.nonce, to.kind, to.canonical)
    return Secret(encode_bytes(keys.mac(dispute.key_id, "contest-link", site, *bound)))


def _entry_fields(entry: Entry) -> dict[str, Json]:
    return {
        "id": entry.id,
        "change_id": entry.change_id,
        "at": as_json(entry.at),
        "identifiers": [{**identifier_fields(r.identifier), "standing": str(r.standing), "verified_at": as_json(r.verified_at)} for r in entry.identifiers],
        "preferred": None if entry.preferred is None else identifier_fields(entry.preferred),
        "password_digest": as_json(entry.password_digest),
        "shown": shown_fields(entry.shown),
        "key_id": entry.key_id,
        "nonce": as_json(entry.nonce),
        "delivered_at": as_json(entry.delivered_at),
        "lost": [identifier_fields(identifier) for identifier in entry.lost],
    }


def _read_entry(fields: Fields) -> Entry:
    preferred = fields.maybe_part("preferred")
    return Entry(
        id=fields.text("id"),
        change_id=fields.text("change_id"),
        at=fields.moment("at"),
        identifiers=tuple(_read_registered(Fields(item)) for item in fields.items("identifiers")),
        preferred=None if preferred is None else read_identifier(preferred),
        password_digest=fields.maybe_data("password_digest"),
        shown=read_shown(fields.items("shown")),
        key_id=fields.text("key_id"),
        nonce=fields.data("nonce"),
        delivered_at=fields.maybe_moment("delivered_at"),
        lost=tuple(read_identifier(Fields(item)) for item in fields.items("lost")),
    )


def _read_registered(fields: Fields) -> Registered:
    return Registered(identifier=read_identifier(fields), standing=fields.choice("standing", Standing), verified_at=fields.maybe_moment("verified_at"))


def _hold_fields(hold: Hold) -> dict[str, Json]:
    return {"until": as_json(hold.until), "only": [identifier_fields(i) for i in hold.only]}


def _read_hold(fields: Fields) -> Hold:
    only = tuple(read_identifier(Fields(item)) for item in fields.items("only"))
    return Hold(until=fields.moment("until"), only=only)


def _dispute_fields(dispute: Dispute) -> dict[str, Json]:
    return {
        "id": dispute.id,
        "entry_id": dispute.entry_id,
        "change_id": dispute.change_id,
        "opened_at": as_json(dispute.opened_at),
        "opened_by": identifier_fields(dispute.opened_by),
        "resolves_at": as_json(dispute.resolves_at),
        "key_id": dispute.key_id,
        "nonce": as_json(dispute.nonce),
        "contested": dispute.contested,
    }


def _read_dispute(fields: Fields) -> Dispute:
    return Dispute(
        id=fields.text("id"),
        entry_id=fields.text("entry_id"),
        change_id=fields.text("change_id"),
        opened_at=fields.moment("opened_at"),
        opened_by=read_identifier(fields.part("opened_by")),
        resolves_at=fields.moment("resolves_at"),
        key_id=fields.text("key_id"),
        nonce=fields.data("nonce"),
        contested=fields.flag("contested"),
    )

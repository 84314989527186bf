"""What signs a person in, and how a change to it looks. Pure: a store keeps it, flows swap it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from credkit.errors import Reason, Refused
from credkit.identifiers import Identifier

__all__ = ["CONFIRMED_FOR", "MARKS", "MARK_LIFETIME", "Credential", "Mark", "NewCredential", "Registered", "Standing"]

MARKS: Final = 64
"""Most changes remembered on a credential; one more in `MARK_LIFETIME` is refused (F1)."""

CONFIRMED_FOR: Final = timedelta(days=30)
"""For how long a verified identifier is not dated anew, so that signing in by code writes no more than once in that time."""

MARK_LIFETIME: Final = timedelta(days=30)
"""How long a change is remembered: as long as a notice may wait for its delivery (F25)."""


class Standing(StrEnum):
    """How far an identifier is known to be this person's."""

    VERIFIED = "verified"
    """A code sent to it came back."""
    CARRIED_OVER = "carried_over"
    """Imported from an older system, never proved here."""
    UNVERIFIED = "unverified"
    """Nobody has shown that it is theirs; good for nothing (ID-15)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """An identifier as a credential holds it."""

    identifier: Identifier
    standing: Standing
    verified_at: datetime | None = None

    @property
    def usable(self) -> bool:
        """Whether it may sign in and be reset at its own address (ID-15)."""
        return self.standing is not Standing.UNVERIFIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A recent change, by the id fixed when its grant was made."""

    change_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """A credential that a store has yet to give an id and a version."""

    identifiers: tuple[Registered, ...]
    password_hash: str | None = field(repr=False)
    preferred: Identifier | None
    generation: str
    marks: tuple[Mark, ...]
    locale: str | None = None

    @property
    def change_id(self) -> str:
        """The change that adds it; a store adds at most one credential for each."""
        return self.marks[0].change_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What signs a person in: identifiers, a password hash, and the host accounts it serves."""

    id: str
    """Chosen by the store; opaque; never the identifier."""
    identifiers: tuple[Registered, ...]
    password_hash: str | None = field(repr=False)
    preferred: Identifier | None
    """The verification method: where codes go."""
    accounts: tuple[str, ...]
    """The host's accounts, opaque: all of them sign in with this credential, so a new password holds for all at once."""
    session_epoch: int
    """Moves when sessions end."""
    generation: str
    """Moves with every security-relevant change and so ends all older proofs (F5)."""
    marks: tuple[Mark, ...] = ()
    locale: str | None = None
    disabled: bool = False
    compromised: bool = False
    """Whether others may know the password: it signs nobody in until it has been replaced (PW-05)."""
    earlier_hashes: tuple[str, ...] = field(default=(), repr=False)
    """Hashes of the passwords before this one, the newest first; none unless the policy has a `password_history` (PW-21)."""
    version: str = field(default="", repr=False)
    """Chosen by the store, compared for equality only, never the same twice."""

    def registered(self, identifier: Identifier) -> Registered | None:
        """Return how *identifier* is registered here, or `None`."""
        return next((r for r in self.identifiers if r.identifier == identifier), None)

    @property
    def verified(self) -> tuple[Identifier, ...]:
        """The verified identifiers."""
        return tuple(r.identifier for r in self.identifiers if r.standing is Standing.VERIFIED)

    @property
    def told(self) -> tuple[Identifier, ...]:
        """Where notices of changes go: to every verified identifier (NO-08).

        Where none is verified, to those that were carried over: an owner whom nobody tells is worse than a stranger who learns of it.
        """
        return self.verified or tuple(entry.identifier for entry in self.identifiers if entry.usable)

    def destination(self, typed: Identifier) -> Identifier | None:
        """Return the *stored* identifier that a code asked for by *typed* goes to, or `None` (ID-04, ID-15, RS-07).

        The chosen verification method if it is verified; else what was typed, if that is. An identifier that was only carried over
        gets codes at its own address as long as none is verified. From then on they go to the first that is: it may have been put
        there by somebody who knew that its owner would come (ID-16).
        """
        asked = self.registered(typed)
        if asked is None or not asked.usable or self.disabled:
            return None
        chosen = None if self.preferred is None else self.registered(self.preferred)
        if chosen is not None and chosen.standing is Standing.VERIFIED:
            return chosen.identifier
        if asked.standing is not Standing.VERIFIED and self.verified:
            return self.verified[0]
        return asked.identifier

    def names_told_to(self, asked: Registered) -> tuple[Identifier, ...]:
        """Return which of the identifiers the one who *asked* may be reminded of (SI-06).

        All that sign in, if it is verified to be theirs. One that was only carried over may have come to others, who learn of nothing but itself.
        """
        if asked.standing is Standing.VERIFIED:
            return tuple(entry.identifier for entry in self.identifiers if entry.usable)
        return (asked.identifier,)

    def has_mark(self, change_id: str) -> bool:
        """Return whether the change *change_id* has been made here."""
        return any(mark.change_id == change_id for mark in self.marks)

    def with_mark(self, change_id: str, now: datetime, *, always: bool = False) -> tuple[Mark, ...]:
        """Return the marks with one more, without those past `MARK_LIFETIME`.

        *always* is for what the owner must be able to do however often a thief has changed things: then the oldest mark gives way (F25).

        Raises:
            Refused: There are `MARKS` of them (TOO_MANY_CHANGES): dropping one could leave its owner untold.
        """
        kept = tuple(mark for mark in self.marks if now - mark.at < MARK_LIFETIME)
        if len(kept) >= MARKS and not always:
            raise Refused(Reason.TOO_MANY_CHANGES)
        return (*kept, Mark(change_id=change_id, at=now))[-MARKS:]

    def with_password(
        self, password_hash: str, *, change_id: str, generation: str, now: datetime, proved: Identifier | None = None, history: int = 0
    ) -> Credential:
        """Return this credential with a new password: other sessions end, older proofs die, and nobody else knows it.

        *proved* is the identifier whose code allowed it: it is verified as of now. What nobody has ever shown to be theirs goes by that, as
        somebody else may have put it there before (ID-16, REQ-D11). *history* is how many hashes of earlier passwords are kept; more of them,
        from a time when it was greater, are dropped.

        Raises:
            Refused: Too many changes lately; never to whoever has *proved* an identifier, as that is the owner's way back, and somebody who knows
                the password could use up the changes.
        """
        identifiers = self.identifiers if proved is None else tuple(_proved(self.identifiers, proved, now))
        verified = [entry.identifier for entry in identifiers if entry.standing is Standing.VERIFIED]
        return replace(
            self,
            password_hash=password_hash,
            identifiers=identifiers,
            preferred=self.preferred if proved is None or self.preferred in verified else proved,
            session_epoch=self.session_epoch + 1,
            generation=generation,
            marks=self.with_mark(change_id, now, always=proved is not None),
            compromised=False,
            earlier_hashes=(*filter(None, [self.password_hash]), *self.earlier_hashes)[:history],
        )

    def as_compromised(self, *, change_id: str, generation: str, now: datetime) -> Credential:
        """Return this credential with a password that others may know: sessions end, older proofs die.

        Codes and grants die, too, although they do not rest on the password: who knows it may have used it to get at them, and what its owner
        asks for from now on is new.

        Raises:
            Refused: Too many changes lately.
        """
        return replace(self, compromised=True, generation=generation, marks=self.with_mark(change_id, now), session_epoch=self.session_epoch + 1)

    def confirmed(self, proved: Identifier, now: datetime) -> Credential:
        """Return this credential with *proved* dated anew, if it is verified and that was a while ago: a code from it came back. Else itself.

        Nothing that a proof rests on has changed, so all of them stay. One without a date needs none: it does not go stale.
        """
        entry = self.registered(proved)
        if entry is None or entry.standing is not Standing.VERIFIED or entry.verified_at is None or now - entry.verified_at < CONFIRMED_FOR:
            return self
        return replace(self, identifiers=tuple(replace(r, verified_at=now) if r is entry else r for r in self.identifiers))

    def with_identifier(self, new: Identifier, *, replaces: Identifier | None = None, change_id: str, generation: str, now: datetime) -> Credential:
        """Return this credential with one more verified identifier, or with it in the place of *replaces*. Older proofs die.

        Raises:
            Refused: It is verified here already, *replaces* is not here, or there were too many changes lately.
        """
        known = self.registered(new)
        if known is not None and known.standing is Standing.VERIFIED:
            raise Refused(Reason.IDENTIFIER_PRESENT)
        entry = Registered(identifier=new, standing=Standing.VERIFIED, verified_at=now)
        if replaces is None:
            others = tuple(r for r in self.identifiers if r.identifier != new)
            return self._changed((*others, entry), self.preferred or new, change_id, generation, now)
        if self.registered(replaces) is None:
            raise Refused(Reason.IDENTIFIER_UNKNOWN)
        # Asked first, as an identifier may be changed into itself: it has proved itself then, and must not be lost.
        kept = tuple(entry if r.identifier == replaces else r for r in self.identifiers if r.identifier == replaces or r.identifier != new)
        return self._changed(kept, new if self.preferred == replaces else self.preferred, change_id, generation, now)

    def without_identifier(self, gone: Identifier, *, change_id: str, generation: str, now: datetime) -> Credential:
        """Return this credential without an identifier; if it was the verification method, another verified one takes over. Older proofs die.

        Raises:
            Refused: It is not here, it is the last one its owner can be reached at, or there were too many changes lately.
        """
        if self.registered(gone) is None:
            raise Refused(Reason.IDENTIFIER_UNKNOWN)
        kept = tuple(r for r in self.identifiers if r.identifier != gone)
        reachable = [r.identifier for r in kept if r.standing is Standing.VERIFIED] or [r.identifier for r in kept if r.usable and not self.verified]
        if not reachable:
            raise Refused(Reason.IDENTIFIER_LAST)
        return self._changed(kept, reachable[0] if self.preferred == gone else self.preferred, change_id, generation, now)

    def without_proof_of(self, gone: Identifier, *, change_id: str, generation: str, now: datetime) -> Credential:
        """Return this credential with *gone* unverified; if it was the verification method, another verified one takes over. Older proofs die.

        Raises:
            Refused: It is the last verified one, or there were too many changes lately.
        """
        kept = tuple(replace(r, standing=Standing.UNVERIFIED, verified_at=None) if r.identifier == gone else r for r in self.identifiers)
        verified = [r.identifier for r in kept if r.standing is Standing.VERIFIED]
        if not verified:
            raise Refused(Reason.IDENTIFIER_LAST)
        return self._changed(kept, verified[0] if self.preferred == gone else self.preferred, change_id, generation, now)

    def with_preferred(self, chosen: Identifier, *, change_id: str, generation: str, now: datetime) -> Credential:
        """Return this credential with another verification method. Older proofs die.

        Raises:
            Refused: It is not here, or not verified, or there were too many changes lately.
        """
        entry = self.registered(chosen)
        if entry is None:
            raise Refused(Reason.IDENTIFIER_UNKNOWN)
        if entry.standing is not Standing.VERIFIED:
            raise Refused(Reason.IDENTIFIER_UNVERIFIED)
        return self._changed(self.identifiers, entry.identifier, change_id, generation, now)

    def with_sessions_ended(self, *, change_id: str, generation: str, now: datetime) -> Credential:
        """Return this credential with all sessions ended and older proofs dead; never refused, as an owner asks for it to stop a thief."""
        marks = self.with_mark(change_id, now, always=True)
        return replace(self, session_epoch=self.session_epoch + 1, generation=generation, marks=marks)

    def _changed(self, identifiers: tuple[Registered, ...], preferred: Identifier | None, change_id: str, generation: str, now: datetime) -> Credential:
        return replace(self, identifiers=identifiers, preferred=preferred, generation=generation, marks=self.with_mark(change_id, now))


def _proved(identifiers: Iterable[Registered], proved: Identifier, now: datetime) -> Iterable[Registered]:
    for entry in identifiers:
        if entry.identifier == proved:
            yield replace(entry, standing=Standing.VERIFIED, verified_at=now)
        elif entry.usable:
            yield entry

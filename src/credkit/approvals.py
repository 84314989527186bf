"""Approvals as values: a question to the owner of a sign-in, what became of it, and what each answer means. Nothing here can block.

One record tells the whole story of a request: asked, approved or denied on another device, opened as an edit window by the session
that asked, and done. So there is one place to look for whether an edit may be made, and one commit ends it.

Deny is absorbing: it is allowed for as long as anything can still happen, and nothing leads out of it. So where approve and deny
meet, the end is the same whichever came first (F26). The table below is the whole of it; the documentation is drawn from it.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from credkit.edits import AddIdentifier, ChangeIdentifier, Edit, HostChange, digest_of, edit_fields, read_edit
from credkit.errors import ConfigurationError, Reason, Refused
from credkit.identifiers import Identifier
from credkit.keys import KeyRing
from credkit.otp import identifier_fields, read_identifier
from credkit.payloads import Fields, Json, as_json
from credkit.sealing import sealed, unsealed
from credkit.secret import Secret
from credkit.tickets import encode_bytes

__all__ = [
    "TRANSITIONS",
    "Approval",
    "ApprovalPolicy",
    "Event",
    "State",
    "Step",
    "decide",
    "link_secret",
    "match_code_of",
    "moved",
    "refusal_of",
    "window_secret",
]


class State(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    """The owner has been asked."""
    APPROVED = "approved"
    """The owner said yes; the asking session may open the edit window."""
    OPEN = "open"
    """The edit window is open."""
    DONE = "done"
    """The person pressed Done."""
    DENIED = "denied"
    """The owner said no."""
    CANCELLED = "cancelled"
    """The asking session took it back, signed out, or asked for something else."""
    EXPIRED = "expired"
    """Nobody went on in time. Never stored: it follows from the clock."""


class Event(StrEnum):
    """What can happen to a request."""

    APPROVE = "approve"
    DENY = "deny"
    OPEN = "open"
    DONE = "done"
    CANCEL = "cancel"


TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = {
    (State.PENDING, Event.APPROVE): State.APPROVED,
    (State.PENDING, Event.DENY): State.DENIED,
    (State.PENDING, Event.CANCEL): State.CANCELLED,
    (State.APPROVED, Event.OPEN): State.OPEN,
    (State.APPROVED, Event.DENY): State.DENIED,
    (State.APPROVED, Event.CANCEL): State.CANCELLED,
    (State.OPEN, Event.OPEN): State.OPEN,  # the same session again: a second tab, a repeated request
    (State.OPEN, Event.DONE): State.DONE,
    (State.OPEN, Event.DENY): State.DENIED,
    (State.OPEN, Event.CANCEL): State.CANCELLED,
    # Ends that are asked for again: a double click, or a reply that was lost.
    (State.DENIED, Event.DENY): State.DENIED,
    (State.DONE, Event.DONE): State.DONE,
    (State.CANCELLED, Event.CANCEL): State.CANCELLED,
}
"""What may follow what. Anything else is refused (AP-09)."""

LIVE: Final = frozenset({State.PENDING, State.APPROVED, State.OPEN})

_REFUSALS: Final[Mapping[State, Reason]] = {
    State.PENDING: Reason.APPROVAL_PENDING,
    State.APPROVED: Reason.APPROVAL_DECIDED,
    State.OPEN: Reason.APPROVAL_DECIDED,
    State.DONE: Reason.APPROVAL_OVER,
    State.DENIED: Reason.APPROVAL_DENIED,
    State.CANCELLED: Reason.APPROVAL_OVER,
    State.EXPIRED: Reason.APPROVAL_EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalPolicy:
    """How changes of settings are approved.

    Raises:
        ConfigurationError: Weaker than a floor, or a span or count that cannot work.
    """

    lifetime: timedelta = timedelta(minutes=10)
    """How long the owner may take to answer (AP-10, requirements 1.4); at most a day."""
    approved: timedelta = timedelta(minutes=10)
    """How long the asking session may take to open the window after that (AP-10)."""
    window: timedelta = timedelta(minutes=15)
    """How long the window stays open; at most an hour (architecture section 11)."""
    match_digits: int = 4
    """Digits of the match code, which is shown where the change was asked for and typed where it is approved (AP-07)."""
    match_tries: int = 3
    """Wrong match codes until the request counts as denied (AP-07): 3 in 10,000 for somebody who taps blindly."""
    without_match_code: bool = False
    """Approve with the link alone. Weaker: a mail scanner that runs pages can then approve, so say it only where no such thing reads the mail (AP-06)."""
    other_channels: bool = False
    """Whether the asking session may have the link sent to another verified identifier than the verification method, for an owner who has
    lost that one (REQ-D6f). Off, because it also lets a thief choose (AP-12)."""
    poll: timedelta = timedelta(seconds=5)
    """How often the waiting page may ask; sooner adds as much again, and stays (AP-13)."""
    cooling_off: timedelta = timedelta(hours=12)
    """For so long an identifier that was added to a sign-in gets neither approvals nor reset codes (ID-21)."""
    freeze_after_not_me: timedelta = timedelta(0)
    """For so long nothing can be changed or reset after the owner said "it was not me" (AP-16); none by default, as sessions have ended then."""

    def __post_init__(self) -> None:
        problems: list[str] = []
        for name, longest in (("lifetime", timedelta(days=1)), ("approved", timedelta(minutes=30)), ("window", timedelta(hours=1))):
            if not timedelta(minutes=1) <= getattr(self, name) <= longest:
                problems.append(f"approvals.{name} must be between a minute and {longest}")
        if not 4 <= self.match_digits <= 8:
            problems.append("approvals.match_digits must be 4 to 8")
        if not 1 <= self.match_tries <= 5:
            problems.append("approvals.match_tries must be 1 to 5")
        if not timedelta(seconds=1) <= self.poll <= timedelta(minutes=1):
            problems.append("approvals.poll must be 1 to 60 seconds")
        if not timedelta(0) <= self.cooling_off <= timedelta(days=7) or not timedelta(0) <= self.freeze_after_not_me <= timedelta(days=7):
            problems.append("approvals.cooling_off and freeze_after_not_me must be 0 to 7 days")
        if problems:
            raise ConfigurationError(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An identifier that waits for its code inside a window."""

    challenge_id: str
    identifier: Identifier
    replaces: Identifier | None = None
    lost_control: bool = False
    """Whether the one it replaces may be in other hands: it is told then, and gets no power to undo (F24)."""

    @property
    def edit(self) -> Edit:
        """What is done once the code has come back."""
        return AddIdentifier(self.identifier) if self.replaces is None else ChangeIdentifier(self.replaces, self.identifier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One request, as the store keeps it."""

    id: str
    credential_id: str
    generation: str
    """Of the credential when it was asked: what was approved is a change to *that* (REQ-D6c)."""
    session_digest: bytes | None = field(repr=False)
    """Of the asking session; nobody else can open or edit (F23)."""
    ticket_digest: bytes = field(repr=False)
    destination: Identifier
    """Where the question went: verified before it was asked (AP-12)."""
    edits: tuple[Edit, ...] | None
    """Exactly these, or settings in general."""
    label: str
    device: str | None
    place: str | None
    key_id: str
    nonce: bytes
    c: int = field(repr=False)
    digits: int
    asked_at: datetime
    state: State
    ends_at: datetime
    """When the present state ends by itself."""
    tries_left: int
    told: tuple[Identifier, ...]
    """Whom notices about it go to: every verified identifier when it was asked (NO-08)."""
    accounts: tuple[str, ...]
    locale: str | None
    steps: tuple[Step, ...] = ()
    authorized: tuple[str, ...] = ()
    """The host's own settings that were given leave to change; one that was asked for exactly gets it once (AP-04)."""
    not_me: bool = False
    """Whether the owner has said that it was not them who asked; it counts once."""
    carried: dict[str, Json] = field(default_factory=dict[str, Json], repr=False)

    def state_at(self, now: datetime) -> State:
        """Return where the request stands at *now*."""
        return State.EXPIRED if self.state in LIVE and now >= self.ends_at else self.state

    def step(self, challenge_id: str) -> Step | None:
        """Return the step that waits for that code, or `None`."""
        return next((step for step in self.steps if step.challenge_id == challenge_id), None)

    def made(self, generation: str) -> bool:
        """Return whether a credential of *generation* is as this request found it, or as this request's own window has left it (F5)."""
        return generation == self.generation or generation.startswith(f"{self.id}.")

    def permits(self, edit: Edit) -> bool:
        """Return whether *edit* is among what was approved (AP-02)."""
        return self.edits is None or any(digest_of([edit]) == digest_of([approved]) for approved in self.edits)

    def host_change(self, name: str) -> HostChange | None:
        """Return the change of the host's own *name* that was approved, values included, or `None`."""
        return next((edit for edit in self.edits or () if isinstance(edit, HostChange) and edit.name == name), None)

    def to_payload(self, keys: KeyRing, *, site: str, record_key: str) -> bytes:
        """Return the sealed bytes of a record; no token or code is among them."""
        fields: dict[str, Json] = {
            "id": self.id,
            "credential_id": self.credential_id,
            "generation": self.generation,
            "session_digest": as_json(self.session_digest),
            "ticket_digest": as_json(self.ticket_digest),
            "destination": identifier_fields(self.destination),
            "edits": None if self.edits is None else [edit_fields(edit) for edit in self.edits],
            "label": self.label,
            "device": self.device,
            "place": self.place,
            "key_id": self.key_id,
            "nonce": as_json(self.nonce),
            "c": self.c,
            "digits": self.digits,
            "asked_at": as_json(self.asked_at),
            "state": str(self.state),
            "ends_at": as_json(self.ends_at),
            "tries_left": self.tries_left,
            "told": [identifier_fields(identifier) for identifier in self.told],
            "accounts": self.accounts,
            "locale": self.locale,
            "steps": [_step_fields(step) for step in self.steps],
            "authorized": self.authorized,
            "not_me": self.not_me,
        }
        return sealed(fields, self.carried, keys, site=site, record_key=record_key)

    @classmethod
    def from_payload(cls, payload: bytes, keys: KeyRing, *, site: str, record_key: str) -> Approval:
        """Read the sealed bytes of a record.

        Raises:
            UnreadableRecord: They are not an approval, or were tampered with.
            UnknownKey: They were sealed with a key that is not on the ring.
        """
        fields = unsealed(payload, keys, site=site, record_key=record_key)
        edits = fields.maybe_items("edits")
        return cls(
            id=fields.text("id"),
            credential_id=fields.text("credential_id"),
            generation=fields.text("generation"),
            session_digest=fields.maybe_data("session_digest"),
            ticket_digest=fields.data("ticket_digest"),
            destination=read_identifier(fields.part("destination")),
            edits=None if edits is None else tuple(read_edit(Fields(edit)) for edit in edits),
            label=fields.text("label"),
            device=fields.maybe_text("device"),
            place=fields.maybe_text("place"),
            key_id=fields.text("key_id"),
            nonce=fields.data("nonce"),
            c=fields.number("c"),
            digits=fields.number("digits"),
            asked_at=fields.moment("asked_at"),
            state=fields.choice("state", State),
            ends_at=fields.moment("ends_at"),
            tries_left=fields.number("tries_left"),
            told=tuple(read_identifier(Fields(item)) for item in fields.items("told")),
            accounts=fields.texts("accounts"),
            locale=fields.maybe_text("locale"),
            steps=tuple(_read_step(Fields(step)) for step in fields.items("steps")),
            authorized=fields.texts("authorized"),
            not_me=fields.flag("not_me"),
            carried=dict(fields.rest()),
        )


def refusal_of(approval: Approval, now: datetime) -> Refused:
    """Return the refusal that tells where the request stands."""
    return Refused(_REFUSALS[approval.state_at(now)])


def moved(approval: Approval, event: Event, now: datetime, *, ends_at: datetime | None = None) -> Approval:
    """Return the request after *event*; it ends by itself at *ends_at*, where that is given.

    Raises:
        Refused: Nothing of the kind may happen to it any more, or yet; the reason says where it stands.
    """
    before = approval.state_at(now)
    after = TRANSITIONS.get((before, event))
    if after is None:
        raise refusal_of(approval, now)
    if after is before:
        return approval
    return replace(approval, state=after, ends_at=ends_at or approval.ends_at)


def decide(approval: Approval, typed: str | None, expected: Secret, now: datetime, policy: ApprovalPolicy) -> Approval:
    """Return the request after the owner said yes and typed the match code; `tries_left` tells whether that was right.

    *typed* is `None` where none was given. A wrong code takes a try, and the last one denies (AP-07). What is returned must be stored before
    anybody is told.

    Raises:
        Refused: It is not pending any more, or no match code was given.
    """
    after = moved(approval, Event.APPROVE, now, ends_at=now + policy.approved)
    if policy.without_match_code and typed is None:
        return after
    if typed is None:
        raise Refused(Reason.MATCH_CODE_REQUIRED)
    if hmac.compare_digest(typed.encode("utf-8", "surrogatepass"), expected.reveal().encode("ascii")):
        return after
    tried = replace(approval, tries_left=approval.tries_left - 1)
    return tried if tried.tries_left > 0 else moved(tried, Event.DENY, now)


def match_code_of(approval: Approval, keys: KeyRing, *, site: str) -> Secret:
    """Return the match code: shown to the asking session only, never in a message (AP-07).

    Raises:
        UnknownKey: The request was made with a key that is not on the ring.
    """
    offset = int.from_bytes(_derived("match-code", approval, keys, site), "big")
    return Secret(str((approval.c + offset) % 10**approval.digits).zfill(approval.digits))


def link_secret(approval: Approval, keys: KeyRing, *, site: str) -> Secret:
    """Return the secret half of the token in the owner's link: 256 bits, made again from the record whenever it is needed (AP-08)."""
    return Secret(encode_bytes(_derived("approval-link", approval, keys, site)))


def window_secret(approval: Approval, keys: KeyRing, *, site: str) -> Secret:
    """Return the secret half of the edit window's text: not the ticket's and not the link's (AP-08)."""
    return Secret(encode_bytes(_derived("edit-window", approval, keys, site)))


def _derived(purpose: str, approval: Approval, keys: KeyRing, site: str) -> bytes:
    keys.require(approval.key_id)
    bound = (approval.id, approval.nonce, approval.credential_id, approval.generation, approval.destination.canonical, digest_of(approval.edits))
    return keys.mac(approval.key_id, purpose, site, *bound)


def _step_fields(step: Step) -> dict[str, Json]:
    return {
        "challenge_id": step.challenge_id,
        "identifier": identifier_fields(step.identifier),
        "replaces": None if step.replaces is None else identifier_fields(step.replaces),
        "lost_control": step.lost_control,
    }


def _read_step(fields: Fields) -> Step:
    replaces = fields.maybe_part("replaces")
    return Step(
        challenge_id=fields.text("challenge_id"),
        identifier=read_identifier(fields.part("identifier")),
        replaces=None if replaces is None else read_identifier(replaces),
        lost_control=fields.flag("lost_control"),
    )

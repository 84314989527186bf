"""What waits to be delivered, as values that a record holds: a code or a reminder that is due, a notice, or an intent.

A change of a credential and its notice live in two stores, which no commit can span. So an *intent* is written first; the
courier turns it into notices once the credential carries the change's mark, and drops it only after making sure that the
change can never land any more (F1). Intents and notices are never dropped for age.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias, TypedDict

from credkit.devices import Device
from credkit.edits import Shown, read_shown, shown_fields
from credkit.identifiers import Identifier
from credkit.messages import MessageKind
from credkit.otp import identifier_fields, read_identifier
from credkit.payloads import Fields, Json, UnreadableRecord, as_json, from_payload, to_payload

__all__ = ["FOREVER", "ApprovalDue", "CodeDue", "DisputeDue", "EventDue", "Intent", "NoticeDue", "OutboxItem", "ReminderDue", "read_outbox_item"]

FOREVER: Final = timedelta(days=365 * 100)
"""Intents and notices end by delivery, not by age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    id: str
    at: datetime
    """When it was asked for, or when the change was made."""
    device: str | None = None
    place: str | None = None
    locale: str | None = None
    attempts: int = 0
    """Deliveries begun; the wait before the next one grows with them."""
    carried: dict[str, Json] = field(default_factory=dict[str, Json], repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeDue(_Item):
    """The code of a challenge is to be sent to whoever it concerns: the courier finds that out."""

    challenge_id: str
    number: int
    """Which code of the challenge: a superseded one is not sent (F22)."""
    turned_down: tuple[Identifier, ...] = ()
    """Where the host's check has not let it go (ID-18)."""
    known: Device | None = None
    """The known device that asked for it, if one did: some sends are kept for these (F12)."""

    def to_payload(self) -> bytes:
        """Return the bytes of a record."""
        fields: dict[str, Json] = {"challenge_id": self.challenge_id, "number": self.number}
        if self.turned_down:  # left out elsewhere, so that an older release reads its own codes as ever
            fields["turned_down"] = [identifier_fields(destination) for destination in self.turned_down]
        if self.known is not None:
            fields["known"] = self.known.to_fields()
        return to_payload(_common(self, "code") | fields, self.carried)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDue(_Item):
    """The owner of a sign-in is to be asked whether a change may be made."""

    approval_id: str

    def to_payload(self) -> bytes:
        """Return the bytes of a record."""
        return to_payload(_common(self, "approval") | {"approval_id": self.approval_id}, self.carried)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeDue(_Item):
    """A disputed undo is to be carried out, unless somebody has objected by then."""

    credential_id: str
    dispute_id: str

    def to_payload(self) -> bytes:
        """Return the bytes of a record."""
        return to_payload(_common(self, "dispute") | {"credential_id": self.credential_id, "dispute_id": self.dispute_id}, self.carried)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderDue(_Item):
    """Whoever has this identifier is to be reminded what they sign in with: the courier finds out who that is, if anybody (SI-06)."""

    typed: Identifier

    def to_payload(self) -> bytes:
        """Return the bytes of a record."""
        return to_payload(_common(self, "reminder") | {"typed": identifier_fields(self.typed)}, self.carried)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeDue(_Item):
    """A notice to one stored identifier."""

    kind: MessageKind
    to: Identifier
    credential_id: str
    accounts: tuple[str, ...] = ()
    shown: tuple[Shown, ...] = ()
    """What was changed."""
    link_id: str | None = None
    """The entry of the history that its link undoes, or the dispute that its link contests: the token itself is made when it is sent."""

    def to_payload(self) -> bytes:
        """Return the bytes of a record."""
        fields: dict[str, Json] = {
            "kind": str(self.kind),
            "to": identifier_fields(self.to),
            "credential_id": self.credential_id,
            "accounts": self.accounts,
        }
        return to_payload(_common(self, "notice") | fields | _details(self), self.carried)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(_Item):
    """A change is about to be made; its id is the change's id, so that one change has one intent however many calls race."""

    kind: MessageKind
    credential_id: str
    accounts: tuple[str, ...]
    destinations: tuple[Identifier, ...]
    """Every verified identifier before or after the change."""
    shown: tuple[Shown, ...] = ()
    link_id: str | None = None

    def notices(self) -> tuple[NoticeDue, ...]:
        """Return the notices this intent becomes once its change is known to have been made."""
        return tuple(
            NoticeDue(
                id=f"{self.id}.{place}",
                at=self.at,
                device=self.device,
                place=self.place,
                locale=self.locale,
                kind=self.kind,
                to=destination,
                credential_id=self.credential_id,
                accounts=self.accounts,
                shown=self.shown,
                link_id=self.link_id,
            )
            for place, destination in enumerate(self.destinations)
        )

    def to_payload(self) -> bytes:
        """Return the bytes of a record."""
        fields: dict[str, Json] = {
            "kind": str(self.kind),
            "credential_id": self.credential_id,
            "accounts": self.accounts,
            "destinations": [identifier_fields(destination) for destination in self.destinations],
        }
        return to_payload(_common(self, "intent") | fields | _details(self), self.carried)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDue(_Item):
    """The observer is to be told of a change, at least once: apart from the notices, so that a log that is full keeps no word from an owner (AU-09)."""

    change_id: str
    kind: MessageKind
    """What its notices say of it."""
    credential_id: str

    @classmethod
    def of(cls, intent: Intent) -> EventDue:
        """Return what tells of the change that *intent* announces."""
        return cls(
            id=f"{intent.id}.event",
            at=intent.at,
            device=intent.device,
            place=intent.place,
            change_id=intent.id,
            kind=intent.kind,
            credential_id=intent.credential_id,
        )

    def to_payload(self) -> bytes:
        """Return the bytes of a record."""
        fields: dict[str, Json] = {"change_id": self.change_id, "kind": str(self.kind), "credential_id": self.credential_id}
        return to_payload(_common(self, "event") | fields, self.carried)


OutboxItem: TypeAlias = CodeDue | ApprovalDue | DisputeDue | ReminderDue | NoticeDue | Intent | EventDue


def read_outbox_item(payload: bytes) -> OutboxItem:
    """Read the bytes of an outbox record.

    Raises:
        UnreadableRecord: They are none that this release knows; the record must be kept.
    """
    fields = from_payload(payload)
    kind = fields.text("type")
    if kind == "code":
        item: OutboxItem = CodeDue(
            **_read_common(fields),
            challenge_id=fields.text("challenge_id"),
            number=fields.number("number"),
            turned_down=_identifiers(fields.maybe_items("turned_down") or ()),
            known=_known(fields),
        )
    elif kind == "approval":
        item = ApprovalDue(**_read_common(fields), approval_id=fields.text("approval_id"))
    elif kind == "dispute":
        item = DisputeDue(**_read_common(fields), credential_id=fields.text("credential_id"), dispute_id=fields.text("dispute_id"))
    elif kind == "reminder":
        item = ReminderDue(**_read_common(fields), typed=read_identifier(fields.part("typed")))
    elif kind == "notice":
        item = NoticeDue(
            **_read_common(fields),
            kind=fields.choice("kind", MessageKind),
            to=read_identifier(fields.part("to")),
            credential_id=fields.text("credential_id"),
            accounts=fields.texts("accounts"),
            shown=read_shown(fields.maybe_items("shown") or ()),
            link_id=fields.maybe_text("link_id"),
        )
    elif kind == "intent":
        item = Intent(
            **_read_common(fields),
            kind=fields.choice("kind", MessageKind),
            credential_id=fields.text("credential_id"),
            accounts=fields.texts("accounts"),
            destinations=_identifiers(fields.items("destinations")),
            shown=read_shown(fields.maybe_items("shown") or ()),
            link_id=fields.maybe_text("link_id"),
        )
    elif kind == "event":
        item = EventDue(
            **_read_common(fields),
            change_id=fields.text("change_id"),
            kind=fields.choice("kind", MessageKind),
            credential_id=fields.text("credential_id"),
        )
    else:
        raise UnreadableRecord
    return replace(item, carried=dict(fields.rest()))


class _Common(TypedDict):
    id: str
    at: datetime
    device: str | None
    place: str | None
    locale: str | None
    attempts: int


def _common(item: _Item, kind: str) -> dict[str, Json]:
    return {
        "type": kind,
        "id": item.id,
        "at": as_json(item.at),
        "device": item.device,
        "place": item.place,
        "locale": item.locale,
        "attempts": item.attempts,
    }


def _read_common(fields: Fields) -> _Common:
    return {
        "id": fields.text("id"),
        "at": fields.moment("at"),
        "device": fields.maybe_text("device"),
        "place": fields.maybe_text("place"),
        "locale": fields.maybe_text("locale"),
        "attempts": fields.number("attempts"),
    }


def _details(item: NoticeDue | Intent) -> dict[str, Json]:
    """Return what only notices of settings have; left out elsewhere, so that an older release reads its own notices as ever."""
    details: dict[str, Json] = {}
    if item.shown:
        details["shown"] = shown_fields(item.shown)
    if item.link_id is not None:
        details["link_id"] = item.link_id
    return details


def _identifiers(items: Sequence[Json]) -> tuple[Identifier, ...]:
    return tuple(read_identifier(Fields(part)) for part in items)


def _known(fields: Fields) -> Device | None:
    part = fields.maybe_part("known")
    return None if part is None else Device.from_fields(part)

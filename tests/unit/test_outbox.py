"""What waits to be delivered comes back from its record whole, and an unreadable record is never taken for something else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from credkit.devices import Device
from credkit.edits import Shown
from credkit.identifiers import EmailAddress, PhoneNumber
from credkit.messages import MessageKind
from credkit.outbox import FOREVER, ApprovalDue, CodeDue, DisputeDue, EventDue, Intent, NoticeDue, OutboxItem, ReminderDue, read_outbox_item
from credkit.payloads import Json, UnreadableRecord, to_payload

AT = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
EMAIL = EmailAddress.restore("Ada@example.com", "ada@example.com")
PHONE = PhoneNumber.restore("+1 415 555 2671", "+14155552671")
CODE = CodeDue(id="i", at=AT, device="Firefox", place="Oslo", locale="de", attempts=2, challenge_id="c", number=3)
NOTICE = NoticeDue(
    id="i", at=AT, device="Firefox", place="Oslo", locale="de", kind=MessageKind.PASSWORD_RESET, to=EMAIL, credential_id="c", accounts=("a", "b")
)
INTENT = Intent(
    id="i",
    at=AT,
    device="Firefox",
    place="Oslo",
    locale="de",
    kind=MessageKind.PASSWORD_CHANGED,
    credential_id="c",
    accounts=("a",),
    destinations=(EMAIL, PHONE),
)
APPROVAL = ApprovalDue(id="i", at=AT, device="Firefox", place="Oslo", locale="de", attempts=2, approval_id="a")
DISPUTE = DisputeDue(id="i", at=AT, device="Firefox", place="Oslo", locale="de", attempts=2, credential_id="c", dispute_id="d")
OLD = EmailAddress.restore("Old@example.com", "old@example.com")
CHANGED = Intent(
    id="i",
    at=AT,
    kind=MessageKind.SETTINGS_CHANGED,
    credential_id="c",
    accounts=("a",),
    destinations=(EMAIL, PHONE, OLD),
    shown=(Shown(what="email", old="o***@example.com", new="a***@example.com"), Shown(what="password")),
    link_id="e",
)
ITEMS: list[OutboxItem] = [
    CODE,
    NOTICE,
    INTENT,
    CodeDue(id="i", at=AT, challenge_id="c", number=1),
    CodeDue(id="i", at=AT, challenge_id="c", number=1, known=Device(id="d", credential_id="c", session_epoch=7)),
    ReminderDue(id="i", at=AT, device="d", place="p", locale="nb", attempts=2, typed=EMAIL),
    EventDue(id="i", at=AT, device="d", place="p", attempts=2, change_id="c", kind=MessageKind.PASSWORD_RESET, credential_id="7"),
    NoticeDue(id="i", at=AT, kind=MessageKind.ALREADY_REGISTERED, to=PHONE, credential_id="c"),
    Intent(id="i", at=AT, kind=MessageKind.PASSWORD_RESET, credential_id="c", accounts=(), destinations=()),
    APPROVAL,
    DISPUTE,
    CHANGED,
    *CHANGED.notices(),
    ApprovalDue(id="i", at=AT, approval_id="a"),
    DisputeDue(id="i", at=AT, credential_id="c", dispute_id="d"),
    replace(CHANGED, link_id=None),
    replace(CHANGED, link_id="", shown=(Shown(what="password"),)),
]


def named(value: object) -> str:
    return type(value).__name__


@pytest.mark.parametrize("item", ITEMS, ids=named)
def test_an_item_comes_back_from_its_record_whole(item: OutboxItem) -> None:
    restored = read_outbox_item(item.to_payload())
    assert restored == item
    assert type(restored) is type(item)
    assert restored.to_payload() == item.to_payload()


def test_an_address_comes_back_as_it_was_entered() -> None:
    restored = read_outbox_item(NOTICE.to_payload())
    assert isinstance(restored, NoticeDue)
    assert restored.to.entered == "Ada@example.com"


@pytest.mark.parametrize("item", ITEMS, ids=named)
def test_what_a_newer_release_added_is_carried_through_another_attempt(item: OutboxItem) -> None:  # F31
    stored = replace(item, carried={"later": [1, {"a": None}]})
    leased = replace(read_outbox_item(stored.to_payload()), attempts=9)
    assert leased.carried == {"later": [1, {"a": None}]}
    assert read_outbox_item(leased.to_payload()) == replace(stored, attempts=9)


def test_no_record_of_the_outbox_holds_a_code() -> None:  # ST-02: a reference, which the courier turns into a code
    assert sorted(field for field in CODE.__slots__ if "code" in field) == []
    assert b'"challenge_id":"c"' in CODE.to_payload()


def test_an_intent_becomes_one_notice_for_each_destination() -> None:  # NO-08
    assert INTENT.notices() == (
        replace(NOTICE, id="i.0", kind=MessageKind.PASSWORD_CHANGED, to=EMAIL, accounts=("a",)),
        replace(NOTICE, id="i.1", kind=MessageKind.PASSWORD_CHANGED, to=PHONE, accounts=("a",)),
    )


def test_notices_of_one_intent_have_the_same_ids_each_time() -> None:  # NO-10: sent once however many couriers settle the intent
    ids = [notice.id for notice in INTENT.notices()]
    assert ids == [notice.id for notice in replace(INTENT, attempts=5).notices()]
    assert len(set(ids)) == len(ids)


def test_a_notice_begins_its_own_count_of_attempts() -> None:
    assert {notice.attempts for notice in replace(INTENT, attempts=5).notices()} == {0}


def test_every_notice_of_a_change_names_what_its_link_undoes() -> None:
    assert [(notice.to, notice.link_id) for notice in CHANGED.notices()] == [(EMAIL, "e"), (PHONE, "e"), (OLD, "e")]
    assert {notice.shown for notice in CHANGED.notices()} == {CHANGED.shown}


def test_a_notice_of_something_that_cannot_be_undone_has_no_link() -> None:  # F25: above all not that of an undo
    assert {notice.link_id for notice in replace(CHANGED, link_id=None).notices()} == {None}


def test_no_record_of_the_outbox_holds_a_link() -> None:  # F25, ST-02: a reference, which the courier turns into a token
    items: list[OutboxItem] = [CHANGED, *CHANGED.notices(), APPROVAL, DISPUTE]
    for item in items:
        payload = json.loads(item.to_payload())
        assert not {"token", "secret", "link"} & payload.keys()


def test_what_only_settings_have_is_left_out_elsewhere() -> None:  # F31: an older release reads its own notices as ever
    new = {"shown", "link_id"}
    items: list[OutboxItem] = [NOTICE, INTENT, CODE]
    for item in items:
        assert not new & json.loads(item.to_payload()).keys()
    assert new <= json.loads(CHANGED.to_payload()).keys()
    assert new <= json.loads(CHANGED.notices()[2].to_payload()).keys()
    assert new & json.loads(replace(CHANGED, shown=()).to_payload()).keys() == {"link_id"}


OLD_NOTICE = (
    b'{"accounts":["a","b"],"at":1767268800123456,"attempts":0,"credential_id":"c","device":"Firefox","format":1,"id":"i","kind":"password_reset",'
    b'"locale":"de","place":"Oslo","to":{"canonical":"ada@example.com","entered":"Ada@example.com","kind":"email"},"type":"notice"}'
)
OLD_INTENT = (
    b'{"accounts":["a"],"at":1767268800123456,"attempts":0,"credential_id":"c","destinations":[{"canonical":"ada@example.com",'
    b'"entered":"Ada@example.com","kind":"email"},{"canonical":"+14155552671","entered":"+1 415 555 2671","kind":"phone"}],"device":"Firefox",'
    b'"format":1,"id":"i","kind":"password_changed","locale":"de","place":"Oslo","type":"intent"}'
)


@pytest.mark.parametrize(("item", "payload"), [(NOTICE, OLD_NOTICE), (INTENT, OLD_INTENT)], ids=["notice", "intent"])
def test_what_was_written_before_there_were_settings_is_read_and_written_as_ever(item: OutboxItem, payload: bytes) -> None:  # TE-13, F31
    assert read_outbox_item(payload) == item
    assert item.to_payload() == payload
    assert json.loads(payload).keys().isdisjoint({"shown", "link_id"})


def test_what_ends_by_delivery_is_kept_longer_than_anybody_waits() -> None:  # F1
    assert timedelta(days=365 * 50) < FOREVER


COMMON: dict[str, Json] = {"id": "i", "at": 0, "attempts": 0}
ADDRESS: dict[str, Json] = {"kind": "email", "entered": "a", "canonical": "a"}
READABLE: dict[str, dict[str, Json]] = {
    "code": COMMON | {"type": "code", "challenge_id": "c", "number": 1},
    "notice": COMMON | {"type": "notice", "kind": "password_reset", "to": ADDRESS, "credential_id": "c", "accounts": []},
    "intent": COMMON | {"type": "intent", "kind": "password_reset", "credential_id": "c", "accounts": [], "destinations": [ADDRESS]},
    "approval": COMMON | {"type": "approval", "approval_id": "a"},
    "dispute": COMMON | {"type": "dispute", "credential_id": "c", "dispute_id": "d"},
}


@pytest.mark.parametrize("kind", READABLE)
def test_what_is_optional_may_be_missing(kind: str) -> None:
    item = read_outbox_item(to_payload(READABLE[kind], {}))
    assert (item.device, item.place, item.locale, item.carried) == (None, None, None, {})
    if isinstance(item, NoticeDue | Intent):
        assert (item.shown, item.link_id) == ((), None)


@pytest.mark.parametrize(("kind", "missing"), [(kind, name) for kind, fields in READABLE.items() for name in fields])
def test_an_item_that_lacks_a_field_is_unreadable(kind: str, missing: str) -> None:
    with pytest.raises(UnreadableRecord):
        read_outbox_item(to_payload({name: value for name, value in READABLE[kind].items() if name != missing}, {}))


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("code", "type", "later"),
        ("code", "type", None),
        ("code", "type", "Code"),
        ("code", "number", "1"),
        ("code", "attempts", True),
        ("code", "at", 10**30),
        ("code", "device", 1),
        ("notice", "kind", "a_kind_of_a_newer_release"),
        ("notice", "to", None),
        ("notice", "to", {"kind": "fax", "entered": "a", "canonical": "a"}),
        ("notice", "to", {"kind": "email", "entered": "a"}),
        ("notice", "accounts", "text"),
        ("notice", "accounts", ["a", 1]),
        ("notice", "accounts", [None]),
        ("intent", "destinations", ADDRESS),
        ("intent", "destinations", ["a"]),
        ("intent", "destinations", [None]),
        ("intent", "destinations", [[]]),
        ("approval", "approval_id", 1),
        ("dispute", "dispute_id", None),
        ("notice", "shown", "text"),
        ("notice", "shown", [None]),
        ("notice", "shown", [{"old": "a"}]),
        ("notice", "link_id", 1),
        ("intent", "shown", {}),
        ("intent", "link_id", ["e"]),
    ],
)
def test_an_item_with_a_value_that_nobody_knows_is_unreadable(kind: str, name: str, value: Json) -> None:
    with pytest.raises(UnreadableRecord):
        read_outbox_item(to_payload(READABLE[kind] | {name: value}, {}))

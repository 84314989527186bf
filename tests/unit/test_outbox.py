"""What waits to be delivered comes back from its record whole, and an unreadable record is never taken for something else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from credkit.identifiers import EmailAddress, PhoneNumber
from credkit.messages import MessageKind
from credkit.outbox import CodeDue, Intent, NoticeDue, OutboxItem, ReminderDue, read_outbox_item
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
ITEMS: list[OutboxItem] = [
    CODE,
    NOTICE,
    INTENT,
    CodeDue(id="i", at=AT, challenge_id="c", number=1),
    ReminderDue(id="i", at=AT, device="d", place="p", locale="nb", attempts=2, typed=EMAIL),
    NoticeDue(id="i", at=AT, kind=MessageKind.ALREADY_REGISTERED, to=PHONE, credential_id="c"),
    Intent(id="i", at=AT, kind=MessageKind.PASSWORD_RESET, credential_id="c", accounts=(), destinations=()),
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


COMMON: dict[str, Json] = {"id": "i", "at": 0, "attempts": 0}
ADDRESS: dict[str, Json] = {"kind": "email", "entered": "a", "canonical": "a"}
READABLE: dict[str, dict[str, Json]] = {
    "code": COMMON | {"type": "code", "challenge_id": "c", "number": 1},
    "notice": COMMON | {"type": "notice", "kind": "password_reset", "to": ADDRESS, "credential_id": "c", "accounts": []},
    "intent": COMMON | {"type": "intent", "kind": "password_reset", "credential_id": "c", "accounts": [], "destinations": [ADDRESS]},
}


@pytest.mark.parametrize("kind", READABLE)
def test_what_is_optional_may_be_missing(kind: str) -> None:
    item = read_outbox_item(to_payload(READABLE[kind], {}))
    assert (item.device, item.place, item.locale, item.carried) == (None, None, None, {})


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
    ],
)
def test_an_item_with_a_value_that_nobody_knows_is_unreadable(kind: str, name: str, value: Json) -> None:
    with pytest.raises(UnreadableRecord):
        read_outbox_item(to_payload(READABLE[kind] | {name: value}, {}))

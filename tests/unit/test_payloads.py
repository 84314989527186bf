"""Records as bytes: one spelling for one value, unknown fields kept, and anything else refused by one exception that quotes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

import pytest

from credkit.errors import CredkitError
from credkit.framing import from_microseconds
from credkit.payloads import FORMAT, Fields, Json, UnreadableRecord, as_json, from_payload, to_payload

MOMENT = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


class Colour(StrEnum):
    RED = "red"


def read_back(**fields: Json) -> Fields:
    return from_payload(to_payload(fields, {}))


def test_a_payload_is_canonical_json_with_its_format() -> None:
    assert to_payload({"b": [1, None, True], "a": "\u00e9"}, {}) == b'{"a":"\\u00e9","b":[1,null,true],"format":1}'


def test_the_order_in_which_fields_are_given_makes_no_difference() -> None:
    assert to_payload({"a": 1, "b": 2}, {"c": 3}) == to_payload({"b": 2, "a": 1}, {"c": 3})


def test_what_a_newer_release_wrote_is_carried_through() -> None:  # F31
    carried = {"later": {"deep": [1, "x", None]}, "aside": True}
    fields = from_payload(to_payload({"known": "text"}, carried))
    assert fields.text("known") == "text"
    assert fields.rest() == carried
    assert to_payload({"known": "text"}, fields.rest()) == to_payload({"known": "text"}, carried)


def test_what_was_carried_never_wins_over_what_is_written_now() -> None:
    fields = from_payload(to_payload({"a": 1}, {"a": 2, "format": 9}))
    assert (fields.number("a"), fields.number("format")) == (1, FORMAT)


def test_the_format_itself_is_not_carried() -> None:
    assert read_back().rest() == {}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" ",
        b"{",
        b"null",
        b"1",
        b'"format"',
        b"[]",
        b'[{"format":1}]',
        b"{}",
        b'{"format":null}',
        b'{"format":0}',
        b'{"format":-1}',
        b'{"format":2}',
        b'{"format":1e0}',
        b'{"format":1.0}',
        b'{"format":"1"}',
        b'{"format":true}',
        b'{"format":[1]}',
        b'{"format":1}x',
        b"{'format':1}",
        b"\xff\xfe",
        b"\x80",
        b"\x00" * 40,
        b'{"format":' + b"1" * 5000 + b"}",
        b'{"format":1,"a":' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda payload: repr(payload[:24]),
)
def test_bytes_that_are_no_record_of_a_known_format_are_refused(payload: bytes) -> None:
    with pytest.raises(UnreadableRecord) as caught:
        from_payload(payload)
    assert caught.value.args == ()


def test_an_unreadable_record_is_trouble_and_no_refusal() -> None:
    assert issubclass(UnreadableRecord, CredkitError)


def test_each_kind_of_value_comes_back_as_itself() -> None:
    fields = read_back(
        text="\u00e9\ud800", choice="red", number=-5, flag=False, data=as_json(b"\x00\xff\xfe"), moment=as_json(MOMENT), items=[1, "a"], part={"in": 1}
    )
    assert fields.text("text") == "\u00e9\ud800"
    assert fields.choice("choice", Colour) is Colour.RED
    assert fields.number("number") == -5
    assert fields.flag("flag") is False
    assert fields.data("data") == b"\x00\xff\xfe"
    assert fields.moment("moment") == MOMENT
    assert fields.items("items") == [1, "a"]
    assert fields.part("part").number("in") == 1
    assert fields.rest() == {}


READERS: dict[str, tuple[Callable[[Fields], object], set[str]]] = {
    "text": (lambda fields: fields.text("x"), {"text"}),
    "choice": (lambda fields: fields.choice("x", Colour), set()),
    "number": (lambda fields: fields.number("x"), {"number", "huge"}),
    "flag": (lambda fields: fields.flag("x"), {"flag"}),
    "data": (lambda fields: fields.data("x"), {"text"}),
    "moment": (lambda fields: fields.moment("x"), {"number"}),
    "items": (lambda fields: fields.items("x"), {"list"}),
    "part": (lambda fields: fields.part("x"), {"object"}),
}
VALUES: dict[str, Json] = {"text": "text", "number": 7, "huge": 10**40, "flag": True, "list": [1], "object": {"a": 1}, "null": None}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("value", VALUES)
def test_a_value_of_another_kind_is_refused_and_not_quoted(reader: str, value: str) -> None:
    read, fitting = READERS[reader]
    fields = read_back(x=VALUES[value])
    if value in fitting:
        read(fields)
        return
    with pytest.raises(UnreadableRecord) as caught:
        read(fields)
    assert caught.value.args == ()
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("reader", READERS)
def test_a_value_that_must_be_there_and_is_not_is_refused(reader: str) -> None:
    with pytest.raises(UnreadableRecord):
        READERS[reader][0](read_back())


def test_a_number_with_a_point_is_no_whole_number() -> None:
    with pytest.raises(UnreadableRecord):
        from_payload(b'{"format":1,"x":1.0}').number("x")


@pytest.mark.parametrize("text", ["=", "a", "abc", "ab!=", "ab==\n", "\u00e9\u00e9\u00e9\u00e9", "\ud800\ud800\ud800\ud800"])
def test_text_that_is_not_base64_is_no_data(text: str) -> None:
    with pytest.raises(UnreadableRecord):
        read_back(x=text).data("x")


@pytest.mark.parametrize("count", [10**18, -(10**18), 10**40, 10**4000, -(10**4000)], ids=["later", "earlier", "huge", "longest", "longest before"])
def test_a_moment_outside_the_calendar_is_refused(count: int) -> None:
    with pytest.raises(UnreadableRecord):
        read_back(x=count).moment("x")


@pytest.mark.parametrize("present", [{}, {"x": None}])
def test_an_optional_value_that_is_not_there_is_none_and_is_not_carried(present: dict[str, Json]) -> None:
    for read in (Fields.maybe_text, Fields.maybe_data, Fields.maybe_moment, Fields.maybe_part):
        fields = read_back(**present)
        assert read(fields, "x") is None
        assert fields.rest() == {}


def test_an_optional_value_that_is_there_is_read() -> None:
    fields = read_back(text="a", data=as_json(b"a"), moment=0, part={"b": 1})
    assert fields.maybe_text("text") == "a"
    assert fields.maybe_data("data") == b"a"
    assert fields.maybe_moment("moment") == from_microseconds(0)
    part = fields.maybe_part("part")
    assert part is not None
    assert part.number("b") == 1
    assert fields.rest() == {}


def test_an_optional_value_of_another_kind_is_refused() -> None:
    for read, wrong in ((Fields.maybe_text, 1), (Fields.maybe_data, 1), (Fields.maybe_moment, "a"), (Fields.maybe_part, "a")):
        with pytest.raises(UnreadableRecord):
            read(read_back(x=wrong), "x")


def test_reading_a_value_twice_gives_it_twice() -> None:
    fields = read_back(x="a")
    assert (fields.text("x"), fields.text("x"), fields.rest()) == ("a", "a", {})


@pytest.mark.parametrize(("value", "expected"), [(b"\xfb\xff", "-_8="), (MOMENT, 1_767_268_800_123_456), ("text", "text"), (5, 5), (None, None)])
def test_bytes_and_moments_are_held_as_base64_and_microseconds(value: str | bytes | datetime | int | None, expected: Json) -> None:
    assert as_json(value) == expected
    assert json.loads(json.dumps(as_json(value))) == expected

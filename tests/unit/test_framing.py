"""The bytes that everything hashed or keyed is made of: which layout they have, and that no two meanings share one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest

from credkit.framing import EPOCH, Part, frame, from_microseconds, microseconds


class Word(StrEnum):
    RESET = "reset"


# Stored digests and codes on their way rest on these bytes: a release that changes them ends everything outstanding (TE-13).
@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((), b"\x01"),
        ((None,), b"\x01n" + bytes(8)),
        (("",), b"\x01s" + bytes(8)),
        (("ab",), b"\x01s" + bytes(7) + b"\x02ab"),
        ((b"ab",), b"\x01b" + bytes(7) + b"\x02ab"),
        ((12,), b"\x01i" + bytes(7) + b"\x0212"),
        ((-1, "\u00e9"), b"\x01i" + bytes(7) + b"\x02-1s" + bytes(7) + b"\x02\xc3\xa9"),
    ],
)
def test_the_layout_is_a_version_and_then_type_length_and_content_of_each_part(parts: tuple[Part, ...], expected: bytes) -> None:
    assert frame(*parts) == expected


# KE-03: what plain concatenation, separators or untyped parts would confuse.
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (("ab",), ("a", "b")),
        (("a", ""), ("a",)),
        (("", "a"), ("a", "")),
        ((None,), ()),
        ((None,), ("",)),
        ((None,), (b"",)),
        (("a",), (b"a",)),
        ((1,), ("1",)),
        ((1,), (b"1",)),
        ((0,), (None,)),
        ((1, 2), (12,)),
        ((1,), (-1,)),
        (("s" + "\0" * 7 + "\x01a",), ("", "a")),
        ((frame("a"),), ("a",)),
    ],
)
def test_different_parts_give_different_bytes(one: tuple[Part, ...], other: tuple[Part, ...]) -> None:
    assert frame(*one) != frame(*other)


def test_a_member_of_a_text_enum_counts_as_its_text() -> None:
    assert frame(Word.RESET) == frame("reset")


def test_a_lone_surrogate_is_framed_and_stays_apart_from_every_other_text() -> None:
    assert len({frame("\ud800"), frame("\udfff"), frame("\ufffd"), frame("?"), frame("")}) == 5


@pytest.mark.parametrize(
    ("moment", "count"),
    [
        (EPOCH, 0),
        (EPOCH + timedelta(microseconds=1), 1),
        (EPOCH - timedelta(microseconds=1), -1),
        (datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC), 1_767_268_800_123_456),
        (datetime.max.replace(tzinfo=UTC), 253_402_300_799_999_999),  # a float holds this one only to 32 microseconds
    ],
)
def test_a_moment_is_counted_to_the_microsecond_and_back(moment: datetime, count: int) -> None:
    assert microseconds(moment) == count
    assert from_microseconds(count) == moment
    assert from_microseconds(count).tzinfo is UTC


def test_the_zone_a_moment_is_written_in_makes_no_difference() -> None:
    assert microseconds(datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == 0


def test_a_moment_without_a_zone_is_refused_and_not_guessed_at() -> None:
    with pytest.raises(TypeError):
        microseconds(datetime(2026, 1, 1))  # noqa: DTZ001  # the point of the test

"""Changes of settings of any kind: each has its own digest, comes back from its record, and is read in one plain line."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from credkit.edits import (
    LONGEST_SHOWN,
    AddIdentifier,
    ChangeIdentifier,
    Edit,
    HostChange,
    Prefer,
    RemoveIdentifier,
    SetPassword,
    digest_of,
    edit_fields,
    plain,
    read_edit,
    read_shown,
    shown,
    shown_fields,
    told,
)
from credkit.identifiers import EmailAddress, PhoneNumber
from credkit.payloads import Fields, UnreadableRecord

thorough = settings(max_examples=max(300, settings().max_examples))
"""Cheap enough for more than a profile's usual number; a profile that explores asks for more still."""

texts = st.text(max_size=12)
identifiers = st.builds(EmailAddress.restore, texts, texts) | st.builds(PhoneNumber.restore, texts, texts)
host_names = st.sampled_from(["name", "nam", "add", "host"]) | st.from_regex(r"[A-Za-z][A-Za-z0-9 _.-]{0,39}", fullmatch=True)
host_values = st.none() | st.text(max_size=200)
edits: st.SearchStrategy[Edit] = st.one_of(
    st.builds(AddIdentifier, identifiers),
    st.builds(ChangeIdentifier, identifiers, identifiers),
    st.builds(RemoveIdentifier, identifiers),
    st.builds(Prefer, identifiers),
    st.just(SetPassword()),
    st.builds(HostChange, host_names, host_values, host_values),
)
lists = st.none() | st.lists(edits, max_size=3)
hostile = st.text(st.sampled_from("ab <>&\"'\n\r\t\x00\x1b\u200b\u202e\u2066\u034f\u3164\ufe0f\u00ad\u2028\ud800\u00a0Zoë李"), max_size=200)


@thorough
@given(one=lists, other=lists)
def test_two_requests_share_a_digest_only_if_they_ask_for_the_same(one: list[Edit] | None, other: list[Edit] | None) -> None:  # AP-01
    assert (digest_of(one) == digest_of(other)) is (one == other)
    assert digest_of(one) == digest_of(None if one is None else tuple(one))


@thorough
@given(one=st.lists(edits, max_size=3), other=st.lists(edits, min_size=1, max_size=3))
def test_more_or_other_than_was_asked_has_another_digest(one: list[Edit], other: list[Edit]) -> None:
    assert digest_of(one) != digest_of([*one, *other])
    assert (digest_of([*one, *other]) == digest_of([*other, *one])) is ([*one, *other] == [*other, *one])


@thorough
@given(edit=edits)
def test_a_change_comes_back_as_it_was(edit: Edit) -> None:
    restored = read_edit(Fields(json.loads(json.dumps(edit_fields(edit)))))
    assert restored == edit
    assert shown(restored) == shown(edit)
    assert read_shown(json.loads(json.dumps(shown_fields([shown(edit)])))) == (shown(edit),)


@thorough
@given(text=hostile | st.text(max_size=2000))
def test_text_is_shown_in_one_line_of_visible_characters(text: str) -> None:  # AP-03
    line = plain(text)
    assert len(line) <= LONGEST_SHOWN
    assert line == line.strip() == " ".join(line.split())
    assert not any(unicodedata.category(c)[0] == "C" or unicodedata.category(c) in {"Zl", "Zp"} for c in line)
    assert not set("\u034f\u115f\u1160\u3164\ufe0f\uffa0") & set(line)
    assert plain(line) == line
    # Nothing visible is lost, and nothing is put in its place: markup stays the text it is.
    if len(text) <= LONGEST_SHOWN:
        assert [c for c in line if c != " "] == [c for c in text if c in line and c != " "]


@thorough
@given(one=st.text(max_size=300), other=st.text(max_size=300), start=st.text("ab", min_size=41, max_size=50), end=st.text("ab", min_size=40, max_size=50))
def test_two_long_values_look_alike_only_if_they_are_one(one: str, other: str, start: str, end: str) -> None:  # AP-03
    assume(one != other)
    assert plain(f"{start}{one}{end}") != plain(f"{start}{other}{end}")


@thorough
@given(edit=edits)
def test_what_stands_in_a_message_is_one_line_and_a_hosts_value_carries_neither_link_nor_code(edit: Edit) -> None:  # NO-06
    for masked in (True, False):
        line = told(edit, masked=masked)
        assert line.what == shown(edit).what
        if isinstance(edit, HostChange):
            for value in (line.old, line.new):
                assert value is None or not any(c in value for c in "<>&\n\r@:\"'")
                assert value is None or "." not in value or not any(part[:1].isalpha() for part in value.split(".")[1:])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
)
near = st.fixed_dictionaries(
    {"type": st.sampled_from(["add", "change", "remove", "prefer", "password", "host", "x", None, 1])},
    optional={"name": json_values, "old": json_values, "new": json_values},
)


@thorough
@given(fields=near | st.dictionaries(st.text(max_size=4), json_values, max_size=3))
def test_any_fields_are_a_change_or_unreadable(fields: dict[str, Any]) -> None:
    try:
        read_edit(Fields(fields))
    except UnreadableRecord:
        return
    assert fields["type"] in {"password", "host"}

"""What a change of settings is, how it is read by whoever has to approve it, and that no two changes are taken for one another."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from credkit.edits import (
    LONGEST_HOST_VALUE,
    LONGEST_SHOWN,
    AddIdentifier,
    ChangeIdentifier,
    Edit,
    HostChange,
    Prefer,
    RemoveIdentifier,
    SetPassword,
    Shown,
    digest_of,
    edit_fields,
    parsed,
    plain,
    read_edit,
    read_shown,
    shown,
    shown_fields,
    told,
)
from credkit.errors import ConfigurationError, InvalidIdentifier
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber, parse_identifier
from credkit.payloads import Fields, Json, UnreadableRecord

MAIL = EmailAddress.parse("Ada@example.com")
NEW = EmailAddress.parse("ada.l@new.example.org")
PHONE = PhoneNumber.parse("+1 415 555 2671")
EDITS: tuple[Edit, ...] = (
    AddIdentifier(NEW),
    AddIdentifier(PHONE),
    ChangeIdentifier(MAIL, NEW),
    ChangeIdentifier(NEW, MAIL),
    ChangeIdentifier(MAIL, PHONE),
    RemoveIdentifier(MAIL),
    RemoveIdentifier(PHONE),
    Prefer(PHONE),
    Prefer(MAIL),
    SetPassword(),
    HostChange("name"),
    HostChange("name", "a", "b"),
    HostChange("name", "b", "a"),
    HostChange("name", "a"),
    HostChange("name", None, "a"),
    HostChange("name", "", "a"),
    HostChange("name", "a", ""),
    HostChange("Name", "a", "b"),
    HostChange("nam", "ea", "b"),
    HostChange("password"),
    HostChange("add", "email:ada.l@new.example.org"),
)


def parse(text: Identifier | str) -> Identifier:
    return text if isinstance(text, EmailAddress | PhoneNumber) else parse_identifier(text)


# ------------------------------------------------------------------------------------------------------------------ parsing


@pytest.mark.parametrize(
    ("typed", "edit"),
    [
        (AddIdentifier(" ada.l@new.example.org"), AddIdentifier(NEW)),
        (AddIdentifier(NEW), AddIdentifier(NEW)),
        (ChangeIdentifier("ada@example.com", "+14155552671"), ChangeIdentifier(MAIL, PHONE)),
        (ChangeIdentifier(MAIL, "+14155552671"), ChangeIdentifier(MAIL, PHONE)),
        (RemoveIdentifier("ADA@example.com"), RemoveIdentifier(MAIL)),
        (Prefer("+1 (415) 555-2671"), Prefer(PHONE)),
        (SetPassword(), SetPassword()),
        (HostChange("name", "a@example.com", "b"), HostChange("name", "a@example.com", "b")),
    ],
    ids=lambda edit: type(edit).__name__,
)
def test_the_identifiers_of_a_change_are_parsed_and_nothing_else(typed: Edit, edit: Edit) -> None:
    assert parsed(typed, parse) == edit


@pytest.mark.parametrize("edit", [AddIdentifier("x"), ChangeIdentifier("x", MAIL), ChangeIdentifier(MAIL, "x"), RemoveIdentifier(""), Prefer("x@")], ids=ascii)
def test_a_change_with_an_identifier_that_is_none_is_refused(edit: Edit) -> None:
    with pytest.raises(InvalidIdentifier):
        parsed(edit, parse)


USES: list[Callable[[Edit], object]] = [shown, edit_fields, lambda edit: digest_of([edit]), lambda edit: told(edit, masked=True)]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    "edit",
    [AddIdentifier("a@example.com"), ChangeIdentifier(MAIL, "a@example.com"), ChangeIdentifier("a@example.com", MAIL), RemoveIdentifier("a"), Prefer("a")],
)
def test_a_change_that_was_not_parsed_is_a_mistake_of_the_program(edit: Edit, use: Any) -> None:
    with pytest.raises(ConfigurationError, match="parsed"):
        use(edit)


# ------------------------------------------------------------------------------------------------------------------ showing


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (AddIdentifier(NEW), Shown(what="new email", new="ada.l@new.example.org")),
        (AddIdentifier(PHONE), Shown(what="new phone", new="+1 415 555 2671")),
        (ChangeIdentifier(MAIL, NEW), Shown(what="email", old="Ada@example.com", new="ada.l@new.example.org")),
        (ChangeIdentifier(MAIL, PHONE), Shown(what="phone", old="Ada@example.com", new="+1 415 555 2671")),
        (RemoveIdentifier(MAIL), Shown(what="removed email", old="Ada@example.com")),
        (RemoveIdentifier(PHONE), Shown(what="removed phone", old="+1 415 555 2671")),
        (Prefer(PHONE), Shown(what="verification method", new="+1 415 555 2671")),
        (SetPassword(), Shown(what="password")),
        (HostChange("display name", "Ada", "Ada L."), Shown(what="display name", old="Ada", new="Ada L.")),
        (HostChange("name"), Shown(what="name")),
        (HostChange("name", "", None), Shown(what="name", old="")),
    ],
    ids=ascii,
)
def test_a_change_is_shown_in_full_to_its_owner(edit: Edit, line: Shown) -> None:  # AP-03
    assert shown(edit) == line


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (AddIdentifier(NEW), Shown(what="new email", new=NEW.masked)),
        (AddIdentifier(PHONE), Shown(what="new phone", new=PHONE.masked)),
        (ChangeIdentifier(MAIL, NEW), Shown(what="email", old=MAIL.masked, new=NEW.masked)),
        (RemoveIdentifier(MAIL), Shown(what="removed email", old=MAIL.masked)),
        (Prefer(PHONE), Shown(what="verification method", new=PHONE.masked)),
        (SetPassword(), Shown(what="password")),
    ],
    ids=ascii,
)
def test_in_a_notice_identifiers_are_masked_and_in_a_question_they_are_not(edit: Edit, line: Shown) -> None:  # NO-16, ID-22
    assert told(edit, masked=True) == line
    assert told(edit, masked=False) == shown(edit)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("Zoë", "Zoë"),
        ("12 Example Road", "12 Example Road"),
        ("see https://evil.example/a", "see https //evil example/a"),
        ("evil.example", "evil example"),
        ("your code is 12345678", "your code is"),
        ("<b>bold</b>", "b bold /b"),
        ("a\r\nBcc: x", "a Bcc x"),
        ("a\u202eb\u200bc", "a b c"),
        ("\u202e\u200b", None),
        ("x" * 1000, "x" * 60),
        (None, None),
        ("", None),
    ],
    ids=ascii,
)
def test_a_hosts_value_stands_in_a_message_only_as_harmless_text(value: str | None, kept: str | None, *, masked: bool) -> None:  # NO-06
    assert told(HostChange("name", value, "b"), masked=masked) == Shown(what="name", old=kept, new="b")
    assert told(HostChange("name", "b", value), masked=masked) == Shown(what="name", old="b", new=kept)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("", ""),
        ("  a   b  ", "a b"),
        ("a\nb", "a b"),
        ("a\r\nb\x00c\x1b[31md\te", "a b c [31md e"),
        ("a\u2028b\u2029c\u0085d", "a b c d"),
        ("a\u202ebc\u2066d\u200ee", "a bc d e"),
        ("a\u200bb\u200cc\u200dd\ufeffe\u2060f\u00adg", "a b c d e f g"),
        ("a\u034fb\u115fc\u3164d\ufe0fe\uffa0f\U000e0100g", "a b c d e f g"),
        ("a\ud800b\ue000c\uffffd", "a b c d"),
        ("\u202e", ""),
        ("a\u00a0b\u3000c", "a b c"),
        ("<script>alert(1)</script> &amp; \"'", "<script>alert(1)</script> &amp; \"'"),
        ("https://evil.example/12345678", "https://evil.example/12345678"),
        ("\u0645\u0631\u062d\u0628\u0627 שלום Zoë 李", "\u0645\u0631\u062d\u0628\u0627 שלום Zoë 李"),
        ("x" * 80, "x" * 80),
        (f"{'x' * 40}{' ' * 1000}{'y' * 39}", f"{'x' * 40} {'y' * 39}"),
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_text_from_outside_is_one_line_without_characters_that_hide_or_turn_others(text: str, line: str) -> None:  # AP-03
    assert plain(text) == line


def test_long_text_is_shortened_in_the_middle_with_words_of_its_digest() -> None:  # AP-03
    text = "".join(chr(ord("a") + number % 26) for number in range(81))
    # printf %s abc...xyzabc | sha256sum
    assert plain(text) == f"{text[:40]} ... {text[-20:]} (16149df8)"
    assert len(plain("x" * 100_000)) <= LONGEST_SHOWN


def test_two_long_values_never_look_alike() -> None:  # AP-03
    start, end = "x" * 40, "y" * 20
    values = [f"{start}{number:08}{'-' * 20}{end}" for number in range(1000)]
    assert len({plain(value) for value in values}) == 1000
    assert {(plain(value)[:40], plain(value)[45:65]) for value in values} == {(start, end)}


def test_two_long_values_that_differ_in_what_nobody_sees_do_not_look_alike() -> None:
    base = "x" * 90
    assert len({plain(text) for text in (base, f"{base[:50]}\u200b{base[50:]}", f"{base[:50]} {base[50:]}", f"{base[:50]}  {base[50:]}", f"{base} ")}) == 5


@pytest.mark.parametrize(
    ("typed", "region", "line"),
    [
        ("Ada@Example.COM", None, "Ada@Example.COM"),
        ("+1 (415) 555-2671", None, "+1 (415) 555-2671"),
        # A look-alike in another script shows itself (ID-09): the second letter is Cyrillic.
        ("ada@ex\u0430mple.com", None, "ada@xn--exmple-4nf.com"),
        ("ada@stra\u00dfe.example.com", None, "ada@xn--strae-oqa.example.com"),
        ("ada@ex\uff41mple.com", None, "ada@example.com"),
        # Without its country a number could be that of somebody else.
        ("020 7183 8750", "GB", "+442071838750"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("+44 (0)20 7183 8750", None, "+442071838750"),
        ("\uff0b\uff11\uff14\uff11\uff15\uff15\uff15\uff15\uff12\uff16\uff17\uff11", None, "+14155552671"),
    ],
    ids=ascii,
)
def test_an_identifier_is_shown_as_typed_only_where_that_says_which_it_is(typed: str, region: str | None, line: str) -> None:  # AP-03
    identifier = parse_identifier(typed, region=region)
    assert shown(AddIdentifier(identifier)).new == shown(RemoveIdentifier(identifier)).old == shown(Prefer(identifier)).new == line
    assert shown(ChangeIdentifier(identifier, identifier)) == Shown(what=shown(AddIdentifier(identifier)).what.removeprefix("new "), old=line, new=line)


# ------------------------------------------------------------------------------------------------------------------- digests


def test_no_two_different_changes_share_a_digest() -> None:  # AP-01
    lists: list[list[Edit] | None] = [
        None,
        [],
        *([edit] for edit in EDITS),
        *(list(pair) for pair in permutations(EDITS, 2)),
        *([edit, edit] for edit in EDITS),
    ]
    assert len({digest_of(edits) for edits in lists}) == len(lists)


def test_settings_in_general_are_not_no_change_at_all() -> None:
    assert digest_of(None) != digest_of([])


def test_the_order_of_changes_matters() -> None:
    assert digest_of([SetPassword(), Prefer(PHONE)]) != digest_of([Prefer(PHONE), SetPassword()])


def test_values_that_move_from_one_part_to_the_next_are_noticed() -> None:  # KE-03
    assert digest_of([HostChange("name", "ab", "c")]) != digest_of([HostChange("name", "a", "bc")])
    assert digest_of([HostChange("a", "host", "b")]) != digest_of([HostChange("a"), HostChange("b")])


def test_a_number_and_an_address_of_the_same_text_are_two() -> None:
    assert digest_of([AddIdentifier(PHONE)]) != digest_of([AddIdentifier(EmailAddress.restore(PHONE.entered, PHONE.canonical))])


def test_the_digest_is_the_same_however_an_address_is_spelled() -> None:
    assert digest_of([Prefer(MAIL)]) == digest_of([Prefer(EmailAddress.parse("ADA@EXAMPLE.com"))])


def test_the_digest_stays_what_it_is_from_release_to_release() -> None:  # TE-13
    assert digest_of(EDITS).hex() == "9e15790237de9bcee95b1d8dc10e047d50579319585cb3915d738da9e2cd030b"
    assert len(digest_of(None)) == 32


# ------------------------------------------------------------------------------------------------------------------ the host's


@pytest.mark.parametrize("name", ["a", "Display name", "x" * 40, "bank.iban", "a-b_c", "A1"])
def test_a_hosts_change_has_a_plain_name(name: str) -> None:
    assert HostChange(name).name == name


@pytest.mark.parametrize("name", ["", " a", "1a", "x" * 41, "a\n", "a\nb", "<b>", "naïve", "a/b", "a:b", "a\u202e", ".a", None, 5, b"a", ["a"]], ids=ascii)
def test_a_hosts_change_with_another_name_is_not_built(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="name"):
        HostChange(name)


@pytest.mark.parametrize("value", ["x" * (LONGEST_HOST_VALUE + 1), b"x", 5, True, ["x"]], ids=lambda value: repr(value)[:10])
def test_a_hosts_change_with_another_value_is_not_built(value: Any) -> None:
    for values in ({"old": value}, {"new": value}):
        with pytest.raises(ConfigurationError, match="values"):
            HostChange("name", **values)


def test_a_hosts_value_may_be_as_long_as_its_bound() -> None:
    longest = "x" * LONGEST_HOST_VALUE
    assert HostChange("name", longest, longest).new == longest


def test_all_that_is_wrong_with_a_hosts_change_is_said_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        HostChange("<b>", "x" * 2000)
    assert len(caught.value.problems) == 2


def test_what_is_shown_of_a_change_by_the_program_holds_no_address_and_no_value() -> None:
    for value in (*EDITS, *map(shown, EDITS), HostChange("name", "secret", "secret")):
        assert not any(text in repr(value) for text in ("Ada@", "ada.l@", "555", "secret", "example"))


# ------------------------------------------------------------------------------------------------------------------ records


@pytest.mark.parametrize("edit", [*EDITS, HostChange("name", "Zo\u00eb\u202e\ud800", "\x00")], ids=ascii)
def test_a_change_comes_back_as_it_was(edit: Edit) -> None:
    restored = read_edit(Fields(json.loads(json.dumps(edit_fields(edit)))))
    assert restored == edit
    assert (type(restored), shown(restored), digest_of([restored])) == (type(edit), shown(edit), digest_of([edit]))


def test_an_address_comes_back_as_it_was_typed() -> None:
    restored = read_edit(Fields(edit_fields(ChangeIdentifier(MAIL, NEW))))
    assert isinstance(restored, ChangeIdentifier)
    assert isinstance(restored.old, EmailAddress)
    assert restored.old.entered == "Ada@example.com"


ADDRESS: dict[str, Json] = {"kind": "email", "entered": "a@b.c", "canonical": "a@b.c"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"type": None},
        {"type": 1},
        {"type": "Add", "new": ADDRESS},
        {"type": "add"},
        {"type": "add", "old": ADDRESS},
        {"type": "add", "new": None},
        {"type": "add", "new": "a@b.c"},
        {"type": "add", "new": {**ADDRESS, "kind": "fax"}},
        {"type": "add", "new": {"kind": "email", "entered": "a@b.c"}},
        {"type": "change", "old": ADDRESS},
        {"type": "change", "new": ADDRESS},
        {"type": "remove", "new": ADDRESS},
        {"type": "prefer", "old": ADDRESS},
        {"type": "host"},
        {"type": "host", "name": None},
        {"type": "host", "name": "<b>"},
        {"type": "host", "name": ""},
        {"type": "host", "name": "name", "old": 1},
        {"type": "host", "name": "name", "new": ["x"]},
        {"type": "host", "name": "name", "new": "x" * 1001},
        {"type": "everything"},
    ],
    ids=repr,
)
def test_what_is_no_change_is_unreadable(fields: dict[str, Json]) -> None:
    with pytest.raises(UnreadableRecord):
        read_edit(Fields(fields))


def test_what_was_shown_comes_back_as_it_was() -> None:
    lines = tuple(map(shown, EDITS))
    assert read_shown(json.loads(json.dumps(shown_fields(lines)))) == lines
    assert read_shown([]) == ()


@pytest.mark.parametrize("items", [[None], ["x"], [[]], [{}], [{"what": None}], [{"what": 1}], [{"what": "x", "old": 1}], [{"what": "x", "new": {}}]], ids=repr)
def test_what_was_never_shown_is_unreadable(items: list[Json]) -> None:
    with pytest.raises(UnreadableRecord):
        read_shown(items)

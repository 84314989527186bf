"""Whatever is typed, an identifier or one refusal comes out; what comes out is harmless and reads back as itself."""

from __future__ import annotations

import unicodedata

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from credkit.identifiers import EmailAddress, Identifier, InvalidIdentifier, PhoneNumber, parse_identifier, restore_identifier

thorough = settings(max_examples=max(300, settings().max_examples))
"""Cheap enough for more than a profile's usual number; a profile that explores asks for more still."""

ATEXT = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~"  # RFC 5322 section 3.2.3
LOOK_ALIKES = "\u0131\u0130\u017f\u212a\u00df\u1e9e\ufb01\u0430\u03c2\u03c3\uff41\u24d0"
SIGNS = "@@..+-_ ,;:()[]<>#x*/~\"'\\\t\n\x00\u00a0\u00ad\u200b\u202e\uff20\u3002\uff0e\uff61\u0301\ud800"

wild = st.text(st.characters(), max_size=340)
crafted = st.text(st.sampled_from(SIGNS + LOOK_ALIKES + "aZ019\u0661\u0969\uff11xn"), max_size=60)
local_parts = st.lists(st.text(st.sampled_from(ATEXT), min_size=1, max_size=12), min_size=1, max_size=4).map(".".join)
unicode_labels = st.text(st.characters(min_codepoint=0x61, max_codepoint=0x2FFF), min_size=1, max_size=10)
ascii_labels = st.text(st.sampled_from("abcxyzABCXYZ0189"), min_size=1, max_size=10)
labels = st.one_of(ascii_labels, unicode_labels)
domains = st.lists(labels, min_size=1, max_size=3).map(lambda parts: ".".join([*parts, "com"]))
addresses = st.builds("{}@{}".format, local_parts, domains)
ascii_domains = st.lists(ascii_labels, min_size=1, max_size=3).map(lambda parts: ".".join([*parts, "com"]))
good_addresses = st.builds("{}@{}".format, local_parts, ascii_domains)
numbers = st.builds(
    "{}{}".format, st.sampled_from(["+", "+1 ", "+44 0", "+39 0", "+54 9", "+52 1", "+870", "00", "0", ""]), st.text("0123456789 -()/.", max_size=16)
)
typed = st.one_of(wild, crafted, addresses, numbers, st.builds("{}{}".format, numbers, crafted))
regions = st.one_of(st.none(), st.sampled_from(["US", "GB", "IT", "DE", "AR", "zz", "\u0131t"]), st.text(max_size=3))


def parsed(text: str, region: str | None = None) -> Identifier | None:
    try:
        return parse_identifier(text, region=region, allow_test_domains=True)
    except InvalidIdentifier:
        return None


@thorough
@given(text=typed, region=regions)
@example(text="\ud800@\udfff.com", region="US")
@example(text="a@" + "\u0661" * 252, region=None)
@example(text="a@" + "xn--" * 60, region=None)
@example(text="1," * 160, region="US")
def test_any_text_gives_an_identifier_or_the_one_refusal(text: str, region: str | None) -> None:
    parsed(text, region)
    for parse in (EmailAddress.parse, lambda text: PhoneNumber.parse(text, region=region)):
        try:
            parse(text)
        except InvalidIdentifier:
            continue


@thorough
@given(text=typed, region=regions)
def test_what_is_accepted_holds_nothing_that_could_harm_where_it_is_sent_or_shown(text: str, region: str | None) -> None:
    identifier = parsed(text, region)
    if identifier is None:
        return
    assert identifier.entered in text
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for character in identifier.entered)
    for plain in (identifier.canonical, identifier.address, identifier.masked):
        assert plain.isascii()
        assert plain.isprintable()
        assert " " not in plain


@thorough
@given(text=st.one_of(addresses, numbers), region=regions)
def test_the_canonical_form_reads_back_as_itself(text: str, region: str | None) -> None:
    identifier = parsed(text, region)
    if identifier is None:
        return
    for again in (identifier.canonical, identifier.address):
        assert parse_identifier(again, allow_test_domains=True) == identifier
        assert parse_identifier(again, allow_test_domains=True).canonical == identifier.canonical
    assert parse_identifier(identifier.entered, region=region, allow_test_domains=True) == identifier


@thorough
@given(region=st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), digits=st.text("0123456789", min_size=4, max_size=12))
def test_a_number_of_any_plan_reads_back_as_itself(region: str, digits: str) -> None:
    number = parsed(f"+{phonenumbers.country_code_for_region(region)}{digits}", region)
    assert number is None or parse_identifier(number.canonical) == number


@thorough
@given(first=addresses, second=addresses)
def test_addresses_are_equal_exactly_if_their_canonical_forms_are(first: str, second: str) -> None:
    one, other = parsed(first), parsed(second)
    if one is None or other is None:
        return
    assert (one == other) is (one.canonical == other.canonical)
    assert one != other or hash(one) == hash(other)


@thorough
@given(text=good_addresses)
def test_the_case_of_ascii_letters_makes_no_difference(text: str) -> None:
    assert EmailAddress.parse(text) == EmailAddress.parse(text.upper()) == EmailAddress.parse(text.lower())


@thorough
@given(local=local_parts, look_alike=st.sampled_from(LOOK_ALIKES), place=st.integers(0, 40))
def test_a_look_alike_never_reaches_the_address_it_looks_like(local: str, look_alike: str, place: int) -> None:
    with pytest.raises(InvalidIdentifier):
        EmailAddress.parse(f"{local[:place]}{look_alike}{local[place:]}@example.com")


@thorough
@given(first=local_parts, second=local_parts)
def test_masks_of_local_parts_of_any_length_are_equally_long(first: str, second: str) -> None:
    masks = [EmailAddress.parse(f"{local}@example.com").masked for local in (first, second)]
    assert len(masks[0]) == len(masks[1])


@thorough
@given(text=numbers, region=regions)
def test_masks_of_numbers_of_any_length_are_equally_long(text: str, region: str | None) -> None:
    number = parsed(text, region)
    if number is None:
        return
    assert len(number.masked) == len("***00")
    assert number.canonical[:-2] not in repr(number)


@thorough
@given(kind=st.sampled_from(["email", "phone"]), entered=st.text(), canonical=st.text())
def test_whatever_was_stored_comes_back_and_can_be_shown(kind: str, entered: str, canonical: str) -> None:
    restored = restore_identifier(kind, entered, canonical)
    assert (restored.kind, restored.entered, restored.canonical) == (kind, entered, canonical)
    assert isinstance(restored.masked, str)
    assert isinstance(restored.address, str)
    assert repr(restored).startswith(type(restored).__name__)


@thorough
@given(text=st.one_of(typed, st.builds("{}@example.com".format, st.text(st.characters(), max_size=70))))
@example(text="a\u0308\u0301@example.com")
@example(text="\u0958@example.com")
def test_beyond_ascii_too_an_address_reads_back_as_itself_and_holds_nothing_harmful(text: str) -> None:
    try:
        address = EmailAddress.parse(text, allow_test_domains=True, smtputf8=True)
    except InvalidIdentifier:
        return
    assert EmailAddress.parse(address.canonical, allow_test_domains=True, smtputf8=True).canonical == address.canonical
    assert unicodedata.is_normalized("NFKC", address.canonical)
    assert all(unicodedata.category(sign)[0] not in "CZ" for sign in address.canonical)
    assert len(address.address.encode()) <= 254
    assert address.canonical.rpartition("@")[2].isascii()


@thorough
@given(first=st.one_of(local_parts, unicode_labels), second=st.one_of(local_parts, unicode_labels))
def test_two_local_parts_are_one_only_if_they_are_canonically_the_same_but_for_ascii_case(first: str, second: str) -> None:
    try:
        one, other = (EmailAddress.parse(f"{local}@example.com", smtputf8=True) for local in (first, second))
    except InvalidIdentifier:
        return
    lowered = [unicodedata.normalize("NFC", local).translate({sign: sign + 32 for sign in range(65, 91)}) for local in (first, second)]
    assert (one == other) is (lowered[0] == lowered[1])

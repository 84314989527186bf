"""Which phone numbers are accepted, why others are refused, and which are the same."""

from __future__ import annotations

import phonenumbers
import pytest

from credkit.errors import Reason
from credkit.identifiers import InvalidIdentifier, PhoneNumber

LINES = [getattr(phonenumbers.PhoneNumberType, name) for name in ("FIXED_LINE", "MOBILE", "TOLL_FREE", "PREMIUM_RATE", "SHARED_COST", "VOIP", "PAGER", "UAN")]


def refusal(text: object, region: object = None) -> Reason:
    with pytest.raises(InvalidIdentifier) as caught:
        PhoneNumber.parse(text, region=region)  # type: ignore[arg-type]
    return caught.value.reason


# Example numbers of libphonenumber's metadata and switchboards of public bodies; the spellings are what people type. Britain's numbers for
# fiction (+44 7700 900xxx) are in no plan and so refused; America's (555-xxxx) are in theirs.
@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("+1 415 555 2671", "+14155552671"),
        ("+1 (415) 555-2671", "+14155552671"),
        ("+1.415.555.2671", "+14155552671"),
        ("(+1) 415/555\u20112671", "+14155552671"),
        ("\uff0b\uff11 \uff14\uff11\uff15 \uff15\uff15\uff15 \uff12\uff16\uff17\uff11", "+14155552671"),
        ("+44 (0)20 7183 8750", "+442071838750"),
        ("+44 7400 123456", "+447400123456"),
        ("+39 06 6982", "+39066982"),  # The Italian zero is part of the number (ID-12).
        ("+\u0669\u0666\u0666 \u0665\u0660 \u0661\u0662\u0663 \u0664\u0665\u0666\u0667", "+966501234567"),
        ("+870 301 234 567", "+870301234567"),  # a satellite: what kind of line it is, is not judged here
    ],
)
def test_an_international_number_is_kept_as_e164(text: str, canonical: str) -> None:
    number = PhoneNumber.parse(text)
    assert (number.entered, number.canonical, number.address) == (text, canonical, canonical)


@pytest.mark.parametrize(
    ("text", "region", "canonical"),
    [
        ("415 555 2671", "US", "+14155552671"),
        ("415 555 2671", "us", "+14155552671"),
        ("020 7183 8750", "GB", "+442071838750"),
        ("06 6982", "IT", "+39066982"),
        ("0039 06 6982", "GB", "+39066982"),
        ("011 39 06 6982", "US", "+39066982"),
    ],
)
def test_a_national_number_is_read_by_the_given_region(text: str, region: str, canonical: str) -> None:
    assert PhoneNumber.parse(text, region=region).canonical == canonical


@pytest.mark.parametrize("region", ["US", "GB", "IT", None, "nonsense"])
def test_a_region_has_no_say_over_a_number_with_its_country_code(region: str | None) -> None:
    assert PhoneNumber.parse("+39 06 6982", region=region).canonical == "+39066982"


@pytest.mark.parametrize("text", ["415 555 2671", "020 7183 8750", "0039 06 6982", "00 39 06 6982", "011 44 20 7183 8750", "14155552671", "3"])
def test_without_a_region_no_country_is_guessed(text: str) -> None:
    assert refusal(text) is Reason.MISSING_COUNTRY_CODE


# The last two have "US" and "IT" as their capitals, or hide there: only ASCII is raised.
@pytest.mark.parametrize("region", ["", "ZZ", "001", "USA", "U", "1!", " US", "\x00\x00", "x" * 1_000_000, "u\u017f", "\u0131t", True, 1, b"US", ["US"], {}])
def test_a_region_that_is_not_known_counts_as_none(region: object) -> None:
    assert refusal("06 6982", region) is Reason.MISSING_COUNTRY_CODE
    assert refusal("415 555 2671", region) is Reason.MISSING_COUNTRY_CODE


# The signs of libphonenumber's extension patterns (ID-12).
@pytest.mark.parametrize(
    "sign", [" ext. ", "ext", " x", "x", " extn ", " extension ", " extensi\u00f3n ", " int ", " anexo ", "#", ",", ",,", "~", ";ext=", " EXT "]
)
def test_an_extension_is_refused(sign: str) -> None:
    assert refusal(f"+1 415 555 2671{sign}5") is Reason.PHONE_EXTENSION
    assert refusal(f"415 555 2671{sign}5", "US") is Reason.PHONE_EXTENSION


@pytest.mark.parametrize("text", ["1-800-FLOWERS", "+1 800 FLOWERS", "+1 415 CALL", "+1 415 555 267I", "tel:+14155552671", "call +14155552671", "ada"])
def test_letters_are_refused(text: str) -> None:
    assert refusal(text, "US") is Reason.PHONE_LETTERS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.IDENTIFIER_EMPTY),
        (" \u00a0 ", Reason.IDENTIFIER_EMPTY),
        ("+", Reason.PHONE_INVALID),
        ("++14155552671", Reason.PHONE_INVALID),
        ("14155552671+", Reason.PHONE_INVALID),
        ("()-", Reason.PHONE_INVALID),
        ("*31#", Reason.PHONE_INVALID),
        ("+1 415 555 267\u00b2", Reason.PHONE_INVALID),  # SUPERSCRIPT TWO is no decimal digit
        ("\u207a14155552671", Reason.PHONE_INVALID),  # SUPERSCRIPT PLUS SIGN
        ("+1 415 555 267", Reason.PHONE_INVALID),
        ("+1 415 555 26711", Reason.PHONE_INVALID),
        ("+1 015 555 2671", Reason.PHONE_INVALID),
        ("+999 123 456 789", Reason.PHONE_INVALID),
        ("+0039 06 6982", Reason.PHONE_INVALID),
        ("+" + "1" * 300, Reason.PHONE_INVALID),
        ("1" * 300, Reason.PHONE_INVALID),
        ("1" * 21, Reason.PHONE_INVALID),
        ("+49 800 12345 7416212", Reason.PHONE_INVALID),  # Germany's plan has it; with 17 digits it is no E.164
        ("+1 415 555 2671, +44 20 7183 8750", Reason.IDENTIFIER_SEVERAL),
        ("+14155552671 +442071838750", Reason.IDENTIFIER_SEVERAL),
        ("4155552671;2071838750", Reason.IDENTIFIER_SEVERAL),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, reason: Reason) -> None:
    assert refusal(text) is reason


def test_a_number_that_its_own_country_does_not_have_is_refused() -> None:
    assert refusal("911", "US") is Reason.PHONE_INVALID
    assert refusal("1" * 300, "DE") is Reason.PHONE_INVALID


@pytest.mark.parametrize("value", [None, True, 14155552671, 1.5, b"+14155552671", ["+14155552671"], {}])
def test_what_is_no_text_is_refused_like_wrong_text(value: object) -> None:
    assert refusal(value) is Reason.IDENTIFIER_UNRECOGNISED


def test_a_megabyte_is_refused_for_its_length_before_anything_is_done_with_it() -> None:
    assert refusal("+" + "1" * 1_000_000, "US") is Reason.IDENTIFIER_TOO_LONG


def test_every_plan_keeps_its_own_example_numbers_as_they_are() -> None:
    """The examples of libphonenumber's metadata, one for each region and kind of line: E.164 reads back as itself (ID-05)."""
    count = 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for line in LINES:
            example = phonenumbers.example_number_for_type(region, line)
            if example is None or not phonenumbers.is_valid_number(example):
                continue
            e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            national = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
            assert PhoneNumber.parse(e164).canonical == e164
            assert PhoneNumber.parse(national, region=region).canonical == e164
            count += 1
    assert count > 1000


def test_numbers_are_equal_by_their_canonical_form_alone() -> None:
    typed, stored = PhoneNumber.parse("415 555 2671", region="US"), PhoneNumber.parse("+14155552671")
    assert typed == stored
    assert hash(typed) == hash(stored)
    assert typed.entered == "415 555 2671"


@pytest.mark.parametrize("text", ["+1 415 555 2671", "+39 06 6982 71", "+44 7400 123471"])
def test_the_mask_shows_two_digits_whatever_the_length(text: str) -> None:
    assert PhoneNumber.parse(text).masked == "***71"


@pytest.mark.parametrize("shown", [repr, str, "{}".format])
def test_no_way_of_printing_shows_more_than_the_mask(shown: type[str]) -> None:
    text = shown(PhoneNumber.parse("+1 415 555 2671"))
    assert "***71" in text
    assert "555" not in text


def test_a_refusal_holds_nothing_that_was_typed() -> None:
    with pytest.raises(InvalidIdentifier) as caught:
        PhoneNumber.parse("+999555")
    assert caught.value.__context__ is None
    assert "999" not in f"{caught.value!r} {caught.value.text()} {caught.value.problem()}"


def test_a_stored_number_comes_back_without_being_judged_again() -> None:
    restored = PhoneNumber.restore("+1 000", "+1000")
    assert (restored.entered, restored.canonical, restored.masked) == ("+1 000", "+1000", "***00")

"""One field for both kinds: which kind a text is taken for, and how stored identifiers come back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import credkit
from credkit.errors import Reason
from credkit.identifiers import EmailAddress, InvalidIdentifier, PhoneNumber, parse_identifier, restore_identifier
from credkit.payloads import UnreadableRecord

HOSTILE: list[str] = json.loads((Path(__file__).parents[2] / "vectors" / "identifiers_hostile.json").read_text(encoding="utf-8"))["texts"]


def refusal(text: object, region: str | None = None) -> Reason:
    with pytest.raises(InvalidIdentifier) as caught:
        parse_identifier(text, region=region)  # type: ignore[arg-type]
    return caught.value.reason


def test_an_at_sign_makes_it_an_email_address() -> None:
    assert parse_identifier(" Ada@example.com ") == EmailAddress.parse("ada@example.com")


def test_digits_make_it_a_phone_number() -> None:
    assert parse_identifier(" 415 555 2671 ", region="US") == PhoneNumber.parse("+1 415 555 2671")


def test_digits_before_an_at_sign_are_an_email_address() -> None:
    assert parse_identifier("14155552671@example.com", region="US").kind == "email"


def test_a_test_domain_is_accepted_where_the_caller_says_so() -> None:
    assert parse_identifier("ada@site.test", allow_test_domains=True).canonical == "ada@site.test"
    assert refusal("ada@site.test") is Reason.EMAIL_DOMAIN_INVALID


@pytest.mark.parametrize("known", [EmailAddress.parse("Ada@example.com"), PhoneNumber.parse("+1 415 555 2671"), EmailAddress.restore("x", "x")])
def test_what_is_parsed_already_is_returned_unchanged(known: EmailAddress | PhoneNumber) -> None:
    assert parse_identifier(known) is known


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.IDENTIFIER_EMPTY),
        ("ada", Reason.IDENTIFIER_UNRECOGNISED),
        ("ada.example.com", Reason.IDENTIFIER_UNRECOGNISED),
        ("ada1815", Reason.IDENTIFIER_UNRECOGNISED),
        ("4ever", Reason.IDENTIFIER_UNRECOGNISED),
        ("tel:+14155552671", Reason.IDENTIFIER_UNRECOGNISED),
        ("+", Reason.IDENTIFIER_UNRECOGNISED),
        ("---", Reason.IDENTIFIER_UNRECOGNISED),
        ("1-800-FLOWERS", Reason.PHONE_LETTERS),
        ("+1 415 CALL", Reason.PHONE_LETTERS),
        ("(415) 555 267I", Reason.PHONE_LETTERS),
        ("415 555 2671 ext. 5", Reason.PHONE_EXTENSION),
        ("415 555 2671", Reason.MISSING_COUNTRY_CODE),
        ("+1 415 555 267", Reason.PHONE_INVALID),
        ("ada@example", Reason.EMAIL_DOMAIN_INVALID),
        ("a@x.com b@y.com", Reason.IDENTIFIER_SEVERAL),
        ("hello\uff20world.com", Reason.IDENTIFIER_UNSAFE),
        ("ada@example.com\r\nBcc: eve@example.com", Reason.IDENTIFIER_UNSAFE),
        ("a" * 1_000_000, Reason.IDENTIFIER_TOO_LONG),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, reason: Reason) -> None:
    assert refusal(text) is reason


@pytest.mark.parametrize("value", [None, True, 0, b"ada@example.com", ["ada@example.com"], {}, ("ada@example.com",)])
def test_what_is_no_text_is_refused_like_wrong_text(value: object) -> None:
    assert refusal(value) is Reason.IDENTIFIER_UNRECOGNISED


@pytest.mark.parametrize("region", [None, "US"])
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_hostile_text_is_refused_by_every_way_in(text: str, region: str | None) -> None:
    for attempt in (
        lambda: parse_identifier(text, region=region, allow_test_domains=True),
        lambda: EmailAddress.parse(text, allow_test_domains=True),
        lambda: PhoneNumber.parse(text, region=region),
    ):
        with pytest.raises(InvalidIdentifier):
            attempt()


# Every bidi control, line separator and zero-width character of the table of Unicode pitfalls (ID-07).
@pytest.mark.parametrize(
    "code", [*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x61C, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF]
)
def test_a_control_or_invisible_character_is_refused_wherever_it_stands(code: int) -> None:
    for text in (f"{chr(code)}ada@example.com", f"a{chr(code)}da@example.com", f"ada@example.com{chr(code)}", f"+1415{chr(code)}5552671"):
        assert refusal(text) is Reason.IDENTIFIER_UNSAFE


@pytest.mark.parametrize("known", [EmailAddress.parse("Ada@example.com"), PhoneNumber.parse("+1 (415) 555 2671")])
def test_a_stored_identifier_comes_back_whole(known: EmailAddress | PhoneNumber) -> None:
    restored = restore_identifier(known.kind, known.entered, known.canonical)
    assert restored == known
    assert restored.entered == known.entered


@pytest.mark.parametrize("kind", ["", "EMAIL", "fax"])
def test_a_stored_kind_that_nobody_knows_is_trouble_and_no_refusal(kind: str) -> None:
    with pytest.raises(UnreadableRecord):
        restore_identifier(kind, "ada@example.com", "ada@example.com")


def test_importing_the_package_loads_neither_of_its_dependencies() -> None:
    source = str(Path(credkit.__path__[0]).parent)
    program = f"import sys; sys.path.insert(0, {source!r}); import credkit.identifiers; print({{'email_validator', 'phonenumbers', 'idna'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "set()", done.stderr

"""The one form of a password: what is made the same, what stays different, and what nobody's password holds (PW-02 to PW-04)."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from credkit.errors import Finding, FindingKind, PasswordRefused
from credkit.passwords import LONGEST_PASSWORD, normalize_password
from credkit.secret import PasswordInput, Secret

LONG = "tortoise plumbing verdict"
SPACES = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Zs"]
CONTROLS = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cc"]
NONCHARACTERS = [chr(code) for code in (*range(0xFDD0, 0xFDF0), *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)))]
SURROGATES = ["\ud800", "\udbff", "\udc00", "\udfff"]

INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u2060\ufe0f\ufeff\U000e0041"
"""Format characters and joiners: they belong to emoji, Persian and Indic words, and to what some keyboards add; each is kept."""


def normal(text: PasswordInput) -> str:
    return normalize_password(text).reveal()


def findings(value: object) -> tuple[Finding, ...]:
    with pytest.raises(PasswordRefused) as caught:
        normalize_password(value)  # type: ignore[arg-type]
    return caught.value.findings


# The examples of RFC 8265 section 4.3, where the profile OpaqueString of passwords is described.
@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("correct horse battery staple", "correct horse battery staple"),
        ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
        ("\u03c0\u00df\u00e5", "\u03c0\u00df\u00e5"),
        ("Jack of \u2666s", "Jack of \u2666s"),
        ("foo\u1680bar", "foo bar"),
    ],
)
def test_a_legal_example_of_the_rfc_has_the_form_it_says(typed: str, kept: str) -> None:
    assert normal(typed) == kept


@pytest.mark.parametrize(("typed", "kind"), [("", FindingKind.EMPTY), ("my cat is a \tby", FindingKind.FORBIDDEN_CHARACTER)])
def test_an_illegal_example_of_the_rfc_is_refused(typed: str, kind: FindingKind) -> None:
    assert findings(typed) == (Finding(kind=kind),)


@pytest.mark.parametrize(
    "composed", ["caf\u00e9 na\u00efve \u00c5ngstr\u00f6m", "Vi\u1ec7t Nam", "\ud55c\uad6d\uc5b4 \ube44\ubc00\ubc88\ud638", "\u0929\u0931"]
)
def test_the_two_spellings_of_an_accent_agree(composed: str) -> None:
    decomposed = unicodedata.normalize("NFD", composed)
    assert decomposed != composed
    assert normal(decomposed) == normal(composed) == composed


@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_every_space_of_unicode_is_the_plain_one(space: str) -> None:
    assert normal(f"tortoise{space}plumbing{space}{space}") == "tortoise plumbing  "


# No case, width or compatibility mapping, and no trimming: two passwords of this table differ before and after.
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\ufb01sh", "fish"),
        ("\uff21da", "Ada"),
        ("ada", "Ada"),
        ("\u0131", "i"),
        ("stra\u00dfe", "strasse"),
        ("x\u00b2", "x2"),
        ("\u2460", "1"),
        ("\u0661\u0662", "12"),
        ("\uff76", "\u30ab"),
        ("e", "\u00e9"),
        (" ada", "ada"),
        ("ada ", "ada"),
        ("a  da", "a da"),
        ("a\u200dda", "ada"),
        ("\u0430da", "ada"),
    ],
)
def test_what_only_looks_alike_stays_different(one: str, other: str) -> None:
    assert normal(f"{LONG} {one}") != normal(f"{LONG} {other}")


@pytest.mark.parametrize("bad", [*CONTROLS, *NONCHARACTERS, *SURROGATES], ids=ascii)
def test_a_character_that_no_password_has_is_refused_wherever_it_stands(bad: str) -> None:
    for text in (bad, f"{bad}{LONG}", f"tortoise{bad}plumbing", f"{LONG}{bad}"):
        assert findings(text) == (Finding(kind=FindingKind.FORBIDDEN_CHARACTER),)


@pytest.mark.parametrize(
    "text",
    [
        "".join(map(chr, range(0x20, 0x7F))),
        "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466\U0001f3f3\ufe0f\u200d\U0001f308\U0001f44d\U0001f3fd",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u0628\u0646\u0648\u06cc\u0633\u0645",
        "\u0915\u094d\u200d\u0937\u0947\u0924\u094d\u0930",
        "\ue000\U000f0000",
        INVISIBLE,
    ],
    ids=ascii,
)
def test_everything_else_is_kept_as_it_is(text: str) -> None:
    assert normal(text) == text


def test_the_longest_password_is_kept_whole() -> None:
    text = "\U0001f335" * (LONGEST_PASSWORD - 1) + "x"
    assert normal(text) == text


def test_one_code_point_more_is_refused_and_never_cut() -> None:
    assert findings("x" * (LONGEST_PASSWORD + 1)) == (Finding(kind=FindingKind.TOO_LONG, limit=LONGEST_PASSWORD),)


def test_the_bound_is_kept_before_any_work_is_done() -> None:
    # It would fit once normalised, and it holds a control: neither is found out.
    typed = "e\u0301" * (LONGEST_PASSWORD // 2) + "\x00"
    assert len(unicodedata.normalize("NFC", typed)) <= LONGEST_PASSWORD
    assert findings(typed) == (Finding(kind=FindingKind.TOO_LONG, limit=LONGEST_PASSWORD),)


def test_the_bound_is_kept_by_what_normalising_makes_longer() -> None:
    # U+0958 is always written as two code points (a composition exclusion).
    assert findings("\u0958" * LONGEST_PASSWORD) == (Finding(kind=FindingKind.TOO_LONG, limit=LONGEST_PASSWORD),)
    assert len(normal("\u0958" * (LONGEST_PASSWORD // 2))) == LONGEST_PASSWORD


@pytest.mark.parametrize("value", [None, True, 0, 15, b"tortoise plumbing verdict", ["tortoise"], {}, ("tortoise",)], ids=repr)
def test_what_is_no_text_is_refused_like_nothing(value: object) -> None:
    assert findings(value) == (Finding(kind=FindingKind.EMPTY),)


class Holder:
    """In the manner of pydantic's `SecretStr`."""

    def __init__(self, held: object) -> None:
        self.held = held

    def get_secret_value(self) -> object:
        return self.held


@pytest.mark.parametrize("wrapped", [Secret(LONG), Holder(LONG)], ids=["secret", "holder"])
def test_a_wrapped_password_is_taken_out_of_its_wrapper(wrapped: PasswordInput) -> None:
    assert normal(wrapped) == LONG


def test_a_wrapper_around_what_is_no_text_is_refused_like_nothing() -> None:
    assert findings(Holder(1234567890123456)) == (Finding(kind=FindingKind.EMPTY),)


def test_a_normalised_password_is_its_own_form() -> None:
    once = normalize_password("Cafe\u0301\u3000\ufb01")
    assert normalize_password(once) == once


@pytest.mark.parametrize("typed", [f"{LONG}\x00", LONG * 50])
def test_a_refusal_never_holds_the_password(typed: str) -> None:
    with pytest.raises(PasswordRefused) as caught:
        normalize_password(typed)
    refused = caught.value
    shown = [str(refused), repr(refused), refused.text(), str(refused.problem()), repr(refused.findings), str(refused.args)]
    assert not any("tortoise" in text for text in shown)

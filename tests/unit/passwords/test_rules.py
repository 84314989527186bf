"""What a new password must be: long enough, none that is tried first, not made of what is known of the person; all findings at once (PW-01, PW-05 to PW-10)."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from credkit.errors import ConfigurationError, Finding, FindingKind
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber
from credkit.passwords import LONGEST_PASSWORD, PasswordRules, normalize_password

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "passwords_long.json").read_text(encoding="utf-8"))
WEAK: list[str] = [text for texts in VECTORS["weak"].values() for text in texts]
GOOD: list[str] = VECTORS["good"]

RULES = PasswordRules()
BESIDE_ANOTHER = PasswordRules(shortest=8, always_with_second_factor=True)
PASSPHRASE = "tortoise plumbing verdict olive"
ALICE = EmailAddress.parse("Alice.Smith@example.com")
BORN = EmailAddress.parse("zbigniew1985+lists@mail.example.org")
PHONE = PhoneNumber.parse("+1 415 555 2671")
SITE = ("Wunderbau Finance", "login.wunderbau.example")


def kinds(text: object, rules: PasswordRules = RULES, **known: object) -> list[FindingKind]:
    return [finding.kind for finding in rules.findings(text, **known)]  # type: ignore[arg-type]


# PW-01, PW-02: code points after normalisation are what counts.
@pytest.mark.parametrize("text", ["kX9#mQ2$vL7@pR", "\U0001f419\U0001f680\U0001f335" * 4 + "\U0001f3bb\U0001fa81", "e\u0301c\u0327a\u0300" * 4 + "u\u0308x"])
def test_fourteen_characters_are_too_few(text: str) -> None:
    assert Finding(kind=FindingKind.TOO_SHORT, limit=15) in RULES.findings(text)


def test_fifteen_characters_are_enough() -> None:
    assert RULES.findings("kX9#mQ2$vL7@pR4") == ()


def test_sixty_four_emoji_are_accepted() -> None:
    assert RULES.findings("".join(chr(0x1F300 + place) for place in range(64))) == ()


def test_the_longest_password_is_accepted_and_one_character_more_is_not() -> None:
    text = "".join(chr(0x4E00 + place) for place in range(LONGEST_PASSWORD + 1))
    assert RULES.findings(text[:-1]) == ()
    assert RULES.findings(text) == (Finding(kind=FindingKind.TOO_LONG, limit=LONGEST_PASSWORD),)


def test_eight_characters_are_enough_beside_a_second_factor() -> None:
    assert BESIDE_ANOTHER.findings("kX9#mQ2$") == ()
    assert BESIDE_ANOTHER.findings("kX9#mQ2") == (Finding(kind=FindingKind.TOO_SHORT, limit=8),)


@pytest.mark.parametrize(
    ("shortest", "second"), [(14, False), (8, False), (7, True), (0, True), (-1, True), (LONGEST_PASSWORD + 1, False), (LONGEST_PASSWORD + 1, True)]
)
def test_rules_weaker_than_the_floor_are_not_built(shortest: int, second: bool) -> None:
    with pytest.raises(ConfigurationError, match=r"password\.shortest"):
        PasswordRules(shortest=shortest, always_with_second_factor=second)


@pytest.mark.parametrize(("shortest", "second"), [(15, False), (8, True), (14, True), (64, False), (LONGEST_PASSWORD, False)])
def test_rules_at_the_floor_or_above_are(shortest: int, second: bool) -> None:
    assert PasswordRules(shortest=shortest, always_with_second_factor=second).shortest == shortest


def test_there_are_no_other_rules() -> None:
    # PW-05: no composition, no expiry, no hints.
    assert [field.name for field in fields(PasswordRules)] == ["shortest", "always_with_second_factor"]
    for text in ("x" * 3 + "qlmvtrwzkbdhp", "XQLMVTRWZKBDHPF", "83-41-77-19-06-52-90", "    .qlm vtr wzk bd    "):
        assert RULES.findings(text) == ()


def test_the_sentence_for_the_page_says_the_length() -> None:
    assert "15" in RULES.describe()
    assert "8" in BESIDE_ANOTHER.describe("fr")


@pytest.mark.parametrize("text", WEAK, ids=ascii)
def test_a_long_password_that_is_tried_first_is_refused(text: str) -> None:
    assert len(text) >= RULES.shortest
    (kind,) = kinds(text)
    assert kind in {FindingKind.COMMON, FindingKind.REPEATED, FindingKind.SEQUENCE}


# PW-06: the reason, so that the advice fits.
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("passwordpassword", FindingKind.COMMON),
        ("Password!23456789", FindingKind.COMMON),
        ("Hd764nW5d7E1vb1", FindingKind.COMMON),
        ("kXq9kXq9kXq9kXq9", FindingKind.REPEATED),
        ("kXq9vwT-Twv9qXk", FindingKind.REPEATED),
        ("aaaaaaaaaaaaaaaaa", FindingKind.REPEATED),
        ("abcabcabcabcabcabc", FindingKind.REPEATED),
        ("abcdefghijklmno", FindingKind.SEQUENCE),
        ("QWERTYuiop123456", FindingKind.SEQUENCE),
        ("xkqzvbpt1111111", FindingKind.SEQUENCE),
        ("19851207.20240131", FindingKind.SEQUENCE),
    ],
)
def test_the_finding_says_how_it_was_made(text: str, kind: FindingKind) -> None:
    assert kinds(text) == [kind]


@pytest.mark.parametrize("kind", [FindingKind.COMMON, FindingKind.REPEATED, FindingKind.SEQUENCE, FindingKind.IDENTIFIER, FindingKind.SITE_WORD])
def test_no_advice_asks_for_more_characters_of_a_kind(kind: FindingKind) -> None:
    # PW-06: advice that a digit or a capital more would follow is worse than none.
    text = Finding(kind=kind).text()
    assert "se " in text
    assert not any(f"add {part}" in text.lower() for part in ("a digit", "a number", "a sign", "a symbol", "a capital", "an upper", "a special"))


@pytest.mark.parametrize("text", GOOD, ids=ascii)
def test_a_good_password_is_accepted(text: str) -> None:
    known = {"identifiers": (ALICE, BORN, PHONE), "words": SITE, "current": normalize_password("another passphrase altogether")}
    assert kinds(text, **known) == []
    assert kinds(text, BESIDE_ANOTHER, **known) == []


# PW-10: the words of the person, whole, joined, decorated, repeated, in other letters.
@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("AliceSmith2026!!", ALICE),
        ("alice.smith@example.com", ALICE),
        ("alice.smith.example", ALICE),
        ("Alice-Smith-1985-!", ALICE),
        ("al1c3sm1th!2026!", ALICE),
        ("AliceIloveyou123", ALICE),
        ("smithsmithalice", ALICE),
        ("\u00c1lice Sm\u00edth 2026", ALICE),
        ("alice is my password", ALICE),
        ("alice.smith@exam\u200bple.com", ALICE),
        ("zbigniew!zbigniew1985", BORN),
        ("Zbigniew12345678", BORN),
        ("zbigniew1985lists", BORN),
        ("(415) 555-2671 !", PHONE),
        ("14155552671!2671", PHONE),
        ("password5552671", PHONE),
    ],
)
def test_a_password_made_of_the_identifier_is_refused(text: str, who: Identifier) -> None:
    assert len(text) >= RULES.shortest
    found = kinds(text, identifiers=[PhoneNumber.parse("+44 20 7183 8750"), who])
    assert len(found) == 1
    assert found[0] in {FindingKind.IDENTIFIER, FindingKind.COMMON}


ZBYLUT = EmailAddress.parse("zbylut.brzezowski@example.com")


@pytest.mark.parametrize("text", ["ZbylutBrzezowski2026!!", "zbylut8rzez0wski!2026!", "zbrzezowski19851207", "BrzezowskiZbylutPassword", "ikswozezrb-2026!"])
def test_what_is_made_of_a_stranger_is_not_made_of_the_person(text: str) -> None:
    assert kinds(text, identifiers=[ZBYLUT]) == [FindingKind.IDENTIFIER]
    assert kinds(text, identifiers=[PHONE]) == []


@pytest.mark.parametrize(
    "text", ["WunderbauFinance", "wunderbau.example", "Wunderbau2026!!!", "Wund3rbau-password", "mywunderbaulogin", "Wunderbau FinancemyTiger@"]
)
def test_a_password_made_of_the_site_is_refused(text: str) -> None:
    assert kinds(text, words=SITE) == [FindingKind.SITE_WORD]


def test_a_password_of_the_person_and_the_site_is_refused() -> None:
    assert kinds("alice@wunderbau1", identifiers=[ALICE], words=SITE) == [FindingKind.SITE_WORD]


@pytest.mark.parametrize("text", ["alice smith dislikes kumquats", "wunderbau cost me 300 marks", "call 4155552671 for kumquats"])
def test_a_part_alone_is_never_held_against_a_password(text: str) -> None:
    # SP 800-63B-4 3.1.1.2: the whole password is compared, not what it contains.
    assert kinds(text, identifiers=[ALICE, PHONE], words=SITE) == []


def test_the_password_of_now_is_refused() -> None:
    current = normalize_password("Cafe\u0301 verdict\u00a0olive")
    assert kinds("Caf\u00e9 verdict olive", current=current) == [FindingKind.CURRENT]
    assert kinds("caf\u00e9 verdict olive", current=current) == []


def test_all_that_is_wrong_is_said_at_once() -> None:
    current = normalize_password("password")
    assert RULES.findings("password", current=current) == (
        Finding(kind=FindingKind.TOO_SHORT, limit=15),
        Finding(kind=FindingKind.COMMON),
        Finding(kind=FindingKind.CURRENT),
    )
    assert kinds("alice1985", identifiers=[ALICE]) == [FindingKind.TOO_SHORT, FindingKind.IDENTIFIER]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("", FindingKind.EMPTY),
        (None, FindingKind.EMPTY),
        (b"tortoise plumbing", FindingKind.EMPTY),
        ("tortoise\x00plumbing", FindingKind.FORBIDDEN_CHARACTER),
        ("\ud800" * 20, FindingKind.FORBIDDEN_CHARACTER),
    ],
)
def test_what_can_be_nobodys_password_is_a_finding_and_no_exception(value: object, kind: FindingKind) -> None:
    assert kinds(value) == [kind]


@pytest.mark.parametrize("text", ["zyzzyva", "zyzzyvazyzzyvazyzzyva", "zyzzyva" * 200, "zyzzyva\x00plumbing"])
def test_a_finding_never_holds_the_password(text: str) -> None:
    # PW-06: advice and a reason, never a part of what was typed.
    for finding in RULES.findings(text, words=["zyzzyva"], current=normalize_password("zyzzyva")):
        assert not any("zyz" in shown.lower() for shown in (repr(finding), finding.text(), str(finding.kind)))
        assert finding.text()

"""Which hints come for what was typed, what they say and suggest, and that they hold nothing secret and tell nobody apart (SI-07)."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from benchmarks.hints import judge, vectors
from credkit.credential import Credential
from credkit.errors import Field, Reason
from credkit.identifiers import EmailAddress, parse_identifier
from credkit.secret import Secret
from credkit.sign_in_help import Hint, HintKind, Keyboard, NextStep, SignInHelp
from credkit.site import Site
from credkit.testing import async_kit_for_tests, kit_for_tests

SITE = Site(name="Example", url="https://example.com", support="help@example.com")
HELP = SignInHelp(site=SITE)
AT_HOME = SignInHelp(site=Site(name="Example", url="https://example.com", support="help@example.com", default_region="US"))
PAGE = Path(__file__).parents[2] / "docs" / "sign_in_help.md"
GOOD = "grace@harbour-lights.com"


def kinds(**given: object) -> list[HintKind]:
    return [hint.kind for hint in HELP.hints(**given)]  # type: ignore[arg-type]


def first(**given: object) -> Hint:
    return HELP.hints(**given)[0]  # type: ignore[arg-type]


# What is always there ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{}, {"identifier": GOOD}, {"identifier": "", "password": ""}, {"password": "pASSWORD"}, {"identifier": object()}])
def test_the_reset_is_offered_always_and_last(given: dict[str, object]) -> None:
    hints = HELP.hints(**given)  # type: ignore[arg-type]
    assert [hint.kind for hint in hints].index(HintKind.USE_RESET) == len(hints) - 1
    assert (hints[-1].field, hints[-1].next) == (None, NextStep.RESET)


def test_nothing_typed_gets_no_other_hint() -> None:
    assert kinds() == [HintKind.USE_RESET]


def test_what_is_right_gets_no_hint_but_that_case_matters() -> None:
    assert kinds(identifier=GOOD, password="nine grey herons wade") == [HintKind.CASE_MATTERS, HintKind.USE_RESET]
    assert kinds(identifier="+44 7400 123456", password="2718281828459045") == [HintKind.USE_RESET]


def test_hints_come_in_the_order_of_the_form() -> None:
    hints = HELP.hints(identifier="ada@gmial.com", password=" pASSWORD")
    assert [hint.kind for hint in hints] == [HintKind.EMAIL_DOMAIN, HintKind.SPACES, HintKind.CAPS_LOCK, HintKind.USE_RESET]
    assert [hint.field for hint in hints] == [Field.IDENTIFIER, Field.PASSWORD, Field.PASSWORD, None]


# Identifiers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kind", "reason"),
    [
        ("", HintKind.IDENTIFIER_FORMAT, Reason.IDENTIFIER_EMPTY),
        ("ada", HintKind.IDENTIFIER_FORMAT, Reason.IDENTIFIER_UNRECOGNISED),
        ("a" * 400, HintKind.IDENTIFIER_FORMAT, Reason.IDENTIFIER_TOO_LONG),
        ("ada\ue000@acme.com", HintKind.IDENTIFIER_FORMAT, Reason.IDENTIFIER_UNSAFE),
        (7, HintKind.IDENTIFIER_FORMAT, Reason.IDENTIFIER_UNRECOGNISED),
        ("ada@", HintKind.EMAIL_FORMAT, Reason.EMAIL_INVALID),
        ("ada@acme", HintKind.EMAIL_FORMAT, Reason.EMAIL_DOMAIN_INVALID),
        ("ad\u00e4@acme.com", HintKind.EMAIL_FORMAT, Reason.EMAIL_UNSUPPORTED),
        ("ada@acme.com, eve@acme.com", HintKind.SEVERAL, Reason.IDENTIFIER_SEVERAL),
        ("+1 415 555 267", HintKind.PHONE_FORMAT, Reason.PHONE_INVALID),
        ("+1 415 555 2671 ext. 5", HintKind.PHONE_FORMAT, Reason.PHONE_EXTENSION),
        ("+1 800 FLOWERS", HintKind.PHONE_FORMAT, Reason.PHONE_LETTERS),
        ("415 555 2671", HintKind.COUNTRY_CODE_MISSING, Reason.MISSING_COUNTRY_CODE),
    ],
)
def test_a_refused_identifier_gets_the_text_of_its_refusal(typed: object, kind: HintKind, reason: Reason) -> None:
    hint = first(identifier=typed)
    assert (hint.kind, hint.reason, hint.field, hint.suggestion, hint.next) == (kind, reason, Field.IDENTIFIER, None, NextStep.TYPE_AGAIN)
    assert hint.text() == reason.text()


def test_a_space_inside_an_address_is_named_where_nobody_knows_what_belongs_there() -> None:
    hint = first(identifier="ada lovelace@acme.com")
    assert (hint.kind, hint.reason, hint.suggestion) == (HintKind.SPACES, None, None)


def test_letters_of_two_alphabets_are_not_called_an_unsupported_address() -> None:
    hint = first(identifier="\u0430da@gmail.com")  # CYRILLIC SMALL LETTER A
    assert (hint.kind, hint.suggestion, hint.next) == (HintKind.KEYBOARD_LAYOUT, None, NextStep.CHECK_KEYBOARD)


def test_a_direction_mark_is_named_where_the_rest_cannot_be_mended() -> None:
    hint = first(identifier="ada\u200e@")
    assert (hint.kind, hint.reason) == (HintKind.INVISIBLE, None)


def test_a_suggestion_is_for_the_person_to_take() -> None:
    hint = first(identifier="ada@gmial.com")
    assert (hint.suggestion, hint.reason, hint.next) == ("ada@gmail.com", None, NextStep.TAKE_SUGGESTION)


def test_an_address_that_is_parsed_already_is_judged_as_it_was_typed() -> None:
    assert first(identifier=EmailAddress.parse("Ada@Gmial.com")).suggestion == "Ada@gmail.com"
    assert kinds(identifier=parse_identifier("+1 415 555 2671")) == [HintKind.USE_RESET]


def test_a_test_domain_is_judged_as_its_kit_accepts_it() -> None:
    assert first(identifier="ada@example.test").kind is HintKind.EMAIL_FORMAT
    assert [hint.kind for hint in kit_for_tests().kit.help.hints(identifier="ada@example.test")] == [HintKind.USE_RESET]


def test_the_region_is_the_site_s_unless_the_call_names_one() -> None:
    assert AT_HOME.hints(identifier="415 555 2671")[0].suggestion == "+1 415-555-2671"
    assert AT_HOME.hints(identifier="07400 123456", region="GB")[0].suggestion == "+44 7400 123456"


def test_without_a_region_no_country_is_suggested() -> None:
    assert first(identifier="415 555 2671").suggestion is None
    assert first(identifier="415 555 2671", region="nowhere").suggestion is None


def test_a_number_pad_that_is_off_is_named_where_digits_are_missing() -> None:
    assert HintKind.NUM_LOCK in kinds(identifier="+", keyboard=Keyboard(num_lock=False))
    assert HintKind.NUM_LOCK in kinds(identifier="+1 415", keyboard=Keyboard(num_lock=False))
    assert HintKind.NUM_LOCK not in kinds(identifier="+1 415", keyboard=Keyboard(num_lock=True))
    assert HintKind.NUM_LOCK not in kinds(identifier="+1 415 555 267", keyboard=Keyboard(num_lock=False))


# Passwords --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "kind"),
    [
        (" quiet harbour", HintKind.SPACES),
        ("quiet harbour\u00a0", HintKind.SPACES),
        ("quiet harbour\n", HintKind.SPACES),
        ("quiet\u200bharbour", HintKind.INVISIBLE),
        ("\ufeffquiet harbour", HintKind.INVISIBLE),
        ("quiet\x00harbour", HintKind.INVISIBLE),
        ("quiet\u200dharbour", HintKind.INVISIBLE),  # a joiner where nothing is joined
        ("pASSWORD123", HintKind.CAPS_LOCK),
        ("QUIET HARBOUR", HintKind.CAPS_LOCK),
        ("qUIET hARBOUR", HintKind.CAPS_LOCK),
        ("cORRECThORSE", HintKind.CAPS_LOCK),
        ("q45et harb64r", HintKind.NUM_LOCK),
        ("\u0437\u0444\u044b\u044b\u0446\u0449\u043a\u0432", HintKind.KEYBOARD_LAYOUT),  # password, Russian
        ("\u03c0\u03b1\u03c3\u03c3\u03c2\u03bf\u03c1\u03b4 \u03c2\u03b1\u03bb\u03bb", HintKind.KEYBOARD_LAYOUT),  # passwords wall, Greek
        ("\u05e4\u05e9\u05d3\u05d3'\u05dd\u05e8\u05d2", HintKind.KEYBOARD_LAYOUT),  # password, Hebrew
        ("\u062d\u0634\u0633\u0633\u0635\u062e\u0642\u064a", HintKind.KEYBOARD_LAYOUT),  # password, Arabic
        ("pqsszord", HintKind.KEYBOARD_LAYOUT),  # password, AZERTY
    ],
)
def test_a_password_shows_what_happened_to_it(password: str, kind: HintKind) -> None:
    hints = [hint for hint in HELP.hints(identifier=GOOD, password=password) if hint.kind not in {HintKind.CASE_MATTERS, HintKind.USE_RESET}]
    assert [(hint.kind, hint.field) for hint in hints] == [(kind, Field.PASSWORD)]


@pytest.mark.parametrize(
    "password",
    [
        "quiet harbour",
        "quiet\u00a0harbour",  # the same as with a plain space once it is hashed (RFC 8265)
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",  # joined by what cannot be seen, as it must be
        "\u2764\ufe0f hearts",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with its joiner
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f scots",  # a flag, made of tags
        "R2D2C3PO",
        "iPhone",
        "JBSWY3DPEHPK3PXP",
        "p4ssw0rd",
        "Agent007",
        "A1",
    ],
)
def test_a_password_that_is_as_it_should_be_is_left_alone(password: str) -> None:
    assert set(kinds(password=password)) <= {HintKind.CASE_MATTERS, HintKind.USE_RESET}


def test_what_the_page_says_of_caps_lock_counts_before_what_the_text_looks_like() -> None:
    assert HintKind.CAPS_LOCK in kinds(password="quiet harbour", keyboard=Keyboard(caps_lock=True))
    assert HintKind.CAPS_LOCK in kinds(keyboard=Keyboard(caps_lock=True))
    assert HintKind.CAPS_LOCK not in kinds(password="QUIET HARBOUR", keyboard=Keyboard(caps_lock=False))
    assert HintKind.CAPS_LOCK not in kinds(password="271828", keyboard=Keyboard(caps_lock=True))


def test_what_the_page_says_of_num_lock_counts_before_what_the_text_looks_like() -> None:
    assert HintKind.NUM_LOCK not in kinds(password="q45et harb64r", keyboard=Keyboard(num_lock=False))
    assert HintKind.NUM_LOCK not in kinds(password="sn6wba33s")
    assert HintKind.NUM_LOCK in kinds(password="sn6wba33s", keyboard=Keyboard(num_lock=True))


@pytest.mark.parametrize(
    ("layout", "expected"),
    [("qwertz", True), ("de", True), ("de-AT", True), ("DE_CH", True), ("fr", False), ("klingon", False), ("de" * 50, False), (None, False), (7, False)],
)
def test_a_layout_that_the_page_names_counts_for_itself(layout: str | None, expected: bool) -> None:
    password = "sunnz dazs"  # "sunny days": too little is moved to be sure of without being told
    assert (HintKind.KEYBOARD_LAYOUT in kinds(password=password, keyboard=Keyboard(layout=layout))) is expected


def test_a_wrong_layout_in_the_address_is_one_in_the_password_too() -> None:
    found = [(hint.kind, hint.field) for hint in HELP.hints(identifier="adz@zahoo.com", password="Xk7rTz2m")]
    assert (HintKind.KEYBOARD_LAYOUT, Field.IDENTIFIER) in found
    assert (HintKind.KEYBOARD_LAYOUT, Field.PASSWORD) in found


def test_that_case_matters_is_said_where_there_is_case_and_no_caps_lock() -> None:
    assert HintKind.CASE_MATTERS in kinds(password="quiet harbour")
    assert HintKind.CASE_MATTERS not in kinds(password="pASSWORD")
    assert HintKind.CASE_MATTERS not in kinds(password="2718-2818")
    assert HintKind.CASE_MATTERS not in kinds(password="\u6b63\u3057\u3044\u99ac")


def test_what_is_longer_than_any_password_is_not_looked_at() -> None:
    assert kinds(password="P" * 1025) == [HintKind.USE_RESET]


@pytest.mark.parametrize("wrapped", [Secret("pASSWORD"), "pASSWORD"])
def test_a_password_may_be_wrapped(wrapped: Secret | str) -> None:
    assert kinds(password=wrapped) == [HintKind.CAPS_LOCK, HintKind.USE_RESET]


# What hints hold --------------------------------------------------------------------------------------------------------


def test_a_suggestion_does_not_show_in_a_log() -> None:
    assert "gmail" not in repr(first(identifier="ada@gmial.com"))


def test_a_hint_is_ready_for_json() -> None:
    hints = HELP.hints(identifier="ada@gmial.com", password="pASSWORD")
    assert json.loads(json.dumps([hint.public("de") for hint in hints])) == [
        {"kind": "email_domain", "field": "identifier", "next": "take_suggestion", "suggestion": "ada@gmail.com", "text": hints[0].text()},
        {"kind": "caps_lock", "field": "password", "next": "check_keyboard", "text": hints[1].text()},
        {"kind": "use_reset", "next": "reset", "text": hints[2].text()},
    ]


def test_a_hint_without_anything_better_says_the_reason_to_machines_too() -> None:
    assert first(identifier="ada@").public()["reason"] == "email_invalid"


@pytest.mark.parametrize("kind", HintKind)
@pytest.mark.parametrize("field", [None, Field.IDENTIFIER, Field.PASSWORD])
def test_every_hint_is_one_or_two_sentences(kind: HintKind, field: Field | None) -> None:
    text = Hint(kind=kind, field=field).text()
    assert re.fullmatch(r"[A-Z][^.]{15,}(?:\.com\)[^.]*)?\.(?: [A-Z].{10,}\.)?", text), text


@pytest.mark.parametrize("kind", [HintKind.SPACES, HintKind.INVISIBLE])
def test_a_password_has_words_of_its_own(kind: HintKind) -> None:
    assert Hint(kind=kind, field=Field.PASSWORD).text() != Hint(kind=kind, field=Field.IDENTIFIER).text()


# Nobody is looked up ----------------------------------------------------------------------------------------------------


def test_the_help_holds_nothing_that_could_look_anybody_up() -> None:
    assert {one.name: type(getattr(HELP, one.name)) for one in fields(SignInHelp)} == {"site": Site, "allow_test_domains": bool, "smtputf8": bool}


def test_an_address_beyond_ascii_is_a_slip_only_where_it_is_not_accepted() -> None:
    accepting = SignInHelp(site=HELP.site, smtputf8=True)
    assert [hint.kind for hint in accepting.hints(identifier="\u0438\u0432\u0430\u043d@gmail.com")] == [HintKind.USE_RESET]
    assert HELP.hints(identifier="\u0438\u0432\u0430\u043d@gmail.com")[0].kind is not HintKind.USE_RESET
    slip = accepting.hints(identifier="\u0438\u0432\u0430\u043d@gmial.com")[0]
    assert (slip.kind, slip.suggestion) == (HintKind.EMAIL_DOMAIN, "\u0438\u0432\u0430\u043d@gmail.com")


def test_known_and_unknown_people_get_the_same_hints() -> None:
    """SI-07: the hints of a kit with a sign-in, and of one without."""
    world, empty = kit_for_tests(), kit_for_tests()
    assert isinstance(world.add("ada@example.com", password="nine grey herons wade"), Credential)
    for password in ("nine grey herons wade", "a wrong password"):
        given = {"identifier": "ada@example.com", "password": password}
        assert world.kit.help.hints(**given) == empty.kit.help.hints(**given)  # type: ignore[arg-type]


def test_both_kits_have_the_same_help() -> None:
    assert kit_for_tests().kit.help == async_kit_for_tests().kit.help


def test_a_sibling_helps_for_its_own_site() -> None:
    world = kit_for_tests()
    site = Site(name="Other", url="https://other.example", support="help@other.example", id="other", default_region="GB")
    sibling = world.kit.at(site, credentials=world.credentials, notifier=world.inbox)
    assert sibling.help.hints(identifier="07400 123456")[0].suggestion == "+44 7400 123456"


# How often they are right -----------------------------------------------------------------------------------------------

LEAST = {HintKind.KEYBOARD_LAYOUT: (0.95, 0.7), HintKind.CAPS_LOCK: (0.95, 0.8), HintKind.NUM_LOCK: (0.95, 0.85)}
"""(precision, recall) of the hints that are guesses; all others are facts about the text, and are to be nearly always right."""


def test_hints_are_as_often_right_as_they_were() -> None:
    score = judge()
    assert score.cases >= 200
    assert score.good >= 100
    for kind in set(HintKind) - {HintKind.CASE_MATTERS, HintKind.USE_RESET}:
        precision, recall = LEAST.get(kind, (0.97, 0.97))
        assert score.precision(kind) >= precision, score.complaints
        assert score.recall(kind) >= recall, score.complaints
    assert score.alarmed <= 0.01 * score.good, score.complaints


def test_every_kind_has_cases() -> None:
    expected = [kind for case in vectors()["cases"] for kind in case["expected"]]
    assert min(expected.count(kind) for kind in set(HintKind) - {HintKind.CASE_MATTERS, HintKind.USE_RESET}) >= 7


def test_no_case_stands_there_twice() -> None:
    both = vectors()
    for part in ("cases", "good"):
        texts = [json.dumps(case, sort_keys=True) for case in both[part]]
        assert len(texts) == len(set(texts))


def test_the_page_shows_every_kind_and_the_figures_that_are_measured() -> None:
    page, score = PAGE.read_text(encoding="utf-8"), judge()
    assert [kind for kind in HintKind if f"| `{kind}` | " not in page] == []
    for kind in set(HintKind) - {HintKind.CASE_MATTERS, HintKind.USE_RESET}:
        expected = score.right[kind] + score.missed[kind]
        assert f"| `{kind}` | {expected} | {score.precision(kind):.3f} | {score.recall(kind):.3f} |" in page
    assert f"False alarms on good input: {score.alarmed} of {score.good}." in page
    assert f"judges {score.cases} inputs with something wrong and {score.good} good ones" in page

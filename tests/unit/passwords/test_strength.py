"""Strength is advice for a meter: it orders passwords as chance would, says what helps, and decides nothing (PW-24)."""

from __future__ import annotations

import pytest

from credkit.identifiers import EmailAddress
from credkit.passwords import HIGHEST_SCORE, LONGEST_PASSWORD, PasswordRules, Strength
from credkit.passwords.strength import bits_of, score_of

RULES = PasswordRules()
ADA = EmailAddress.parse("ada.lovelace@example.com")


@pytest.mark.parametrize("text", ["", "short", "passwordpassword", "abcdefghijklmno", "ada.lovelace.1815", "\x00" * 20])
def test_what_would_be_refused_has_no_strength_and_says_why(text: str) -> None:
    strength = RULES.strength(text, identifiers=[ADA])
    assert strength.score == 0
    assert strength.findings == RULES.findings(text, identifiers=[ADA])
    assert strength.text() == " ".join(finding.text() for finding in strength.findings)


@pytest.mark.parametrize(
    "text",
    [
        "nine grey herons wade",
        "purple monkey dishwasher",
        "kX9#mQ2$vL7@pR4",
        "\u732b\u3068\u72ac\u304c\u597d\u304d\u3067\u3059\u3088\u6bce\u65e5\u6563\u6b69\u3059\u308b",
    ],
)
def test_what_is_accepted_has_some_and_nothing_against_it(text: str) -> None:
    strength = RULES.strength(text)
    assert 1 <= strength.score <= HIGHEST_SCORE
    assert strength.findings == ()
    assert strength.text()


def test_another_word_makes_it_stronger() -> None:
    words = ["tortoise", "plumbing", "verdict", "kumquat", "lantern", "olive"]
    scores = [RULES.strength(" ".join(words[:count])).score for count in range(2, 7)]
    assert scores == sorted(scores)
    assert scores[-1] == HIGHEST_SCORE
    assert scores[0] < HIGHEST_SCORE


def test_a_common_word_adds_less_than_a_rare_one_and_a_run_or_a_copy_next_to_nothing() -> None:
    some = "tortoise plumbing verdict"
    common, rare, run, copy = (bits_of(f"{some} {more}") - bits_of(some) for more in ("password", "xylograph", "12345678", "tortoise"))
    assert copy < run < common < rare


def test_a_word_of_the_person_or_the_site_adds_next_to_nothing() -> None:
    text = "zbylutowicz tortoise plumbing"
    assert bits_of(text, {"zbylutowicz"}) < bits_of(text) - 10
    known = EmailAddress.parse("zbylutowicz@example.com")
    assert RULES.strength(text, identifiers=[known]).score < RULES.strength(text).score
    assert RULES.strength(text, words=["Zbylutowicz"]).score < RULES.strength(text).score


def test_random_characters_are_worth_more_than_words_of_their_length() -> None:
    assert bits_of("xkqzvbptmwjrhnd") > 60 > bits_of("plovergnomontea")


def test_separators_are_worth_nothing() -> None:
    assert bits_of("tortoise-plumbing-verdict") == bits_of("tortoise plumbing verdict")


@pytest.mark.parametrize(("bits", "score"), [(0.0, 1), (39.9, 1), (40.0, 2), (52.0, 3), (63.9, 3), (64.0, 4), (900.0, 4)])
def test_a_score_begins_at_its_step(bits: float, score: int) -> None:
    assert score_of(bits) == score


def test_a_long_text_is_looked_at_only_so_far() -> None:
    text = "".join(chr(0x4E00 + place) for place in range(LONGEST_PASSWORD))
    assert bits_of(text) == bits_of(text[:128])


@pytest.mark.parametrize("score", range(1, HIGHEST_SCORE + 1))
def test_no_score_advises_a_trivial_edit(score: int) -> None:
    # PW-06: what helps is a word more, never a digit or a sign.
    text = Strength(score=score).text("fr").lower()
    assert "digit" not in text
    assert "sign" not in text
    assert "character" not in text

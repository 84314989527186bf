"""What a password may stand for, which words it shows, and what is a piece of it."""

from __future__ import annotations

import pytest

from credkit.passwords._blocklist import Makings, makings_of
from credkit.passwords._pieces import readings_of, shown_words
from credkit.passwords._words import SEPARATORS, folded, little_words_at, numbers_at, words_at


@pytest.mark.parametrize(
    ("password", "reading"),
    [
        ("Dragon-Monkey", "dragonmonkey"),
        ("d*r*a*g*o*n", "dragon"),
        ("d*r*a*g*o*n!?", "dragon!?"),
        ("dragon!monkey?", "dragonmonkey"),
        ("d1r2a3g4o5n6", "dragon"),
        ("1d2r3a4g5o6n", "dragon"),
        ("ddrraaggoonn", "dragon"),
        ("dragoooon", "dragon"),
        ("coooool", "cool"),
        ("\u0437\u0444\u044b\u044b\u0446\u0449\u043a\u0432", "password"),
        ("zxcvbnm,./", "zxcvbnm,./"),
        ("\uff24ragon", "dragon"),
        ("dr\u00e2g\u00f8n", "dragon"),
        ("drag\u200don", "dragon"),
    ],
    ids=ascii,
)
def test_a_password_is_read_as_what_it_may_stand_for(password: str, reading: str) -> None:
    assert reading in {one.text for one in readings_of(password)}


@pytest.mark.parametrize(("password", "spent"), [("a.b.c", 0), ("a.b-c", 0), ("a.b-c/d", 6), ("a-b.c/d_e", 8)])
def test_more_than_two_kinds_of_separators_are_chosen_and_counted(password: str, spent: int) -> None:
    assert next(readings_of(password)).spent == spent


@pytest.mark.parametrize(
    ("password", "shown"),
    [
        ("blue red-green", [1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]),
        ("BlueRedGreen", [1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]),
        ("blue7red7green", [1, 1, 1, 1, 0, 2, 2, 2, 0, 3, 3, 3, 3, 3]),
        ("bluered-green", None),
        ("a b c", None),
        ("i am in the dark red", None),
        ("blueRedGreen", None),
    ],
)
def test_three_words_that_are_set_apart_are_shown_as_such(password: str, shown: list[int] | None) -> None:
    assert shown_words(password, SEPARATORS) == shown


def test_where_more_than_separators_is_gone_nobody_knows_where_the_words_are() -> None:
    assert shown_words("blue red green", None) == []
    assert shown_words("bluered", None) is None


@pytest.mark.parametrize(
    ("typed", "length"),
    [
        ("dragon", 6),
        ("dragons", 7),
        ("dr4g0n", 6),
        ("nogard", 6),
        ("p@ssw0rd", 8),
        ("pa$$word", 8),
        ("mondaytuesday", 13),
        ("sundaymonday", 12),
        ("\u043f\u0430\u0440\u043e\u043b\u044c", 6),
        ("gfhjkm", 6),
    ],
    ids=ascii,
)
def test_a_word_is_known_however_it_is_written(typed: str, length: int) -> None:
    from credkit.passwords._words import spelled

    text = folded(f"~{typed}~")
    assert length in words_at(text, spelled(text), 1)


@pytest.mark.parametrize("typed", ["dr4", "7357", "b45k37b411", "dr46", "qrag0", "diagon", "drogan", "nodragn"])
def test_what_is_no_word_is_not_made_one_by_reading_it_kindly(typed: str) -> None:
    from credkit.passwords._words import spelled

    assert len(typed) not in words_at(typed, spelled(typed), 0)


def test_a_letter_that_was_typed_is_itself() -> None:
    # 1 may stand for l and for i, but an i is not an l.
    assert makings_of("alastair12345678") is Makings.COMMON
    from credkit.passwords._words import spelled

    assert 8 not in words_at("aiastair", spelled("aiastair"), 0)
    assert 8 in words_at("a1astair", spelled("a1astair"), 0)


def test_numbers_that_people_know_and_words_that_join() -> None:
    assert numbers_at("3141592653589", 0) == [9] or 9 in numbers_at("3141592653589", 0) or numbers_at("314159", 0)
    assert numbers_at("8675309x", 0) == [7]
    assert 2 in little_words_at("myword", 0)
    assert little_words_at("xyz", 0) == []


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("dragon1a", Makings.COMMON),  # a stray letter
        ("dragonqw", Makings.COMMON),  # two keys that touch
        ("qwdragon", Makings.COMMON),
        ("dragonxkqzdragonxkqz", None),  # a word that is none, doubled or not: the unit is what is judged
        ("dragonkoalafish", None),  # three words
        ("dragonqwertasdfg", Makings.COMMON),  # a walk counts as a word
        ("dragonmonkeyqwsaqwsa", None),
        ("mydragonismymonkey", None),
        ("thisismydragon", Makings.COMMON),
        ("dragon8675309", Makings.COMMON),
        ("https://www.dragon.com", Makings.COMMON),
        ("dragon@gmail.com", Makings.COMMON),
        ("dragon.comet.fish", None),
        ("sunsh inemon keys", None),  # words that are set apart are not put together again from their parts,
        ("sun shine monkeys", Makings.COMMON),  # only whole
        ("dragonqmonkey", None),  # no stray letter in the midst of letters
        ("abcdragon7531", Makings.COMMON),  # a run may run into a word
        ("dragon7#2%9~4?66?4~9%2#7", Makings.COMMON),  # copied backwards
        ("dragon..monkey7395", Makings.COMMON),
        ("dragon.,-;:/monkey7395", None),
        ("staples pies fools", None),  # pies is no copy of ples
    ],
)
def test_pieces_add_up_to_what_is_tried_first_or_to_more(text: str, held: Makings | None) -> None:
    assert makings_of(text) is held

"""What fingers do by themselves: how far each kind of run goes, and what is none."""

from __future__ import annotations

import pytest

from credkit.passwords._runs import dates_at, run_at, touch, walk_at
from credkit.passwords._words import folded


@pytest.mark.parametrize(
    "text",
    [
        *("aaa", "~~~~", "abcdef", "fedcba", "xyzabc", "aceg", "\u0430\u0431\u0432\u0433", "\u03b1\u03b2\u03b3\u03b4", "\u05d0\u05d1\u05d2\u05d3"),
        *("1234", "9876", "890123", "13579", "2468"),
        *("qwerty", "poiuy", "asdfghjkl", "qaz", "wsx", "cde", "1qaz", "zaq1", "vfr4", "!@#$%^", "qwertz", "yxcv", "azerty", "wxcvbn", "aoeuidhtns", "qwfpgj"),
        *("\u0438\u0446\u0443\u043a\u0435\u043d", "\u03b1\u03c3\u03b4\u03c6", "\u05e9\u05d3\u05d2\u05db"),
        *("789456123", "147258369", "321654", "159357"),
        *("9101112", "8910111213", "1998199920002001", "010203", "100200300", "100099098", "05101520", "112113114"),
        *("1a2b3c", "a1b2c3d4", "112233", "q1w2e3r4", "qawsedrf", "1z2x3c4v"),
        *("12ab34cd", "ab12cd34ef", "123qwe456rty", "qweasdrtyfgh"),
    ],
    ids=ascii,
)
def test_a_run_goes_to_its_end_and_no_further(text: str) -> None:
    assert run_at(text, 0) == len(text)
    assert run_at(f"~{text}", 1) == len(text)
    assert run_at(text + "\u00a4", 0) == len(text)


@pytest.mark.parametrize(
    "text", ["a", "ab", "ace", "eca", "koa", "123", "987", "aabbcc", "adgjm", "qet", "1470", "112", "1929", "4711", "10203", "ab12", "ab12c", "q1a2", "\u00a4"]
)
def test_what_comes_about_by_chance_is_no_run(text: str) -> None:
    assert run_at(text, 0) == 1


@pytest.mark.parametrize("text", ["qwsaqw", "qazxcvb", "1qaz", "asedrftg", "vgyuhb", "\u0446\u0443\u0432\u044b", "qsdf", "yxcvfr", "7854123698"], ids=ascii)
def test_a_walk_goes_from_key_to_key_and_may_turn(text: str) -> None:
    assert walk_at(folded(text), 0) == len(text)
    assert walk_at(text + "\u00a4", 0) == len(text)


@pytest.mark.parametrize("text", ["qpal", "wed", "red", "aoeu", "785412369", "zp"])
def test_keys_that_do_not_touch_and_short_ways_are_no_walk(text: str) -> None:
    assert walk_at(text, 0) == 1


@pytest.mark.parametrize(
    ("pair", "expected"), [("qw", True), ("qa", True), ("aq", True), ("aa", True), ("qp", False), ("\u00a4\u00a4", True), ("69", True), ("17", False)]
)
def test_keys_touch_if_they_are_neighbours_or_one(pair: str, expected: bool) -> None:
    assert touch(pair, 0) is expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("07121985", [(8, 0), (6, 1)]),
        ("12071985", [(8, 0), (6, 1)]),
        ("19851207", [(8, 0), (4, 2)]),
        ("851207", [(6, 1)]),
        ("071285", [(6, 1)]),
        ("1985", [(4, 2)]),
        ("2026", [(4, 2)]),
        ("1885", []),
        ("99999999", []),
        ("32131985", []),
        ("x1985", []),
    ],
)
def test_dates_are_read_in_the_three_orders_people_write_them_in(text: str, found: list[tuple[int, int]]) -> None:
    assert dates_at(text, 0) == found

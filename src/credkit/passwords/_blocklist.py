"""Which passwords anyone would try first, also when they are long: a whole password made of nothing but cheap pieces.

Lists of common passwords hold next to nothing of 15 characters (PW-08), so weak long forms are recognised by how they are made:
a common word or two, repeated, decorated with digits and signs, written with digits for letters; runs along the alphabet or
the keyboard; the words of the site and of the person. Only the whole counts, never a part: a long password may well hold
the word "password" (SP 800-63B-4 3.1.1.2).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from functools import cache
from importlib import resources
from typing import Final

__all__ = ["is_made_of", "shortest_unit", "words_in"]

_LONGEST_JUDGED: Final = 128
"""Code points. Past it, two words and their decoration would be stretched beyond what anybody would try."""

_COMMON_AT_MOST: Final = 2
"""Different common words. Two of some 400 are 2^17 combinations; three, with their order and decoration, leave an online attacker nothing."""

_DECORATION_AT_MOST: Final = 8
"""Digits and signs that belong to no run: a date, a year and exclamation marks."""

_SHORTEST_WORD: Final = 3
_SHORTEST_RUN: Final = 3

_LEET: Final = str.maketrans("013457@$!", "oieastasi")
"""Digits and signs that stand for letters."""

_ROWS: Final = (
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
)
_RUNS: Final = tuple(row for one in (*_ROWS, "abcdefghijklmnopqrstuvwxyz") for row in (one + one, (one + one)[::-1]))
"""Rows of the usual keyboards, columns of one, and the alphabet, both ways and round the corner."""


def words_in(text: str) -> frozenset[str]:
    """Return the words of *text*, and all of them together: ``ada.lovelace`` gives ada, lovelace, adalovelace."""
    parts = [part for part in re.split(r"[\W_]+", _folded(text)) if part]
    return frozenset(word for word in (*parts, "".join(parts)) if len(word) >= _SHORTEST_WORD)


def shortest_unit(text: str) -> str:
    """Return what *text* is a repetition of: ``abcabcab`` gives ``abc``; a text that repeats nothing is its own."""
    # The failure function of Knuth, Morris and Pratt: linear, and its last value tells the shortest period.
    borders = [0] * len(text)
    for place in range(1, len(text)):
        length = borders[place - 1]
        while length and text[place] != text[length]:
            length = borders[length - 1]
        borders[place] = length + (text[place] == text[length])
    period = len(text) - borders[-1] if text else 0
    return text[:period] if period * 2 <= len(text) else text


def is_made_of(password: str, personal: Collection[str] = ()) -> bool:
    """Return whether the whole of *password* is common words, *personal* words (in any number), runs and a little decoration."""
    plain = _folded(password)
    if len(plain) > _LONGEST_JUDGED:
        return False
    return any(_covered(spelling, personal) for spelling in dict.fromkeys((plain, plain.translate(_LEET))))


def _covered(text: str, personal: Collection[str]) -> bool:
    """Search for a cover of *text* by cheap pieces, place by place.

    A state is (common words used, decoration used); of each place the states that reach it are kept, which are few.
    """
    reached: list[set[tuple[frozenset[str], int]]] = [set() for _ in range(len(text) + 1)]
    reached[0].add((frozenset(), 0))
    for place in range(len(text)):
        if not reached[place]:
            continue
        for length, used in _pieces(text, place, personal):
            for common, decoration in reached[place]:
                after = common | used
                if len(after) <= _COMMON_AT_MOST:
                    reached[place + length].add((after, decoration))
        if not text[place].isalpha():
            reached[place + 1] |= {(common, decoration + 1) for common, decoration in reached[place] if decoration < _DECORATION_AT_MOST}
    return bool(reached[-1])


def _pieces(text: str, place: int, personal: Collection[str]) -> Iterator[tuple[int, frozenset[str]]]:
    """Yield the words and runs that begin at *place*: their length, and the common word they use up."""
    for word in personal:
        if text.startswith(word, place):
            yield len(word), frozenset()
    for length in range(_SHORTEST_WORD, min(_longest_common(), len(text) - place) + 1):
        word = text[place : place + length]
        if word in _common():
            yield length, frozenset({word})
    for length in range(_SHORTEST_RUN, len(text) - place + 1):
        run = text[place : place + length]
        if len(set(run)) > 1 and not any(run in row for row in _RUNS):
            return
        yield length, frozenset()


def _folded(text: str) -> str:
    """Return *text* without case and accents, for comparing only."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


@cache
def _common() -> frozenset[str]:
    lines = resources.files("credkit.passwords").joinpath("common.txt").read_text(encoding="ascii").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@cache
def _longest_common() -> int:
    return max(map(len, _common()))

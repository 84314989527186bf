"""Which passwords anyone would try first, also when they are long: a whole password made of nothing but cheap pieces.

Lists of common passwords hold next to nothing of 15 characters (PW-08), so weak long forms are recognised by how they are made:
a common word or two, repeated, turned round, decorated with digits and signs, written with digits for letters; runs along the
alphabet or the keyboard, and what is short without them; the words of the site and of the person. Only the whole counts, never a
part: a long password may well hold the word "password" (SP 800-63B-4 3.1.1.2).
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
"""Different common words. Two of some 1,400 are 2^21 combinations; three, with their order and decoration, leave an online attacker nothing."""

_DECORATION_AT_MOST: Final = 8
"""Digits and signs that belong to no run: a date, a year and exclamation marks."""

_SHORTEST_WORD: Final = 3
_SHORTEST_RUN: Final = 3

_JOINING = "a i u am an at be by do go he if in is it me my no of on or so to us we and are for her him not the was you our with your this that"
_LITTLE: Final = frozenset(_JOINING.split())
"""Words that only join others, so that ``thisismypassword`` holds one word; each costs as much as `_LITTLE_COST` characters of decoration."""

_LITTLE_COST: Final = 2

_YEAR: Final = re.compile(r"(19|20)[0-9]{2}")
"""Costs as little: of the years there are few."""

_STRETCHED: Final = 8
"""Code points: what is no longer than the least password there is (PW-01) is not made longer by runs beside it, as in ``elephant1234567``."""

_SHORTEST_STRETCH: Final = 5

_LEET: Final = str.maketrans("0134578@$!|+l", "oieastbasiiti")
"""Digits and signs that stand for letters; l is made i, as 1 stands for both."""

_SEPARATORS: Final = re.compile(r"[\s._,;:/\\-]+")

_ROWS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "1234567890",
    "!@#$%^&*()_+",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "\u0438\u0446\u0443\u043a\u0435\u043d\u0433\u0448\u0449\u0437\u0445\u044a",  # the Russian rows, without the accent of the first letter
    "\u0444\u044b\u0432\u0430\u043f\u0440\u043e\u043b\u0434\u0436\u044d",
    "\u044f\u0447\u0441\u043c\u0438\u0442\u044c\u0431\u044e",
    # Columns of the keyboard, each downwards or upwards, or down one and up the next.
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "zaq1xsw2cde3vfr4bgt5nhy6mju7ki8lo9p0",
    "zaqxswcdevfrbgtnhymju",
    "1qazxsw23edcvfr45tgbnhy67ujm",
    "zaq12wsxcde34rfvbgt56yhnmju7",
    "qazxswedcvfrtgbnhyujm",
    "1qa2ws3ed4rf5tg6yh7uj8ik9ol",
    # Two rows in turn.
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1a2s3d4f5g6h7j8k9l",
    "qawsedrftgyhujikolp",
    "azsxdcfvgbhnjmk",
    "a1b2c3d4e5f6g7h8i9j0",
    "1a2b3c4d5e6f7g8h9i0j",
)
_RUNS: Final = tuple(row for one in _ROWS for row in (one + one, (one + one)[::-1]))
"""The alphabet, digits and the usual keyboards, both ways and round the corner."""


def words_in(text: str) -> frozenset[str]:
    """Return the words of *text*, all of them together, and the same without digits: ``ada.lovelace`` gives ada, lovelace, adalovelace."""
    parts = [part for part in re.split(r"[\W_]+", _folded(text)) if part]
    named = [word for part in parts for word in re.split(r"\d+", part)]
    return frozenset(word for word in (*parts, "".join(parts), *named, "".join(named)) if len(word) >= _SHORTEST_WORD)


def shortest_unit(text: str) -> str:
    """Return what *text* is a repetition of: ``abcabcab`` gives ``abc``; a text that repeats nothing is its own.

    Case, separators and a little decoration do not hide it: ``Elephant-elephant2`` gives ``elephant``.
    """
    plain = _folded(text)
    letters = "".join(filter(str.isalpha, plain))
    spellings = (text, _SEPARATORS.sub("", plain), letters if 2 * len(letters) >= len(plain) else "")
    return next((spelling[:period] for spelling in spellings if 2 * (period := _period(spelling)) <= len(spelling) != 0), text)


def is_made_of(password: str, personal: Collection[str] = ()) -> bool:
    """Return whether the whole of *password* is common words, *personal* words (in any number), runs and a little decoration."""
    plain = _folded(password)
    if len(plain) > _LONGEST_JUDGED:
        return False
    joined = _SEPARATORS.sub("", plain)
    thinner = (re.sub(r"(.)\1", r"\1", joined), re.sub(r"(.)\1+", r"\1", joined))
    return any(_is_stretched(spelling) or _covered(spelling, personal) for spelling in dict.fromkeys((plain, joined, *thinner)))


def _period(text: str) -> int:
    """Return the length of the shortest piece that *text* goes through again and again, the last time perhaps in part."""
    # The failure function of Knuth, Morris and Pratt: linear, and its last value tells the shortest period.
    borders = [0] * len(text)
    for place in range(1, len(text)):
        length = borders[place - 1]
        while length and text[place] != text[length]:
            length = borders[length - 1]
        borders[place] = length + (text[place] == text[length])
    return len(text) - borders[-1] if text else 0


def _is_stretched(text: str) -> bool:
    """Return whether *text* would be no password without its long runs: half of it or more is runs, and little is left."""
    place = left = 0
    while place < len(text):
        run = _longest_run(text, place)
        left += 0 if run >= _SHORTEST_STRETCH else 1
        place += run if run >= _SHORTEST_STRETCH else 1
    return left <= min(_STRETCHED, (len(text) + 1) // 2)


def _covered(text: str, personal: Collection[str]) -> bool:
    """Search for a cover of *text* by cheap pieces, place by place.

    A state is (common words used, decoration used); of each place the states that reach it are kept, which are few.
    """
    spelled, known = text.translate(_LEET), frozenset(word.translate(_LEET) for word in personal)
    reached: list[set[tuple[frozenset[str], int]]] = [set() for _ in range(len(text) + 1)]
    reached[0].add((frozenset(), 0))
    for place in range(len(text)):
        if not reached[place]:
            continue
        for length, used, cost in _pieces(text, spelled, place, known):
            for common, spent in reached[place]:
                after = common | used
                if len(after) <= _COMMON_AT_MOST and spent + cost <= _DECORATION_AT_MOST:
                    reached[place + length].add((after, spent + cost))
    return bool(reached[-1])


def _pieces(text: str, spelled: str, place: int, personal: Collection[str]) -> Iterator[tuple[int, frozenset[str], int]]:
    """Yield what begins at *place*: its length, the common word it uses up, and what it costs in decoration."""
    yield from ((len(word), frozenset[str](), 0) for word in personal if spelled.startswith(word, place))
    yield from ((length, frozenset({word}), 0) for length, word in _words_at(text, spelled, place))
    yield from ((length, frozenset[str](), 0) for length in range(_SHORTEST_RUN, _longest_run(text, place) + 1))
    yield from ((len(word), frozenset[str](), _LITTLE_COST) for word in _LITTLE if text.startswith(word, place))
    if _YEAR.match(text, place):
        yield 4, frozenset(), _LITTLE_COST
    if not text[place].isalpha():
        yield 1, frozenset(), 1


def _words_at(text: str, spelled: str, place: int) -> Iterator[tuple[int, str]]:
    """Yield the common words that begin at *place*, turned round where they are all letters, and their lengths."""
    for length in range(_SHORTEST_WORD, min(_longest_common(), len(text) - place) + 1):
        typed, word = text[place : place + length], spelled[place : place + length]
        letters = sum(map(str.isalpha, typed))
        # A third at least must be letters, or random digits would be full of words; a number of the list is meant as it is.
        if word in _common() and (3 * letters >= length or _common()[word] == typed):
            yield length, word
        if word[::-1] in _common() and letters == length:
            yield length, word[::-1]


def _longest_run(text: str, place: int) -> int:
    """Return the length of the run that begins at *place*: the same character, or neighbours of one row; of digits three are none yet."""
    length = 1
    while place + length < len(text) and _is_run(text[place : place + length + 1]):
        length += 1
    return length if length > _SHORTEST_RUN or text[place : place + length].isalpha() else 1


def _is_run(text: str) -> bool:
    return len(set(text)) == 1 or any(text in row for row in _RUNS)


def _folded(text: str) -> str:
    """Return *text* without case, accents and what nobody sees (joiners, category Cf), for comparing only."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")


@cache
def _common() -> dict[str, str]:
    """Return the common words by what `_LEET` makes of them."""
    lines = resources.files("credkit.passwords").joinpath("common.txt").read_text(encoding="ascii").splitlines()
    return {word.translate(_LEET): word for line in lines if not line.startswith("#") for word in line.split()}


@cache
def _longest_common() -> int:
    return max(map(len, _common()))

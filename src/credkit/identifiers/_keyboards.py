"""What a keyboard makes of what somebody means: another layout, Caps Lock, the number pad in the letters of a laptop.

It only undoes what a keyboard may have done. Whether that was so, and what is to be said about it, is judged elsewhere.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Final

__all__ = ["LATIN_LAYOUTS", "Layout", "are_neighbours", "case_is_inverted", "from_leet", "from_number_pad", "layout_called", "layouts", "readings"]

LATIN_LAYOUTS: Final = ("qwerty", "azerty", "qwertz")
"""Layouts that write the same letters, so that only what comes out tells them apart."""

_ROWS: Final = 4
_NO_SIGN: Final = "\u00b7"

_LOOKED_FOR: Final = frozenset("@.0123456789")
"""What the screens of phones have in the same place for all languages, and what an address shows to be missing."""

_OFFSETS: Final = (0.0, 1.5, 1.75, 2.25)
"""How far each row begins to the right, in keys, as on every keyboard since the typewriter."""

_REACH: Final = 1.3
"""Keys whose middles are no further apart are neighbours: left, right, and two above and below."""

_PAD: Final = str.maketrans("4561230", "uiojklm")
"""The number pad that small laptops hide in their letters; 7, 8 and 9 are the same on both."""

_LEET: Final = str.maketrans("013457", "oleast")

_UNDER_PAD: Final = frozenset("uiojklmUIOJKLM")

_DIGIT_IN_WORD: Final = re.compile(r"[^\W\d_][0-6]|[0-6][^\W\d_]")

_TRAILING_DIGITS: Final = re.compile(r"[0-9]+[^\w]*$")

_INVERTED_SHARE: Final = 3
"""In a text whose case is inverted there are so many capitals for each small letter, or more: words are longer than that on average."""

_INVERTED_WORD: Final = 4
"""Letters that the plainest word must have: shorter ones come about by chance."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """One arrangement of a keyboard."""

    name: str
    tags: frozenset[str]
    """Languages it is used for."""
    signs: tuple[str, ...]
    """What each key writes, from the top left, and then the same with Shift held; where it is two letters, the ligature of them."""


@cache
def layouts() -> dict[str, Layout]:
    """Return the layouts by name."""
    lines = resources.files("credkit.identifiers").joinpath("layouts.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if not line.startswith("# ")]
    found: dict[str, Layout] = {}
    for start in range(0, len(lines), 2 * _ROWS + 1):
        name, *tags = lines[start].split()
        signs = "".join(lines[start + 1 : start + 2 * _ROWS + 1])
        found[name] = Layout(name, frozenset(tags), tuple(signs))
    return found


def layout_called(name: object) -> Layout | None:
    """Return the layout of that name, or of that language (``de``, ``de-AT``); `None` if none is known."""
    if not isinstance(name, str) or len(name) > 35:
        return None
    wanted = re.split("[-_]", name.lower())[0]
    return next((layout for layout in layouts().values() if wanted == layout.name or wanted in layout.tags), None)


def readings(text: str, *, on: Layout, meant: Layout) -> tuple[str, ...]:
    """Return what *text*, typed with the keyboard set to *on*, may be where the fingers were on *meant*.

    More than one: two letters may come from one key or from two, and some signs people look for until they have them.
    """
    table, joined = _table(on, meant)
    whole = text
    for pair, sign in joined.items():
        whole = whole.replace(pair, sign)
    apart = text.translate(table)
    letters = "".join(sign if sign in _LOOKED_FOR else sign.translate(table) for sign in text)
    return tuple(dict.fromkeys((whole.translate(table), apart, letters)))


@cache
def _table(on: Layout, meant: Layout) -> tuple[dict[int, str], dict[str, str]]:
    """Return what becomes of each sign, and for each two letters of one key their ligature: some systems write the one, some the other."""
    table: dict[int, str] = {}
    joined: dict[str, str] = {}
    for sign, other in zip(on.signs, meant.signs, strict=True):
        if _NO_SIGN in (sign, other):
            continue
        table.setdefault(ord(sign), other)
        letters = unicodedata.normalize("NFKC", sign)
        if len(letters) > 1 and sign.isalpha():
            joined.setdefault(letters, sign)
    return table, joined


def from_number_pad(text: str) -> tuple[str, ...]:
    """Return what *text* may be if it was typed on letters that act as a number pad; nothing if it cannot have been.

    With the pad on, no u, i, o, j, k, l or m can be typed. A number at the end may have been meant.
    """
    if not _DIGIT_IN_WORD.search(text) or _UNDER_PAD & set(text):
        return ()
    return _with_letters(text, _PAD)


def from_leet(text: str) -> tuple[str, ...]:
    """Return what *text* may be if its digits stand for letters they look like; nothing if others stand inside its words."""
    return tuple(meant for meant in _with_letters(text, _LEET) if not re.search(r"[^\W\d_][0-9]+[^\W\d_]", meant))


def _with_letters(text: str, table: dict[int, int]) -> tuple[str, ...]:
    """Return *text* with letters for its digits: for all, and for all but a number at the end."""
    end = _TRAILING_DIGITS.search(text)
    kept = len(text) if end is None else end.start()
    found = dict.fromkeys((text.translate(table), text[:kept].translate(table) + text[kept:]))
    return tuple(meant for meant in found if meant != text)


def case_is_inverted(text: str) -> bool:
    """Return whether small letters begin words and capitals go on, as in ``pASSWORD``: nobody writes so, and Caps Lock does.

    A word may be all capitals (it was meant small), but one at least must show the pattern at some length.
    """
    words = ["".join(filter(str.isalpha, word)) for word in re.findall(r"[^\W_]+", text)]  # `tR0UB4DOR` is one word
    words = [word for word in words if word]
    small, large = sum(map(str.islower, "".join(words))), sum(map(str.isupper, "".join(words)))
    if not small or large < _INVERTED_SHARE * small or not all(_is_inverted(word) for word in words):
        return False
    return any(len(hump) >= _INVERTED_WORD and hump[0].islower() for word in words for hump in _humps(word))


def _humps(word: str) -> list[str]:
    """Return the parts of a word that begin with a small letter each: ``cORRECThORSE`` was meant as ``CorrectHorse``."""
    starts = [0, *(place for place, sign in enumerate(word) if place and sign.islower())]
    return [word[start:end] for start, end in pairwise([*starts, len(word)])]


def _is_inverted(word: str) -> bool:
    """Return whether *word* is as Caps Lock leaves it: all capitals, or parts that begin with the one small letter they have."""
    if word.isupper() or len(word) == 1:
        return True
    humps = _humps(word)
    first = humps[0].isupper() or humps[0][0].islower()  # `NINEgREY` was meant as `nineGrey`
    return first and all(hump[1:].isupper() and (len(humps) == 1 or len(hump) > 2) for hump in humps)


def are_neighbours(one: str, other: str) -> bool:
    """Return whether the keys of two signs lie side by side on a QWERTY keyboard."""
    places = _places()
    if one not in places or other not in places:
        return False
    (row, column), (other_row, other_column) = places[one], places[other]
    return abs(row - other_row) <= 1 and abs(column - other_column) <= _REACH - abs(row - other_row) * 0.3


@cache
def _places() -> dict[str, tuple[int, float]]:
    """Return the row and column of each sign of an unshifted QWERTY keyboard."""
    signs = iter(layouts()["qwerty"].signs)
    found: dict[str, tuple[int, float]] = {}
    for row, length in enumerate((13, 13, 11, 10)):
        for column in range(length):
            found[next(signs)] = (row, column + _OFFSETS[row])
    return found

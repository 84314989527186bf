"""What fingers do by themselves: keys one beside the other, the alphabet, digits, counting, dates. Where such a run begins, and how far it goes.

Texts come folded, as the blocklist compares them: without case and accents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import product
from typing import Final

__all__ = ["SHORTEST_WALK", "dates_at", "run_at", "touch", "walk_at"]

_SHORTEST_RUN: Final = 3
"""Of digits one more: three of them that follow each other come about by chance."""

_SHORTEST_OF_LETTERS: Final = 8
"""Two runs of letters in turn: shorter ones are in words."""

SHORTEST_WALK: Final = 4
"""Three keys that touch are in every other word."""

_SHORTEST_PAD_WALK: Final = 10
"""Of the digits most touch each other on the number pad, so random ones walk a little, too."""

_SHORTEST_COUNT: Final = 5
_COUNTED_BY: Final = frozenset((1, 2, 3, 5, 10, 11, 20, 25, 50, 100, 101, 111, 1000, 1001, 1111))

_Rows = tuple[str, ...]

_QWERTY: Final[_Rows] = ("1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./")

_TURNED_ON: Final[tuple[_Rows, ...]] = (
    _QWERTY,
    ("1234567890s", "qwertzuiopu+", "asdfghjkloa#", "yxcvbnm,.-"),  # letters as they are folded: without their accents
    ("&e\"'(-e_ca)=", "azertyuiop$", "qsdfghjklmu*", "wxcvbn,;:!"),
    ("1234567890-=", "ицукенгшщзхъ", "фывапролджэ", "ячсмитьбю."),
    ("1234567890-=", ";σερτυθιοπ[]", "ασδφγηξκλ'", "ζχψωβνμ,./"),
    ("1234567890-=", "/'קראטוןםפ][", "שדגכעיחלךף,", "זסבהנמצתץ."),
)
"""QWERTY, QWERTZ, AZERTY, Russian, Greek, Hebrew: where walks may turn."""

_STRAIGHT_ON: Final[tuple[_Rows, ...]] = (
    *_TURNED_ON,
    ("1234567890[]", "',.pyfgcrl/=", "aoeuidhtns-", ";qjkxbmwvz"),
    ("1234567890-=", "qwfpgjluy;[]", "arstdhneio'", "zxcvbkm,./"),
)
"""Dvorak and Colemak put the letters of words beside each other, so that whatever is typed would walk there."""

_ALONG: Final = ((0, 1), (0, -1))
_COLUMNS: Final = ((1, 0), (-1, 0))
_AROUND: Final = (*_ALONG, (-1, 0), (-1, 1), (1, -1), (1, 0))
"""Down and right; each row stands half a key to the right of the one above."""

_SHIFTED: Final = tuple(zip('!@#$%^&*()_+{}:"<>?', "1234567890-=[];',./", strict=True))
_ORDERS: Final = ("abcdefghijklmnopqrstuvwxyz", "абвгдежзиклмнопрстуфхцчшщъыьэюя", "αβγδεζηθικλμνξοπρστυφχψω", "אבגדהוזחטיכלמנסעפצקרשת", "0123456789")

_PAD: Final[_Rows] = ("789", "456", "123")
_PAD_AROUND: Final = (*_ALONG, (-1, 0), (1, 0), (0, 0))
_PAD_LINES: Final = ("147", "258", "369", "123", "456", "789", "159", "357")
_LINES_OF_PAD: Final = re.compile(f"(?:{'|'.join(line for one in _PAD_LINES for line in (one, one[::-1]))}){{2,}}")

_D, _M, _Y, _YEAR = "(?:0[1-9]|[12][0-9]|3[01])", "(?:0[1-9]|1[0-2])", "[0-9]{2}", "(?:19|20)[0-9]{2}"
_DATES: Final = (re.compile(f"{_D}{_M}{_YEAR}|{_M}{_D}{_YEAR}|{_YEAR}{_M}{_D}"), re.compile(f"{_D}{_M}{_Y}|{_M}{_D}{_Y}|{_Y}{_M}{_D}"), re.compile(_YEAR))
"""Whole, short, and years alone."""


def run_at(text: str, place: int) -> int:
    """Return how long the run is that begins at *place*, straight on or two in turn; 1 where none does."""
    length = _linked(text, _straight(), place)
    digits = text[place].isdecimal()
    if length < _SHORTEST_RUN or (length == _SHORTEST_RUN and not _is_short_run(text, place)):
        length = 1
    if digits:
        length = max(length, _on_the_pad(text, place), *(_counting(text, place, width) for width in (1, 2, 3, 4)))
    return max(length, _in_turn(text, place), _in_chunks(text, place, 2), _in_chunks(text, place, 3))


def _is_short_run(text: str, place: int) -> bool:
    """Return whether three characters are meant to follow each other: with all the lines there are, ``ace`` and ``koa`` do, too."""
    return not text[place : place + _SHORTEST_RUN].isdecimal() and _linked(text, _plain_lines(), place) == _SHORTEST_RUN


def walk_at(text: str, place: int) -> int:
    """Return how long a walk over the keys goes on from *place* that may turn; 1 where none begins. Some words are such walks, too."""
    length = _linked(text, _touching(), place)
    shortest = _SHORTEST_PAD_WALK if text[place : place + length].isdecimal() else SHORTEST_WALK
    return length if length >= shortest else 1


def touch(text: str, place: int) -> bool:
    """Return whether the key at *place* and the next one touch each other, or are one."""
    pair = text[place : place + 2]
    return pair in _touching() or pair == 2 * text[place]


def dates_at(text: str, place: int) -> list[tuple[int, int]]:
    """Return the lengths of the dates and years that begin at *place*, written without separators, and their kinds: 0 whole, 1 short, 2 a year."""
    if not text[place].isdecimal():
        return []
    return [(found.end() - place, kind) for kind, pattern in enumerate(_DATES) if (found := pattern.match(text, place))]


def _linked(text: str, kinds_of: dict[str, int], place: int, step: int = 1) -> int:
    """Return how far one kind of run goes, by every character or every second one."""
    end, kinds = place, -1
    while end + step < len(text):
        one, other = text[end], text[end + step]
        kinds &= kinds_of.get(one + other, 0) | (one == other)
        if not kinds:
            break
        end += step
    return end - place + 1


def _in_turn(text: str, place: int) -> int:
    """Return the length of two runs in turn, as in ``1a2b3c``, or of one with every character twice."""
    one = _linked(text, _ordered(), place, 2)
    if one < 2 * _SHORTEST_RUN - 1:
        return 1
    length = min(one + 1, _linked(text, _ordered(), place + 1, 2) + 2, len(text) - place)
    shortest = _SHORTEST_OF_LETTERS if text[place : place + length].isalpha() else 2 * _SHORTEST_RUN
    return length if length >= shortest else 1


def _in_chunks(text: str, place: int, size: int) -> int:
    """Return the length of two runs that go on by *size* characters in turn, as in ``12ab34cd``."""
    kinds_of, kinds, end = _ordered(), [-1, -1], place
    while end < len(text):
        which = (end - place) // size % 2
        before = end - 1 if (end - place) % size else end - size - 1
        if before >= place and not (kinds[which] & kinds_of.get(text[before] + text[end], 0)):
            break
        if before >= place:
            kinds[which] &= kinds_of[text[before] + text[end]]
        end += 1
    return end - place if end - place >= 4 * size else 1


def _on_the_pad(text: str, place: int) -> int:
    found = _LINES_OF_PAD.match(text, place)
    return found.end() - place if found else 1


def _counting(text: str, place: int, width: int) -> int:
    """Return how far numbers go on by one step: ``9101112``, ``010203``, ``100200300``."""
    first, second = text[place : place + width], text[place + width : place + 2 * width]
    if len(second) < width or not (first + second).isdecimal():
        return 1
    number, end, terms = int(first), place + width, 1
    step = 1 if width == 1 else int(second) - number
    while abs(step) in _COUNTED_BY and number + step >= 0 and text.startswith(following := str(number + step).zfill(width), end):
        number, end, terms = number + step, end + len(following), terms + 1
    return end - place if terms >= _SHORTEST_RUN and end - place >= _SHORTEST_COUNT else 1


@cache
def _straight() -> dict[str, int]:
    """Return for two characters the lines in which the second follows the first: a bit for each direction of a keyboard, and for each step of an order."""
    return _bits([*_orders(1, -1, 2, -2), *(_keys_towards(rows, way) for way in _AROUND for rows in _STRAIGHT_ON)])


@cache
def _ordered() -> dict[str, int]:
    """Return the same for fewer lines, of which two may go in turn: rows, and orders by one step."""
    return _bits([*_orders(1, -1), *(_keys_towards(rows, way) for way in _ALONG for rows in _TURNED_ON)])


@cache
def _plain_lines() -> dict[str, int]:
    """Return the same for these and the columns of the first keyboard."""
    return _bits([*_orders(1, -1), *(_keys_towards(rows, way) for way in _ALONG for rows in _TURNED_ON), *(_keys_towards(_QWERTY, way) for way in _COLUMNS)])


def _orders(*steps: int) -> list[list[str]]:
    return [[one + other for one, other in zip(order, order[step:] + order[:step], strict=True)] for order in _ORDERS for step in steps]


@cache
def _touching() -> dict[str, int]:
    """Return for two characters the keyboards whose keys touch each other there, or are one."""
    keyboards = [_keys_towards(rows, *_AROUND, (0, 0)) for rows in _TURNED_ON]
    return _bits([*keyboards, _keys_towards(_PAD, *_PAD_AROUND)])


def _bits(kinds: Iterable[Iterable[str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for bit, pairs in enumerate(kinds, start=1):  # the lowest bit is for a character that stays
        for pair in pairs:
            found[pair] = found.get(pair, 0) | 1 << bit
    return found


def _keys_towards(rows: _Rows, *ways: tuple[int, int]) -> set[str]:
    """Return every key with its neighbours in some directions, each with shift and without."""
    keys = {(row, column): key for row, line in enumerate(rows) for column, key in enumerate(line)}
    pairs = [(key, keys[there]) for (row, column), key in keys.items() for down, right in ways if (there := (row + down, column + right)) in keys]
    typed = {plain: [plain, *(sign for sign, under in _SHIFTED if under == plain)] for plain in keys.values()}
    return {first + second for one, other in pairs for first, second in product(typed[one], typed[other])}

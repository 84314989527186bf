"""The cheap pieces that a password may be made of, each with what it is worth: what begins at a place of a text, and how far it goes.

Whether they cover a password is the blocklist's question, and how many guesses they take is that of the estimate.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from credkit.passwords._runs import SHORTEST_WALK, dates_at, run_at, touch, walk_at
from credkit.passwords._words import SEPARATORS, SHORTEST_WORD, folded, joined, little_words_at, numbers_at, spelled, typed_in_latin, words_at

__all__ = ["BOTH", "COPY", "NOTHING", "ONE", "PERSONAL", "TWO", "WALKED", "Piece", "Pieces", "Reading", "readings_of", "shown_words"]

NOTHING, PERSONAL, ONE, WALKED, BOTH, TWO = range(6)
"""What a part of a password holds besides decoration: nothing, words of the person or the site in any number, one common word, walks over the keys,
such words and one of these, or two of these."""


class Piece(NamedTuple):
    """A kind of piece."""

    cost: int
    """How much decoration it is: half of it is how many digits or signs it stands for."""
    bits: float
    """About how many guesses it takes, as a power of two."""
    after: tuple[int | None, ...] = (NOTHING, PERSONAL, ONE, WALKED, BOTH, TWO)
    """What a password holds after it, by what it held before; `None` where that is too much to be cheap."""


SIGN: Final = Piece(2, 4)
LETTER: Final = Piece(12, 5)
"""A letter by itself, or two keys that touch, as in ``password1a``."""
LITTLE: Final = Piece(9, 6)
"""A word that only joins others, so that ``thisismypassword`` holds one word."""
COMMON: Final = Piece(0, 14, (ONE, BOTH, TWO, TWO, None, None))
OWN: Final = Piece(0, 3, (PERSONAL, PERSONAL, BOTH, BOTH, BOTH, None))
"""A word of the person or the site."""
KNOWN_NUMBER: Final = Piece(0, 5)
DATE: Final = Piece(5, 15)
SHORT_DATE: Final = Piece(8, 14)
YEAR: Final = Piece(4, 7)
"""Of days and years there are few."""
RUN: Final = Piece(0, 8)
COPY: Final = Piece(0, 5)
WALK: Final = Piece(0, 12, (WALKED, BOTH, TWO, WALKED, BOTH, None))
"""Words that are walks over the keys there are, too: ``desert``. So one counts as a word."""

_DATES: Final = (DATE, SHORT_DATE, YEAR)

_SHORTEST_RUN: Final = 3
_SHORTEST_COPY: Final = 4

_SHOWN: Final = 3
"""So many words, set apart by separators, capitals or digits, and they are taken as they are set apart: ``usher`` is not ``us`` and ``her`` then."""

_FEW_SIGNS: Final = 2

_CAMEL: Final = re.compile("(?<=[a-z])(?=[A-Z])")
_GROUP: Final = re.compile(r"[^\W\d_]+")
_SIGN: Final = re.compile(r"[\W_]")
_KEYS_THAT_SEPARATE: Final = re.compile("[,.;/]")
_THREE: Final = re.compile(r"(.)\1\1+")
_PAIR: Final = re.compile(r"(.)\1")

Shown = list[int]
"""For each character of a text the number of the word that it stands in, 0 for none."""


class Reading(NamedTuple):
    """What a password may stand for."""

    text: str
    separators: re.Pattern[str] | None = None
    """What was taken out of it, if that is all that was done."""
    spent: int = 0
    """How much decoration went with that: people set words apart by one sign or two, and more of them are chosen."""


def readings_of(password: str) -> Iterator[Reading]:
    """Yield what *password* may stand for.

    Without separators; without signs; without what stands between any two letters; thinned out; typed on the other keyboard; with its separators as keys.
    """
    plain = folded(password)
    together, bare = joined(plain), _SIGN.sub("", plain)
    between = Counter(_SIGN.findall("".join(SEPARATORS.findall(plain))))
    spent = SIGN.cost * between.total() if len(between) > _FEW_SIGNS else 0
    yield Reading(together, SEPARATORS, spent)
    if 5 * len(bare) >= 2 * len(plain):
        signs = Counter(_SIGN.findall(together))
        if signs and len(signs) + len(between) <= _FEW_SIGNS:
            yield Reading(bare, _SIGN)
        elif signs and 3 * (most := signs.most_common(1)[0])[1] >= len(bare):
            yield Reading(together.replace(most[0], ""), re.compile(f"{SEPARATORS.pattern}|{re.escape(most[0])}"), spent)
        if 4 * len(thin := _PAIR.sub(r"\1", bare)) <= 3 * len(bare):
            yield Reading(thin, None, spent + (SIGN.cost * signs.total() if len(signs) > _FEW_SIGNS else 0))
    for letters, others in ((together[::2], together[1::2]), (together[1::2], together[::2])):
        if letters.isalpha() and not any(map(str.isalpha, others)):
            yield Reading(letters)
    if _THREE.search(together):
        yield from (Reading(_THREE.sub(by, together), None, spent) for by in (r"\1", r"\1\1"))
    if not plain.isascii():
        yield Reading(typed_in_latin(together))
    if _KEYS_THAT_SEPARATE.search(plain):
        yield Reading(plain)


def shown_words(password: str, separators: re.Pattern[str] | None) -> Shown | None:
    """Return which of the words that *password* sets apart each character is in, once *separators* are gone.

    `None` where it shows too few words, and an empty list where it shows enough but more than separators is gone.
    """
    words: Shown = []
    groups: list[int] = []
    text = _CAMEL.sub(" ", password) if password[:1].isupper() else password
    for chunk in (separators or SEPARATORS).split(folded(text)):
        place = 0
        for group in _GROUP.finditer(chunk):
            groups.append(group.end() - group.start())
            words += [0] * (group.start() - place) + [len(groups)] * groups[-1]
            place = group.end()
        words += [0] * (len(chunk) - place)
    whole = [size for size in groups if size >= SHORTEST_WORD]
    if len(whole) < _SHOWN or 4 * sum(whole) < 3 * sum(groups):
        return None
    return words if separators else []


class Pieces:
    """The cheap pieces of one reading of a password."""

    __slots__ = ("_copied_from", "_letters", "_own", "_shown", "text")

    def __init__(self, text: str, own: Collection[str], shown: Shown | None = None) -> None:
        self.text = text
        self._letters = spelled(text)
        self._copied_from = text if text.isalpha() else self._letters  # where nothing stands for a letter, an l is no i
        self._own = [word for word in own if word in self._letters]
        self._shown = shown

    def at(self, place: int) -> Iterator[tuple[int, Piece]]:
        """Yield the lengths and kinds of what begins at *place*."""
        text, letters = self.text, self._letters
        if not text[place].isalpha():
            yield 1, SIGN
        else:
            yield from ((length, LETTER) for length in _stray_at(text, place) if self._is_whole(place, place + length))
        yield from ((length, LITTLE) for length in little_words_at(text, place) if self._is_whole(place, place + length))
        yield from ((length, COMMON) for length in words_at(text, letters, place) if self._fits(place, place + length))
        for word in self._own:
            if letters.startswith(word, place):
                yield len(word), OWN
        if text[place].isdecimal():
            yield from ((length, KNOWN_NUMBER) for length in numbers_at(text, place))
            yield from ((length, _DATES[kind]) for length, kind in dates_at(text, place))
        for longest, shortest, kind in self._longest_at(place):
            # It may have run into what comes after it, by three characters at most.
            yield from ((length, kind) for length in range(max(shortest, longest - 3), longest + 1) if self._fits(place, place + length))

    def _longest_at(self, place: int) -> Iterator[tuple[int, int, Piece]]:
        """Yield the longest run, copy and walk, and the shortest there are."""
        if (longest := run_at(self.text, place)) >= _SHORTEST_RUN:
            yield longest, _SHORTEST_RUN, RUN
        if (longest := _copied(self._copied_from, place)) >= _SHORTEST_COPY:
            yield longest, _SHORTEST_COPY, COPY
        if (longest := walk_at(self.text, place)) >= SHORTEST_WALK:
            yield longest, SHORTEST_WALK, WALK

    def _is_whole(self, start: int, end: int) -> bool:
        """Return whether a piece is all of a word that is set apart; anything is where none are, and nothing where it is not known where they are."""
        shown = self._shown
        if not shown:
            return shown is None
        if any(self._letters.endswith(word, 0, start) for word in self._own):
            return True  # ``financemy`` is what somebody has to do with the site, and no word of its own
        return (start == 0 or shown[start - 1] != shown[start]) and shown[start] == shown[end - 1] and (end == len(shown) or shown[end] != shown[start])

    def _fits(self, start: int, end: int) -> bool:
        """Return whether a piece lies in one word that is set apart, or is some whole ones: it does not begin within one and end in another."""
        shown = self._shown
        if not shown or shown[start] == shown[end - 1]:
            return True
        begins = start == 0 or not shown[start] or shown[start - 1] != shown[start]
        return begins and (end == len(shown) or not shown[end - 1] or shown[end] != shown[end - 1])


def _stray_at(text: str, place: int) -> Iterator[int]:
    """Yield the lengths of a letter, or of two keys that touch, where a word ends or begins, and not in the midst of letters."""
    begins = place == 0 or not text[place - 1].isalpha()
    if begins or not text[place + 1 : place + 2].isalpha():
        yield 1
    if text[place + 1 : place + 2].isalpha() and (begins or not text[place + 2 : place + 3].isalpha()) and touch(text, place):
        yield 2


def _copied(text: str, place: int) -> int:
    """Return how much from *place* on has stood before, forwards or backwards."""
    before, length = text[:place], _SHORTEST_COPY - 1
    while place + length < len(text) and ((piece := text[place : place + length + 1]) in before or piece[::-1] in before):
        length += 1
    return length

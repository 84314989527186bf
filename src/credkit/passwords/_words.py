"""The words that common passwords are made of, and the form in which texts are compared with them. The lists are read at first use."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import resources
from typing import Final, TypeVar

__all__ = ["SEPARATORS", "SHORTEST_WORD", "folded", "joined", "little_words_at", "numbers_at", "spelled", "typed_in_latin", "words_at"]

T = TypeVar("T")

SHORTEST_WORD: Final = 3
_SHORTEST_BACKWARDS: Final = 4
_SHORTEST_SERIES: Final = 7
_FEWEST_LETTERS: Final = 3

_LETTERS: Final = str.maketrans("0134578962@$!|+(€l", "oieastbggzasiitcei")
"""Digits and signs that stand for letters; l is made i, as 1 stands for both."""

_PLAIN: Final = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})
"""Letters that Unicode does not take apart."""

SEPARATORS: Final = re.compile(r"[\s._,;:/\\-]+")

_RUSSIAN: Final = "йцукенгшщзхъфывапролджэячсмитьбю"
_LATIN: Final = "qwertyuiop[]asdfghjkl;'zxcvbnm,."
_TO_LATIN: Final = str.maketrans(_RUSSIAN, _LATIN)

_LITTLE: Final = (
    "a am an and are at by de der die das el for go i iam iama ich in inthe is ismy it itis la le loves me mein mi my no not of ofthe on or so te the this "
    "thisis to tothe was we with you com www http https jan feb mar apr jun jul aug sep oct nov dec"
)
"""Words that only join others."""


def folded(text: str) -> str:
    """Return *text* without case, accents and what nobody sees (joiners, category Cf), for comparing only."""
    text = text.casefold()
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text).translate(_PLAIN)
    return "".join(c for c in apart if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")


def joined(text: str) -> str:
    """Return folded *text* without what separates words."""
    return SEPARATORS.sub("", text)


def spelled(text: str) -> str:
    """Return folded *text* with letters for digits and signs, as the lists are compared."""
    return text.translate(_LETTERS)


def typed_in_latin(text: str) -> str:
    """Return Russian *text* as the same keys give it on a Latin keyboard."""
    return text.translate(_TO_LATIN)


def words_at(text: str, letters: str, place: int) -> list[int]:
    """Return the lengths of the common words that begin at *place* of *text*, which is spelled *letters*, also of several or of what belongs to one (an s).

    Turned round, too, where they are all letters.
    """
    start = letters[place : place + SHORTEST_WORD]
    found = [len(word) for sound, word in _forwards().get(start, ()) if letters.startswith(sound, place) and _is_written(word, text[place : place + len(word)])]
    found += [length + 1 for length in found if text.startswith("s", place + length)]
    return found + [len(word) for word in _backwards().get(text[place : place + SHORTEST_WORD], ()) if text.startswith(word, place)]


def numbers_at(text: str, place: int) -> list[int]:
    """Return the lengths of the numbers that people know which begin at *place*."""
    return [len(number) for number in _numbers().get(text[place : place + SHORTEST_WORD], ()) if text.startswith(number, place)]


def little_words_at(text: str, place: int) -> list[int]:
    """Return the lengths of the words that only join others."""
    return [len(word) for word in _little().get(text[place], ()) if text.startswith(word, place)]


def _is_written(word: str, typed: str) -> bool:
    """Return whether what was *typed* is *word*, letter for letter but for digits and signs that stand for one: three in five at most, three letters at least.

    With more of them random digits and signs would be full of words.
    """
    if typed == word:
        return True
    return sum(map(str.isalpha, typed)) >= max(_FEWEST_LETTERS, 0.4 * len(typed)) and all(map(_stands_for, typed, word))


def _stands_for(typed: str, letter: str) -> bool:
    return typed == letter or not typed.isalpha()


def listed(name: str) -> Iterator[str]:
    """Yield the words of a list of this package, folded, and what goes on through a series of it, as in ``mondaytuesday``."""
    for line in resources.files("credkit.passwords").joinpath(name).read_text(encoding="utf-8").splitlines():
        if line.startswith("> "):
            yield from _parts_of([folded(word) for word in line[2:].split()])
        elif not line.startswith("#"):
            yield from map(folded, line.split())


def _parts_of(series: list[str]) -> Iterator[str]:
    """Yield every two or more words of a series that follow each other, round the corner, too, if they are long enough to say so."""
    around = series + series
    for size in range(2, len(series) + 1):
        parts = ("".join(around[start : start + size]) for start in range(len(series)))
        yield from (part for part in parts if len(part) >= _SHORTEST_SERIES)


@cache
def _words() -> frozenset[str]:
    own = list(listed("common.txt"))
    every = [*own, *(joined(typed_in_latin(word)) for word in own if not word.isascii()), *listed("listed.txt")]
    return frozenset(word for word in every if len(word) >= SHORTEST_WORD and not word.isdecimal())


@cache
def _forwards() -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the words, each as it is compared and as it is, by the beginning of the first."""
    both = ((word if (sound := spelled(word)) == word else sound, word) for word in _words())  # one string where they are the same
    return _by_start(both, lambda pair: pair[0][:SHORTEST_WORD])


@cache
def _backwards() -> dict[str, tuple[str, ...]]:
    turned = (word[::-1] for word in _words() if len(word) >= _SHORTEST_BACKWARDS and word.isalpha())
    return _by_start(turned, lambda word: word[:SHORTEST_WORD])


@cache
def _numbers() -> dict[str, tuple[str, ...]]:
    return _by_start((word for word in listed("common.txt") if word.isdecimal()), lambda word: word[:SHORTEST_WORD])


@cache
def _little() -> dict[str, tuple[str, ...]]:
    return _by_start(frozenset(_LITTLE.split()), lambda word: word[0])


def _by_start(words: Iterable[T], start: Callable[[T], str]) -> dict[str, tuple[T, ...]]:
    """Return the words by how they begin, so that looking one up takes no time to speak of."""
    found: dict[str, list[T]] = {}
    for word in words:
        found.setdefault(start(word), []).append(word)
    return {beginning: tuple(group) for beginning, group in found.items()}

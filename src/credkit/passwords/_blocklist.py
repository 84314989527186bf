"""Which passwords anyone would try first, also when they are long: those that are known to be frequent, and those made of nothing but cheap pieces.

Lists of frequent passwords hold little of 15 characters (PW-08), so weak long forms are recognised by how they are made: a common word or two,
repeated, turned round, stretched, decorated with digits and signs, written with digits for letters; what fingers do by themselves, and what is
short without it; dates; the words of the site and of the person. Only the whole counts, never a part: a long password may well hold the word
"password" (SP 800-63B-4 3.1.1.2).
"""

from __future__ import annotations

import re
import sys
from array import array
from bisect import bisect_left
from collections.abc import Collection
from enum import Enum, auto
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Final

from credkit.passwords._pieces import BOTH, NOTHING, ONE, PERSONAL, TWO, WALKED, Pieces, readings_of, shown_words
from credkit.passwords._runs import dates_at, run_at
from credkit.passwords._words import SHORTEST_WORD, folded, joined, spelled

__all__ = ["Makings", "is_frequent", "makings_of", "names_in", "shortest_unit", "words_in"]

_LONGEST_JUDGED: Final = 128
"""Code points. Past it, two words and their decoration would be stretched beyond what anybody would try."""

_ROOM: Final = {NOTHING: 10, PERSONAL: 27, ONE: 27, WALKED: 16, BOTH: 16, TWO: 16}
"""How much decoration a password may have and still be no more than what it holds: with one word 13 digits or signs, or three joining words; with
two words 8, or one; of themselves only 5. Two of the common words are 2^28 combinations, and people's are far fewer; three random ones, which are never
refused, leave an online attacker nothing."""

_TOO_MUCH: Final = max(_ROOM.values()) + 1
_FAR: Final = [_TOO_MUCH] * len(_ROOM)

_LONG: Final = 15
"""Code points: the lists of whole passwords are apart there, as the shorter ones are needed beside a second factor only."""

_STRETCHED: Final = 8
"""Code points: what is no longer than the least password there is (PW-01) is not made longer by runs beside it, as in ``elephant1234567``."""

_SHORTEST_STRETCH: Final = 5
_WHOLE_DATE: Final = 8

_SHORTEST_MIRRORED: Final = 8
"""Code points: shorter ones that read the same backwards are words and numbers."""

_TWO_NAMES: Final = 8
"""Letters, from which on a part of an address may be two names."""

_ADDRESS: Final = re.compile(r"(?i)^https?://(?:www\.)?|\.(?:com|net|org|edu|info|de|fr|es|it|uk|ru|pl|nl|br|eu|us)(?![a-z])")
_PART: Final = re.compile(r"[^\W_]+")
_DIGITS: Final = re.compile(r"\d+")


class Makings(Enum):
    """What a cheap password is made of, beside decoration."""

    SEQUENCE = auto()
    """Nothing but runs and walks, or little without them."""
    COMMON = auto()
    PERSONAL = auto()
    """Words of the person or the site, too."""


_MAKINGS: Final = {
    NOTHING: Makings.SEQUENCE,
    WALKED: Makings.SEQUENCE,
    PERSONAL: Makings.PERSONAL,
    ONE: Makings.COMMON,
    BOTH: Makings.PERSONAL,
    TWO: Makings.COMMON,
}
"""What says most comes first."""


def words_in(text: str) -> frozenset[str]:
    """Return the words of *text*, all of them together, and the same without digits: ``ada.lovelace`` gives ada, lovelace, adalovelace."""
    parts = _PART.findall(folded(text))
    named = [word for part in parts for word in _DIGITS.split(part)]
    return frozenset(word for word in (*parts, "".join(parts), *named, "".join(named)) if len(word) >= SHORTEST_WORD)


def names_in(local: str) -> frozenset[str]:
    """Return the words of an address before its @, with what else its owner's names may be.

    Of ``ada.lovelace`` also alovelace and adal, and of ``adalovelace`` any two parts of it, of which the names are one.
    """
    parts = [part for part in re.split(r"[\W_\d]+", folded(local)) if part]
    found = set(words_in(local))
    if len(parts) > 1:
        first, last = parts[0], parts[-1]
        found |= {first[0] + last, first + last[0], last + first[0], last[0] + first, last + first}
    for part in parts:
        if len(part) >= _TWO_NAMES:
            found.update(half for cut in range(SHORTEST_WORD, len(part) - SHORTEST_WORD + 1) for half in (part[:cut], part[cut:]))
    return frozenset(word for word in found if len(word) >= SHORTEST_WORD)


def shortest_unit(text: str) -> str:
    """Return what *text* is a repetition of: ``abcabcab`` and ``abccba`` give ``abc``; a text that repeats nothing is its own.

    Case, separators and a little decoration do not hide it: ``Elephant-elephant2`` gives ``elephant``.
    """
    plain = folded(text)
    letters = "".join(filter(str.isalpha, plain))
    spellings = (text, plain, joined(plain), letters if 2 * len(letters) >= len(plain) else "")
    found = next((spelling[:period] for spelling in dict.fromkeys(spellings) if (period := _period(spelling))), text)
    together = joined(folded(found))
    if len(together) >= _SHORTEST_MIRRORED and together == together[::-1]:
        return shortest_unit(together[: (len(together) + 1) // 2])
    return found


def is_frequent(password: str) -> bool:
    """Return whether *password* is among those that are known to be frequent, whatever its case (PW-07)."""
    prints = _frequent("frequent_15.bin" if len(password) >= _LONG else "frequent_8.bin")
    wanted = int.from_bytes(sha256(password.casefold().encode()).digest()[:4])
    place = bisect_left(prints, wanted)
    return place < len(prints) and prints[place] == wanted


def makings_of(password: str, personal: Collection[str] = ()) -> Makings | None:
    """Return what the whole of *password* is made of, if that is common words, *personal* words, runs and a little decoration; `None` if it is more."""
    if len(folded(password)) > _LONGEST_JUDGED:
        return None
    password = _ADDRESS.sub("", password)
    known = [*map(spelled, personal)]
    known += [word[::-1] for word in known]
    for text, separators, spent in dict.fromkeys(readings_of(password)):
        # What is shown of the words only takes pieces away, and few texts are covered to begin with.
        if _covers(Pieces(text, known), spent) and (held := _covers(Pieces(text, known, shown_words(password, separators)), spent)):
            return held
    return Makings.SEQUENCE if _is_stretched(joined(folded(password))) else None


def _period(text: str) -> int:
    """Return the length of the shortest piece that *text* goes through again and again, the last time perhaps in part; 0 if it repeats nothing."""
    return next((size for size in range(1, len(text) // 2 + 1) if text.startswith(text[size:])), 0)


def _is_stretched(text: str) -> bool:
    """Return whether *text* would be no password without its long runs and its date: half of it or more is those, and little is left."""
    dated = not text.isdecimal()  # of 15 random digits, one in fifty holds a date
    left, place = (0 if dated else 3), 0
    while place < len(text) and left <= _STRETCHED:
        run = run_at(text, place)
        length = max(run, _WHOLE_DATE if dated and (_WHOLE_DATE, 0) in dates_at(text, place) else 0)
        left += 0 if length >= _SHORTEST_STRETCH else 1
        place += length if length >= _SHORTEST_STRETCH else 1
    return left <= min(_STRETCHED, (len(text) + 1) // 2)


def _covers(pieces: Pieces, spent: int) -> Makings | None:
    """Search for a cover of a text by cheap pieces, place by place, and return what it holds, where so much is *spent* to begin with.

    Of every place is kept, for each of what a part may hold, the least decoration that leads there: six numbers, whatever is typed.
    """
    least = {0: [min(spent, _TOO_MUCH), *_FAR[1:]]}
    for place in range(len(pieces.text)):
        if place not in least:
            continue
        here = [(held, cost) for held, cost in enumerate(least[place]) if cost < _TOO_MUCH]
        for length, piece in pieces.at(place):
            there = least.setdefault(place + length, _FAR.copy())
            for held, cost in here:
                holds = piece.after[held]
                if holds is not None and cost + piece.cost < there[holds]:
                    there[holds] = cost + piece.cost
    last = least.get(len(pieces.text), _FAR)
    return next((makings for held, makings in _MAKINGS.items() if last[held] <= _ROOM[held]), None)


@cache
def _frequent(name: str) -> array[int]:
    """Return the first four bytes of the SHA-256 of every password of a list, sorted: one in 400,000 others has the same."""
    prints = array("I")
    prints.frombytes(resources.files("credkit.passwords").joinpath(name).read_bytes())
    if sys.byteorder == "little":
        prints.byteswap()
    return prints

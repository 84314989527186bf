"""How strong a new password looks, for a meter beside the field: advice, never a rule, and no promise about entropy (PW-24).

Nothing here decides whether a password is accepted; `PasswordRules` do, by findings. What passes them is looked at once more, for how many guesses its
pieces take one after another. That is a guess itself: nobody can see in a password how it was chosen.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from credkit.errors import Finding
from credkit.passwords._pieces import Pieces, shown_words
from credkit.passwords._words import SEPARATORS, folded, joined, spelled

__all__ = ["HIGHEST_SCORE", "Strength", "bits_of", "score_of"]

HIGHEST_SCORE: Final = 4

_STEPS: Final = (40, 52, 64)
"""Bits from which on the score is 2, 3 and 4: about three, four and five words off a list of 7,776, which give 12.9 bits each."""

_LONGEST_LOOKED_AT: Final = 128
"""Code points: whatever comes after that many makes no difference any more."""

_DIGIT: Final = 3.3
_SIGN: Final = 5.0
_RANDOM_LETTER: Final = 4.7
"""A choice out of 10, about 32 and 26."""

_LETTER_OF_A_WORD: Final = 2.5
"""An unknown word of six letters is one of 2^15, which is what a dictionary holds."""

_LETTERS: Final = re.compile(r"[^\W\d_]+")
_NO_WORD: Final = re.compile("[^aeiouy]{5}|[aeiouy]{4}|^[^aeiouy]+$|^..?$")

_ADVICE: Final = (
    "Choose several words that have nothing to do with each other or with you.",
    "Accepted. Two more unrelated words would make it much harder to guess.",
    "Accepted. One more unrelated word would make it much harder to guess.",
    "Good.",
    "Very good.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """What a meter shows."""

    score: int
    """0: it would be refused, and `findings` say why; 1 to 4: it is accepted, and each step is about one random word more."""
    findings: tuple[Finding, ...] = ()

    def text(self, locale: str | None = None) -> str:
        """Return a sentence for the person, in English whatever the *locale*; of what is refused, the reason."""
        return " ".join(finding.text() for finding in self.findings) or _ADVICE[self.score]


def bits_of(password: str, personal: Collection[str] = ()) -> float:
    """Return about how many guesses the pieces of *password* take one after another, as a power of two, for whoever knows the *personal* words."""
    password = password[:_LONGEST_LOOKED_AT]
    text, alone = joined(folded(password)), _bits_of_each(folded(password))
    pieces = Pieces(text, [*map(spelled, personal)], shown_words(password, SEPARATORS))
    least = [0.0, *[float("inf")] * len(text)]
    for place, here in enumerate(alone):
        least[place + 1] = min(least[place + 1], least[place] + here)
        for length, piece in pieces.at(place):
            least[place + length] = min(least[place + length], least[place] + piece.bits)
    return least[-1]


def score_of(bits: float) -> int:
    """Return the score, from 1 on, of a password that is accepted."""
    return 1 + sum(bits >= step for step in _STEPS)


def _bits_of_each(plain: str) -> list[float]:
    """Return what each character is worth by itself, but for separators: less where its letters may be a word."""
    worth = [_DIGIT if c.isdecimal() else _SIGN for c in plain]
    for group in _LETTERS.finditer(plain):
        letter = _RANDOM_LETTER if _NO_WORD.search(group[0]) else _LETTER_OF_A_WORD
        worth[group.start() : group.end()] = [letter] * len(group[0])
    return [bits for c, bits in zip(plain, worth, strict=True) if not SEPARATORS.match(c)]

"""Whether letters read like words: how well each follows the one before, counted in one text that exists in all languages.

It knows no words and no language, only pairs of letters, script by script.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources
from typing import Final

__all__ = ["likeness", "scripts_of"]

_EDGE: Final = "_"

_FEWEST: Final = 5
"""Letters: with fewer nothing can be said."""


def likeness(text: str) -> float | None:
    """Return how much *text* reads like words of the scripts it is in, as bits per pair of letters; `None` if it is too short.

    Words have about 1, letters by chance less than -1. What is no letter of a known script only ends a word.
    """
    bits = pairs = 0
    for letters, table in _tables():
        for word in re.findall(f"[{letters}]+", _folded(text)):
            if len(word) == 1:
                continue
            bits += sum(table[first + second] for first, second in zip(_EDGE + word, word + _EDGE, strict=True))
            pairs += len(word) + 1
    return bits / pairs if pairs > _FEWEST else None


def scripts_of(text: str) -> frozenset[str]:
    """Return the scripts, of those that are known here, that letters of *text* belong to."""
    folded = _folded(text)
    return frozenset(script for script, letters in _scripts().items() if re.search(f"[{letters}]", folded))


def _folded(text: str) -> str:
    """Return *text* in small letters without accents, as the table was counted."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(sign)).replace("\u03c2", "\u03c3")


def _tables() -> tuple[tuple[str, dict[str, int]], ...]:
    return tuple((letters, table) for _, letters, table in _read())


@cache
def _scripts() -> dict[str, str]:
    return {script: letters for script, letters, _ in _read()}


@cache
def _read() -> tuple[tuple[str, str, dict[str, int]], ...]:
    """Return each script, its letters, and for each two of them how much more often the second follows than by chance, in bits."""
    lines = iter(resources.files("credkit.identifiers").joinpath("letter_pairs.txt").read_text(encoding="utf-8").splitlines())
    found: list[tuple[str, str, dict[str, int]]] = []
    for line in lines:
        if line.startswith("#"):
            continue
        script, letters = line.split()
        signs = _EDGE + letters
        rows = {first: next(lines) for first in signs}
        found.append((script, letters, {first + second: int(row[place]) - 4 for first, row in rows.items() for place, second in enumerate(signs)}))
    return tuple(found)

"""Which scripts a word is written in, as far as that tells a genuine word from one that is made to look like another (UTS 39, ID-09)."""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["is_mixed"]

_TOGETHER: Final = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
"""Scripts that one word may be written in: the "highly restrictive" level of UTS 39 section 5.2."""

_NO_SCRIPT: Final = frozenset({"MODIFIER", "COMBINING"})


def is_mixed(word: str) -> bool:
    """Return whether *word* has letters of scripts that no word is written in together."""
    scripts = {script for sign in word if unicodedata.category(sign)[0] == "L" and (script := _script(sign)) not in _NO_SCRIPT}
    return len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER)


def _script(letter: str) -> str:
    """Return the script of a letter by the first word of its name, which the standard library knows; of the property itself it has nothing."""
    first = unicodedata.name(letter, "UNKNOWN").replace("-", " ").split()[0]
    return "CJK" if first == "IDEOGRAPHIC" else first

"""Whether a keyboard got in the way of a text that nobody can show, such as a password: it says yes or no, and never what was meant.

Each answer is a guess from how the letters read, tuned to be silent where it may be wrong; `tests/benchmarks/hints.py` measures how often it is.
"""

from __future__ import annotations

import re
from typing import Final

from credkit.identifiers._keyboards import LATIN_LAYOUTS, Layout, case_is_inverted, from_leet, from_number_pad, layouts, readings
from credkit.identifiers._letters import likeness, scripts_of

__all__ = ["caps_lock_is_likely", "layout_is_likely_wrong", "pad_is_likely_on"]

_LONGEST: Final = 256
"""Code points that are looked at; more would not change the answer."""

_LEAST_CAPITALS: Final = 4
"""Fewer capitals are initials, as often as not."""

_WORDS: Final = 0.3
"""Bits per pair of letters: nine in ten passwords made of words of European languages have more, one in twenty made by chance."""

_NO_WORDS: Final = -0.5
"""Bits per pair of letters: one in a hundred texts of its own language has less."""

_GAIN: Final = 0.6
"""Bits per pair of letters by which another reading must be better where it differs."""

_TOLD_GAIN: Final = 0.3
"""The same where the page knows that the keyboard is set to that layout, or that Num Lock is on."""

_LEAST_RUN: Final = 3
"""Capitals in a row that all-capital text must have: ``R2D2`` is written so."""

_IN_WORDS: Final = re.compile(r"[^\W\d_][0-6][^\W\d_]|[0-6].*[0-6][^\W\d_]|[^\W\d_][0-6]{3}")
"""A digit inside a word, or more than one; a number before or behind a word is as many passwords are."""

_REGULAR: Final = re.compile(r"[^A-Z]*|[^a-z]*|[^A-Z]{0,}(?:[A-Z][^A-Z]{3,})+")
"""A word as people write it: in one case, or with capitals where its parts begin. Passwords made by chance rarely have such words only."""

_LAST_FORMS: Final = frozenset("\u03c2\u05da\u05dd\u05df\u05e3\u05e5\u0629\u0649")
"""Letters that end words of Greek, Hebrew and Arabic and stand nowhere else; on keyboards they lie under w, l, o, i, ;, ., m and n."""


def caps_lock_is_likely(text: str) -> bool:
    """Return whether *text* was likely typed with Caps Lock on: all its letters are capitals, or all words are like ``pASSWORD``.

    What reads like no words is left alone: capitals and digits by chance are how many programs make passwords.
    """
    text = text[:_LONGEST]
    letters = "".join(filter(str.isalpha, text))
    all_capitals = letters.isupper() and sum(map(str.isupper, letters)) >= _LEAST_CAPITALS and _has_run(text)
    read = likeness(text)
    return (all_capitals or case_is_inverted(text)) and (read is None or read >= 0)


def pad_is_likely_on(text: str, *, told: bool = False) -> bool:
    """Return whether digits of *text* likely stand for letters of a laptop whose letters act as a number pad, as in ``he336`` for ``hello``.

    *told*: the page knows that Num Lock is on.
    """
    text = text[:_LONGEST]
    if not _is_regular(text) or not _IN_WORDS.search(text):
        return False
    # Digits for the letters they look like are more common than this slip: where they read better, they are that.
    leet = max((_better(text, meant)[1] for meant in from_leet(text)), default=_UNREAD)
    least = 0.0 if told else _WORDS
    return any(found >= least and found - leet >= (0.0 if told else _TOLD_GAIN) for _, found in (_better(text, meant) for meant in from_number_pad(text)))


def layout_is_likely_wrong(text: str, *, told: Layout | None = None) -> bool:
    """Return whether *text* was likely typed with the keyboard set to another layout than the fingers were on.

    *told*: the layout that the page says the keyboard is set to.
    """
    text = text[:_LONGEST]
    if scripts_of(text) - {"latin"}:
        return _is_in_wrong_script(text)
    # Digits need Shift on AZERTY and on no other, so a text with digits did not come from a mix-up with it.
    mixed_up = ("azerty", "qwertz") if re.search("[0-9]", text) is None else ("qwertz",)
    return _is_regular(text) and any(
        _gains(text, on=layouts()[on], meant=layouts()[meant], least=_TOLD_GAIN if told is layouts()[on] else _GAIN)
        for on in LATIN_LAYOUTS
        for meant in LATIN_LAYOUTS
        if {on, meant} in ({"qwerty", other} for other in mixed_up) and told in (None, layouts()[on])
    )


def _is_in_wrong_script(text: str) -> bool:
    """Return whether letters of another script than Latin read like nothing in it, or like Latin words on the same keys."""
    words = re.findall(r"[^\W\d_]+", text)
    if _has_odd_form(words) or any("latin" in found and len(found) > 1 for found in map(scripts_of, words)):
        return True
    own = likeness(text)
    if own is not None and own < _NO_WORDS:
        return True
    if own is not None and own >= _WORDS:
        return False
    written = scripts_of(text) - {"latin"}
    likely = [layout for layout in layouts().values() if layout.name not in LATIN_LAYOUTS and scripts_of("".join(layout.signs)) & written]
    return any(_gains(text, on=layout, meant=layouts()["qwerty"], least=_GAIN) for layout in likely)


def _gains(text: str, *, on: Layout, meant: Layout, least: float) -> bool:
    """Return whether *text* reads like words as it would stand on the *meant* layout, and better by *least* than as it stands."""
    compared = (_better(text, reading) for reading in readings(text, on=on, meant=meant))
    return any(found >= _WORDS and (own is None or found - own >= least) for own, found in compared)


_UNREAD: Final = -9.0
"""Less than anything reads like."""


def _better(text: str, reading: str) -> tuple[float | None, float]:
    """Return how much both read like words in the pieces between spaces where they differ."""
    pieces = [(one, other) for one, other in zip(text.split(" "), reading.split(" "), strict=False) if one != other]
    own, found = (likeness(" ".join(side)) for side in zip(*pieces, strict=True)) if pieces else (None, None)
    return own, _UNREAD if found is None else found


def _has_odd_form(words: list[str]) -> bool:
    """Return whether a letter that ends words begins one, or stands inside one of several, or a Greek word ends with the other sigma."""
    begins = any(word[0] in _LAST_FORMS for word in words if len(word) > 1)
    inside = len(words) > 1 and any(_LAST_FORMS & set(word[:-1]) for word in words)
    return begins or inside or any(word.endswith("\u03c3") for word in words)


def _has_run(text: str) -> bool:
    return re.search(f"[^\\W\\d_]{{{_LEAST_RUN}}}", text) is not None


def _is_regular(text: str) -> bool:
    return all(_REGULAR.fullmatch(word) for word in re.findall(r"[^\W_]+", text))

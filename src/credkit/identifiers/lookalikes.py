"""Which identifiers look like each other, and which domains mix scripts: facts for a risk event, never a reason to refuse anybody (ID-09, ID-10).

The skeleton follows UTS 39 section 4 with a small part of its data: what looks like an ASCII letter or digit and may stand in a domain.
Added to it are the pairs that only a lower-case, sans-serif address confuses: 0 and o, 1, i and l, rn and m, vv and w. Accents are kept, as
they can be seen, and letters that look like nothing in ASCII are compared as they are.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib import resources
from typing import Final

from credkit.identifiers._scripts import is_mixed
from credkit.identifiers.parse import Identifier
from credkit.identifiers.phone import PhoneNumber

__all__ = ["confusable_skeleton", "mixes_scripts"]

_ALIKE_IN_ASCII: Final = str.maketrans("01i|", "olll")
_PAIRS: Final = (("rn", "m"), ("vv", "w"))


def confusable_skeleton(identifier: Identifier) -> str:
    """Return a text that is the same for identifiers that look alike; for comparing only, as it may be nobody's address.

    A phone number looks like itself alone.
    """
    if isinstance(identifier, PhoneNumber):
        return identifier.canonical
    local, _, domain = identifier.canonical.rpartition("@")
    return f"{_skeleton(local)}@{'.'.join(map(_skeleton, map(_shown, domain.split('.'))))}"


def mixes_scripts(domain: str) -> bool:
    """Return whether a label of *domain*, as A-labels or not, has letters of scripts that no word is written in together.

    Such a domain is shown as A-labels. One that mixes nothing may still look like another as a whole: compare skeletons for that.
    """
    return any(is_mixed(_shown(label)) for label in unicodedata.normalize("NFKC", domain.lower()).split("."))


def _shown(label: str) -> str:
    """Return a label as it looks where A-labels are not shown as such."""
    if not label.startswith("xn--"):
        return label
    try:
        return label.removeprefix("xn--").encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _skeleton(text: str) -> str:
    alike = unicodedata.normalize("NFD", text).translate(_look_alikes()).translate(_ALIKE_IN_ASCII)
    for pair, letter in _PAIRS:
        alike = alike.replace(pair, letter)
    return unicodedata.normalize("NFD", alike)


@cache
def _look_alikes() -> dict[int, str]:
    lines = resources.files("credkit.identifiers").joinpath("lookalikes.txt").read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return {int(sign, 16): letter for letter, *signs in rows for sign in signs}

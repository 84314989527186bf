"""The one form of a password, made the same way when it is set and whenever it is compared (PW-03).

NFC, because keyboards differ in how they spell an accent; every space of Unicode as the one that all keyboards have. No
case, width or compatibility mapping, no trimming, no truncation: whatever else was typed is part of the password.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from credkit.errors import Finding, FindingKind, PasswordRefused
from credkit.secret import PasswordInput, Secret, text_of

__all__ = ["LONGEST_PASSWORD", "normalize_password"]

LONGEST_PASSWORD: Final = 1024
"""Code points. SP 800-63B-4 3.1.1.2 asks for 64 at least; a bound there must be, or normalising and hashing a megabyte is an attack (PW-02)."""

_SPACES: Final = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
"""Unicode category Zs but for the plain space: RFC 8265 section 4.2.2, rule 2."""

_FORBIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef" + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17)) + "]"
)
"""Controls (RFC 8265 section 4.2), which no keyboard types into a password field; surrogates and noncharacters, which no text holds (PW-04).
The rest of PRECIS's class is not enforced: it would refuse the joiners of emoji and of Persian and Indic words."""

_TOO_LONG: Final = Finding(kind=FindingKind.TOO_LONG, limit=LONGEST_PASSWORD)


def normalize_password(password: PasswordInput) -> Secret:
    """Return *password* in the form that is hashed.

    Raises:
        PasswordRefused: It can be nobody's password: empty, no text, over `LONGEST_PASSWORD` code points, or with a character that no password has.
    """
    normal = _normal(text_of(password))
    if isinstance(normal, Finding):
        raise PasswordRefused([normal])  # from here, where no local holds the text: a report of an exception may show them (PW-26)
    return normal


def _normal(text: str | None) -> Secret | Finding:
    if not text:
        return Finding(kind=FindingKind.EMPTY)
    if len(text) > LONGEST_PASSWORD:  # before any work is done on it
        return _TOO_LONG
    if _FORBIDDEN.search(text):
        return Finding(kind=FindingKind.FORBIDDEN_CHARACTER)
    normal = unicodedata.normalize("NFC", _SPACES.sub(" ", text))
    return Secret(normal) if len(normal) <= LONGEST_PASSWORD else _TOO_LONG  # a few letters become two or three by NFC

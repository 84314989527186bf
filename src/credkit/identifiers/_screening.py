"""What every identifier goes through before anything else looks at it: type, length, outer spaces, harmful characters.

It decides nothing about email addresses or phone numbers as such, and changes nothing but the outer spaces.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from credkit.errors import InvalidIdentifier, Reason

__all__ = ["INVISIBLE", "LONGEST", "screened"]

LONGEST: Final = 320
"""Code points, as typed. RFC 3696 (before erratum 1690) put the longest address at 64 + 1 + 255 octets; nothing real is longer (ID-01)."""

_SPACES: Final = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
"""Unicode category Zs. Tabs and line breaks are no part of it: they are refused and not trimmed, as no keyboard ends a word with one (ID-07)."""

INVISIBLE: Final = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Default_Ignorable_Code_Point (DerivedCoreProperties.txt, Unicode 15) as far as it is not in category C: seen by nobody, dropped by UTS 46."""

_FALSE_AT_SIGNS: Final = re.compile("[\ufe6b\uff20]")
"""SMALL and FULLWIDTH COMMERCIAL AT: some programs split an address at them and some do not (ID-24)."""

_DIGITS_OF_A_NUMBER: Final = 7
"""So many digits by themselves are a phone number, and no slip of the finger: the shortest subscriber numbers of large plans have seven."""


def screened(text: object) -> str:
    """Return *text* without its outer spaces, if it could be one identifier and does no harm where it is shown or sent.

    The length is judged first, on what was typed: normalising a megabyte would be the attack (DJ-44, ID-01).

    Raises:
        InvalidIdentifier: It is no text (a JSON body may hold anything, REQ-D4c), too long, empty, unsafe or several.
    """
    if not isinstance(text, str):
        raise InvalidIdentifier(Reason.IDENTIFIER_UNRECOGNISED)
    if len(text) > LONGEST:
        raise InvalidIdentifier(Reason.IDENTIFIER_TOO_LONG)
    # `str.strip` and not `text.strip`: whatever subclass a template engine hands over, what is kept is a plain string.
    trimmed = str.strip(text, _SPACES)
    if not trimmed:
        raise InvalidIdentifier(Reason.IDENTIFIER_EMPTY)
    if _is_unsafe(trimmed):
        raise InvalidIdentifier(Reason.IDENTIFIER_UNSAFE)
    if _is_several(trimmed):
        raise InvalidIdentifier(Reason.IDENTIFIER_SEVERAL)
    return trimmed


def _is_unsafe(text: str) -> bool:
    """Return whether *text* has a character that injects headers, reorders, hides or cannot be encoded (ID-07).

    Category C is controls (CR, LF, NUL), format (bidi, zero-width), lone surrogates, private use and unassigned.
    """
    if text.isascii():
        return not text.isprintable()  # the same, without a look at each character
    if INVISIBLE.search(text) or _FALSE_AT_SIGNS.search(text):
        return True
    return any(category[0] == "C" or category in {"Zl", "Zp"} for category in map(unicodedata.category, text))


def _is_several(text: str) -> bool:
    """Return whether *text* plainly names more than one address or number; a slip such as ``a@@x`` or ``a,b@x`` is left to the parsers."""
    if text.startswith('"'):
        return False  # A quoted local part may hold any sign (RFC 5321 section 4.1.2); it is refused as that.
    around = text.split("@")
    if len(around) > 2:
        return all(part.strip() for part in around)
    return sum(_is_whole(piece) for piece in re.split("[,;|]", text)) > 1


def _is_whole(piece: str) -> bool:
    if "@" in piece:
        return True
    return sum(map(str.isdecimal, piece)) >= _DIGITS_OF_A_NUMBER and not any(map(str.isalpha, piece))

"""Phone numbers as values: any number valid in its country's plan, and E.164 as the one form to compare and send to.

It never guesses a country, and it does not judge what kind of line a number is: that belongs to the gate before
sending (ID-13).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, final

from credkit.errors import InvalidIdentifier, Reason
from credkit.identifiers._screening import screened

__all__ = ["PhoneNumber"]

_MOST_DIGITS: Final = 15
"""ITU-T E.164 section 6.2.1: country code and national number together (ID-12). Some plans know longer ones; they end in exchanges, not phones."""

_MOST_DIALLED: Final = _MOST_DIGITS + 5
"""With the longest prefix one dials before an international number, such as 00809 or 1-1-xxx: beyond it a country code mends nothing."""

_PUNCTUATION: Final = re.compile(r"[\s\-\u2010-\u2015\u2212\uff0d().\[\]/\uff08\uff09]")
"""What people put between digits: spaces, hyphens and dashes, brackets, dots, slashes. Of libphonenumber's set, the visible and usual ones."""

_NUMBER: Final = re.compile(r"\+?[0-9]+")

_SECOND_PLUS: Final = re.compile(r"[0-9][^0-9+]*\+[^0-9+]*[0-9]")
"""A plus after digits begins another number. Each class excludes what follows it, so matching is linear from each digit, and there are 320."""

_EXTENSION: Final = re.compile(r"[^a-z]*[0-9][^a-z0-9]*(?:ext(?:ensi[oó]n|n)?|xtn?|x|int|anexo|#|,|~)[\s.:=,]*[0-9]+#?", re.IGNORECASE)
"""The signs that libphonenumber's EXTN_PATTERNS know, so that the person is told what to leave out; what is missed here is refused all the same."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PhoneNumber:
    """A phone number, made by `parse`, or by `restore` from what was stored. Equal if the canonical forms are."""

    kind: ClassVar[Literal["phone"]] = "phone"
    entered: str = field(compare=False)
    """As typed, without outer spaces: for showing it to its owner."""
    canonical: str
    """E.164, such as ``+14155552671``: the key for uniqueness, look-ups and limits (ID-05, ID-12)."""

    @classmethod
    def parse(cls, text: str, *, region: str | None = None) -> PhoneNumber:
        """Return the number that *text* is.

        Args:
            text: What was typed; anything but text is refused like wrong text (REQ-D4c).
            region: Two letters of ISO 3166-1 for numbers without a country code. One that is not known counts as none:
                it may come from a header that anybody can write.

        Raises:
            InvalidIdentifier: It is none, or lacks its country code; nothing else is ever raised (ID-01).
        """
        entered = screened(text)
        return cls(entered=entered, canonical=_e164(_dialled(entered), region))

    @classmethod
    def restore(cls, entered: str, canonical: str) -> PhoneNumber:
        """Return the number that was stored as these two, without judging it again: numbering plans change under their owners."""
        return cls(entered=entered, canonical=canonical)

    @property
    def address(self) -> str:
        """Where to send: E.164."""
        return self.canonical

    @property
    def masked(self) -> str:
        """The last two digits (ID-22)."""
        return f"***{self.canonical[-2:]}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.masked!r})"


def _dialled(entered: str) -> str:
    """Return *entered* as ASCII digits, with a plus in front if it has one."""
    plain = entered if entered.isascii() else "".join(map(_plain, entered))
    if _SECOND_PLUS.search(plain):
        raise InvalidIdentifier(Reason.IDENTIFIER_SEVERAL)
    dialled = _PUNCTUATION.sub("", plain)
    if not _NUMBER.fullmatch(dialled):
        raise InvalidIdentifier(_fault(plain))
    return dialled


def _plain(character: str) -> str:
    """Return the ASCII digit for a decimal digit of any script (category Nd: superscripts and the like are not), or the *character*."""
    if character == "\uff0b":  # FULLWIDTH PLUS SIGN, as East Asian keyboards write it
        return "+"
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)


def _fault(plain: str) -> Reason:
    if _EXTENSION.fullmatch(plain):
        # Dropping it would make everybody behind one switchboard the same person (ID-12).
        return Reason.PHONE_EXTENSION
    return Reason.PHONE_LETTERS if any(map(str.isalpha, plain)) else Reason.PHONE_INVALID


def _e164(dialled: str, region: str | None) -> str:
    """Return the E.164 form of a valid number.

    That form reads back as itself (ID-05); a test tries it on every plan.
    """
    import phonenumbers  # noqa: PLC0415  # on first use: it brings the plans of all countries

    # With a plus the number says its country itself, and the region must not have a say.
    plan = None if dialled.startswith("+") else _known(region)
    if plan is None and not dialled.startswith("+"):
        raise InvalidIdentifier(Reason.MISSING_COUNTRY_CODE if len(dialled) <= _MOST_DIALLED else Reason.PHONE_INVALID)
    try:
        number = phonenumbers.parse(dialled, plan)
    except phonenumbers.NumberParseException:
        number = None
    # Raised out here, so that the package's error, which may quote what was typed, is not its context.
    if number is None or not phonenumbers.is_valid_number(number):
        raise InvalidIdentifier(Reason.PHONE_INVALID)
    canonical = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if len(canonical) > len("+") + _MOST_DIGITS:
        raise InvalidIdentifier(Reason.PHONE_INVALID)
    return canonical


def _known(region: object) -> str | None:
    """Return *region* in capitals if there is a plan for it; ASCII only, as a dotless i and a t in capitals would be Italy."""
    import phonenumbers  # noqa: PLC0415  # on first use, as above

    if not isinstance(region, str) or len(region) != 2 or not region.isascii():
        return None
    capitals = region.upper()
    return capitals if capitals in phonenumbers.SUPPORTED_REGIONS else None

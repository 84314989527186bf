"""Which phone number somebody may have meant: the country code that is missing or there twice, prefixes that only dialling needs.

Each correction is a number that its country's plan has, or none is made. No country is guessed: what is not written must be in the region.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from credkit.errors import InvalidIdentifier
from credkit.identifiers.phone import PhoneNumber

if TYPE_CHECKING:
    import phonenumbers

__all__ = ["Correction", "corrected_number"]

Correction = tuple[str, str]
"""What was wrong, one of ``missing``, ``doubled``, ``prefix``, ``assumed`` and ``signs``, and the number as it should be written."""

_SIGNS: Final = re.compile(r"[^0-9+]")
_CONVENTIONAL_ZERO: Final = re.compile(r"\( *0 *\)")
_LETTERS_FOR_DIGITS: Final = str.maketrans("OoIl|", "00111")
_SCHEME: Final = re.compile(r"^\s*(?:tel|phone|mobile|call)\s*[:.]?\s*(?=[+0-9(])", re.IGNORECASE)
_TWO_CODES: Final = re.compile(r"^\s*\+\s*([0-9]{1,3})[^0-9+]*\+\s*(?=\1)")
_FEWEST_WITH_CODE: Final = 11
"""Digits of a number that is read with a plus nobody typed, where no region is known: national numbers of the large plans have ten at most."""


def corrected_number(text: str, region: str | None) -> Correction | None:
    """Return what is off with the number *text* and how it should be written; `None` if nothing is, or no correction is a valid number."""
    plain = "".join(map(_plain, text))
    known = _parsed(text, region)
    if known is not None:
        found = _doubt(plain, known.canonical, region)
    else:
        found = next(((what, number) for what, candidate in _candidates(plain, region) if (number := _valid(candidate))), None)
    if found is None:
        return None
    what, number = found
    while (mobile := _as_mobile(number, number)) is not None:  # Ends, as each is a mobile number, or shorter.
        number = mobile[1]
    return what, _written(number)


def _plain(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    return "+" if character == "\uff0b" else character if digit is None else str(digit)


def _parsed(text: str, region: str | None) -> PhoneNumber | None:
    try:
        return PhoneNumber.parse(text, region=region)
    except InvalidIdentifier:
        return None


def _valid(candidate: str) -> str | None:
    number = _parsed(candidate, None)
    return number and number.canonical


def _doubt(plain: str, canonical: str, region: str | None) -> tuple[str, str] | None:
    """Return what may be off with a number that is accepted: it may be another one than was meant."""
    typed = _SIGNS.sub("", plain)
    mobile = _as_mobile(typed, canonical)
    if mobile is not None:
        return mobile
    if typed.startswith("+"):
        if typed == canonical or typed == _SIGNS.sub("", _CONVENTIONAL_ZERO.sub("", plain)) == canonical or _CONVENTIONAL_ZERO.search(plain):
            return None
        code = _code(canonical)
        return ("doubled" if typed.startswith(f"+{code}{code}") else "prefix"), canonical
    return ("assumed", canonical) if typed != canonical[1:] and _is_national(plain, region) else None


def _as_mobile(typed: str, canonical: str) -> tuple[str, str] | None:
    """Return the mobile number that one of no mobile may be meant as: with a plus, with its country code once, or with Argentina's nine."""
    if _is_mobile(canonical):
        return None
    code = _code(canonical)
    if not typed.startswith("+"):
        abroad = _valid(f"+{typed}")
        if abroad is not None and abroad != canonical and _is_mobile(abroad):
            return "missing", abroad
    if canonical.startswith(f"+{code}{code}"):
        once = _valid(f"+{canonical[1 + len(code) :]}")
        return ("doubled", once) if once is not None and _is_mobile(once) else None
    if code == "54":  # Abroad mobile numbers have a 9 that is not dialled at home; without it another person's key would be made.
        nine = _valid(f"+549{canonical[3:]}")
        return ("prefix", nine) if nine is not None and _is_mobile(nine) else None
    return None


def _candidates(plain: str, region: str | None) -> Iterator[tuple[str, str]]:
    """Yield readings of a number that is refused as it stands, the likeliest first; not all are valid."""
    bare = _SCHEME.sub("", plain)
    if not any(map(str.isalpha, mended := bare.translate(_LETTERS_FOR_DIGITS))) and mended != plain:
        number = _parsed(mended, region)
        if number is not None:
            yield "signs", number.canonical
    second = _TWO_CODES.search(bare)
    if second is not None:
        yield "doubled", "+" + bare[second.end() :]
    if any(map(str.isalpha, bare)) or bare.count("+") > 1 + bare.startswith("++"):
        return
    digits = re.sub(r"[^0-9]", "", bare)
    if "+" in bare:
        yield from _with_plus(digits)
    else:
        yield from _without_plus(digits, region)


def _with_plus(digits: str) -> Iterator[tuple[str, str]]:
    yield "prefix", f"+{digits.lstrip('0')}"  # "+0044", "++44"
    for length in (1, 2, 3):
        code, rest = digits[:length], digits[length:]
        for repeated in (code, f"00{code}", f"011{code}"):
            if rest.startswith(repeated):
                yield "doubled", f"+{rest[len(repeated) - length :]}"
    if digits.startswith("521"):  # Mexico dropped the 1 of mobile numbers in 2019, and many address books still have it.
        yield "prefix", f"+52{digits[3:]}"
    if digits.startswith("390"):
        yield "prefix", f"+39{digits[3:]}"  # Mobile numbers of Italy have no zero in front,
    elif digits.startswith("39"):
        yield "prefix", f"+390{digits[2:]}"  # and all others have one, also abroad (ID-12).
    if digits.startswith("89"):  # Russia dials 8 at home and +7 abroad.
        yield "prefix", f"+7{digits[1:]}"


def _without_plus(digits: str, region: str | None) -> Iterator[tuple[str, str]]:
    for prefix in ("0011", "011", "00"):
        if digits.startswith(prefix):
            yield "prefix", f"+{digits[len(prefix) :]}"
            yield from (("doubled" if what == "doubled" else "prefix", number) for what, number in _with_plus(digits[len(prefix) :]))
    code = _code_of(region)
    # With a region known, a number with one digit too many must not become another country's, so only a mobile or a very long one does.
    abroad = _valid(f"+{digits}") if code is not None or len(digits) >= _FEWEST_WITH_CODE else None
    if abroad is not None and (code in {None, _code(abroad)} or len(digits) > _FEWEST_WITH_CODE or _is_mobile(abroad)):
        yield "missing", abroad
    if code == "52" and digits.startswith(("044", "045")):  # what was dialled before mobile numbers of Mexico until 2019
        yield "prefix", f"+52{digits[3:]}"
    if code is not None and digits.startswith("0") and digits.lstrip("0").startswith(code):
        yield "prefix", f"+{digits.lstrip('0')}"


def _written(canonical: str) -> str:
    """Return a number with spaces where its country has them, if that reads back as the same number."""
    import phonenumbers  # noqa: PLC0415  # on first use: it brings the plans of all countries

    spaced = phonenumbers.format_number(_number(canonical), phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return spaced if _valid(spaced) == canonical else canonical


def _number(canonical: str) -> phonenumbers.PhoneNumber:
    import phonenumbers  # noqa: PLC0415  # as above

    return phonenumbers.parse(canonical, None)


def _is_mobile(canonical: str) -> bool:
    import phonenumbers  # noqa: PLC0415  # as above

    kinds = phonenumbers.PhoneNumberType
    return phonenumbers.number_type(_number(canonical)) in {kinds.MOBILE, kinds.FIXED_LINE_OR_MOBILE}


def _is_national(plain: str, region: str | None) -> bool:
    """Return whether a number that is accepted says no country itself, neither after a plus nor after a prefix for dialling abroad."""
    import phonenumbers  # noqa: PLC0415  # as above

    number = phonenumbers.parse(_SIGNS.sub("", plain), (region or "").upper(), keep_raw_input=True)
    return number.country_code_source == phonenumbers.CountryCodeSource.FROM_DEFAULT_COUNTRY


def _code(canonical: str) -> str:
    return str(_number(canonical).country_code)


def _code_of(region: str | None) -> str | None:
    """Return the country code of *region*; `None` if it is not known."""
    import phonenumbers  # noqa: PLC0415  # as above

    code = phonenumbers.country_code_for_region(region.upper()) if isinstance(region, str) and region.isascii() else 0
    return str(code) if code else None

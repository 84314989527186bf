"""What somebody may have meant by an address or number that is off: to be shown and asked about, and never applied in silence.

It judges by the text alone. Nothing is looked up, so known and unknown people get the same suggestions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import permutations
from typing import Final

from credkit.errors import InvalidIdentifier
from credkit.identifiers._domains import has_real_ending, is_well_known, split_at_provider, suggested_domain
from credkit.identifiers._keyboards import LATIN_LAYOUTS, from_number_pad, layouts, readings
from credkit.identifiers._letters import likeness, scripts_of
from credkit.identifiers._numbers import corrected_number
from credkit.identifiers._screening import INVISIBLE, LONGEST
from credkit.identifiers.email import EmailAddress

__all__ = ["Slip", "Suggestion", "suggest_email", "suggest_phone"]


class Slip(StrEnum):
    """What went wrong on the way from the head to the field. Closed: add, never rename."""

    EMAIL_DOMAIN = "email_domain"
    EMAIL_FORMAT = "email_format"
    SPACES = "spaces"
    INVISIBLE = "invisible"
    SEVERAL = "several"
    KEYBOARD_LAYOUT = "keyboard_layout"
    NUM_LOCK = "num_lock"
    PHONE_FORMAT = "phone_format"
    PHONE_PREFIX = "phone_prefix"
    COUNTRY_CODE_MISSING = "country_code_missing"
    COUNTRY_CODE_DOUBLED = "country_code_doubled"
    COUNTRY_CODE_ASSUMED = "country_code_assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What somebody may have meant, and which slip would explain it."""

    slip: Slip
    text: str = field(repr=False)
    """An address or number that is accepted; personal, like what was typed."""


_PHONE_SLIPS: Final = {
    "missing": Slip.COUNTRY_CODE_MISSING,
    "doubled": Slip.COUNTRY_CODE_DOUBLED,
    "assumed": Slip.COUNTRY_CODE_ASSUMED,
    "prefix": Slip.PHONE_PREFIX,
    "signs": Slip.PHONE_FORMAT,
}

_WHITE: Final = re.compile(r"\s+")
_BRACKETED: Final = re.compile(r"<\s*([^<>\s]+@[^<>\s]+)\s*>")
_AROUND: Final = "<>()[]{}\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb.,;:!?*"
_SCHEME: Final = re.compile(r"^(?:mailto|e-?mail|https?)\s*:\s*(?://)?\s*", re.IGNORECASE)
_SPELLED_AT: Final = re.compile(r"\s*[(\[{]\s*(?:at|@)\s*[)\]}]\s*|\s+at\s+", re.IGNORECASE)
_SPELLED_DOT: Final = re.compile(r"\s*[(\[{]\s*(?:dot|\.)\s*[)\]}]\s*|\s+dot\s+", re.IGNORECASE)
_FALSE_AT: Final = str.maketrans({"\uff20": "@", "\ufe6b": "@"})

_PLAIN: Final = re.compile("[A-Za-z0-9._+-]+")
"""What nearly all local parts are made of; a reading with other signs was made up."""

_NEAR_AT: Final = "\"'2q0\u00e0\u00f2\u00e9#!&\u00a7\u00a3$*?"
"""What comes out on one keyboard where the at-sign lies on another, or where Shift or AltGr was let go."""


def suggest_email(text: str, *, allow_test_domains: bool = False, smtputf8: bool = False) -> Suggestion | None:
    """Return the address that *text* may be a slip of; `None` if it may be right, or nothing likely is near.

    ``ada@gmial.con`` gives ``ada@gmail.com``; ``ada@example.com`` gives nothing.
    """
    if not _is_worth_it(text):
        return None
    typed = _parsed(text, allow_test_domains, smtputf8)
    if typed is not None:
        return _doubt(typed, allow_test_domains)
    for slip, candidate in _mended(text):
        meant = _parsed(candidate, allow_test_domains)
        if meant is not None and (allow_test_domains or has_real_ending(_domain(meant)) or suggested_domain(_domain(meant))):
            return Suggestion(slip=slip, text=_with_likely_domain(meant))
    return None


def suggest_phone(text: str, *, region: str | None = None) -> Suggestion | None:
    """Return the number that *text* may be a slip of, or is read as, with its country code; `None` if it may be right or cannot be mended.

    ``0044 20 7183 8750`` gives ``+44 20 7183 8750``.
    """
    if not _is_worth_it(text):
        return None
    found = corrected_number(_without_invisible(text), region)
    return found and Suggestion(slip=_PHONE_SLIPS[found[0]], text=found[1])


def _is_worth_it(text: object) -> bool:
    """Return whether *text* can be looked at: a JSON body may hold anything, and what is too long is nobody's (REQ-D4c)."""
    return isinstance(text, str) and 2 < len(text) <= LONGEST


def _parsed(text: str, allow_test_domains: bool, smtputf8: bool = False) -> EmailAddress | None:  # noqa: FBT001, FBT002  # private
    try:
        return EmailAddress.parse(text, allow_test_domains=allow_test_domains, smtputf8=smtputf8)
    except InvalidIdentifier:
        return None


def _domain(address: EmailAddress) -> str:
    return address.canonical.rpartition("@")[2]


def _with_likely_domain(address: EmailAddress) -> str:
    likely = suggested_domain(_domain(address))
    return address.entered if likely is None else f"{address.entered.rpartition('@')[0]}@{likely}"


def _doubt(typed: EmailAddress, allow_test_domains: bool) -> Suggestion | None:  # noqa: FBT001  # private
    """Return what an address that is accepted may be a slip of: its domain is next to a well-known one, on the keyboard or in its letters."""
    if is_well_known(_domain(typed)):
        return None
    near = suggested_domain(_domain(typed))
    # What is beyond ASCII was meant so where it is accepted: as it is no slip of the keyboard, only its domain may be one.
    other = (*_in_other_layouts(typed.entered), *_from_pad(typed.entered)) if typed.canonical.isascii() else ()
    for slip, candidate in other:
        meant = _parsed(candidate, allow_test_domains)
        if meant is not None and is_well_known(_domain(meant)) and _domain(meant) != near:
            return Suggestion(slip=slip, text=meant.entered)
    return Suggestion(slip=Slip.EMAIL_DOMAIN, text=_with_likely_domain(typed)) if near else None


def _mended(text: str) -> Iterator[tuple[Slip, str]]:
    """Yield readings of a text that is no address as it stands, the likeliest first; not all are addresses."""
    seen = _without_invisible(text)
    if seen != text:
        yield Slip.INVISIBLE, seen
    yield from _without_spaces(seen)
    trimmed = seen.strip()
    yield from _several(trimmed)
    yield from _unwrapped(trimmed)
    yield from _in_other_layouts(trimmed)
    yield from _from_pad(trimmed)
    local, at_sign, domain = trimmed.strip(_AROUND).translate(_FALSE_AT).rpartition("@")
    if at_sign:
        yield from _repaired(local, domain)
    else:
        yield from _with_at_sign(trimmed.strip("<>()[]{}.,;: "))


def _without_invisible(text: str) -> str:
    """Return *text* without what nobody sees, spaces aside."""
    return "".join(sign for sign in INVISIBLE.sub("", text) if sign.isspace() or unicodedata.category(sign) not in {"Cc", "Cf"})


def _without_spaces(text: str) -> Iterator[tuple[Slip, str]]:
    """Yield *text* without spaces, unless one of its pieces is an address already: then the rest is a name, or half of the local part."""
    pieces = _WHITE.split(text.strip())
    whole = "".join(pieces)
    if whole != text and not any(has_real_ending(piece.rpartition("@")[2]) and not piece.startswith("@") for piece in pieces[1:] if "@" in piece):
        first = pieces[0]
        if not (len(pieces) > 1 and "@" in first and has_real_ending(first.rpartition("@")[2])):
            yield Slip.SPACES, whole


def _several(text: str) -> Iterator[tuple[Slip, str]]:
    """Yield the address that was typed twice."""
    half = len(text) // 2
    pieces = [piece for piece in re.split(r"[\s,;|]+", text) if piece]
    if len(pieces) > 1 and len(set(pieces)) == 1:
        yield Slip.SEVERAL, pieces[0]
    if text[:half] == text[half:]:
        yield Slip.SEVERAL, text[:half]


def _unwrapped(text: str) -> Iterator[tuple[Slip, str]]:
    """Yield the address inside a name, brackets, quotes, a link or a sentence."""
    bracketed = _BRACKETED.findall(text)
    if len(bracketed) == 1:
        yield Slip.EMAIL_FORMAT, bracketed[0]
    pieces = _WHITE.split(text)
    addressed = [place for place, piece in enumerate(pieces) if "@" in piece]
    # Behind one word an address may be the half of one with a space in it; behind two it follows a name.
    if len(pieces) > 1 and len(addressed) == 1 and addressed[0] != 1 and not any(map(str.isdecimal, "".join(pieces).replace(pieces[addressed[0]], ""))):
        yield Slip.EMAIL_FORMAT, pieces[addressed[0]].strip(_AROUND)
    bare = _SCHEME.sub("", text).split("?")[0]
    yield Slip.EMAIL_FORMAT, bare.strip(_AROUND + " ")
    yield Slip.EMAIL_FORMAT, _SPELLED_DOT.sub(".", _SPELLED_AT.sub("@", bare))


def _repaired(local: str, domain: str) -> Iterator[tuple[Slip, str]]:
    """Yield an address with the signs between its words put right."""
    # "@@", "a@b@gmail.com" stays refused: two at-signs with text between them are two addresses, or a dot gone wrong.
    local, domain = re.sub(r"\.{2,}", ".", local.rstrip("@")).strip(". "), re.sub(r"[.,;:/\s]+", ".", domain).strip(".-_ ")
    if "@" in local:
        first, _, last = local.rpartition("@")
        yield Slip.EMAIL_FORMAT, f"{first}@{last}.{domain}"
        return
    likely = suggested_domain(domain)
    if likely is not None and "." not in domain:
        yield Slip.EMAIL_DOMAIN, f"{local}@{likely}"
    yield Slip.EMAIL_FORMAT, f"{local}@{domain}"


def _with_at_sign(text: str) -> Iterator[tuple[Slip, str]]:
    """Yield *text* with an at-sign where another sign stands for it, or before a domain that very many people use."""
    if text.count('"') == 1:  # Shift and 2 on the keyboards of most of Europe, and the other way round
        yield Slip.KEYBOARD_LAYOUT, text.replace('"', "@")
    found = split_at_provider(text)
    if found is not None:
        before, domain = found
        if before[-1] in _NEAR_AT + " .,/-_":
            yield Slip.EMAIL_FORMAT, f"{before[:-1]}@{domain}"
        yield Slip.EMAIL_FORMAT, f"{before}@{domain}"
    for sign in "'#":
        if text.count(sign) == 1:
            yield Slip.EMAIL_FORMAT, text.replace(sign, "@")


def _in_other_layouts(text: str) -> Iterator[tuple[Slip, str]]:
    """Yield *text* as it would stand with the keyboard set to another layout, where it ends as a well-known domain or in another script."""
    scripts = scripts_of(text)
    if scripts - {"latin"}:
        # Letters of two scripts are a look-alike as likely as a switch half way, and then each reading would be wrong.
        if "latin" not in scripts:
            for layout in layouts().values():
                if layout.name not in LATIN_LAYOUTS:
                    found = [reading for reading in readings(text, on=layout, meant=layouts()["qwerty"]) if reading.isascii()]
                    yield from ((Slip.KEYBOARD_LAYOUT, reading) for reading in sorted(found, key=lambda reading: -(likeness(reading) or 0)))
        return
    if "@" not in text and split_at_provider(text) is not None:
        return  # The letters are as they should be.
    for on, meant in permutations(LATIN_LAYOUTS, 2):
        for reading in readings(text, on=layouts()[on], meant=layouts()[meant]):
            address = reading if "@" in reading else next((mended for _, mended in _with_at_sign(reading)), reading)
            local, _, domain = address.rpartition("@")
            # An at-sign that only the other layout has is evidence enough; else the domain must be one that everybody knows.
            if reading != text and _PLAIN.fullmatch(local) and (is_well_known(domain.lower()) or ("@" in reading and "@" not in text)):
                yield Slip.KEYBOARD_LAYOUT, address


def _from_pad(text: str) -> Iterator[tuple[Slip, str]]:
    """Yield *text* without the number pad in its letters, where it then ends in a well-known domain."""
    yield from ((Slip.NUM_LOCK, meant) for meant in from_number_pad(text) if is_well_known(meant.rpartition("@")[2].lower()))

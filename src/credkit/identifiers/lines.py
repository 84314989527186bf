"""What kind of line a phone number is, and which lines may be sent text messages: facts and a rule of the numbering plans (ID-13).

It says nothing about whose number it is, so its answer tells nothing about accounts (ID-14). Whether a number is in use, or was moved
to another kind of line, no plan knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from credkit.errors import ConfigurationError
from credkit.identifiers.phone import PhoneNumber

__all__ = ["Line", "LineKind", "SmsGate", "line_of"]


class LineKind(StrEnum):
    """The kinds of libphonenumber."""

    MOBILE = "mobile"
    FIXED_LINE_OR_MOBILE = "fixed_line_or_mobile"
    """Where the plan does not tell the two apart, as in North America."""
    FIXED_LINE = "fixed_line"
    VOIP = "voip"
    TOLL_FREE = "toll_free"
    PREMIUM_RATE = "premium_rate"
    SHARED_COST = "shared_cost"
    PERSONAL_NUMBER = "personal_number"
    PAGER = "pager"
    UAN = "uan"
    VOICEMAIL = "voicemail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the numbering plans say about a number."""

    kind: LineKind
    country_code: int
    region: str | None
    """ISO 3166; `None` for networks that belong to no country, such as satellites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsGate:
    """Which numbers may be sent text messages. It fails closed: with no regions none may.

    Raises:
        ConfigurationError: A region is not two capital letters.
    """

    regions: frozenset[str] | Literal["anywhere"] = frozenset()
    """ISO 3166 regions, each to be named: sending to all the world is how toll fraud is paid for. Who wants that says the word."""
    allow_voip: bool = False
    """Whether numbers of internet telephony count as phones."""

    def __post_init__(self) -> None:
        wrong = [region for region in self.regions if not (len(region) == 2 and region.isascii() and region.isupper())]
        if wrong and self.regions != "anywhere":
            raise ConfigurationError(["sms regions must be two capital letters, such as US"])

    def allows(self, number: PhoneNumber) -> bool:
        """Return whether *number* is a mobile line, as far as its plan tells, of a region on the list."""
        line = line_of(number)
        is_phone = line.kind in {LineKind.MOBILE, LineKind.FIXED_LINE_OR_MOBILE} or (self.allow_voip and line.kind is LineKind.VOIP)
        return is_phone and line.region is not None and (self.regions == "anywhere" or line.region in self.regions)


def line_of(number: PhoneNumber) -> Line:
    """Return what the numbering plans say about *number*; `UNKNOWN` for one that is in no plan any more."""
    import phonenumbers  # noqa: PLC0415  # on first use: it brings the plans of all countries

    try:
        parsed = phonenumbers.parse(number.canonical, None)
    except phonenumbers.NumberParseException:  # A stored one is not judged again, and its plan may be gone.
        return Line(kind=LineKind.UNKNOWN, country_code=0, region=None)
    name = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(parsed)).lower()
    region = phonenumbers.region_code_for_number(parsed)
    kind = LineKind(name) if name in set(LineKind) else LineKind.UNKNOWN
    return Line(kind=kind, country_code=parsed.country_code or 0, region=region if region and len(region) == 2 and region.isalpha() else None)

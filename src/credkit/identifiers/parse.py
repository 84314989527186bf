"""One field for both kinds: which kind was typed, and how a stored one comes back.

It only tells the kinds apart; what is a valid address or number is said in `email` and `phone`.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from credkit.errors import InvalidIdentifier, Reason
from credkit.identifiers._screening import screened
from credkit.identifiers.email import EmailAddress
from credkit.identifiers.phone import PhoneNumber
from credkit.payloads import UnreadableRecord

__all__ = ["Identifier", "parse_identifier", "restore_identifier"]

Identifier: TypeAlias = EmailAddress | PhoneNumber
"""What a person types to say who they are."""

_BEGINS_AS_NUMBER: Final = re.compile(r"[+\uff0b]|(?:[^\w]*\d){4}")
"""A plus, or four digits with nothing but signs between them."""


def parse_identifier(text: str | Identifier, *, region: str | None = None, allow_test_domains: bool = False, smtputf8: bool = False) -> Identifier:
    """Return the address or number that *text* is; one that is parsed already is returned unchanged.

    Args:
        text: What was typed; anything but text or an identifier is refused like wrong text (REQ-D4c).
        region: See `PhoneNumber.parse`.
        allow_test_domains: See `EmailAddress.parse`.
        smtputf8: See `EmailAddress.parse`.

    Raises:
        InvalidIdentifier: It is neither; nothing else is ever raised (ID-01).
    """
    if isinstance(text, EmailAddress | PhoneNumber):
        return text
    typed = screened(text)
    if "@" in typed:
        return EmailAddress.parse(typed, allow_test_domains=allow_test_domains, smtputf8=smtputf8)
    if _looks_like_a_number(typed):
        return PhoneNumber.parse(typed, region=region)
    raise InvalidIdentifier(Reason.IDENTIFIER_UNRECOGNISED)


def _looks_like_a_number(typed: str) -> bool:
    """Return whether a refusal should speak of phone numbers.

    The rule: there is a digit, and either no letter at all, or the text begins as a number does. So ``1-800-FLOWERS``,
    ``+1 415 CALL`` and ``415 555 2671 ext. 5`` are numbers gone wrong, and ``ada``, ``ada1815`` and ``4ever`` are neither.
    """
    if not any(map(str.isdecimal, typed)):
        return False
    return not any(map(str.isalpha, typed)) or _BEGINS_AS_NUMBER.match(typed) is not None


def restore_identifier(kind: str, entered: str, canonical: str) -> Identifier:
    """Return the identifier that was stored as these three, without judging it again.

    Raises:
        UnreadableRecord: There is no such kind: a newer version wrote it, or nobody did.
    """
    match kind:
        case EmailAddress.kind:
            return EmailAddress.restore(entered, canonical)
        case PhoneNumber.kind:
            return PhoneNumber.restore(entered, canonical)
        case _:
            raise UnreadableRecord

"""Email addresses as values: which ones are accepted, and which two are the same.

The policy, the same in every flow (ID-02): two addresses are the same if their local parts differ at most in the case of
the letters A to Z, and their domains have the same A-labels. Dots and +tags are part of the local part (ID-11). No other
case is folded, ever: that is how two people come to share an account (ID-03, REQ-D8).

It never asks the network whether an address exists.
"""

from __future__ import annotations

import re
import string
import unicodedata
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, final

from credkit.errors import InvalidIdentifier, Reason
from credkit.identifiers._screening import screened
from credkit.identifiers._scripts import is_mixed

__all__ = ["EmailAddress"]

_LONGEST_LOCAL: Final = 64
"""Octets, RFC 5321 section 4.5.3.1.1 (ID-06)."""

_LONGEST_ADDRESS: Final = 254
"""Octets of the form that is sent: a path has 256 with its angle brackets, RFC 5321 section 4.5.3.1.3 and erratum 1690 to RFC 3696 (ID-06)."""

_LONGEST_LABEL: Final = 63
"""Octets, RFC 1035 section 2.3.4."""

_DOTS: Final = re.compile("[.\u3002\uff0e\uff61]")
"""What UTS 46 takes for a label separator."""

_DOT_ATOM: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?:\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*")
"""RFC 5321 section 4.1.2, Dot-string. Atoms and dots share no character, so matching is linear."""

_BEYOND_ASCII: Final = re.compile("[^\x00-\x7f]")

_WORD: Final = re.compile(r"[^\x00-/:-@\[-`{-~]+")
"""What stands between signs of ASCII; marks belong to the letters before them."""

_ASCII_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""A to Z and nothing else: `str.lower` turns the Kelvin sign into k and İ into two code points (ID-03)."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EmailAddress:
    """An email address, made by `parse`, or by `restore` from what was stored. Equal if the canonical forms are."""

    kind: ClassVar[Literal["email"]] = "email"
    entered: str = field(compare=False)
    """As typed, without outer spaces: for showing it to its owner."""
    canonical: str
    """The key for uniqueness, look-ups and limits (ID-05): ASCII throughout, but for a local part beyond it, which is NFC (ID-03)."""

    @classmethod
    def parse(cls, text: str, *, allow_test_domains: bool = False, smtputf8: bool = False) -> EmailAddress:
        """Return the address that *text* is.

        Args:
            text: What was typed; anything but text is refused like wrong text (REQ-D4c).
            allow_test_domains: Accept names under `.test` (RFC 6761 section 6.2), which reach nobody (ID-08).
            smtputf8: Accept a local part beyond ASCII, which only a mailer that speaks SMTPUTF8 can send to (RFC 6531, ID-09).

        Raises:
            InvalidIdentifier: It is none, or none that mail can be sent to; nothing else is ever raised (ID-01).
        """
        entered = screened(text)
        local, at_sign, domain = entered.partition("@")
        if not at_sign:
            raise InvalidIdentifier(Reason.EMAIL_INVALID)
        _judge_local(local, smtputf8=smtputf8)
        if not domain or "@" in domain:
            raise InvalidIdentifier(Reason.EMAIL_INVALID)
        return cls(entered=entered, canonical=_canonical(local, domain, allow_test_domains=allow_test_domains))

    @classmethod
    def restore(cls, entered: str, canonical: str) -> EmailAddress:
        """Return the address that was stored as these two, without judging it again: what was accepted once stays usable."""
        return cls(entered=entered, canonical=canonical)

    @property
    def address(self) -> str:
        """Where to send: the local part as typed (its case belongs to the other host, RFC 5321 section 2.4), the domain as A-labels.

        A mailer that still follows IDNA2003 would send to straße.example as to strasse.example, whose owner is
        another one; A-labels leave it nothing to map (REQ-D8).
        """
        return f"{self.entered.rpartition('@')[0]}@{self.canonical.rpartition('@')[2]}"

    @property
    def masked(self) -> str:
        """The first character and the domain (ID-22), this as A-labels: a look-alike in another script shows itself (ID-09)."""
        local, _, domain = self.canonical.rpartition("@")
        return f"{local[:1]}***@{domain}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.masked!r})"


def _judge_local(local: str, *, smtputf8: bool) -> None:
    """Refuse a local part that is missing, of an unsupported kind (ID-08, ID-09), too long or no dot-string."""
    if local.startswith('"') or not (local.isascii() or (smtputf8 and _is_plain_word(local))):
        raise InvalidIdentifier(Reason.EMAIL_UNSUPPORTED)
    if len(local.encode()) > _LONGEST_LOCAL:
        raise InvalidIdentifier(Reason.IDENTIFIER_TOO_LONG)
    if not _DOT_ATOM.fullmatch(_BEYOND_ASCII.sub("a", local)):
        raise InvalidIdentifier(Reason.EMAIL_INVALID)


def _is_plain_word(local: str) -> bool:
    """Return whether what *local* has beyond ASCII are letters, marks and digits as one types them, of scripts that go together.

    RFC 6531 allows any sign. But what Unicode calls compatible with other letters (full-width ones, ligatures, the Kelvin sign) two mail hosts
    take for different ones or for the same, and a word that mixes scripts is made to look like another.
    """
    normal = unicodedata.normalize("NFC", local)
    return (
        all(c.isascii() or (unicodedata.category(c)[0] in "LM" or unicodedata.category(c) == "Nd") for c in normal)
        and unicodedata.normalize("NFKC", local) == normal
        and not any(unicodedata.normalize("NFC", c).isascii() for c in local if not c.isascii())
        and not any(unicodedata.combining(atom[:1] or "a") for atom in normal.split("."))
        and not any(map(is_mixed, _WORD.findall(normal)))
    )


def _canonical(local: str, domain: str, *, allow_test_domains: bool) -> str:
    if domain.startswith("["):  # An address literal, RFC 5321 section 4.1.3: valid, and never a person's address (ID-08).
        raise InvalidIdentifier(Reason.EMAIL_UNSUPPORTED)
    if len(local.encode()) + 1 + len(domain) > _LONGEST_ADDRESS:
        raise InvalidIdentifier(Reason.IDENTIFIER_TOO_LONG)
    a_labels = _a_labels(domain, allow_test_domains=allow_test_domains)
    if a_labels is None:
        raise InvalidIdentifier(Reason.EMAIL_DOMAIN_INVALID)
    canonical = f"{unicodedata.normalize('NFC', local)}@{a_labels}".translate(_ASCII_LOWER)
    if len(local.encode()) + 1 + len(a_labels) > _LONGEST_ADDRESS:  # Once more: A-labels are longer than what they stand for.
        raise InvalidIdentifier(Reason.IDENTIFIER_TOO_LONG)
    return canonical


def _a_labels(domain: str, *, allow_test_domains: bool) -> str | None:
    """Return *domain* by UTS 46 (non-transitional) and IDNA2008, or `None` if mail cannot be sent there.

    The local part has been judged, so a fixed one stands in for it: what is refused here is the domain's fault.
    Every option is given, as a host may have changed the package's defaults for purposes of its own.
    """
    if any(len(label) > _LONGEST_LABEL for label in _DOTS.split(domain)):
        # `idna` takes time quadratic in a label's length before it refuses it (ID-01). Only letters typed in several
        # parts could make an A-label shorter than this, and no such domain is in use.
        return None

    from email_validator import validate_email  # noqa: PLC0415  # on first use: it brings `idna` and its tables

    try:
        checked = validate_email(
            f"a@{domain}",
            allow_smtputf8=False,
            allow_empty_local=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
            check_deliverability=False,
            test_environment=allow_test_domains,
            globally_deliverable=True,
        )
    except ValueError:  # EmailNotValidError is one, and so are the errors of `idna` should one slip through.
        return None
    # In its test environment the package accepts a bare "test", too.
    return checked.ascii_domain if "." in checked.ascii_domain else None

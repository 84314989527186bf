"""What a new password must be: long, and not among the first that anyone would try. No composition rules, no expiry (PW-05).

All that is wrong is said at once. Rules judge new passwords only: an old one signs in whatever the rules have become.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from credkit.errors import ConfigurationError, Finding, FindingKind, PasswordRefused
from credkit.identifiers import Identifier
from credkit.passwords._blocklist import Makings, is_frequent, makings_of, names_in, shortest_unit, words_in
from credkit.passwords.normalization import LONGEST_PASSWORD, normalize_password
from credkit.passwords.strength import Strength, bits_of, score_of
from credkit.secret import PasswordInput, Secret

__all__ = ["PasswordRules"]

_ALONE: Final = 15
"""SP 800-63B-4 3.1.1.2: at least 15 characters where the password is the only factor (PW-01)."""

_WITH_SECOND_FACTOR: Final = 8
"""SP 800-63B-4 3.1.1.2: at least 8 where it is always combined with another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRules:
    """The host's rules for new passwords.

    Raises:
        ConfigurationError: Shorter than the floor, or longer than can be set.
    """

    shortest: int = _ALONE
    """Code points after normalisation."""
    always_with_second_factor: bool = False
    """Whether no password ever signs in alone: only then may `shortest` be 8."""

    def __post_init__(self) -> None:
        floor = _WITH_SECOND_FACTOR if self.always_with_second_factor else _ALONE
        if not floor <= self.shortest <= LONGEST_PASSWORD:
            raise ConfigurationError([f"password.shortest must be {floor} to {LONGEST_PASSWORD}; 8 to 14 only with always_with_second_factor=True"])

    def findings(
        self, proposed: PasswordInput, *, identifiers: Sequence[Identifier] = (), words: Sequence[str] = (), current: Secret | None = None
    ) -> tuple[Finding, ...]:
        """Return all that is wrong with a proposed password; nothing means it is accepted.

        Args:
            proposed: The password as typed.
            identifiers: The person's: a password made of them is refused (PW-10).
            words: The site's own words, in the same way.
            current: The password now, normalised, where it is known: the new one must differ (PW-21).
        """
        try:
            chosen = normalize_password(proposed)
        except PasswordRefused as refused:
            return refused.findings
        return tuple(self._findings(chosen, identifiers, words, current))

    def strength(self, proposed: PasswordInput, *, identifiers: Sequence[Identifier] = (), words: Sequence[str] = ()) -> Strength:
        """Return how strong a proposed password looks, for a meter: advice only, and nothing that a rule should be made of (PW-24).

        Args:
            proposed: The password as typed.
            identifiers: The person's: what is made of them adds little.
            words: The site's own words, in the same way.
        """
        found = self.findings(proposed, identifiers=identifiers, words=words)
        if found:
            return Strength(score=0, findings=found)
        return Strength(score=score_of(bits_of(normalize_password(proposed).reveal(), _known_of(identifiers) | _known_in(words))))

    def describe(self, locale: str | None = None) -> str:
        """Return the rules in a sentence for the page, in English whatever the *locale*."""
        return f"At least {self.shortest} characters, spaces and signs of any script included. Several unrelated words are easy to remember."

    def _findings(self, chosen: Secret, identifiers: Sequence[Identifier], words: Sequence[str], current: Secret | None) -> Iterable[Finding]:
        text = chosen.reveal()
        if len(text) < self.shortest:
            yield Finding(kind=FindingKind.TOO_SHORT, limit=self.shortest)
        if (kind := self._weakness(text, identifiers, words)) is not None:
            yield Finding(kind=kind)
        if current is not None and chosen == current:
            yield Finding(kind=FindingKind.CURRENT)

    def _weakness(self, text: str, identifiers: Sequence[Identifier], words: Sequence[str]) -> FindingKind | None:
        """Return why *text* would be tried early, however long it is."""
        if is_frequent(text):
            return FindingKind.COMMON
        own, site = _known_of(identifiers), _known_in(words)
        unit = shortest_unit(text)
        held = makings_of(unit, own | site)
        if held is Makings.PERSONAL:
            return FindingKind.IDENTIFIER if makings_of(unit, own) else FindingKind.SITE_WORD
        if held is Makings.COMMON:
            return FindingKind.COMMON
        if unit != text and (held or len(unit) < self.shortest):
            return FindingKind.REPEATED
        return FindingKind.SEQUENCE if held else None


def _known_of(identifiers: Sequence[Identifier]) -> frozenset[str]:
    return frozenset[str]().union(*map(_words_of, identifiers))


def _known_in(words: Sequence[str]) -> frozenset[str]:
    return frozenset[str]().union(*map(words_in, words))


def _words_of(identifier: Identifier) -> frozenset[str]:
    """Return the words a person's password is often made of: those of the address and its domain; of a number its ends."""
    if identifier.kind == "email":
        local, _, domain = identifier.canonical.rpartition("@")
        return names_in(local) | words_in(domain)
    digits = identifier.canonical.lstrip("+")
    return frozenset(digits[-length:] for length in range(4, len(digits) + 1))

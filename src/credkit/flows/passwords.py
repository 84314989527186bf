"""Passwords inside a flow: comparing one after its try was charged, and judging a new one by rules, identifiers and site words."""

from __future__ import annotations

from collections.abc import Sequence

from credkit.errors import CredkitError, PasswordRefused
from credkit.flows.metering import Charge, refund
from credkit.flows.shell import Shell
from credkit.identifiers import Identifier
from credkit.passwords import Verification, normalize_password
from credkit.ports import AsyncHashingPlace
from credkit.secret import PasswordInput, Secret

__all__ = ["compare_password", "judge_password", "site_words"]


async def compare_password(shell: Shell, place: AsyncHashingPlace, stored: str | None, presented: Secret, charges: Sequence[Charge]) -> Verification:
    """Return what comparing found; where no comparison could be made, take back what was charged for it (F21).

    Raises:
        CredkitError: The stored hash needs a key that the kit does not have.
    """
    try:
        return await place.verify(stored, presented)
    except CredkitError:
        await refund(shell, charges)
        raise


def judge_password(shell: Shell, proposed: PasswordInput, identifiers: Sequence[Identifier], current: Secret | None = None) -> Secret:
    """Return the password normalised.

    Raises:
        PasswordRefused: It breaks a rule; all findings at once.
    """
    findings = shell.policy.password.findings(proposed, identifiers=identifiers, words=site_words(shell), current=current)
    if findings:
        raise PasswordRefused(findings)
    return normalize_password(proposed)


def site_words(shell: Shell) -> tuple[str, ...]:
    """Return the words that a password must not be made of: the site's name and its host name (PW-10)."""
    return (shell.site.name, shell.site.host)

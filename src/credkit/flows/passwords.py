"""Judging a proposed password inside a flow: the host's rules, the person's identifiers, the site's own words."""

from __future__ import annotations

from collections.abc import Sequence

from credkit.errors import PasswordRefused
from credkit.flows.shell import Shell
from credkit.identifiers import Identifier
from credkit.passwords import normalize_password
from credkit.secret import PasswordInput, Secret

__all__ = ["judge_password", "site_words"]


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

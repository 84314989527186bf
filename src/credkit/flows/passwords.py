"""Passwords inside a flow: comparing one after its try was charged, and judging a new one by rules, words and the passwords of before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from credkit.breaches import BreachCheckFailed, Fingerprint
from credkit.credential import Credential
from credkit.delivery import report_failure
from credkit.errors import CredkitError, Finding, FindingKind, PasswordRefused, Reason
from credkit.events import Cause, EventKind, Outcome
from credkit.flows.metering import Charge, charge_all, load_meters, refund
from credkit.flows.shell import Shell, Subject
from credkit.flows.trails import note
from credkit.flows.transaction import Transaction
from credkit.identifiers import Identifier
from credkit.lifting import awaited
from credkit.passwords import Verification, normalize_password
from credkit.ports import AsyncHashingPlace
from credkit.secret import PasswordInput, Secret, text_of

__all__ = ["Holding", "as_typed", "charge_try", "compare_password", "failed_passwords_of", "is_password_of", "judge_password", "site_words", "was_used_before"]


def as_typed(password: PasswordInput, normal: Secret) -> Secret | None:
    """Return a password as it was typed, if that is not what is *normal*: an older system may have hashed it so."""
    typed = Secret(text_of(password) or "")
    return None if typed == normal else typed


Holding: TypeAlias = Literal["session", "undo"]
"""What somebody holds of a credential: a session, or a link to undo a change."""


def failed_passwords_of(credential_id: str) -> tuple[Subject, ...]:
    """Return whom `password_failures` counts for a credential: strangers at sign-in, and apart from them who holds a session or an undo link."""
    return Subject.credential(credential_id), *(Subject.holder(credential_id, of) for of in get_args(Holding))


async def charge_try(shell: Shell, credential: Credential, of: Holding) -> tuple[Charge, ...]:
    """Count one try of whoever holds something *of* a credential, before it is compared. So the limits may be seen, and neither closes another's way.

    Raises:
        Refused: TOO_MANY_TRIES, with `retry_after`.
    """
    now, limits, holder = shell.clock.now(), shell.policy.limits, Subject.holder(credential.id, of)
    wanted = [(limits.password_failures, holder), (limits.password_guesses, holder)]

    async def charge(transaction: Transaction) -> tuple[Charge, ...]:
        return charge_all(transaction, await load_meters(shell, transaction, wanted), now, Reason.TOO_MANY_TRIES)

    return await shell.transact(charge)


async def compare_password(
    shell: Shell, place: AsyncHashingPlace, stored: str | None, presented: Secret, charges: Sequence[Charge], *, typed: Secret | None = None
) -> Verification:
    """Return what comparing found; where no comparison could be made, take back what was charged for it (F21).

    Raises:
        CredkitError: The stored hash needs a key that the kit does not have.
    """
    try:
        return await place.verify(stored, presented, typed=typed)
    except CredkitError:
        await refund(shell, charges)
        raise


async def is_password_of(place: AsyncHashingPlace, stored: str | None, proposed: Secret, *, typed: Secret | None = None) -> bool:
    """Return whether a proposed password is one that is or was in use, as far as that can be told.

    A hash under a pepper key that is lost costs the same and is nobody's: the reset is what people are left with then (KE-07).
    """
    try:
        return (await place.verify(stored, proposed, typed=typed)).matches
    except CredkitError:
        return (await place.verify(None, proposed, typed=typed)).matches


async def was_used_before(shell: Shell, place: AsyncHashingPlace, credential: Credential, proposed: Secret, *, typed: Secret | None = None) -> bool:
    """Return whether a proposed password is one of the last that the policy remembers (PW-21), by as many comparisons whatever there is and is found."""
    found = False
    for number in range(shell.policy.password_history):
        stored = credential.earlier_hashes[number] if number < len(credential.earlier_hashes) else None
        found |= await is_password_of(place, stored, proposed, typed=typed)
    return found


async def judge_password(shell: Shell, proposed: PasswordInput, identifiers: Sequence[Identifier], current: Secret | None = None) -> Secret:
    """Return the password normalised.

    Raises:
        PasswordRefused: It breaks a rule, all findings at once; or it breaks none and is known from breaches (PW-09).
        BreachCheckFailed: That could not be found out, and the policy accepts no unchecked password.
    """
    findings = shell.policy.password.findings(proposed, identifiers=identifiers, words=site_words(shell), current=current)
    if findings:
        raise PasswordRefused(findings)
    password = normalize_password(proposed)
    if await _is_breached(shell, password):
        raise PasswordRefused([Finding(kind=FindingKind.BREACHED)])
    return password


async def _is_breached(shell: Shell, password: Secret) -> bool:
    """Ask the host's list, if there is one. What happens when it does not answer is the policy's to say; it is reported in any case."""
    if shell.breaches is None:
        return False
    try:
        return shell.policy.breaches.refuses(await awaited(shell.breaches.count(Fingerprint.of(password))))
    except BreachCheckFailed:
        if not shell.policy.breaches.accepts_unchecked:
            raise
        report_failure()
        note(shell, EventKind.BREACH_UNCHECKED, Outcome.FAILED, cause=Cause.BREACH_LIST_FAILED)
        return False


def site_words(shell: Shell) -> tuple[str, ...]:
    """Return the words that a password must not be made of: the site's name and its host name (PW-10)."""
    return (shell.site.name, shell.site.host)

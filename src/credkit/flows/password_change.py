"""Password change by a signed-in person: the current password, then the new one.

A stolen session is no better place to guess at the password than the sign-in page: the same numbers hold, in counts of their own (PW-20). So
whoever guesses on the sign-in page does not stop the owner who is signed in, nor a thief with a session the owner's sign-in (F10).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from credkit.context import Context, Session, checked
from credkit.credential import Credential
from credkit.errors import CredkitError, Finding, FindingKind, InvalidIdentifier, PasswordRefused, Reason, Refused
from credkit.events import EventKind
from credkit.flows.changes import Changed, Ended, change_credential, intent_of
from credkit.flows.histories import history_key, require_unfrozen
from credkit.flows.metering import Charge, succeed
from credkit.flows.passwords import as_typed, charge_try, compare_password, judge_password, site_words, was_used_before
from credkit.flows.shell import IdentifierInput, Shell
from credkit.flows.sign_in import held_by
from credkit.flows.trails import Trail
from credkit.flows.transaction import Transaction
from credkit.identifiers import Identifier
from credkit.lifting import finish
from credkit.messages import MessageKind
from credkit.passwords import Strength, normalize_password
from credkit.ports import AsyncHashingPlace
from credkit.secret import PasswordInput, Secret

__all__ = ["AsyncPasswordChange", "PasswordChange"]


@dataclass(frozen=True, slots=True)
class AsyncPasswordChange:
    """Let a signed-in person change the password."""

    _shell: Shell

    async def change(self, who: Session, current: PasswordInput, new: PasswordInput, *, context: Context) -> Changed:
        """Set the new password; end all other sessions; tell every verified identifier.

        The acting session takes over `session_epoch` of the result.

        Raises:
            Refused: SESSION_ENDED, CURRENT_PASSWORD_WRONG, TOO_MANY_TRIES with `retry_after`, or CHANGES_FROZEN.
            PasswordRefused: The new password breaks a rule; all findings at once.
            Busy: Too many passwords are being hashed; nothing was counted.
        """
        with Trail(self._shell, EventKind.PASSWORD_CHANGE, context, who=who):
            return await self._change(who, current, new, context)

    async def _change(self, who: Session, current: PasswordInput, new: PasswordInput, context: Context) -> Changed:
        shell, context = self._shell, checked(context)
        place = shell.hashing.reserve()
        try:
            credential = await self._who(who)
            try:
                presented = normalize_password(current)
            except PasswordRefused:
                raise Refused(Reason.CURRENT_PASSWORD_WRONG) from None
            charges = await charge_try(shell, credential, "session")
            if not (await compare_password(shell, place, credential.password_hash, presented, charges, typed=as_typed(current, presented))).matches:
                raise Refused(Reason.CURRENT_PASSWORD_WRONG)
            chosen = await self._chosen(place, credential, new, presented, charges)
            return await self._set(place, credential, chosen, context)
        finally:
            place.release()

    async def findings(self, password: PasswordInput, *, identifiers: Sequence[IdentifierInput] = ()) -> tuple[Finding, ...]:
        """Return what is wrong with a proposed password, for a form that judges while one types; count and store nothing.

        Of *identifiers* those that are not complete yet are passed over.
        """
        return self._shell.policy.password.findings(password, identifiers=list(self._complete(identifiers)), words=site_words(self._shell))

    async def strength(self, password: PasswordInput, *, identifiers: Sequence[IdentifierInput] = ()) -> Strength:
        """Return how strong a proposed password looks, for a meter: advice only (PW-24); count and store nothing.

        Of *identifiers* those that are not complete yet are passed over.
        """
        return self._shell.policy.password.strength(password, identifiers=list(self._complete(identifiers)), words=site_words(self._shell))

    def _complete(self, typed: Sequence[IdentifierInput]) -> Iterator[Identifier]:
        for text in [typed] if isinstance(typed, str) else typed:  # text is a sequence, too, of its letters
            with suppress(InvalidIdentifier):
                yield self._shell.parse(text, Context.none())

    async def _who(self, who: Session) -> Credential:
        credential = await held_by(self._shell, who)
        if credential is None:
            raise Refused(Reason.SESSION_ENDED)
        return credential

    async def _chosen(self, place: AsyncHashingPlace, credential: Credential, new: PasswordInput, presented: Secret, charges: Sequence[Charge]) -> Secret:
        """Return the new password, and take the charge for the current one back, which was right.

        Raises:
            PasswordRefused: It breaks a rule. If it is one of before, the charge stays: that answers a question about a password that was not shown.
        """
        shell = self._shell
        try:
            chosen = await judge_password(shell, new, [entry.identifier for entry in credential.identifiers], presented)
        except (PasswordRefused, CredkitError):
            await succeed(shell, charges)
            raise
        if await was_used_before(shell, place, credential, chosen, typed=as_typed(new, chosen)):
            raise PasswordRefused([Finding(kind=FindingKind.EARLIER)])
        await succeed(shell, charges)
        return chosen

    async def _set(self, place: AsyncHashingPlace, credential: Credential, chosen: Secret, context: Context) -> Changed:
        shell, now, change_id = self._shell, self._shell.clock.now(), self._shell.fresh_id()
        password_hash, generation = await place.hash(chosen), shell.fresh_id()

        async def within(transaction: Transaction, current: Credential) -> None:
            await require_unfrozen(shell, transaction, current.id, now)

        stored = await change_credential(
            shell,
            credential,
            intent=lambda before: intent_of(MessageKind.PASSWORD_CHANGED, change_id, before, context=context, now=now),
            change=lambda before: before.with_password(
                password_hash, change_id=change_id, generation=generation, now=now, history=shell.policy.password_history
            ),
            within=within,
            presumes=[history_key(shell, credential.id)],
        )
        if stored is None:
            # The generation moved: a reset or another change was made since the current password was compared.
            raise Refused(Reason.SESSION_ENDED)
        return Changed(credential=stored, session_epoch=stored.session_epoch, ended=Ended.OTHERS, device_mark=shell.mark(stored))


class PasswordChange:
    """Let a signed-in person change the password, from blocking code."""

    __slots__ = ("_flow",)

    def __init__(self, shell: Shell) -> None:
        self._flow = AsyncPasswordChange(shell)

    def change(self, who: Session, current: PasswordInput, new: PasswordInput, *, context: Context) -> Changed:
        """Set the new password; end all other sessions; tell every verified identifier.

        The acting session takes over `session_epoch` of the result.

        Raises:
            Refused: SESSION_ENDED, CURRENT_PASSWORD_WRONG, TOO_MANY_TRIES with `retry_after`, or CHANGES_FROZEN.
            PasswordRefused: The new password breaks a rule; all findings at once.
            Busy: Too many passwords are being hashed; nothing was counted.
        """
        return finish(self._flow.change(who, current, new, context=context))

    def findings(self, password: PasswordInput, *, identifiers: Sequence[IdentifierInput] = ()) -> tuple[Finding, ...]:
        """Return what is wrong with a proposed password, for a form that judges while one types; count and store nothing.

        Of *identifiers* those that are not complete yet are passed over.
        """
        return finish(self._flow.findings(password, identifiers=identifiers))

    def strength(self, password: PasswordInput, *, identifiers: Sequence[IdentifierInput] = ()) -> Strength:
        """Return how strong a proposed password looks, for a meter: advice only (PW-24); count and store nothing.

        Of *identifiers* those that are not complete yet are passed over.
        """
        return finish(self._flow.strength(password, identifiers=identifiers))

"""What trusted code of the host may do to a credential; never reachable by a person's request."""

from __future__ import annotations

from dataclasses import dataclass, replace

from credkit.context import Context
from credkit.credential import Credential
from credkit.errors import Busy, ConfigurationError, Reason, Refused
from credkit.events import EventKind
from credkit.flows.changes import change_credential, fence, intent_of
from credkit.flows.histories import load_history, put_history
from credkit.flows.shell import Shell
from credkit.flows.trails import Trail
from credkit.flows.transaction import ATTEMPTS, Transaction
from credkit.flows.undoing import roll_back
from credkit.history import Dispute, Entry, History
from credkit.lifting import finish
from credkit.messages import MessageKind

__all__ = ["Admin", "AsyncAdmin"]


@dataclass(frozen=True, slots=True)
class AsyncAdmin:
    """Administer credentials, in the name of an actor."""

    _shell: Shell

    async def link(self, credential_id: str, account: str, *, actor: str) -> Credential:
        """Let the credential sign in to one more *account* of the host, and return it; a second time changes nothing.

        From then on one password, and one reset, serve all its accounts at once.

        Raises:
            ConfigurationError: No such credential, or an empty account or actor.
            Busy: Others kept writing the credential.
            StoreError: The store failed; the account may or may not be linked, and the call can be repeated.
        """
        with self._trail(EventKind.ACCOUNT_LINK, credential_id, actor):
            return await self._link(credential_id, account, actor)

    async def _link(self, credential_id: str, account: str, actor: str) -> Credential:
        if not all(_is_text(given) for given in (credential_id, account, actor)):
            raise ConfigurationError(["link needs a credential's id, an account and an actor, each as text"])
        for _ in range(ATTEMPTS):
            credential = await self._shell.get(credential_id)
            if credential is None:
                raise ConfigurationError(["link needs the id of a credential"])
            if account in credential.accounts:
                return credential
            stored = await self._shell.replace(credential, replace(credential, accounts=(*credential.accounts, account)))
            if stored is not None:
                return stored
        raise Busy

    async def mark_compromised(self, credential_id: str, *, actor: str) -> Credential:
        """Mark the password as known to others, and return the credential; a second time changes nothing.

        Sessions, outstanding codes and grants end, every verified identifier is told, and the right password signs nobody in any more: it
        only lets its owner set another one.

        Raises:
            ConfigurationError: No such credential, or an empty actor.
            Refused: TOO_MANY_CHANGES; disable the sign-in in your store instead.
            Busy: Others kept writing the credential.
            StoreError: The store failed; the password may or may not be marked, and the call can be repeated.
        """
        with self._trail(EventKind.PASSWORD_COMPROMISED, credential_id, actor):
            return await self._mark_compromised(credential_id, actor)

    async def _mark_compromised(self, credential_id: str, actor: str) -> Credential:
        if not (_is_text(credential_id) and _is_text(actor)):
            raise ConfigurationError(["mark_compromised needs a credential's id and an actor, each as text"])
        for _ in range(ATTEMPTS):
            credential = await self._shell.get(credential_id)
            if credential is None:
                raise ConfigurationError(["mark_compromised needs the id of a credential"])
            # Where another change came first, the mark falls on what that has left, be it a new password: too often is safe, never is not.
            stored = credential if credential.compromised else await self._marked(credential)
            if stored is not None:
                return stored
        raise Busy

    async def settle_dispute(self, credential_id: str, *, restore: bool, actor: str) -> Credential:
        """Decide a contested undo, and return the credential: as it was before the disputed change if *restore*, else as it is now.

        Either way the dispute ends, and with it the freeze. Where it is left as it is, no link sent until now undoes anything any more, or the
        same dispute could be opened again at once. Where there is no dispute, nothing changes.

        Raises:
            ConfigurationError: No such credential, or an empty actor.
            Refused: What would be restored is used by another sign-in by now, or the dispute has ended meanwhile.
            Busy: Others kept writing the credential.
        """
        with self._trail(EventKind.DISPUTE_SETTLE, credential_id, actor):
            return await self._settle_dispute(credential_id, actor, restore=restore)

    async def _settle_dispute(self, credential_id: str, actor: str, *, restore: bool) -> Credential:
        shell = self._shell
        credential = await shell.get(credential_id) if _is_text(credential_id) and _is_text(actor) else None
        if credential is None:
            raise ConfigurationError(["settle_dispute needs the id of a credential and an actor, each as text"])

        async def settle(transaction: Transaction) -> Dispute | None:
            history = await load_history(shell, transaction, credential_id)
            if history.dispute is not None and not restore:
                put_history(shell, transaction, history.settled(lambda: shell.entropy.token(16)), shell.clock.now())
            return history.dispute

        dispute = await shell.transact(settle)
        if dispute is None:
            return credential
        if not restore:
            # Whoever carries out the undo at this moment, for want of an objection, does not get through any more (F2).
            await fence(shell, credential_id)
            return await shell.get(credential_id) or credential

        def unsettled(history: History, _: Entry, __: Credential) -> None:
            if history.dispute is None or history.dispute.id != dispute.id:
                raise Refused(Reason.UNDO_INVALID)

        return await roll_back(shell, credential_id, dispute.entry_id, grounds=unsettled, change_id=dispute.change_id, context=Context.none())

    def _trail(self, kind: EventKind, credential_id: str, actor: str) -> Trail:
        trail = Trail(self._shell, kind, actor=actor)
        if _is_text(credential_id):
            trail.of(credential_id)
        return trail

    async def _marked(self, credential: Credential) -> Credential | None:
        shell, now, change_id, generation = self._shell, self._shell.clock.now(), self._shell.fresh_id(), self._shell.fresh_id()
        return await change_credential(
            shell,
            credential,
            intent=lambda before: intent_of(MessageKind.PASSWORD_COMPROMISED, change_id, before, context=Context.none(), now=now),
            change=lambda before: before.as_compromised(change_id=change_id, generation=generation, now=now),
        )


def _is_text(given: object) -> bool:
    return isinstance(given, str) and given != ""


class Admin:
    """Administer credentials, in the name of an actor, from blocking code."""

    __slots__ = ("_flow",)

    def __init__(self, shell: Shell) -> None:
        self._flow = AsyncAdmin(shell)

    def link(self, credential_id: str, account: str, *, actor: str) -> Credential:
        """Let the credential sign in to one more *account* of the host, and return it; a second time changes nothing.

        From then on one password, and one reset, serve all its accounts at once.

        Raises:
            ConfigurationError: No such credential, or an empty account or actor.
            Busy: Others kept writing the credential.
            StoreError: The store failed; the account may or may not be linked, and the call can be repeated.
        """
        return finish(self._flow.link(credential_id, account, actor=actor))

    def mark_compromised(self, credential_id: str, *, actor: str) -> Credential:
        """Mark the password as known to others, and return the credential; a second time changes nothing.

        Sessions, outstanding codes and grants end, every verified identifier is told, and the right password signs nobody in any more: it
        only lets its owner set another one.

        Raises:
            ConfigurationError: No such credential, or an empty actor.
            Refused: TOO_MANY_CHANGES; disable the sign-in in your store instead.
            Busy: Others kept writing the credential.
            StoreError: The store failed; the password may or may not be marked, and the call can be repeated.
        """
        return finish(self._flow.mark_compromised(credential_id, actor=actor))

    def settle_dispute(self, credential_id: str, *, restore: bool, actor: str) -> Credential:
        """Decide a contested undo, and return the credential: as it was before the disputed change if *restore*, else as it is now.

        Either way the dispute ends, and with it the freeze. Where it is left as it is, no link sent until now undoes anything any more, or the
        same dispute could be opened again at once. Where there is no dispute, nothing changes.

        Raises:
            ConfigurationError: No such credential, or an empty actor.
            Refused: What would be restored is used by another sign-in by now, or the dispute has ended meanwhile.
            Busy: Others kept writing the credential.
        """
        return finish(self._flow.settle_dispute(credential_id, restore=restore, actor=actor))

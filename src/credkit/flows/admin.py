"""What trusted code of the host may do to a credential; never reachable by a person's request."""

from __future__ import annotations

from dataclasses import dataclass, replace

from credkit.credential import Credential
from credkit.errors import Busy, ConfigurationError
from credkit.flows.shell import Shell
from credkit.flows.transaction import ATTEMPTS
from credkit.lifting import finish

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

"""A new identifier that looks like somebody else's: noticed once it is in force, told to the observer, and no reason to refuse anybody (ID-10)."""

from __future__ import annotations

from credkit.context import Context
from credkit.delivery import report_failure
from credkit.errors import CredkitError, InvalidIdentifier
from credkit.events import EventKind
from credkit.flows.shell import Shell
from credkit.flows.trails import note
from credkit.identifiers import Identifier, confusable_skeleton

__all__ = ["note_look_alike"]


async def note_look_alike(shell: Shell, new: Identifier, credential_id: str) -> None:
    """Tell the observer if *new* looks like an identifier of another sign-in, and of which; without an observer, look for none.

    What is looked for is the plain form that *new* passes itself off as, as ``paypal@`` for a Cyrillic one. Two that both look like a third which
    nobody has are not found: that would take an index of skeletons in the host's store.
    """
    plain = confusable_skeleton(new)
    if shell.observer is None or plain == new.canonical:
        return
    try:
        found = await shell.find(shell.parse(plain, Context.none()))
    except InvalidIdentifier:
        return
    except CredkitError:
        report_failure()  # what was asked for has been done, and its answer does not depend on this
        return
    if found is not None and found.id != credential_id:
        note(shell, EventKind.IDENTIFIER_CONFUSABLE, identifier=new, credential_id=credential_id, about=found.id)

"""Two devices: a browser that is signed in and asks, and a mailbox whose owner answers. Steps that tests of settings and of undo begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from credkit.context import Context, Session
from credkit.credential import Credential
from credkit.edits import Edit
from credkit.flows.changes import Changed
from credkit.messages import Message, MessageKind
from credkit.testing import TestWorld
from credkit.tickets import Asked, EditWindow
from flows import journeys
from flows.journeys import CONTEXT, parsed

SECOND, THIRD, THIEF = "ada@second.example", "ada@third.example", "mallory@thief.example"


def session(world: TestWorld, credential: Credential, key: str | None = "browser") -> Session:
    """Return who is signed in there, from now on."""
    return Session(credential_id=credential.id, session_epoch=journeys.fresh(world, credential).session_epoch, session_key=key)


def ask(world: TestWorld, who: Session, *changes: Edit, context: Context = CONTEXT, **parts: Any) -> Asked:
    """Ask for *changes*, or for settings in general."""
    return world.kit.settings.request(who, changes or None, context=context, **parts)


def last(world: TestWorld, kind: MessageKind, to: str | None = None) -> Message:
    """Return the newest message of a kind, to anybody or to one."""
    return [m for m in world.inbox.messages if m.kind is kind and (to is None or m.to == parsed(to))][-1]


def link(world: TestWorld, kind: MessageKind = MessageKind.SETTINGS_REQUEST, to: str | None = None) -> str:
    """Return the newest link of a kind."""
    found = last(world, kind, to).link
    assert found is not None
    return found.reveal()


def undo_link(world: TestWorld, to: str | None = None) -> str:
    """Return the newest link that undoes a change."""
    return link(world, MessageKind.SETTINGS_CHANGED, to)


def token(text: str) -> str:
    """Return the token that a link ends in."""
    return text.rpartition("#")[2]


def match_code(world: TestWorld, who: Session, asked: Asked | str) -> str:
    """Return the number on the asking screen."""
    code = world.kit.settings.status(who, asked).match_code
    assert code is not None
    return code


def wrong(code: str) -> str:
    """Return a code of the same length that is not *code*."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"


def approve(world: TestWorld, who: Session, asked: Asked) -> None:
    """Approve as the owner does, on the other device."""
    world.kit.settings.approve(link(world), match_code(world, who, asked), context=CONTEXT)


def opened(world: TestWorld, who: Session, *changes: Edit) -> EditWindow:
    """Ask, approve and open; return the window."""
    asked = ask(world, who, *changes)
    approve(world, who, asked)
    return world.kit.settings.open(who, asked, context=CONTEXT)


def code_to(world: TestWorld, identifier: str, kind: MessageKind = MessageKind.IDENTIFIER_CODE) -> str:
    """Return the newest code of a kind that went there."""
    found = last(world, kind, identifier).code
    assert found is not None
    return found.reveal()


def add(world: TestWorld, who: Session, window: EditWindow, identifier: str) -> Changed:
    """Add an identifier and prove it."""
    ticket = world.kit.settings.add_identifier(who, window, identifier, context=CONTEXT)
    return world.kit.settings.confirm_identifier(who, window, ticket, code_to(world, identifier), context=CONTEXT)


def change(world: TestWorld, who: Session, window: EditWindow, old: str, new: str, *, lost_control: bool = False) -> Changed:
    """Put *new* in the place of *old* and prove it."""
    ticket = world.kit.settings.change_identifier(who, window, old, new, context=CONTEXT, lost_control=lost_control)
    return world.kit.settings.confirm_identifier(who, window, ticket, code_to(world, new), context=CONTEXT)


def told(world: TestWorld, kind: MessageKind) -> list[str]:
    """Return whom messages of a kind went to, in order of their names."""
    return sorted(m.to.canonical for m in world.inbox.messages if m.kind is kind)


def verified(world: TestWorld, credential: Credential) -> list[str]:
    """Return the verified identifiers as they are now."""
    return [i.canonical for i in journeys.fresh(world, credential).verified]


def everything_said(messages: Sequence[Message]) -> str:
    """Return all that messages say, in one text."""
    return "\n".join(f"{m.subject}\n{m.text}" for m in messages)

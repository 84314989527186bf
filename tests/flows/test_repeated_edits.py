"""An edit that two calls make at once: one change, and an undo link that works whichever of them was announced."""

from __future__ import annotations

from typing import Any

import pytest

from credkit.context import Context, Session
from credkit.flows.changes import change_credential
from credkit.messages import MessageKind
from credkit.testing import kit_for_tests

CONTEXT = Context.none()
NEW = "+14155552671"


def test_the_undo_link_that_was_delivered_outlives_a_second_call_of_the_same_change(monkeypatch: pytest.MonkeyPatch) -> None:  # F25
    world = kit_for_tests()
    credential = world.add("ada@example.com", password="a long enough pass phrase")
    who, settings = Session(credential_id=credential.id, session_epoch=credential.session_epoch), world.kit.settings
    asked = settings.request(who, context=CONTEXT)
    link, code = world.inbox.messages[-1].link, settings.status(who, asked).match_code
    assert link is not None
    settings.approve(link.reveal(), code, context=CONTEXT)
    window = settings.open(who, asked, context=CONTEXT)
    step = settings.add_identifier(who, window, NEW, context=CONTEXT)
    typed = world.inbox.last_code(NEW)

    waiting = [True]

    async def after_the_other_call(*args: Any, **named: Any) -> object:
        if waiting.pop() if waiting else False:
            settings.confirm_identifier(who, window, step, typed, context=CONTEXT)  # whole, its notices delivered
        return await change_credential(*args, **named)

    monkeypatch.setattr("credkit.flows.account_settings.change_credential", after_the_other_call)
    settings.confirm_identifier(who, window, step, typed, context=CONTEXT)

    links = [message.link for message in world.inbox.messages if message.kind is MessageKind.SETTINGS_CHANGED]
    assert links
    for delivered in links:
        assert delivered is not None
        assert world.kit.undo.review(delivered.reveal()).changes

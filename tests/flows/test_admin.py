"""What trusted code may do to a sign-in: link one more account, settle a dispute."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from credkit.credential import Credential
from credkit.errors import Busy, ConfigurationError, Reason, StoreError
from credkit.flows.transaction import ATTEMPTS
from credkit.messages import MessageKind
from credkit.testing import TestWorld, async_kit_for_tests, kit_for_tests
from flows import journeys
from flows.devices import SECOND, ask, change, last, link, opened, session, told, undo_link, verified
from flows.journeys import ADA, CONTEXT, NEW, OLD, OTHER, PHONE, granted, refusal


def test_a_linked_account_is_one_more_of_the_sign_in() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    linked = world.kit.admin.link(credential.id, "second", actor="support")
    assert linked == journeys.fresh(world, credential)
    assert linked.accounts == (*credential.accounts, "second")


def test_linking_ends_no_session_and_no_proof_and_tells_nobody() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    session, grant = world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT).session, granted(world)
    linked = world.kit.admin.link(credential.id, "second", actor="support")
    assert replace(linked, accounts=credential.accounts, version=credential.version) == credential
    assert world.kit.sign_in.holds(session)
    assert world.kit.reset.complete(grant, NEW, context=CONTEXT).credential.accounts == linked.accounts


def test_linking_an_account_again_changes_nothing() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    first = world.kit.admin.link(credential.id, "second", actor="support")
    assert world.kit.admin.link(credential.id, "second", actor="support") == first
    assert journeys.fresh(world, credential).version == first.version


@pytest.mark.parametrize(("account", "actor"), [("", "support"), ("second", "")])
def test_an_account_and_an_actor_must_be_named(account: str, actor: str) -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    with pytest.raises(ConfigurationError, match="an account and an actor"):
        world.kit.admin.link(credential.id, account, actor=actor)
    assert journeys.fresh(world, credential) == credential


def test_a_sign_in_that_is_not_there_cannot_be_linked() -> None:
    with pytest.raises(ConfigurationError, match="the id of a credential"):
        kit_for_tests().kit.admin.link("nobody", "second", actor="support")


def test_a_link_that_lost_to_another_write_is_tried_again() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    spied.before_replace = [lambda: spied.touch(credential.id, accounts=("first", "other"))]
    assert world.kit.admin.link(credential.id, "second", actor="support").accounts == ("first", "other", "second")


def test_a_link_that_always_loses_is_busy() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    spied.before_replace = [lambda: spied.touch(credential.id) for _ in range(ATTEMPTS)]
    with pytest.raises(Busy):
        world.kit.admin.link(credential.id, "second", actor="support")
    assert spied.before_replace == []
    assert journeys.fresh(world, credential).accounts == credential.accounts


def test_a_lost_reply_is_trouble_and_the_call_can_be_repeated() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    spied.replies_lost = 1
    with pytest.raises(StoreError):
        world.kit.admin.link(credential.id, "second", actor="support")
    assert world.kit.admin.link(credential.id, "second", actor="support").accounts == (credential.id, "second")


def test_linking_from_async_code() -> None:
    async def journey() -> None:
        world = async_kit_for_tests()
        credential = await world.add(ADA, password=OLD)
        await world.kit.admin.link(credential.id, "second", actor="support")
        signed_in = await world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT)
        assert signed_in.credential.accounts == (credential.id, "second")

    asyncio.run(journey())


# Disputes ----------------------------------------------------------------------------------------------------------------


def contested(*, objected: bool = True, **parts: Any) -> tuple[TestWorld, Credential]:
    """Return a world in which Ada's move to another address is in dispute, and somebody has objected to undoing it."""
    world = journeys.build(**parts)
    credential = journeys.ada(world, PHONE)
    who = session(world, credential)
    change(world, who, opened(world, who), ADA, SECOND)
    world.kit.undo.dispute(undo_link(world, ADA), ADA, context=CONTEXT)
    if objected:
        world.kit.undo.contest(link(world, MessageKind.UNDO_DISPUTED, SECOND), SECOND, context=CONTEXT)
    return world, credential


@pytest.mark.parametrize("objected", [True, False])
def test_the_host_may_restore_what_is_in_dispute(objected: bool) -> None:
    world, credential = contested(objected=objected)
    settled = world.kit.admin.settle_dispute(credential.id, restore=True, actor="support")
    assert settled == journeys.fresh(world, credential)
    assert verified(world, credential) == [ADA, PHONE]
    assert told(world, MessageKind.CHANGES_UNDONE) == [PHONE, ADA, SECOND]
    ask(world, session(world, credential))
    assert last(world, MessageKind.SETTINGS_REQUEST).to == journeys.parsed(PHONE)  # what was in dispute is held back for a day


@pytest.mark.parametrize("objected", [True, False])
def test_the_host_may_leave_what_is_in_dispute_as_it_is(objected: bool) -> None:
    world, credential = contested(objected=objected)
    settled = world.kit.admin.settle_dispute(credential.id, restore=False, actor="support")
    assert settled == journeys.fresh(world, credential)
    assert verified(world, credential) == [SECOND, PHONE]
    ask(world, session(world, credential))
    world.clock.advance(timedelta(days=1))
    world.kit.courier.run_due()
    world.kit.courier.run_due()
    assert verified(world, credential) == [SECOND, PHONE]
    assert told(world, MessageKind.CHANGES_UNDONE) == []


@pytest.mark.parametrize("restore", [True, False])
def test_a_settled_dispute_can_not_be_objected_to(restore: bool) -> None:
    world, credential = contested()
    objection = link(world, MessageKind.UNDO_DISPUTED, SECOND)
    world.kit.admin.settle_dispute(credential.id, restore=restore, actor="support")
    assert refusal(world.kit.undo.contest, objection, SECOND, context=CONTEXT).reason is Reason.UNDO_INVALID


def test_what_the_host_has_left_as_it_is_can_not_be_disputed_again() -> None:
    world, credential = contested()
    undo = undo_link(world, ADA)
    world.kit.admin.settle_dispute(credential.id, restore=False, actor="support")
    assert refusal(world.kit.undo.dispute, undo, ADA, context=CONTEXT).reason is Reason.UNDO_INVALID
    assert refusal(world.kit.undo.complete, undo, password=OLD, context=CONTEXT).reason is Reason.UNDO_INVALID
    who = session(world, credential)
    world.kit.settings.prefer(who, opened(world, who), PHONE, context=CONTEXT)
    world.kit.undo.complete(undo_link(world), password=OLD, context=CONTEXT)  # what is changed afterwards can be undone as ever


@pytest.mark.parametrize("restore", [True, False])
def test_settling_where_there_is_no_dispute_changes_nothing(restore: bool) -> None:
    world, credential = contested()
    first = world.kit.admin.settle_dispute(credential.id, restore=restore, actor="support")
    assert world.kit.admin.settle_dispute(credential.id, restore=not restore, actor="support") == first
    undisputed = journeys.build()
    ada = journeys.ada(undisputed)
    assert undisputed.kit.admin.settle_dispute(ada.id, restore=restore, actor="support") == ada


@pytest.mark.parametrize(("credential_id", "actor"), [("nobody", "support"), ("", "support"), (None, "support"), ("ada", ""), ("ada", None)])
def test_a_dispute_is_settled_of_somebody_by_somebody(credential_id: Any, actor: Any) -> None:
    world, credential = contested()
    with pytest.raises(ConfigurationError, match="settle_dispute needs"):
        world.kit.admin.settle_dispute(credential.id if credential_id == "ada" else credential_id, restore=True, actor=actor)
    assert verified(world, credential) == [SECOND, PHONE]


def test_a_dispute_that_can_not_be_restored_stays_for_the_host_to_decide_otherwise() -> None:
    world, credential = contested()
    world.clock.advance(timedelta(minutes=2))
    world.add(ADA, password=OTHER)
    assert refusal(world.kit.admin.settle_dispute, credential.id, restore=True, actor="support").reason is Reason.IDENTIFIER_TAKEN
    assert refusal(ask, world, session(world, credential)).reason is Reason.CHANGES_FROZEN
    world.kit.admin.settle_dispute(credential.id, restore=False, actor="support")
    ask(world, session(world, credential))


def test_settling_from_async_code() -> None:
    async def journey() -> None:
        world = async_kit_for_tests()
        credential = await world.add(ADA, password=OLD)
        assert await world.kit.admin.settle_dispute(credential.id, restore=True, actor="support") == credential

    asyncio.run(journey())

"""What trusted code may do to a sign-in: link one more account."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from credkit.errors import Busy, ConfigurationError, StoreError
from credkit.flows.transaction import ATTEMPTS
from credkit.testing import async_kit_for_tests, kit_for_tests
from flows import journeys
from flows.journeys import ADA, CONTEXT, NEW, OLD, granted


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
